//! One connection to one server: requests go out in order and are answered in order.
//!
//! A task of its own owns the socket, so that a caller that gives up its wait leaves the connection whole: the answer that
//! comes later is taken and dropped.

use std::collections::VecDeque;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use model::ErrorCode;
use protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use protocol::{ApiKey, Message, Reader, Request, VersionRange, Writer, encode_request_header};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use transport::{DialOptions, Dialed};

use crate::error::Error;
use crate::versions::ServerVersions;

/// How connections are opened, what they send of themselves, and when they are given up.
#[derive(Debug, Clone)]
pub(crate) struct LinkOptions {
    pub(crate) dial: DialOptions,
    /// `client.id`.
    pub(crate) client_id: Arc<str>,
    /// A request without an answer after that time ends the connection (`request.timeout.ms`).
    pub(crate) request_timeout: Duration,
    /// A connection without requests for that time is closed (`connections.max.idle.ms`).
    pub(crate) idle_max: Duration,
}

/// An open connection whose versions are known. Clones are the same connection.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    calls: mpsc::UnboundedSender<Call>,
    versions: Arc<ServerVersions>,
    correlation_id: Arc<AtomicI32>,
    options: Arc<LinkOptions>,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer<R> {
    frame: Bytes,
    version: i16,
    request: PhantomData<fn() -> R>,
}

/// A request that was sent.
#[derive(Debug)]
pub(crate) struct Pending<R> {
    answered: oneshot::Receiver<Result<Bytes, Error>>,
    version: i16,
    request: PhantomData<fn() -> R>,
}

#[derive(Debug)]
struct Call {
    frame: Vec<u8>,
    correlation_id: i32,
    deadline: Instant,
    /// `None` for requests that have no answer.
    answer: Option<oneshot::Sender<Result<Bytes, Error>>>,
}

#[derive(Debug)]
struct InFlight {
    correlation_id: i32,
    deadline: Instant,
    answer: oneshot::Sender<Result<Bytes, Error>>,
}

impl Link {
    /// Opens a connection and asks for the server's versions.
    pub(crate) async fn open(address: SocketAddr, options: &Arc<LinkOptions>) -> Result<Link, Error> {
        let dialed = Dialed::connect(address, &options.dial).await.map_err(|error| lost(&error))?;
        let (calls, taken) = mpsc::unbounded_channel();
        tokio::spawn(Task { dialed, in_flight: VecDeque::new() }.run(taken, options.idle_max));
        let mut link = Link {
            calls,
            versions: Arc::default(),
            correlation_id: Arc::new(AtomicI32::new(0)),
            options: Arc::clone(options),
        };
        link.versions = Arc::new(ServerVersions::new(link.ask_versions().await?));
        Ok(link)
    }

    /// What the server said of itself.
    pub(crate) fn versions(&self) -> &Arc<ServerVersions> {
        &self.versions
    }

    /// True where the connection is lost.
    pub(crate) fn is_closed(&self) -> bool {
        self.calls.is_closed()
    }

    /// Sends a request in the newest version within `wanted` and waits for its answer.
    pub(crate) async fn call<'q, R: Request + Message<'q>>(
        &self,
        request: &R,
        wanted: VersionRange,
    ) -> Result<Answer<R>, Error> {
        self.begin(request, wanted)?.answer().await
    }

    /// Sends a request, behind all that were sent before; its answer can be waited for elsewhere.
    pub(crate) fn begin<'q, R: Request + Message<'q>>(
        &self,
        request: &R,
        wanted: VersionRange,
    ) -> Result<Pending<R>, Error> {
        self.begin_within(request, wanted, self.options.request_timeout)
    }

    /// The same for a request that may be answered late: after `timeout` the connection is given up.
    pub(crate) fn begin_within<'q, R: Request + Message<'q>>(
        &self,
        request: &R,
        wanted: VersionRange,
        timeout: Duration,
    ) -> Result<Pending<R>, Error> {
        let version = self.versions.choose(R::KEY, wanted)?;
        let (answer, answered) = oneshot::channel();
        self.enqueue(request, version, Some(answer), timeout)?;
        Ok(Pending { answered, version, request: PhantomData })
    }

