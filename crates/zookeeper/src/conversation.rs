//! What one client is answered, packet by packet: no socket, no clock.

use crate::code::Code;
use crate::jute::{JuteError, Writer};
use crate::reply::{Acl, Reply, ReplyHeader};
use crate::request::{Asked, Request};
use crate::tree::{Tree, Znode, descendants};
use crate::watches::{Wanted, Watches};

/// The bit of an access list that lets everybody read.
const READ: i32 = 1;
/// Ways to make oneself known that are taken without any effect: everybody may read, and nobody may write.
const SCHEMES: [&str; 3] = ["digest", "ip", "world"];

/// One client and its watches.
#[derive(Debug)]
pub struct Conversation {
    watches: Watches,
    /// Where the client comes from.
    address: String,
    identities: Vec<(String, String)>,
}

/// What a client is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whole frames.
    pub bytes: Vec<u8>,
    /// What is to become of the connection then.
    pub then: Then,
}

/// What is to become of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It goes on.
    Goes,
    /// The client has ended its session.
    Closes,
    /// The client cannot be served.
    Breaks,
}

impl Conversation {
    /// With a client of that address, without a port.
    pub fn new(address: String) -> Conversation {
        let identities = vec![("ip".to_owned(), address.clone())];
        Conversation { watches: Watches::default(), address, identities }
    }

    /// Paths that the client watches.
    pub fn watch_count(&self) -> usize {
        self.watches.len()
    }

    /// Events of the way to a newer tree, as frames. They go out before anything that is read from that tree.
    pub fn follow(&mut self, tree: &dyn Tree) -> Vec<u8> {
        let mut writer = Writer::new();
        self.watches.follow(tree).iter().for_each(|event| event.encode(&mut writer));
        writer.into_bytes()
    }

    /// Answers the inside of a frame; an error where it is no packet, so that there is nobody to answer.
    pub fn answer(&mut self, tree: &dyn Tree, frame: &[u8]) -> Result<Answer, JuteError> {
        let asked = Asked::decode(frame)?;
        let mut writer = Writer::new();
        let then = match &asked.request {
            Ok(Request::CloseSession) => Then::Closes,
            Ok(Request::Auth { scheme }) if !SCHEMES.contains(scheme) => Then::Breaks,
            _ => Then::Goes,
        };
        let outcome = match asked.request {
            Ok(request) => self.handle(&request, tree, &mut writer),
            Err(error) => {
                tracing::debug!(%error, address = %self.address, "a request of a ZooKeeper client cannot be read");
                Err(Code::MARSHALLING_ERROR)
            }
        };
        encode(asked.id, tree.zxid(), outcome, &mut writer);
        Ok(Answer { bytes: writer.into_bytes(), then })
    }

