//! The first packet of each side: how a session is asked for and given.

use crate::jute::{JuteError, Reader, Writer};

/// Bytes of the secret that goes with a session.
pub const PASSWORD_BYTES: usize = 16;

/// A client's first packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectRequest {
    /// Newest transaction that the client has seen; a server that is behind it must not answer.
    pub last_zxid_seen: i64,
    /// How long the session should outlive silence.
    pub timeout_ms: i32,
    /// The session to go on with, 0 for a new one.
    pub session_id: i64,
    /// Its secret.
    pub password: Vec<u8>,
    /// True where the client would take a server that only reads; `None` from clients older than 3.4.
    pub may_be_read_only: Option<bool>,
}

/// A server's first packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectResponse {
    /// How long the session outlives silence; 0 where the session asked for has ended.
    pub timeout_ms: i32,
    /// The session.
    pub session_id: i64,
    /// Its secret.
    pub password: [u8; PASSWORD_BYTES],
    /// True where the server says that it only reads; `None` to clients that do not know the field.
    pub is_read_only: Option<bool>,
}

/// The only version there has ever been.
const PROTOCOL_VERSION: i32 = 0;

impl ConnectRequest {
    /// Writes the packet as a frame.
    pub fn encode(&self, writer: &mut Writer) {
        let start = writer.begin_frame();
        writer.i32(PROTOCOL_VERSION);
        writer.i64(self.last_zxid_seen);
        writer.i32(self.timeout_ms);
        writer.i64(self.session_id);
        writer.buffer(Some(&self.password));
        if let Some(may_be) = self.may_be_read_only {
            writer.bool(may_be);
        }
        writer.end_frame(start);
    }

    /// Reads the inside of a frame.
    pub fn decode(frame: &[u8]) -> Result<ConnectRequest, JuteError> {
        let mut reader = Reader::new(frame);
        reader.i32()?;
        Ok(ConnectRequest {
            last_zxid_seen: reader.i64()?,
            timeout_ms: reader.i32()?,
            session_id: reader.i64()?,
            password: reader.buffer()?.unwrap_or_default().to_vec(),
            may_be_read_only: if reader.rest().is_empty() { None } else { Some(reader.bool()?) },
        })
    }
}

impl ConnectResponse {
    /// Writes the packet as a frame.
    pub fn encode(&self, writer: &mut Writer) {
        let start = writer.begin_frame();
        writer.i32(PROTOCOL_VERSION);
        writer.i32(self.timeout_ms);
        writer.i64(self.session_id);
        writer.buffer(Some(&self.password));
        if let Some(is) = self.is_read_only {
            writer.bool(is);
        }
        writer.end_frame(start);
    }

    /// Reads the inside of a frame.
    pub fn decode(frame: &[u8]) -> Result<ConnectResponse, JuteError> {
        let mut reader = Reader::new(frame);
        reader.i32()?;
        let (timeout_ms, session_id) = (reader.i32()?, reader.i64()?);
        let sent = reader.buffer()?.unwrap_or_default();
        let mut password = [0; PASSWORD_BYTES];
        for (place, byte) in password.iter_mut().zip(sent) {
            *place = *byte;
        }
        let is_read_only = if reader.rest().is_empty() { None } else { Some(reader.bool()?) };
        Ok(ConnectResponse { timeout_ms, session_id, password, is_read_only })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As ZooKeeper's Java client sends it.
    const ASKED: [u8; 49] = [
        0, 0, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x75, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    #[test]
    fn the_first_packet_is_read_with_and_without_its_last_field() {
        let asked = ConnectRequest {
            last_zxid_seen: 0,
            timeout_ms: 30_000,
            session_id: 0,
            password: vec![0; PASSWORD_BYTES],
            may_be_read_only: Some(false),
        };
        assert_eq!(ConnectRequest::decode(&ASKED[4..]), Ok(asked.clone()));
        let mut writer = Writer::new();
        asked.encode(&mut writer);
        assert_eq!(writer.into_bytes(), ASKED);
        let older = ConnectRequest { may_be_read_only: None, ..asked };
        assert_eq!(ConnectRequest::decode(&ASKED[4..48]), Ok(older));
        assert!(ConnectRequest::decode(&ASKED[4..47]).is_err());
    }

    #[test]
    fn the_answer_is_read_back() {
        for is_read_only in [None, Some(false), Some(true)] {
            let given = ConnectResponse { timeout_ms: 7, session_id: -9, password: [3; 16], is_read_only };
            let mut writer = Writer::new();
            given.encode(&mut writer);
            assert_eq!(ConnectResponse::decode(&writer.into_bytes()[4..]), Ok(given));
        }
    }
}
