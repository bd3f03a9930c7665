//! A script's way to one server: typed requests out, answers in, every answer kept for the comparison.

use std::fmt::Debug;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, DescribeQuorumRequest, ResponseHeader, describe_quorum_request,
};
use protocol::{ApiKey, Message, Reader, Request, Writer, encode_request_header};

use crate::fields::{self, Field};
use crate::masks::Masks;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// How long a request stays without an answer before it counts as never answered.
const SILENCE_MIN: Duration = Duration::from_secs(1);
/// How long a server may take over something that is not answered at once.
const CONDITION_MAX: Duration = Duration::from_secs(20);
/// Longest answer to a raw frame that is compared whole.
const SHOWN_MAX: usize = 32;
/// An answer larger than this is a defect of the script.
const FRAME_MAX: usize = 64 << 20;

/// Why a script cannot go on; its case fails.
pub type Stopped = String;

/// Which server a session talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Apache Kafka.
    Kafka,
    /// This project.
    Naru,
}

/// One compared answer.
#[derive(Debug)]
pub struct Exchange {
    /// API, version and what the script says of it.
    pub label: String,
    /// The API, where it is a typed request.
    pub api: Option<ApiKey>,
    /// The answer, masked.
    pub fields: Vec<Field>,
    /// Bytes of the answer's frame: tells of fields that were sent though they hold their default.
    pub size: Option<usize>,
}

/// One case against one server.
pub struct Session {
    /// The server.
    pub side: Side,
    /// Its address.
    pub address: SocketAddr,
    /// The answers so far.
    pub exchanges: Vec<Exchange>,
    stream: Option<TcpStream>,
    masks: Masks,
    correlation_id: i32,
    client_id: String,
    note: String,
    /// Bytes of the frame that came last.
    last_size: Option<usize>,
}

/// What came back.
enum Incoming {
    Frame(Vec<u8>),
    Closed,
}

impl Session {
    /// A session without a connection yet.
    pub fn new(side: Side, address: SocketAddr) -> Session {
        Session {
            side,
            address,
            exchanges: Vec::new(),
            stream: None,
            masks: Masks::default(),
            correlation_id: 0,
            client_id: "differential".to_owned(),
            note: String::new(),
            last_size: None,
        }
    }

    /// Says what the next answers are about.
    pub fn note(&mut self, note: impl Into<String>) {
        self.note = note.into();
    }

    /// Uses another name for the client from now on.
    pub fn client_id(&mut self, name: &str) {
        name.clone_into(&mut self.client_id);
    }

    /// Begins a new connection with the next request.
    pub fn reconnect(&mut self) {
        self.stream = None;
    }

    /// Asks and compares the answer, which must come.
    pub fn ask<'q, Q>(&mut self, version: i16, request: &Q) -> Result<Q::Response<'static>, Stopped>
    where
        Q: Request + Message<'q>,
        Q::Response<'static>: Debug,
    {
        self.ask_sorted(version, request, |_| {})
    }

    /// As [`Session::ask`], with `sort` bringing lists into order that the servers may give in any.
    pub fn ask_sorted<'q, Q>(
        &mut self,
        version: i16,
        request: &Q,
        sort: impl FnOnce(&mut Q::Response<'static>),
    ) -> Result<Q::Response<'static>, Stopped>
    where
        Q: Request + Message<'q>,
        Q::Response<'static>: Debug,
    {
        self.send(version, request)?;
        let Incoming::Frame(frame) = self.receive()? else {
            self.keep(Q::KEY, version, vec![closed()]);
            return Err(format!("the connection was closed after {:?} of version {version}", Q::KEY));
        };
        let mut response = decode::<Q>(version, frame)?;
        sort(&mut response);
        self.keep(Q::KEY, version, fields::of(&response));
        Ok(response)
    }

    /// Asks and compares whatever happens: an answer, or the end of the connection.
    pub fn ask_or_close<'q, Q>(&mut self, version: i16, request: &Q) -> Result<(), Stopped>
    where
        Q: Request + Message<'q>,
        Q::Response<'static>: Debug,
    {
        self.send(version, request)?;
        let fields = match self.receive()? {
            Incoming::Frame(frame) => fields::of(&decode::<Q>(version, frame)?),
            Incoming::Closed => vec![closed()],
        };
        self.keep(Q::KEY, version, fields);
        Ok(())
    }

