//! Keys and values of `__consumer_offsets`, `__transaction_state` and `__share_group_state`.
//!
//! A key is its int16 record type and a body of version 0; a value is its int16 version and a body whose type
//! is that of the key. A null value is a tombstone and never comes here.

use crate::messages::{GroupKey, GroupValue, ShareKey, ShareValue, TransactionKey, TransactionValue};
use crate::{DecodeError, EncodeError, Reader, Writer};

/// The bodies of keys have one version; what looks like a version in front of them is the record type.
const KEY_VERSION: i16 = 0;

macro_rules! keys {
    ($($key:ty;)+) => {
        $(
            impl<'a> $key {
                /// Reads a record's key.
                pub fn decode(bytes: &'a [u8]) -> Result<$key, DecodeError> {
                    let mut reader = Reader::new(bytes);
                    let record_type = reader.i16()?;
                    let key = Self::decode_body(&mut reader, record_type, KEY_VERSION)?;
                    reader.expect_end()?;
                    Ok(key)
                }

                /// The bytes of a record's key.
                pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
                    let mut writer = Writer::new();
                    writer.i16(self.record_type());
                    self.encode_body(&mut writer, KEY_VERSION)?;
                    Ok(writer.into_vec())
                }
            }
        )+
    };
}

keys! {
    GroupKey<'a>;
    ShareKey<'a>;
    TransactionKey<'a>;
}

macro_rules! values {
    ($($value:ty;)+) => {
        $(
            impl<'a> $value {
                /// Reads a record's value, whose type is that of its key; returns it with its version.
                pub fn decode(bytes: &'a [u8], record_type: i16) -> Result<($value, i16), DecodeError> {
                    let mut reader = Reader::new(bytes);
                    let version = reader.i16()?;
                    let value = Self::decode_body(&mut reader, record_type, version)?;
                    reader.expect_end()?;
                    Ok((value, version))
                }

                /// The bytes of a record's value.
                pub fn encode(&self, version: i16) -> Result<Vec<u8>, EncodeError> {
                    let mut writer = Writer::new();
                    writer.i16(version);
                    self.encode_body(&mut writer, version)?;
                    Ok(writer.into_vec())
                }
            }
        )+
    };
}

values! {
    GroupValue<'a>;
    TransactionValue<'a>;
}

impl ShareValue {
    /// Reads a record's value, whose type is that of its key; returns it with its version.
    pub fn decode(bytes: &[u8], record_type: i16) -> Result<(ShareValue, i16), DecodeError> {
        let mut reader = Reader::new(bytes);
        let version = reader.i16()?;
        let value = Self::decode_body(&mut reader, record_type, version)?;
        reader.expect_end()?;
        Ok((value, version))
    }

    /// The bytes of a record's value.
    pub fn encode(&self, version: i16) -> Result<Vec<u8>, EncodeError> {
        let mut writer = Writer::new();
        writer.i16(version);
        self.encode_body(&mut writer, version)?;
        Ok(writer.into_vec())
    }
}
