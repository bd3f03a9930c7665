//! The frame around records of `__cluster_metadata`: varint frame version, varint record type, varint version,
//! then the record in its flexible form. Keys are null.

use crate::messages::MetadataRecord;
use crate::{DecodeError, DecodeErrorKind, EncodeError, Reader, Writer};

/// The only frame version there is.
const FRAME_VERSION: u32 = 1;

impl<'a> MetadataRecord<'a> {
    /// Reads a record's value; returns the record and the version it was written in.
    pub fn decode(value: &'a [u8]) -> Result<(MetadataRecord<'a>, i16), DecodeError> {
        let mut reader = Reader::new(value);
        let frame_version = reader.unsigned_varint()?;
        if frame_version != FRAME_VERSION {
            return Err(reader.error(DecodeErrorKind::UnknownFrameVersion(frame_version)));
        }
        let record_type = reader.unsigned_varint()?;
        let version = reader.unsigned_varint()?;
        let Ok(known_type) = i16::try_from(record_type) else {
            return Err(reader.error(DecodeErrorKind::UnknownRecordType(record_type.into())));
        };
        let Ok(version) = i16::try_from(version) else {
            return Err(reader.error(DecodeErrorKind::UnsupportedVersion));
        };
        let record = Self::decode_body(&mut reader, known_type, version)?;
        reader.expect_end()?;
        Ok((record, version))
    }

    /// Appends the record as the value of a record of the topic.
    pub fn encode_into(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError> {
        writer.unsigned_varint(FRAME_VERSION);
        writer.unsigned_varint(self.record_type().cast_unsigned().into());
        writer.unsigned_varint(version.cast_unsigned().into());
        self.encode_body(writer, version)
    }

    /// The value of a record of the topic.
    pub fn encode(&self, version: i16) -> Result<Vec<u8>, EncodeError> {
        let mut writer = Writer::new();
        self.encode_into(&mut writer, version)?;
        Ok(writer.into_vec())
    }
}
