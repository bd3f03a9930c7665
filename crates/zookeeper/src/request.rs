//! What clients ask.

use crate::jute::{JuteError, Reader, Writer};

/// The id of a ping.
pub const PING_ID: i32 = -2;
/// The id of credentials.
pub const AUTH_ID: i32 = -4;
/// The id of the watches of a client that comes back.
pub const SET_WATCHES_ID: i32 = -8;

const CREATE: i32 = 1;
const DELETE: i32 = 2;
const EXISTS: i32 = 3;
const GET_DATA: i32 = 4;
const SET_DATA: i32 = 5;
const GET_ACL: i32 = 6;
const SET_ACL: i32 = 7;
const GET_CHILDREN: i32 = 8;
const SYNC: i32 = 9;
const PING: i32 = 11;
const GET_CHILDREN_2: i32 = 12;
const CHECK: i32 = 13;
const MULTI: i32 = 14;
const CREATE_2: i32 = 15;
const RECONFIG: i32 = 16;
const CHECK_WATCHES: i32 = 17;
const REMOVE_WATCHES: i32 = 18;
const CREATE_CONTAINER: i32 = 19;
const DELETE_CONTAINER: i32 = 20;
const CREATE_TTL: i32 = 21;
const AUTH: i32 = 100;
const SET_WATCHES: i32 = 101;
const GET_EPHEMERALS: i32 = 103;
const GET_ALL_CHILDREN_NUMBER: i32 = 104;
const SET_WATCHES_2: i32 = 105;
const ADD_WATCH: i32 = 106;
const WHO_AM_I: i32 = 107;
const CLOSE_SESSION: i32 = -11;

/// Operations that change something.
const WRITES: [i32; 12] = [
    CREATE,
    DELETE,
    SET_DATA,
    SET_ACL,
    CHECK,
    MULTI,
    CREATE_2,
    RECONFIG,
    CREATE_CONTAINER,
    DELETE_CONTAINER,
    CREATE_TTL,
    -10,
];

/// One request; the names are those of ZooKeeper's operations.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the protocol's own")]
pub enum Request<'a> {
    Exists {
        path: &'a str,
        watch: bool,
    },
    GetData {
        path: &'a str,
        watch: bool,
    },
    GetChildren {
        path: &'a str,
        watch: bool,
    },
    GetChildren2 {
        path: &'a str,
        watch: bool,
    },
    GetAcl {
        path: &'a str,
    },
    GetEphemerals {
        prefix: &'a str,
    },
    GetAllChildrenNumber {
        path: &'a str,
    },
    Sync {
        path: &'a str,
    },
    SetWatches(KnownWatches<'a>),
    AddWatch {
        path: &'a str,
        mode: i32,
    },
    CheckWatches {
        path: &'a str,
        kind: i32,
    },
    RemoveWatches {
        path: &'a str,
        kind: i32,
    },
    Auth {
        scheme: &'a str,
    },
    WhoAmI,
    Ping,
    CloseSession,
    /// An operation that changes something; what it wants is nobody's business here.
    Write {
        operation: i32,
        body: &'a [u8],
    },
    /// An operation nobody knows.
    Unknown {
        operation: i32,
        body: &'a [u8],
    },
}

/// The watches of a client that comes back, and the newest transaction it has seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the fields are the protocol's own")]
pub struct KnownWatches<'a> {
    pub relative_zxid: i64,
    pub data: Vec<&'a str>,
    pub exist: Vec<&'a str>,
    pub child: Vec<&'a str>,
    /// `None` in the older form of the packet.
    pub persistent: Option<[Vec<&'a str>; 2]>,
}

/// A request and the id that its answer is to carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The id.
    pub id: i32,
    /// The request; an error where its header could be read and the rest could not.
    pub request: Result<Request<'a>, JuteError>,
}

