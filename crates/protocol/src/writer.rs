//! Appends messages to a buffer.

use model::Uuid;

use crate::EncodeError;

/// Writes messages at the end of a buffer, which may hold earlier messages.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    buffer: Vec<u8>,
}

impl From<Vec<u8>> for Writer {
    /// A writer that appends to `buffer`.
    fn from(buffer: Vec<u8>) -> Writer {
        Writer { buffer }
    }
}

impl From<Writer> for Vec<u8> {
    fn from(writer: Writer) -> Vec<u8> {
        writer.buffer
    }
}

impl Writer {
    /// A writer with an empty buffer.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// Bytes in the buffer.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// True where nothing is in the buffer.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The buffer's content.
    pub fn as_slice(&self) -> &[u8] {
        &self.buffer
    }

    /// The buffer itself, for its owner's reuse.
    pub fn buffer_mut(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Gives the buffer back.
    pub fn into_vec(self) -> Vec<u8> {
        self.buffer
    }

    /// Forgets what was written after the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.buffer.truncate(length);
    }

    /// Reserves the int32 size of a frame and returns its place for [`Writer::end_frame`].
    pub fn begin_frame(&mut self) -> usize {
        let place = self.buffer.len();
        self.i32(0);
        place
    }

    /// Fills in the size of the frame begun at `place`: all written since, and `extra` bytes that the caller
    /// sends between from elsewhere.
    pub fn end_frame(&mut self, place: usize, extra: usize) -> Result<(), EncodeError> {
        let length = (self.buffer.len() + extra).saturating_sub(place + 4);
        let size = i32::try_from(length).map_err(|_| EncodeError::TooLong { length })?;
        self.patch_i32(place, size);
        Ok(())
    }

    /// Overwrites four bytes that were written before.
    pub fn patch_i32(&mut self, place: usize, value: i32) {
        if let Some(bytes) = self.buffer.get_mut(place..).and_then(|rest| rest.first_chunk_mut()) {
            *bytes = value.to_be_bytes();
        }
    }

    /// Raw bytes without a length.
    #[inline(never)]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// A byte: 1 for true.
    #[inline(never)]
    pub fn bool(&mut self, value: bool) {
        self.buffer.push(u8::from(value));
    }

    /// A signed byte.
    #[inline(never)]
    pub fn i8(&mut self, value: i8) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// A big-endian int16.
    #[inline(never)]
    pub fn i16(&mut self, value: i16) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// A big-endian uint16.
    #[inline(never)]
    pub fn u16(&mut self, value: u16) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// A big-endian int32.
    #[inline(never)]
    pub fn i32(&mut self, value: i32) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// A big-endian uint32.
    #[inline(never)]
    pub fn u32(&mut self, value: u32) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// A big-endian int64.
    #[inline(never)]
    pub fn i64(&mut self, value: i64) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// A big-endian IEEE 754 number of 64 bits.
    #[inline(never)]
    pub fn f64(&mut self, value: f64) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    /// 16 bytes; all zero is "none".
    #[inline(never)]
    pub fn uuid(&mut self, value: Uuid) {
        self.buffer.extend_from_slice(&value.0);
    }

