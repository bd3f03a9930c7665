//! What ZooKeeper knows of a node beside its data.

use crate::jute::{JuteError, Reader, Writer};

/// The fields of a node's `Stat`, by ZooKeeper's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stat {
    /// Transaction that made the node.
    pub czxid: i64,
    /// Transaction that set its data.
    pub mzxid: i64,
    /// When it was made, in milliseconds since 1970.
    pub ctime_ms: i64,
    /// When its data was set.
    pub mtime_ms: i64,
    /// How often its data was set.
    pub version: i32,
    /// How often its children changed.
    pub cversion: i32,
    /// How often its access list changed.
    pub aversion: i32,
    /// Session with which the node ends, 0 where it stays.
    pub ephemeral_owner: i64,
    /// Bytes of data.
    pub data_length: i32,
    /// Number of children.
    pub children: i32,
    /// Transaction that changed its children.
    pub pzxid: i64,
}

impl Stat {
    /// Writes the fields in their order on the wire.
    pub fn encode(&self, writer: &mut Writer) {
        writer.i64(self.czxid);
        writer.i64(self.mzxid);
        writer.i64(self.ctime_ms);
        writer.i64(self.mtime_ms);
        writer.i32(self.version);
        writer.i32(self.cversion);
        writer.i32(self.aversion);
        writer.i64(self.ephemeral_owner);
        writer.i32(self.data_length);
        writer.i32(self.children);
        writer.i64(self.pzxid);
    }

    /// Reads what [`Stat::encode`] writes.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Stat, JuteError> {
        Ok(Stat {
            czxid: reader.i64()?,
            mzxid: reader.i64()?,
            ctime_ms: reader.i64()?,
            mtime_ms: reader.i64()?,
            version: reader.i32()?,
            cversion: reader.i32()?,
            aversion: reader.i32()?,
            ephemeral_owner: reader.i64()?,
            data_length: reader.i32()?,
            children: reader.i32()?,
            pzxid: reader.i64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_the_order_of_the_wire() {
        let stat = Stat {
            czxid: 1,
            mzxid: 2,
            ctime_ms: 3,
            mtime_ms: 4,
            version: 5,
            cversion: 6,
            aversion: 7,
            ephemeral_owner: 8,
            data_length: 9,
            children: 10,
            pzxid: 11,
        };
        let mut writer = Writer::new();
        stat.encode(&mut writer);
        let bytes = writer.into_bytes();
        // Four longs, three ints, a long, two ints, a long: the last byte of each counts up.
        let ends = [7, 15, 23, 31, 35, 39, 43, 51, 55, 59, 67];
        assert_eq!(bytes.len(), 68);
        for (value, end) in (1..).zip(ends) {
            assert_eq!(bytes[end], value);
        }
        assert_eq!(Stat::decode(&mut Reader::new(&bytes)), Ok(stat));
        assert!(Stat::decode(&mut Reader::new(&bytes[..67])).is_err());
    }
}
