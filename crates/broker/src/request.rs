//! One request on its way through a handler, and what becomes of it.

use std::cell::OnceCell;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use protocol::{ApiKey, Message, Reader, Writer, encode_response_header};
use telemetry::RequestKind;
use transport::Outbound;

use crate::broker::{Broker, Core};
use crate::connection_loop::{Answer, CloseConnection};
use crate::listeners::ListenerInfo;
use crate::quotas::{ClientMeters, Mute};

/// Kafka's words for a request that makes no sense (INVALID_REQUEST).
pub const MALFORMED: &str = "This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. See the broker logs for more details.";

/// What is known of a connection beside its bytes.
#[derive(Debug)]
pub struct ConnectionFacts {
    /// Address of the client.
    pub peer: SocketAddr,
    /// Where the client connected.
    pub listener: Arc<ListenerInfo>,
    /// Name and version of the client library, once ApiVersions has told (KIP-511).
    pub client_software: Option<(String, String)>,
    /// Until when nothing more is read from it.
    pub mute: Mute,
    /// What its client is held against, once a request has looked for it.
    meters: Option<Rc<ClientMeters>>,
    /// For those who ask for it, as groups do with each request.
    client_host: OnceCell<Box<str>>,
}

/// A request whose header has been read.
pub struct Request<'a> {
    /// The core it is served on.
    pub core: &'a Rc<Core>,
    /// Its connection.
    pub facts: &'a mut ConnectionFacts,
    /// What its answer begins with.
    pub head: ResponseHead,
    /// The row it is counted in.
    pub kind: Option<RequestKind>,
    /// Bytes of its header.
    pub header_bytes: &'a [u8],
}

/// What is needed to begin an answer.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead {
    /// API of the request.
    pub api_key: ApiKey,
    /// Version of the request, hence of the answer.
    pub version: i16,
    /// The number by which the client knows its request again.
    pub correlation_id: i32,
}

/// What became of a request.
pub enum Outcome {
    /// Its answer is in the output.
    Answered,
    /// There is none (acks=0).
    NoAnswer,
    /// It waits.
    Parked(Parked),
    /// The connection is to be closed, for the reason given.
    Close(String),
}

/// A request that waits for its answer.
pub struct Parked {
    /// Ends with the answer.
    pub answer: Pin<Box<dyn Future<Output = Answer>>>,
    /// What becomes of the requests behind it on the connection.
    pub behind: Behind,
}

/// What becomes of the requests behind one that is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// They wait, because they could see its effect.
    Waits,
    /// They are served meanwhile.
    GoesOn,
}

impl Outcome {
    /// Parks a request whose answer `work` gives.
    pub fn parked(behind: Behind, work: impl Future<Output = Answer> + 'static) -> Outcome {
        Outcome::Parked(Parked { answer: Box::pin(work), behind })
    }
}

/// A handled request, for the metrics.
pub struct Handled {
    /// The row it is counted in.
    pub kind: Option<RequestKind>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What a handler returns: the connection is closed where it cannot even say what is wrong.
pub type Served = Result<Outcome, CloseConnection>;

impl ConnectionFacts {
    /// A connection nothing has been read from yet.
    pub fn new(peer: SocketAddr, listener: Arc<ListenerInfo>) -> ConnectionFacts {
        ConnectionFacts {
            peer,
            listener,
            client_software: None,
            mute: Mute::default(),
            meters: None,
            client_host: OnceCell::new(),
        }
    }

    /// Where the client is, as Kafka writes it: a slash and the address.
    pub fn client_host(&self) -> &str {
        self.client_host.get_or_init(|| format!("/{}", self.peer.ip()).into())
    }
}

impl<'a> Request<'a> {
    /// Version of the request.
    pub fn version(&self) -> i16 {
        self.head.version
    }

    /// The broker.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.core.broker
    }

    /// The client's own name for itself.
    pub fn client_id(&self) -> Option<&'a str> {
        let mut reader = Reader::new(self.header_bytes);
        let (api_key, version, correlation_id) = (reader.i16(), reader.i16(), reader.i32());
        if api_key.is_err() || version.is_err() || correlation_id.is_err() {
            return None;
        }
        reader.nullable_str(false).ok().flatten()
    }

    /// What the client is held against; `None` where there are no quotas.
    #[inline]
    pub fn meters(&mut self) -> Option<Rc<ClientMeters>> {
        match self.core.broker.quotas.generation() {
            0 => None,
            generation => Some(self.meters_of(generation)),
        }
    }

    /// Looks for the client's meters where the connection has none, or those of another client or of other quotas.
    fn meters_of(&mut self, generation: u64) -> Rc<ClientMeters> {
        let client_id = self.client_id().unwrap_or_default();
        if let Some(known) = &self.facts.meters
            && known.are_of(generation, client_id)
        {
            return Rc::clone(known);
        }
        let broker = &self.core.broker;
        let found = Rc::new(broker.quotas.meters(generation, client_id, broker.clock.steady_ms()));
        self.facts.meters = Some(Rc::clone(&found));
        found
    }

    /// Decodes the body; a malformed one closes the connection, as in Kafka.
    pub fn decode<'b, M: Message<'b>>(&self, body: &'b [u8]) -> Result<M, CloseConnection> {
        M::decode(&mut Reader::new(body), self.head.version).map_err(|error| malformed(self.head, error))
    }

    /// Writes `response` as the answer.
    pub fn answer<'r, M: Message<'r>>(&self, out: &mut Outbound, response: &M) -> Served {
        self.head.answer(out, response).map(|()| Outcome::Answered)
    }
}

/// The body of a request does not follow its schema.
pub fn malformed(head: ResponseHead, error: impl std::fmt::Display) -> CloseConnection {
    let ResponseHead { api_key, version, .. } = head;
    CloseConnection(format!("malformed {api_key:?} request of version {version}: {error}"))
}

impl ResponseHead {
    /// Encodes a whole answer behind what `out` holds.
    pub fn answer<'r, M: Message<'r>>(self, out: &mut Outbound, response: &M) -> Result<(), CloseConnection> {
        self.answer_with(out, |writer| {
            response.encode(writer, self.version).map_err(|error| self.failed(error))
        })
    }

    /// Encodes an answer whose body `write` appends.
    pub fn answer_with(
        self,
        out: &mut Outbound,
        write: impl FnOnce(&mut Writer) -> Result<(), CloseConnection>,
    ) -> Result<(), CloseConnection> {
        let before = out.buffer().len();
        let mut writer = Writer::from(std::mem::take(out.buffer()));
        let place = writer.begin_frame();
        let written = encode_response_header(&mut writer, self.api_key, self.version, self.correlation_id)
            .map_err(|error| self.failed(error))
            .and_then(|()| write(&mut writer))
            .and_then(|()| writer.end_frame(place, 0).map_err(|error| self.failed(error)));
        if written.is_err() {
            writer.truncate(before);
        }
        *out.buffer() = writer.into_vec();
        written
    }

    /// An answer that cannot be encoded is a fault of ours; the client is not left waiting for it.
    pub fn failed(self, error: impl std::fmt::Display) -> CloseConnection {
        tracing::error!(api = ?self.api_key, version = self.version, %error, "an answer could not be encoded");
        CloseConnection(format!("the answer to {:?} could not be encoded: {error}", self.api_key))
    }
}
