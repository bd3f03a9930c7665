//! One client from its first byte to its last.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch::error::RecvError;
use tokio::time::timeout;

use super::frames::Frames;
use super::{Shared, Trees};
use crate::code::Code;
use crate::connect::{ConnectRequest, ConnectResponse, PASSWORD_BYTES};
use crate::conversation::{self, Conversation, Then};
use crate::jute::Writer;
use crate::sessions::Held;
use crate::traffic::ClientPlace;
use crate::tree::Tree;
use crate::words;

/// How long a client may take to say what it wants.
const FIRST_PACKET_MAX: Duration = Duration::from_secs(10);
/// Of how much time a client may have one part spent on its watches: however many they are, others have their turn.
const FOLLOWING_SHARE: u32 = 10;

/// Serves a client until it goes or has to.
pub(super) async fn serve(mut stream: TcpStream, place: ClientPlace, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut frames = Frames::default();
    let opening = timeout(FIRST_PACKET_MAX, open(&mut stream, &mut frames, &place, shared)).await;
    let Some(held) = opening.map_err(|_| silent())?? else { return Ok(()) };
    let conversation = Conversation::new(place.client.address.ip().to_string());
    let mut trees = shared.trees.clone();
    let tree = trees.borrow_and_update().clone();
    let follows_next = tokio::time::Instant::now();
    let mut session =
        Session { stream, frames, place, shared, trees, tree, follows_next, conversation, held };
    let ended = session.run().await;
    shared.sessions.lock().leave(&session.held);
    ended
}

/// Answers a four-letter word, or the packet that asks for a session; `None` where nothing is left to do.
async fn open(
    stream: &mut TcpStream,
    frames: &mut Frames,
    place: &ClientPlace,
    shared: &Shared,
) -> io::Result<Option<Held>> {
    let Some(first) = frames.first(stream).await? else { return Ok(None) };
    if words::is_word(first) {
        place.received();
        let text = words::answer(first, &shared.facts());
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await?;
        return Ok(None);
    }
    let Some(frame) = frames.next(stream).await? else { return Ok(None) };
    let began = Instant::now();
    place.received();
    let asked = ConnectRequest::decode(&frame).map_err(invalid)?;
    let zxid = shared.trees.borrow().zxid();
    if asked.last_zxid_seen > zxid {
        return Err(invalid(format!(
            "the client has seen transaction {:#x} and this server is at {zxid:#x}: it has to try another one",
            asked.last_zxid_seen
        )));
    }
    let held = shared.sessions.lock().open(&asked);
    let response = ConnectResponse {
        timeout_ms: held.map_or(0, |held| held.timeout_ms),
        session_id: held.map_or(0, |held| held.id),
        password: held.map_or([0; PASSWORD_BYTES], |held| held.password),
        // Only a client that would take such a server is told: others would not go on.
        is_read_only: asked.may_be_read_only,
    };
    let mut writer = Writer::new();
    response.encode(&mut writer);
    stream.write_all(&writer.into_bytes()).await?;
    place.answered(began.elapsed());
    Ok(held)
}

/// A client that has a session.
struct Session<'a> {
    stream: TcpStream,
    frames: Frames,
    place: ClientPlace,
    shared: &'a Shared,
    trees: Trees,
    /// The one that is read from.
    tree: Arc<dyn Tree>,
    /// When it may go on to another one.
    follows_next: tokio::time::Instant,
    conversation: Conversation,
    held: Held,
}

/// A tree newer than the one seen, once it is time for it; an error where there are none to come.
async fn changed_after(trees: &mut Trees, next: tokio::time::Instant) -> Result<(), RecvError> {
    tokio::time::sleep_until(next).await;
    trees.changed().await
}

impl Session<'_> {
    async fn run(&mut self) -> io::Result<()> {
        let silence_max = Duration::from_millis(u64::try_from(self.held.timeout_ms).unwrap_or_default());
        let mut heard = tokio::time::Instant::now();
        loop {
            tokio::select! {
                frame = self.frames.next(&mut self.stream) => {
                    let Some(frame) = frame? else { return Ok(()) };
                    heard = tokio::time::Instant::now();
                    let then = self.answer(&frame, silence_max).await?;
                    if then != Then::Goes {
                        return Ok(());
                    }
                }
                changed = changed_after(&mut self.trees, self.follows_next) => {
                    changed.map_err(|_| invalid("there is nothing to read any more"))?;
                    let events = self.follow();
                    self.write(&events, silence_max).await?;
                }
                () = tokio::time::sleep_until(heard + silence_max) => return Err(silent()),
            }
        }
    }

    async fn answer(&mut self, frame: &[u8], silence_max: Duration) -> io::Result<Then> {
        let began = Instant::now();
        self.place.received();
        let is_held = self.shared.sessions.lock().holds(&self.held);
        if !is_held {
            let moved =
                conversation::refusal(frame, self.tree.zxid(), Code::SESSION_MOVED).map_err(invalid)?;
            self.write(&moved, silence_max).await?;
            return Ok(Then::Breaks);
        }
        // An error means that there are no newer ones to come.
        let has_newer = self.trees.has_changed().unwrap_or_default();
        let may_follow =
            tokio::time::Instant::now() >= self.follows_next || conversation::wants_newest(frame);
        let mut bytes = if has_newer && may_follow { self.follow() } else { Vec::new() };
        let answer = self.conversation.answer(&*self.tree, frame).map_err(invalid)?;
        bytes.extend(answer.bytes);
        self.place.client.watches.store(self.conversation.watch_count(), Ordering::Relaxed);
        self.write(&bytes, silence_max).await?;
        self.place.answered(began.elapsed());
        Ok(answer.then)
    }

    /// Goes on to the newest tree, and tells what the client wants to hear of that.
    fn follow(&mut self) -> Vec<u8> {
        let began = tokio::time::Instant::now();
        self.tree = self.trees.borrow_and_update().clone();
        let events = self.conversation.follow(&*self.tree);
        self.place.client.watches.store(self.conversation.watch_count(), Ordering::Relaxed);
        self.follows_next = began + began.elapsed() * FOLLOWING_SHARE;
        events
    }

    /// A client that does not read is given up.
    async fn write(&mut self, bytes: &[u8], silence_max: Duration) -> io::Result<()> {
        timeout(silence_max, self.stream.write_all(bytes)).await.map_err(|_| silent())?
    }
}

fn silent() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "nothing was heard of the client for too long")
}

fn invalid(reason: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
