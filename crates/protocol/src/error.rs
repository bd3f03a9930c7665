//! Why bytes are not a message, and why a message cannot become bytes.

use std::fmt;

/// What is wrong with received bytes, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// Bytes from the beginning of what the [`Reader`](crate::Reader) was given.
    pub position: usize,
    /// Name of the message being decoded, empty where none was begun.
    pub message: &'static str,
    /// Version it was decoded as.
    pub version: i16,
}

/// The kinds of malformed input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeErrorKind {
    /// More bytes are announced or needed than are there.
    UnexpectedEnd {
        /// Bytes needed.
        needed: usize,
        /// Bytes left.
        remaining: usize,
    },
    /// A negative length where null is not allowed, or one below -1.
    InvalidLength(i64),
    /// An array announces more elements than its bytes or the limits allow.
    TooManyElements(usize),
    /// A tag section announces more fields than the limit.
    TooManyTaggedFields(usize),
    /// A varint longer than its type.
    InvalidVarint,
    /// Text that is not UTF-8.
    InvalidUtf8,
    /// A tagged field that the version does not have.
    UnexpectedTag(u32),
    /// A tagged field whose content is not as long as its size says.
    TagSizeMismatch(u32),
    /// Bytes after the end of the message.
    TrailingBytes(usize),
    /// A version that the message does not have.
    UnsupportedVersion,
    /// An API key that Kafka 4.3.1 does not know.
    UnknownApiKey(i16),
    /// A record type that Kafka 4.3.1 does not know.
    UnknownRecordType(i64),
    /// A metadata record whose frame version is not 1.
    UnknownFrameVersion(u32),
}

impl DecodeError {
    /// An error of no message in particular.
    pub(crate) fn new(kind: DecodeErrorKind, position: usize) -> DecodeError {
        DecodeError { kind, position, message: "", version: -1 }
    }

    #[cold]
    pub(crate) fn within(mut self, message: &'static str, version: i16) -> DecodeError {
        self.message = message;
        self.version = version;
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.message.is_empty() {
            write!(f, "{} version {}: ", self.message, self.version)?;
        }
        write!(f, "{} at byte {}", self.kind, self.position)
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedEnd { needed, remaining } => {
                write!(f, "{needed} bytes needed, {remaining} left")
            }
            Self::InvalidLength(length) => write!(f, "length {length} is not allowed"),
            Self::TooManyElements(count) => write!(f, "array announces {count} elements"),
            Self::TooManyTaggedFields(count) => write!(f, "tag section announces {count} fields"),
            Self::InvalidVarint => f.write_str("varint is too long"),
            Self::InvalidUtf8 => f.write_str("text is not utf-8"),
            Self::UnexpectedTag(tag) => write!(f, "tag {tag} is not valid in this version"),
            Self::TagSizeMismatch(tag) => write!(f, "content of tag {tag} does not fill its size"),
            Self::TrailingBytes(count) => write!(f, "{count} bytes after the end of the message"),
            Self::UnsupportedVersion => f.write_str("the version is not supported"),
            Self::UnknownApiKey(key) => write!(f, "api key {key} is unknown"),
            Self::UnknownRecordType(kind) => write!(f, "record type {kind} is unknown"),
            Self::UnknownFrameVersion(version) => write!(f, "frame version {version} is unknown"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Why a message cannot be written in a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// The message does not have the version.
    UnsupportedVersion {
        /// Name of the message.
        message: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// The field has a value and the version cannot carry it.
    UnsupportedField {
        /// Struct and field, as in the schema.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// The field is null and the version does not allow it.
    NullNotAllowed {
        /// Struct and field, as in the schema.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// Text above 32767 bytes, or bytes or elements above 2147483647.
    TooLong {
        /// Bytes or elements.
        length: usize,
    },
    /// What was written does not match what was announced.
    CountMismatch {
        /// What was counted.
        what: &'static str,
        /// Elements announced and not yet written.
        left: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedVersion { message, version } => write!(f, "{message} has no version {version}"),
            Self::UnsupportedField { field, version } => {
                write!(f, "{field} has a value that version {version} cannot carry")
            }
            Self::NullNotAllowed { field, version } => {
                write!(f, "{field} is null, which version {version} does not allow")
            }
            Self::TooLong { length } => write!(f, "a length of {length} does not fit"),
            Self::CountMismatch { what, left } => write!(f, "{left} announced {what} were not written"),
        }
    }
}

impl std::error::Error for EncodeError {}