    /// An unsigned varint, low groups first.
    #[inline(never)]
    pub fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.buffer.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.buffer.push(value as u8);
    }

    /// The count of an array, or null.
    #[inline(never)]
    pub fn count(&mut self, flexible: bool, count: Option<usize>) -> Result<(), EncodeError> {
        let Some(length) = count else {
            self.null(flexible);
            return Ok(());
        };
        let count = i32::try_from(length).ok().filter(|count| *count < i32::MAX);
        let count = count.ok_or(EncodeError::TooLong { length })?;
        if flexible {
            self.unsigned_varint(count.cast_unsigned() + 1);
        } else {
            self.i32(count);
        }
        Ok(())
    }

    /// A null array or null bytes.
    fn null(&mut self, flexible: bool) {
        if flexible {
            self.unsigned_varint(0);
        } else {
            self.i32(-1);
        }
    }

    /// Text.
    #[inline(never)]
    pub fn string(&mut self, flexible: bool, value: &str) -> Result<(), EncodeError> {
        let length = i16::try_from(value.len()).map_err(|_| EncodeError::TooLong { length: value.len() })?;
        if flexible {
            self.unsigned_varint(u32::from(length.cast_unsigned()) + 1);
        } else {
            self.i16(length);
        }
        self.buffer.extend_from_slice(value.as_bytes());
        Ok(())
    }

    /// Text that may be null.
    #[inline(never)]
    pub fn nullable_string(&mut self, flexible: bool, value: Option<&str>) -> Result<(), EncodeError> {
        match value {
            Some(value) => self.string(flexible, value),
            None if flexible => {
                self.unsigned_varint(0);
                Ok(())
            }
            None => {
                self.i16(-1);
                Ok(())
            }
        }
    }

    /// Bytes.
    #[inline(never)]
    pub fn bytes(&mut self, flexible: bool, value: &[u8]) -> Result<(), EncodeError> {
        self.count(flexible, Some(value.len()))?;
        self.buffer.extend_from_slice(value);
        Ok(())
    }

    /// Bytes that may be null.
    #[inline(never)]
    pub fn nullable_bytes(&mut self, flexible: bool, value: Option<&[u8]>) -> Result<(), EncodeError> {
        self.count(flexible, value.map(<[u8]>::len))?;
        self.buffer.extend_from_slice(value.unwrap_or_default());
        Ok(())
    }

    /// Whether a nullable struct follows.
    #[inline(never)]
    pub(crate) fn present(&mut self, present: bool) {
        self.i8(if present { 1 } else { -1 });
    }

    /// Whether a nullable struct follows, in the form of a tagged field.
    #[inline(never)]
    pub(crate) fn present_tagged(&mut self, present: bool) {
        self.unsigned_varint(present.into());
    }

    /// An empty tag section.
    #[inline(never)]
    pub fn no_tags(&mut self) {
        self.buffer.push(0);
    }

    /// The number of fields that a tag section will hold: those that are to be sent.
    #[inline(never)]
    pub(crate) fn tag_count(&mut self, sent: &[bool]) {
        let count = sent.iter().map(|sent| u32::from(*sent)).sum();
        self.unsigned_varint(count);
    }

    /// Begins a tagged field and returns its place for [`Writer::end_tag`].
    #[inline(never)]
    pub fn begin_tag(&mut self, tag: u32) -> usize {
        self.unsigned_varint(tag);
        let place = self.buffer.len();
        self.buffer.push(0);
        place
    }

    /// Fills in the size of the tagged field begun at `place`.
    #[inline(never)]
    pub fn end_tag(&mut self, place: usize) -> Result<(), EncodeError> {
        let length = self.buffer.len().saturating_sub(place + 1);
        let size = u32::try_from(length).map_err(|_| EncodeError::TooLong { length })?;
        let mut prefix = [0u8; 5];
        let used = varint_size(size);
        for (group, byte) in prefix.iter_mut().enumerate().take(used) {
            *byte = (size >> (7 * group)) as u8 & 0x7f | if group + 1 < used { 0x80 } else { 0 };
        }
        self.buffer.splice(place..=place, prefix.into_iter().take(used));
        Ok(())
    }

    /// An array of int8 that may be null.
    #[inline(never)]
    pub fn i8_array(&mut self, flexible: bool, values: Option<&[i8]>) -> Result<(), EncodeError> {
        self.count(flexible, values.map(<[i8]>::len))?;
        values.unwrap_or_default().iter().for_each(|value| self.i8(*value));
        Ok(())
    }

    /// An array of int16 that may be null.
    #[inline(never)]
    pub fn i16_array(&mut self, flexible: bool, values: Option<&[i16]>) -> Result<(), EncodeError> {
        self.count(flexible, values.map(<[i16]>::len))?;
        values.unwrap_or_default().iter().for_each(|value| self.i16(*value));
        Ok(())
    }

    /// An array of int32 that may be null.
    #[inline(never)]
    pub fn i32_array(&mut self, flexible: bool, values: Option<&[i32]>) -> Result<(), EncodeError> {
        self.count(flexible, values.map(<[i32]>::len))?;
        values.unwrap_or_default().iter().for_each(|value| self.i32(*value));
        Ok(())
    }

    /// An array of int64 that may be null.
    #[inline(never)]
    pub fn i64_array(&mut self, flexible: bool, values: Option<&[i64]>) -> Result<(), EncodeError> {
        self.count(flexible, values.map(<[i64]>::len))?;
        values.unwrap_or_default().iter().for_each(|value| self.i64(*value));
        Ok(())
    }

    /// An array of ids that may be null.
    #[inline(never)]
    pub fn uuid_array(&mut self, flexible: bool, values: Option<&[Uuid]>) -> Result<(), EncodeError> {
        self.count(flexible, values.map(<[Uuid]>::len))?;
        values.unwrap_or_default().iter().for_each(|value| self.uuid(*value));
        Ok(())
    }

    /// An array of texts that may be null.
    #[inline(never)]
    pub fn string_array<T: AsRef<str>>(
        &mut self,
        flexible: bool,
        values: Option<&[T]>,
    ) -> Result<(), EncodeError> {
        self.count(flexible, values.map(<[T]>::len))?;
        values.unwrap_or_default().iter().try_for_each(|value| self.string(flexible, value.as_ref()))
    }
}

/// Bytes that an unsigned varint takes.
pub(crate) fn varint_size(value: u32) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        0x20_0000..=0xfff_ffff => 4,
        _ => 5,
    }
}