impl<'a> Asked<'a> {
    /// Reads the inside of a frame; an error where not even the header is one.
    pub fn decode(frame: &'a [u8]) -> Result<Asked<'a>, JuteError> {
        let mut reader = Reader::new(frame);
        let (id, operation) = (reader.i32()?, reader.i32()?);
        Ok(Asked { id, request: Request::decode(operation, &mut reader) })
    }
}

impl<'a> Request<'a> {
    fn decode(operation: i32, reader: &mut Reader<'a>) -> Result<Request<'a>, JuteError> {
        Ok(match operation {
            EXISTS => Request::Exists { path: reader.text()?, watch: reader.bool()? },
            GET_DATA => Request::GetData { path: reader.text()?, watch: reader.bool()? },
            GET_CHILDREN => Request::GetChildren { path: reader.text()?, watch: reader.bool()? },
            GET_CHILDREN_2 => Request::GetChildren2 { path: reader.text()?, watch: reader.bool()? },
            GET_ACL => Request::GetAcl { path: reader.text()? },
            GET_EPHEMERALS => Request::GetEphemerals { prefix: reader.text()? },
            GET_ALL_CHILDREN_NUMBER => Request::GetAllChildrenNumber { path: reader.text()? },
            SYNC => Request::Sync { path: reader.text()? },
            SET_WATCHES => Request::SetWatches(KnownWatches::decode(reader, false)?),
            SET_WATCHES_2 => Request::SetWatches(KnownWatches::decode(reader, true)?),
            ADD_WATCH => Request::AddWatch { path: reader.text()?, mode: reader.i32()? },
            CHECK_WATCHES => Request::CheckWatches { path: reader.text()?, kind: reader.i32()? },
            REMOVE_WATCHES => Request::RemoveWatches { path: reader.text()?, kind: reader.i32()? },
            AUTH => {
                reader.i32()?;
                let scheme = reader.text()?;
                reader.buffer()?;
                Request::Auth { scheme }
            }
            WHO_AM_I => Request::WhoAmI,
            PING => Request::Ping,
            CLOSE_SESSION => Request::CloseSession,
            write if WRITES.contains(&write) => Request::Write { operation, body: reader.rest() },
            _ => Request::Unknown { operation, body: reader.rest() },
        })
    }

    /// Writes the request as a frame.
    pub fn encode(&self, id: i32, writer: &mut Writer) {
        let start = writer.begin_frame();
        writer.i32(id);
        writer.i32(self.operation());
        match self {
            Request::Exists { path, watch }
            | Request::GetData { path, watch }
            | Request::GetChildren { path, watch }
            | Request::GetChildren2 { path, watch } => {
                writer.text(path);
                writer.bool(*watch);
            }
            Request::GetAcl { path }
            | Request::GetEphemerals { prefix: path }
            | Request::GetAllChildrenNumber { path }
            | Request::Sync { path } => writer.text(path),
            Request::AddWatch { path, mode: number }
            | Request::CheckWatches { path, kind: number }
            | Request::RemoveWatches { path, kind: number } => {
                writer.text(path);
                writer.i32(*number);
            }
            Request::SetWatches(known) => known.encode(writer),
            Request::Auth { scheme } => {
                writer.i32(0);
                writer.text(scheme);
                writer.buffer(Some(&[]));
            }
            Request::WhoAmI | Request::Ping | Request::CloseSession => {}
            Request::Write { body, .. } | Request::Unknown { body, .. } => writer.raw(body),
        }
        writer.end_frame(start);
    }

    fn operation(&self) -> i32 {
        match self {
            Request::Exists { .. } => EXISTS,
            Request::GetData { .. } => GET_DATA,
            Request::GetChildren { .. } => GET_CHILDREN,
            Request::GetChildren2 { .. } => GET_CHILDREN_2,
            Request::GetAcl { .. } => GET_ACL,
            Request::GetEphemerals { .. } => GET_EPHEMERALS,
            Request::GetAllChildrenNumber { .. } => GET_ALL_CHILDREN_NUMBER,
            Request::Sync { .. } => SYNC,
            Request::SetWatches(known) if known.persistent.is_some() => SET_WATCHES_2,
            Request::SetWatches(_) => SET_WATCHES,
            Request::AddWatch { .. } => ADD_WATCH,
            Request::CheckWatches { .. } => CHECK_WATCHES,
            Request::RemoveWatches { .. } => REMOVE_WATCHES,
            Request::Auth { .. } => AUTH,
            Request::WhoAmI => WHO_AM_I,
            Request::Ping => PING,
            Request::CloseSession => CLOSE_SESSION,
            Request::Write { operation, .. } | Request::Unknown { operation, .. } => *operation,
        }
    }
}

impl<'a> KnownWatches<'a> {
    fn decode(reader: &mut Reader<'a>, is_newer: bool) -> Result<KnownWatches<'a>, JuteError> {
        Ok(KnownWatches {
            relative_zxid: reader.i64()?,
            data: reader.texts()?,
            exist: reader.texts()?,
            child: reader.texts()?,
            persistent: if is_newer { Some([reader.texts()?, reader.texts()?]) } else { None },
        })
    }

    fn encode(&self, writer: &mut Writer) {
        writer.i64(self.relative_zxid);
        writer.texts(&self.data);
        writer.texts(&self.exist);
        writer.texts(&self.child);
        for paths in self.persistent.iter().flatten() {
            writer.texts(paths);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_back(request: &Request<'_>) {
        let mut writer = Writer::new();
        request.encode(7, &mut writer);
        let bytes = writer.into_bytes();
        assert_eq!(Asked::decode(&bytes[4..]), Ok(Asked { id: 7, request: Ok(request.clone()) }));
    }

    #[test]
    fn requests_are_read_back() {
        let (path, watch) = ("/brokers/ids", true);
        let known = KnownWatches {
            relative_zxid: 9,
            data: vec!["/a"],
            child: vec!["/b", "/c"],
            ..Default::default()
        };
        let newer = KnownWatches { persistent: Some([vec!["/d"], vec![]]), ..known.clone() };
        for request in [
            Request::Exists { path, watch },
            Request::GetData { path, watch: false },
            Request::GetChildren { path, watch },
            Request::GetChildren2 { path, watch },
            Request::GetAcl { path },
            Request::GetEphemerals { prefix: path },
            Request::GetAllChildrenNumber { path },
            Request::Sync { path },
            Request::SetWatches(known),
            Request::SetWatches(newer),
            Request::AddWatch { path, mode: 1 },
            Request::CheckWatches { path, kind: 2 },
            Request::RemoveWatches { path, kind: 3 },
            Request::Auth { scheme: "digest" },
            Request::WhoAmI,
            Request::Ping,
            Request::CloseSession,
            Request::Write { operation: CREATE, body: b"x" },
            Request::Unknown { operation: 99, body: b"" },
        ] {
            read_back(&request);
        }
    }

    #[test]
    fn a_request_as_a_java_client_writes_it_is_understood() {
        let frame = [0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 2, b'/', b'a', 1];
        let request = Ok(Request::GetChildren { path: "/a", watch: true });
        assert_eq!(Asked::decode(&frame), Ok(Asked { id: 1, request }));
        let cut = Asked::decode(&frame[..13]).unwrap();
        assert_eq!((cut.id, cut.request), (1, Err(JuteError::End { needed: 2, left: 1 })));
        assert!(Asked::decode(&frame[..7]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_request_or_refused(operation in -20..110, bytes in any::<Vec<u8>>()) {
            let mut frame = [1i32.to_be_bytes(), i32::to_be_bytes(operation)].concat();
            frame.extend(bytes);
            prop_assert!(Asked::decode(&frame).is_ok());
        }
    }
}