    /// As [`Session::ask_or_close`], for requests that a server may never answer.
    pub fn ask_or_silence<'q, Q>(&mut self, version: i16, request: &Q) -> Result<(), Stopped>
    where
        Q: Request + Message<'q>,
        Q::Response<'static>: Debug,
    {
        self.send(version, request)?;
        self.patience(SILENCE_MIN)?;
        let fields = match self.receive() {
            Ok(Incoming::Frame(frame)) => fields::of(&decode::<Q>(version, frame)?),
            Ok(Incoming::Closed) => vec![closed()],
            Err(_) => {
                self.reconnect();
                vec![Field { path: "connection".to_owned(), value: "silent".to_owned() }]
            }
        };
        self.patience(ANSWER_MAX)?;
        self.keep(Q::KEY, version, fields);
        Ok(())
    }

    /// Asks without comparing.
    pub fn ask_quietly<'q, Q>(&mut self, version: i16, request: &Q) -> Result<Q::Response<'static>, Stopped>
    where
        Q: Request + Message<'q>,
    {
        self.send(version, request)?;
        match self.receive()? {
            Incoming::Frame(frame) => decode::<Q>(version, frame),
            Incoming::Closed => Err(format!("the connection was closed after {:?}", Q::KEY)),
        }
    }

    /// Sends a request that has no answer of its own.
    pub fn send<'q, Q: Request + Message<'q>>(&mut self, version: i16, request: &Q) -> Result<(), Stopped> {
        self.correlation_id += 1;
        let mut writer = Writer::new();
        let place = writer.begin_frame();
        encode_request_header(&mut writer, Q::KEY, version, self.correlation_id, Some(&self.client_id))
            .and_then(|()| request.encode(&mut writer, version))
            .and_then(|()| writer.end_frame(place, 0))
            .map_err(|error| format!("{:?} {version} cannot be encoded: {error}", Q::KEY))?;
        self.write(writer.as_slice())
    }

    /// Compares the answer to a request like `_request` that was sent before; answers keep the order of requests.
    pub fn answer<'q, Q>(&mut self, version: i16, _request: &Q) -> Result<Q::Response<'static>, Stopped>
    where
        Q: Request + Message<'q>,
        Q::Response<'static>: Debug,
    {
        let Incoming::Frame(frame) = self.receive()? else {
            self.keep(Q::KEY, version, vec![closed()]);
            return Err("the connection was closed before an answer".to_owned());
        };
        let response = decode::<Q>(version, frame)?;
        self.keep(Q::KEY, version, fields::of(&response));
        Ok(response)
    }

    /// Sends bytes as they are on a new connection and compares what happens.
    pub fn raw(&mut self, label: &str, bytes: &[u8]) -> Result<(), Stopped> {
        self.reconnect();
        self.write(bytes)?;
        let fields = match self.receive()? {
            Incoming::Frame(frame) => {
                // A long answer is a success, which the typed cases compare.
                let shown = if frame.len() <= SHOWN_MAX { &frame[..] } else { &frame[..8] };
                vec![Field { path: "frame".to_owned(), value: format!("{shown:02x?}") }]
            }
            Incoming::Closed => vec![closed()],
        };
        self.reconnect();
        self.exchanges.push(Exchange { label: label.to_owned(), api: None, fields, size: None });
        Ok(())
    }

    /// Compares a value that the script found out itself.
    pub fn tell(&mut self, label: &str, value: impl Debug) {
        let value = format!("{value:?}");
        let label = format!("{label} {}", self.note);
        self.exchanges.push(Exchange {
            label: label.trim_end().to_owned(),
            api: None,
            fields: vec![Field { path: "value".to_owned(), value }],
            size: None,
        });
    }

    /// Compares the fields of a value that is named, whichever place it has in an answer.
    pub fn tell_named(&mut self, name: &str, value: &impl Debug) {
        let mut fields = fields::of(value);
        self.masks.apply(&mut fields);
        for field in &mut fields {
            field.path = format!("{name}.{}", field.path);
        }
        match self.exchanges.last_mut().filter(|last| last.label == self.note) {
            Some(last) => last.fields.extend(fields),
            None => self.exchanges.push(Exchange { label: self.note.clone(), api: None, fields, size: None }),
        }
    }