    /// Sends a request that the server does not answer.
    pub(crate) fn send<'q, R: Request + Message<'q>>(
        &self,
        request: &R,
        wanted: VersionRange,
    ) -> Result<(), Error> {
        let version = self.versions.choose(R::KEY, wanted)?;
        self.enqueue(request, version, None, self.options.request_timeout)
    }

    async fn exchange<'q, R: Request + Message<'q>>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<Bytes, Error> {
        let (answer, answered) = oneshot::channel();
        self.enqueue(request, version, Some(answer), self.options.request_timeout)?;
        frame_of(answered).await
    }

    fn enqueue<'q, R: Request + Message<'q>>(
        &self,
        request: &R,
        version: i16,
        answer: Option<oneshot::Sender<Result<Bytes, Error>>>,
        timeout: Duration,
    ) -> Result<(), Error> {
        let correlation_id = self.correlation_id.fetch_add(1, Ordering::Relaxed);
        let client_id = Some(&*self.options.client_id);
        let frame = encode(request, R::KEY, version, correlation_id, client_id)?;
        let deadline = Instant::now() + timeout;
        let call = Call { frame, correlation_id, deadline, answer };
        self.calls.send(call).map_err(|_| Error::Disconnected("The connection is closed.".to_owned()))
    }

    /// A server that does not know our newest version of ApiVersions answers in version 0 what it has.
    async fn ask_versions(&self) -> Result<ApiVersionsResponse<'static>, Error> {
        let request = ApiVersionsRequest {
            client_software_name: "naru".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
        };
        let mut version = ApiKey::ApiVersions.stable_versions().max;
        loop {
            let frame = self.exchange(&request, version).await?;
            let body = frame.get(4..).unwrap_or_default();
            let refused = body.starts_with(&ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes());
            let answered_in = if refused { 0 } else { version };
            let answer =
                ApiVersionsResponse::decode(&mut Reader::new(body), answered_in).map_err(malformed)?;
            if !refused || version == 0 {
                Error::check(answer.error_code, None)?;
                return Ok(answer.into_owned());
            }
            let theirs = answer.api_keys.iter().find(|api| api.api_key == ApiKey::ApiVersions.key());
            version = theirs.map_or(0, |api| api.max_version).clamp(0, version - 1);
        }
    }
}

/// The task ends without an answer where the connection is closed for being idle at that moment.
async fn frame_of(answered: oneshot::Receiver<Result<Bytes, Error>>) -> Result<Bytes, Error> {
    answered.await.unwrap_or_else(|_| Err(Error::Disconnected("The connection was closed.".to_owned())))
}

impl<R: Request> Pending<R> {
    /// Waits for the answer.
    pub(crate) async fn answer(self) -> Result<Answer<R>, Error> {
        let frame = frame_of(self.answered).await?;
        Ok(Answer { frame, version: self.version, request: PhantomData })
    }

    /// The same apart from what the request had borrowed: `S` is `R` for another lifetime.
    pub(crate) fn detached<S: Request>(self) -> Pending<S> {
        debug_assert_eq!(S::KEY, R::KEY, "the same kind of request");
        Pending { answered: self.answered, version: self.version, request: PhantomData }
    }
}

impl<R: Request> Answer<R> {
    /// Reads the answer.
    pub(crate) fn decode(&self) -> Result<R::Response<'_>, Error> {
        let mut reader = Reader::new(&self.frame);
        // The correlation id was checked when the answer came.
        reader.i32().map_err(malformed)?;
        if R::KEY.response_header_version(self.version) > 0 {
            reader.skip_tags().map_err(malformed)?;
        }
        R::Response::decode(&mut reader, self.version).map_err(malformed)
    }

    /// A part of the answer, to be kept beyond it without a copy.
    pub(crate) fn share(&self, part: &[u8]) -> Bytes {
        let start = (part.as_ptr() as usize).wrapping_sub(self.frame.as_ptr() as usize);
        match start.checked_add(part.len()) {
            Some(end) if end <= self.frame.len() => self.frame.slice(start..end),
            _ => Bytes::copy_from_slice(part),
        }
    }
}

