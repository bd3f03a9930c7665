//! The attributes field of a batch: codec, timestamp type and flags.

use std::fmt;

/// How the records of a batch are compressed (attribute bits 0-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum Compression {
    /// Records as they are.
    #[default]
    None = 0,
    /// One or more gzip members.
    Gzip = 1,
    /// Snappy blocks in xerial framing, or one raw block.
    Snappy = 2,
    /// One LZ4 frame with independent blocks.
    Lz4 = 3,
    /// One or more Zstandard frames.
    Zstd = 4,
}

impl Compression {
    /// Every codec, in the order of their ids.
    pub const ALL: [Compression; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec of an id; `None` for 5 to 7, which Kafka does not define.
    pub fn from_id(id: u8) -> Option<Compression> {
        Self::ALL.get(usize::from(id)).copied()
    }

    /// The name used in settings (`compression.type`) and by the tools.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The codec of a name, in any case; `uncompressed` means none, as in topic settings.
    pub fn from_name(name: &str) -> Option<Compression> {
        if name.eq_ignore_ascii_case("uncompressed") {
            return Some(Self::None);
        }
        Self::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Who set the timestamps of a batch (attribute bit 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TimestampType {
    /// The producer, per record.
    #[default]
    CreateTime,
    /// The broker: every record has the batch's maximum timestamp.
    LogAppendTime,
}

/// The attributes of a batch as they stand in its header (int16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Attributes(pub i16);

impl Attributes {
    const CODEC: i16 = 0x07;
    const LOG_APPEND_TIME: i16 = 0x08;
    const TRANSACTIONAL: i16 = 0x10;
    const CONTROL: i16 = 0x20;
    const DELETE_HORIZON: i16 = 0x40;

    /// The codec; `None` for an id Kafka does not define.
    pub fn compression(self) -> Option<Compression> {
        Compression::from_id((self.0 & Self::CODEC) as u8)
    }

    /// Who set the timestamps.
    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// True for a batch that belongs to a transaction.
    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// True for a batch of control records, which consumers do not see.
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// True where the base timestamp holds the delete horizon of tombstones (KIP-534).
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// The same attributes with another codec.
    pub fn with_compression(self, codec: Compression) -> Attributes {
        Attributes((self.0 & !Self::CODEC) | codec as i16)
    }

    /// The same attributes with another timestamp type.
    pub fn with_timestamp_type(self, kind: TimestampType) -> Attributes {
        self.with(Self::LOG_APPEND_TIME, kind == TimestampType::LogAppendTime)
    }

    /// The same attributes with the transactional flag set or cleared.
    pub fn with_transactional(self, set: bool) -> Attributes {
        self.with(Self::TRANSACTIONAL, set)
    }

    /// The same attributes with the control flag set or cleared.
    pub fn with_control(self, set: bool) -> Attributes {
        self.with(Self::CONTROL, set)
    }

    fn with(self, bit: i16, set: bool) -> Attributes {
        Attributes(if set { self.0 | bit } else { self.0 & !bit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_kafkas() {
        let all = Attributes::default()
            .with_compression(Compression::Zstd)
            .with_timestamp_type(TimestampType::LogAppendTime)
            .with_transactional(true)
            .with_control(true);
        assert_eq!(all, Attributes(0x3c));
        assert_eq!(all.compression(), Some(Compression::Zstd));
        assert_eq!(Attributes(5).compression(), None);
        assert!(Attributes(0x40).has_delete_horizon());
    }

    #[test]
    fn names_read_back() {
        for codec in Compression::ALL {
            assert_eq!(Compression::from_name(&codec.to_string().to_uppercase()), Some(codec));
        }
        assert_eq!(Compression::from_name("uncompressed"), Some(Compression::None));
        assert_eq!(Compression::from_name("lzo"), None);
    }
}