    /// Asks again until `holds`; fails when it never does.
    pub fn until(
        &mut self,
        what: &str,
        mut holds: impl FnMut(&mut Session) -> Result<bool, Stopped>,
    ) -> Result<(), Stopped> {
        let deadline = Instant::now() + CONDITION_MAX;
        while Instant::now() < deadline {
            if holds(self)? {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        Err(format!("it never came to this: {what}"))
    }

    /// Returns once what the controller has answered is in force on the broker.
    ///
    /// Naru answers only then. Kafka's broker follows its controller: it has applied everything up to an offset
    /// once it begins to apply what comes after, and its no-op records make sure that something does.
    pub fn settle(&mut self) -> Result<(), Stopped> {
        if self.side == Side::Naru {
            return Ok(());
        }
        let agreed = self.agreed_offset()?;
        let mut reached = -1;
        self.until("the broker has caught up with its controller", |session| {
            let request = ApiVersionsRequest {
                client_software_name: "differential".into(),
                client_software_version: "1".into(),
            };
            // Kafka with fewer network threads than before closes the connections of those that went.
            let Ok(answer) = session.ask_quietly(3, &request) else {
                session.reconnect();
                return Ok(false);
            };
            let answer: ApiVersionsResponse<'_> = answer;
            let applied = answer.finalized_features_epoch;
            if reached < 0 && applied >= agreed {
                reached = applied;
            }
            Ok(reached >= 0 && applied > reached)
        })
    }

    fn agreed_offset(&mut self) -> Result<i64, Stopped> {
        let partitions = vec![describe_quorum_request::PartitionData { partition_index: 0 }];
        let topic =
            describe_quorum_request::TopicData { topic_name: "__cluster_metadata".into(), partitions };
        let answer = self.ask_quietly(0, &DescribeQuorumRequest { topics: vec![topic] })?;
        let partition = answer.topics.first().and_then(|topic| topic.partitions.first());
        partition.map(|partition| partition.high_watermark).ok_or_else(|| "no quorum is described".to_owned())
    }

    fn keep(&mut self, api: ApiKey, version: i16, mut fields: Vec<Field>) {
        self.masks.apply(&mut fields);
        let label = format!("{} {version} {}", api.name(), self.note);
        let (label, size) = (label.trim_end().to_owned(), self.last_size.take());
        self.exchanges.push(Exchange { label, api: Some(api), fields, size });
    }

    fn patience(&mut self, wait: Duration) -> Result<(), Stopped> {
        let stream = self.stream.as_ref();
        stream.map_or(Ok(()), |stream| stream.set_read_timeout(Some(wait))).map_err(|error| error.to_string())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).map_err(|error| error.to_string())?;
            let ready = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(ANSWER_MAX)));
            ready.map_err(|error| error.to_string())?;
            self.stream = Some(stream);
        }
        // A server that closes the connection in the middle is seen when its answer is read.
        let _ = self.stream.as_mut().map(|stream| stream.write_all(bytes));
        Ok(())
    }

    fn receive(&mut self) -> Result<Incoming, Stopped> {
        self.last_size = None;
        let stream = self.stream.as_mut().ok_or("nothing was sent")?;
        let mut size = [0; 4];
        match stream.read_exact(&mut size) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                self.stream = None;
                return Ok(Incoming::Closed);
            }
            Err(error) => return Err(format!("no answer: {error}")),
        }
        let size = usize::try_from(i32::from_be_bytes(size)).unwrap_or(usize::MAX);
        if size > FRAME_MAX {
            return Err(format!("an answer of {size} bytes"));
        }
        let mut frame = vec![0; size];
        stream.read_exact(&mut frame).map_err(|error| format!("half an answer: {error}"))?;
        self.last_size = Some(size);
        Ok(Incoming::Frame(frame))
    }
}

fn closed() -> Field {
    Field { path: "connection".to_owned(), value: "closed".to_owned() }
}

fn decode<'q, Q: Request + Message<'q>>(
    version: i16,
    frame: Vec<u8>,
) -> Result<Q::Response<'static>, Stopped> {
    // Answers borrow from their frame, and scripts keep them as they like: a frame lives as long as the run.
    let frame: &'static [u8] = frame.leak();
    let mut reader = Reader::new(frame);
    let failed = |error| format!("the answer to {:?} {version} cannot be read: {error}", Q::KEY);
    ResponseHeader::decode(&mut reader, Q::KEY.response_header_version(version)).map_err(failed)?;
    let response = Q::Response::decode(&mut reader, version).map_err(failed)?;
    reader.expect_end().map_err(failed)?;
    Ok(response)
}

/// The versions that an API offers, oldest first: the oldest, the first flexible one, the newest, and all between.
pub fn versions(api: ApiKey) -> impl Iterator<Item = i16> {
    let versions = api.stable_versions();
    versions.min..=versions.max
}