fn malformed(error: protocol::DecodeError) -> Error {
    Error::Malformed(format!("The server's answer cannot be read: {error}"))
}

fn lost(error: &io::Error) -> Error {
    Error::Disconnected(error.to_string())
}

fn encode<'q, R: Message<'q>>(
    request: &R,
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<Vec<u8>, Error> {
    let mut writer = Writer::new();
    let frame = writer.begin_frame();
    let encoded = encode_request_header(&mut writer, key, version, correlation_id, client_id)
        .and_then(|()| request.encode(&mut writer, version))
        .and_then(|()| writer.end_frame(frame, 0));
    encoded.map_err(|error| Error::Unsupported(format!("{} version {version}: {error}", key.name())))?;
    Ok(writer.into_vec())
}

/// Owns the socket until the connection ends.
struct Task {
    dialed: Dialed,
    in_flight: VecDeque<InFlight>,
}

impl Task {
    async fn run(mut self, mut calls: mpsc::UnboundedReceiver<Call>, idle_max: Duration) {
        let reason = self.serve(&mut calls, idle_max).await;
        calls.close();
        let unsent = std::iter::from_fn(|| calls.try_recv().ok()).filter_map(|call| call.answer);
        for answer in self.in_flight.into_iter().map(|call| call.answer).chain(unsent) {
            // Who no longer waits need not know.
            let _ = answer.send(Err(reason.clone()));
        }
    }

    /// Serves calls until the connection ends, and says why it did.
    async fn serve(&mut self, calls: &mut mpsc::UnboundedReceiver<Call>, idle_max: Duration) -> Error {
        let mut idle_until = Instant::now() + idle_max;
        loop {
            let deadline = self.in_flight.iter().map(|call| call.deadline).min();
            tokio::select! {
                call = calls.recv() => {
                    let Some(call) = call else { return Error::Closed };
                    self.queue(call);
                    while let Ok(call) = calls.try_recv() {
                        self.queue(call);
                    }
                    if let Err(error) = self.dialed.try_flush() {
                        return lost(&error);
                    }
                    idle_until = Instant::now() + idle_max;
                }
                progressed = self.dialed.progress() => {
                    if let Err(error) = progressed {
                        return lost(&error);
                    }
                    if let Err(error) = self.take_answers() {
                        return error;
                    }
                }
                () = tokio::time::sleep_until(deadline.unwrap_or(idle_until)) => {
                    let why = if deadline.is_some() { "The request timed out." } else { "The connection was idle." };
                    return Error::Disconnected(why.to_owned());
                }
            }
        }
    }

    fn queue(&mut self, call: Call) {
        let Call { frame, correlation_id, deadline, answer } = call;
        self.dialed.outbound().push(frame);
        if let Some(answer) = answer {
            self.in_flight.push_back(InFlight { correlation_id, deadline, answer });
        }
    }

    fn take_answers(&mut self) -> Result<(), Error> {
        while let Some(frame) =
            self.dialed.next_frame().map_err(|error| Error::Malformed(error.to_string()))?
        {
            let correlation_id = frame.first_chunk().map(|bytes| i32::from_be_bytes(*bytes));
            let expected = self.in_flight.pop_front();
            match expected {
                Some(call) if correlation_id == Some(call.correlation_id) => {
                    // Who no longer waits need not know.
                    let _ = call.answer.send(Ok(frame));
                }
                _ => return Err(Error::Malformed("The server answered what was not asked.".to_owned())),
            }
        }
        Ok(())
    }
}