    fn handle(&mut self, request: &Request<'_>, tree: &dyn Tree, writer: &mut Writer) -> Result<Reply, Code> {
        match *request {
            Request::Exists { path, watch } => {
                let node = tree.node(path);
                // Of what is not there one wants to hear that it comes.
                self.watch(watch, path, Wanted::Data, tree)?;
                node.map(|node| Reply::Stat(node.stat())).ok_or(Code::NO_NODE)
            }
            Request::GetData { path, watch } => {
                let node = found(tree, path)?;
                self.watch(watch, path, Wanted::Data, tree)?;
                let stat = node.stat();
                Ok(Reply::Data(node.data, stat))
            }
            Request::GetChildren { path, watch } => {
                let node = found(tree, path)?;
                self.watch(watch, path, Wanted::Children, tree)?;
                Ok(Reply::Names(node.children))
            }
            Request::GetChildren2 { path, watch } => {
                let node = found(tree, path)?;
                self.watch(watch, path, Wanted::Children, tree)?;
                let stat = node.stat();
                Ok(Reply::NamesAndStat(node.children, stat))
            }
            Request::GetAcl { path } => {
                let everybody =
                    Acl { permissions: READ, scheme: "world".to_owned(), id: "anyone".to_owned() };
                Ok(Reply::Acl(vec![everybody], found(tree, path)?.stat()))
            }
            // Those of the client's own session, which cannot have made any.
            Request::GetEphemerals { .. } => Ok(Reply::Names(Vec::new())),
            Request::GetAllChildrenNumber { path } => {
                let count = descendants(tree, path).ok_or(Code::NO_NODE)?;
                Ok(Reply::Count(i32::try_from(count).unwrap_or(i32::MAX)))
            }
            Request::Sync { path } => Ok(Reply::Path(path.to_owned())),
            Request::SetWatches(ref known) => {
                let has_recursive =
                    known.persistent.as_ref().is_some_and(|[_, recursive]| !recursive.is_empty());
                if has_recursive {
                    return Err(Code::UNIMPLEMENTED);
                }
                let events = self.watches.resume(known, tree).map_err(|_| Code::THROTTLED)?;
                events.iter().for_each(|event| event.encode(writer));
                Ok(Reply::Empty)
            }
            // To watch all that is below a node would mean to look at all of it at every change.
            Request::AddWatch { path, mode } => match mode {
                0 => self.watch(true, path, Wanted::Always, tree).map(|()| Reply::Empty),
                _ => Err(Code::UNIMPLEMENTED),
            },
            Request::CheckWatches { path, kind } => {
                let there = kinds(kind).iter().any(|wanted| self.watches.has(path, *wanted));
                if there { Ok(Reply::Empty) } else { Err(Code::NO_WATCHER) }
            }
            Request::RemoveWatches { path, kind } => {
                let removed = kinds(kind).iter().filter(|wanted| self.watches.remove(path, **wanted)).count();
                if removed > 0 { Ok(Reply::Empty) } else { Err(Code::NO_WATCHER) }
            }
            Request::Auth { scheme } if SCHEMES.contains(&scheme) => Ok(Reply::Empty),
            Request::Auth { .. } => Err(Code::AUTH_FAILED),
            Request::WhoAmI => Ok(Reply::Identities(self.identities.clone())),
            Request::Ping | Request::CloseSession => Ok(Reply::Empty),
            Request::Write { .. } => Err(Code::NOT_READ_ONLY),
            Request::Unknown { .. } => Err(Code::UNIMPLEMENTED),
        }
    }

    fn watch(&mut self, watch: bool, path: &str, wanted: Wanted, tree: &dyn Tree) -> Result<(), Code> {
        if !watch {
            return Ok(());
        }
        self.watches.add(path, wanted, tree).map_err(|_| Code::THROTTLED)
    }
}

/// True for a request whose answer must come of the newest tree there is.
pub fn wants_newest(frame: &[u8]) -> bool {
    matches!(Asked::decode(frame), Ok(Asked { request: Ok(Request::Sync { .. }), .. }))
}

/// An answer without anything after its header, as a frame.
pub fn refusal(frame: &[u8], zxid: i64, code: Code) -> Result<Vec<u8>, JuteError> {
    let mut writer = Writer::new();
    encode(Asked::decode(frame)?.id, zxid, Err(code), &mut writer);
    Ok(writer.into_bytes())
}

fn encode(id: i32, zxid: i64, outcome: Result<Reply, Code>, writer: &mut Writer) {
    let start = writer.begin_frame();
    let code = outcome.as_ref().err().copied().unwrap_or(Code::OK);
    ReplyHeader { id, zxid, code }.encode(writer);
    if let Ok(reply) = outcome {
        reply.encode(writer);
    }
    writer.end_frame(start);
}

fn found(tree: &dyn Tree, path: &str) -> Result<Znode, Code> {
    tree.node(path).ok_or(Code::NO_NODE)
}

/// The watches that ZooKeeper's `WatcherType` means.
fn kinds(kind: i32) -> &'static [Wanted] {
    match kind {
        1 => &[Wanted::Children],
        2 => &[Wanted::Data],
        3 => &[Wanted::Children, Wanted::Data, Wanted::Always],
        4 => &[Wanted::Always],
        _ => &[],
    }
}

#[cfg(test)]
mod tests;
