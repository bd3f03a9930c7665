//! What a server tells a client that watches a node.

use crate::jute::{JuteError, Reader, Writer};
use crate::reply::ReplyHeader;

/// The id of packets that nobody asked for.
pub const NOTIFICATION_ID: i32 = -1;
/// State of a client that is connected.
pub const SYNC_CONNECTED: i32 = 3;

/// What happened to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the protocol's own")]
pub enum EventKind {
    NodeCreated,
    NodeDeleted,
    NodeDataChanged,
    NodeChildrenChanged,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// To which node.
    pub path: String,
}

impl EventKind {
    const ALL: [(EventKind, i32, &'static str); 4] = [
        (EventKind::NodeCreated, 1, "NodeCreated"),
        (EventKind::NodeDeleted, 2, "NodeDeleted"),
        (EventKind::NodeDataChanged, 3, "NodeDataChanged"),
        (EventKind::NodeChildrenChanged, 4, "NodeChildrenChanged"),
    ];

    /// The number on the wire.
    pub fn code(self) -> i32 {
        Self::ALL.iter().find(|(kind, _, _)| *kind == self).map_or(-1, |(_, code, _)| *code)
    }

    /// The name in ZooKeeper's tools.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _, _)| *kind == self).map_or("", |(_, _, name)| *name)
    }

    fn of_code(code: i32) -> Option<EventKind> {
        Self::ALL.iter().find(|(_, known, _)| *known == code).map(|(kind, _, _)| *kind)
    }
}

impl Event {
    /// Writes the event as a frame.
    pub fn encode(&self, writer: &mut Writer) {
        let start = writer.begin_frame();
        ReplyHeader { id: NOTIFICATION_ID, zxid: -1, code: crate::Code::OK }.encode(writer);
        writer.i32(self.kind.code());
        writer.i32(SYNC_CONNECTED);
        writer.text(&self.path);
        writer.end_frame(start);
    }

    /// Reads what comes after the header; `None` for an event of a kind that is not known.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Option<Event>, JuteError> {
        let code = reader.i32()?;
        reader.i32()?;
        let path = reader.text()?.to_owned();
        Ok(EventKind::of_code(code).map(|kind| Event { kind, path }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_packet_that_nobody_asked_for() {
        let event = Event { kind: EventKind::NodeChildrenChanged, path: "/b".to_owned() };
        let mut writer = Writer::new();
        event.encode(&mut writer);
        let bytes = writer.into_bytes();
        let expected = [
            [0, 0, 0, 30].as_slice(),
            &[255; 4],
            &[255; 8],
            &[0; 4],
            &[0, 0, 0, 4],
            &[0, 0, 0, 3],
            &[0, 0, 0, 2, b'/', b'b'],
        ];
        assert_eq!(bytes, expected.concat());
        assert_eq!(Event::decode(&mut Reader::new(&bytes[20..])), Ok(Some(event)));
    }
}
