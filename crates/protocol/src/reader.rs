//! A cursor over received bytes in which every step is checked and everything that multiplies is bounded.

use std::borrow::Cow;

use model::Uuid;
use model::limits::{
    ARRAY_ELEMENTS_MAX, ARRAY_FIRST_ALLOCATION_MAX, MESSAGE_ELEMENTS_MAX, TAGGED_FIELDS_MAX,
};

use crate::{DecodeError, DecodeErrorKind};

/// Longest text, also in the forms whose length prefix could say more.
const STRING_LENGTH_MAX: usize = 0x7fff;

/// Bytes for which an array makes room before its first element has been decoded.
const ARRAY_FIRST_ALLOCATION_BYTES_MAX: usize = 64 * 1024;

/// Reads one message from borrowed bytes.
///
/// All arrays read through one reader share a budget of [`MESSAGE_ELEMENTS_MAX`] elements, so that nested
/// arrays cannot multiply.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    elements_left: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the first of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, position: 0, elements_left: MESSAGE_ELEMENTS_MAX }
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// Fails where bytes are left.
    pub fn expect_end(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.error(DecodeErrorKind::TrailingBytes(left))),
        }
    }

    #[cold]
    pub(crate) fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::new(kind, self.position)
    }

    #[cold]
    fn end(&self, needed: usize) -> DecodeError {
        self.error(DecodeErrorKind::UnexpectedEnd { needed, remaining: self.remaining() })
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let taken = self.rest().get(..length).ok_or_else(|| self.end(length))?;
        self.position += length;
        Ok(taken)
    }

    #[inline]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let taken = self.rest().first_chunk::<N>().ok_or_else(|| self.end(N))?;
        self.position += N;
        Ok(*taken)
    }

    /// A byte that is zero for false.
    #[inline]
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.fixed::<1>()? != [0])
    }

    /// A signed byte.
    #[inline]
    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        Ok(i8::from_be_bytes(self.fixed()?))
    }

    /// A big-endian int16.
    #[inline]
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.fixed()?))
    }

    /// A big-endian uint16.
    #[inline(never)]
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.fixed()?))
    }

    /// A big-endian int32.
    #[inline]
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.fixed()?))
    }

    /// A big-endian uint32.
    #[inline(never)]
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.fixed()?))
    }

    /// A big-endian int64.
    #[inline]
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.fixed()?))
    }

    /// A big-endian IEEE 754 number of 64 bits.
    #[inline(never)]
    pub fn f64(&mut self) -> Result<f64, DecodeError> {
        Ok(f64::from_be_bytes(self.fixed()?))
    }

    /// 16 bytes; all zero is "none".
    #[inline]
    pub fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        Ok(Uuid(self.fixed()?))
    }

    /// An unsigned varint of at most 32 bits, low groups first.
    pub fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        match self.rest().first() {
            Some(&byte) if byte < 0x80 => {
                self.position += 1;
                Ok(u32::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.fixed::<1>()?;
            let group = u32::from(byte & 0x7f);
            if shift == 28 && group > 0x0f {
                break;
            }
            value |= group << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.error(DecodeErrorKind::InvalidVarint))
    }

    /// A length or count in compact form: one more than the length, 0 for null.
    fn compact_length(&mut self) -> Result<Option<usize>, DecodeError> {
        let value = self.unsigned_varint()?;
        if value > i32::MAX as u32 {
            return Err(self.error(DecodeErrorKind::InvalidLength(i64::from(value) - 1)));
        }
        Ok(value.checked_sub(1).map(|length| length as usize))
    }

    fn plain_length(&mut self, length: i32) -> Result<Option<usize>, DecodeError> {
        match length {
            -1 => Ok(None),
            _ => match usize::try_from(length) {
                Ok(length) => Ok(Some(length)),
                Err(_) => Err(self.error(DecodeErrorKind::InvalidLength(i64::from(length)))),
            },
        }
    }

    #[cold]
    fn null_refused(&self) -> DecodeError {
        self.error(DecodeErrorKind::InvalidLength(-1))
    }

    /// Text that may be null.
    #[inline(never)]
    pub fn nullable_str(&mut self, flexible: bool) -> Result<Option<&'a str>, DecodeError> {
        let length = if flexible {
            self.compact_length()?
        } else {
            let length = self.i16()?;
            self.plain_length(i32::from(length))?
        };
        let Some(length) = length else { return Ok(None) };
        if length > STRING_LENGTH_MAX {
            return Err(self.error(DecodeErrorKind::InvalidLength(length as i64)));
        }
        let text = std::str::from_utf8(self.take(length)?);
        text.map(Some).map_err(|_| self.error(DecodeErrorKind::InvalidUtf8))
    }

    /// Text.
    pub fn str(&mut self, flexible: bool) -> Result<&'a str, DecodeError> {
        self.nullable_str(flexible)?.ok_or_else(|| self.null_refused())
    }

    /// Text that may be null, as messages hold it.
    #[inline(never)]
    pub fn nullable_string(&mut self, flexible: bool) -> Result<Option<Cow<'a, str>>, DecodeError> {
        Ok(self.nullable_str(flexible)?.map(Cow::Borrowed))
    }

    /// Text, as messages hold it.
    #[inline(never)]
    pub fn string(&mut self, flexible: bool) -> Result<Cow<'a, str>, DecodeError> {
        self.str(flexible).map(Cow::Borrowed)
    }

    /// Bytes that may be null.
    #[inline(never)]
    pub fn nullable_slice(&mut self, flexible: bool) -> Result<Option<&'a [u8]>, DecodeError> {
        let length = if flexible {
            self.compact_length()?
        } else {
            let length = self.i32()?;
            self.plain_length(length)?
        };
        length.map(|length| self.take(length)).transpose()
    }

    /// Bytes that may be null, as messages hold them.
    #[inline(never)]
    pub fn nullable_bytes(&mut self, flexible: bool) -> Result<Option<Cow<'a, [u8]>>, DecodeError> {
        Ok(self.nullable_slice(flexible)?.map(Cow::Borrowed))
    }

    /// Bytes, as messages hold them.
    #[inline(never)]
    pub fn bytes(&mut self, flexible: bool) -> Result<Cow<'a, [u8]>, DecodeError> {
        match self.nullable_slice(flexible)? {
            Some(bytes) => Ok(Cow::Borrowed(bytes)),
            None => Err(self.null_refused()),
        }
    }

    /// The count of an array that may be null, held to the bytes left and to every limit.
    #[inline(never)]
    pub fn nullable_count(
        &mut self,
        flexible: bool,
        element_size_min: usize,
    ) -> Result<Option<usize>, DecodeError> {
        let count = if flexible {
            self.compact_length()?
        } else {
            let count = self.i32()?;
            self.plain_length(count)?
        };
        let Some(count) = count else { return Ok(None) };
        let fits = count <= self.remaining() / element_size_min.max(1);
        if !fits || count > ARRAY_ELEMENTS_MAX || count > self.elements_left {
            return Err(self.error(DecodeErrorKind::TooManyElements(count)));
        }
        self.elements_left -= count;
        Ok(Some(count))
    }

    /// The count of an array, held to the bytes left and to every limit.
    #[inline(never)]
    pub fn count(&mut self, flexible: bool, element_size_min: usize) -> Result<usize, DecodeError> {
        self.nullable_count(flexible, element_size_min)?.ok_or_else(|| self.null_refused())
    }

    /// An array of structs that may be null.
    pub(crate) fn nullable_array<T>(
        &mut self,
        flexible: bool,
        version: i16,
        element_size_min: usize,
        read: fn(&mut Reader<'a>, i16) -> Result<T, DecodeError>,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let Some(count) = self.nullable_count(flexible, element_size_min)? else { return Ok(None) };
        let mut elements = Vec::with_capacity(first_allocation::<T>(count));
        for _ in 0..count {
            elements.push(read(self, version)?);
        }
        Ok(Some(elements))
    }

    /// An array of structs.
    pub(crate) fn array<T>(
        &mut self,
        flexible: bool,
        version: i16,
        element_size_min: usize,
        read: fn(&mut Reader<'a>, i16) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        match self.nullable_array(flexible, version, element_size_min, read)? {
            Some(elements) => Ok(elements),
            None => Err(self.null_refused()),
        }
    }

    /// True where a nullable struct follows.
    pub(crate) fn present(&mut self) -> Result<bool, DecodeError> {
        Ok(self.i8()? >= 0)
    }

    /// True where a nullable struct follows, in the form of a tagged field.
    pub(crate) fn present_tagged(&mut self) -> Result<bool, DecodeError> {
        Ok(self.unsigned_varint()? > 0)
    }

    /// Number of fields in a tag section.
    #[inline(never)]
    pub fn tag_count(&mut self) -> Result<usize, DecodeError> {
        let count = self.unsigned_varint()? as usize;
        // Each field takes at least one byte for its tag and one for its size.
        if count > TAGGED_FIELDS_MAX || count > self.remaining() / 2 {
            return Err(self.error(DecodeErrorKind::TooManyTaggedFields(count)));
        }
        Ok(count)
    }

    /// Number and end of a tagged field; its content follows.
    #[inline(never)]
    pub fn tag(&mut self) -> Result<(u32, usize), DecodeError> {
        let tag = self.unsigned_varint()?;
        let size = self.unsigned_varint()? as usize;
        if size > self.remaining() {
            return Err(self.end(size));
        }
        Ok((tag, self.position + size))
    }

    /// Checks that the content of a tagged field ended where its size said.
    #[inline(never)]
    pub fn end_tag(&mut self, tag: u32, end: usize) -> Result<(), DecodeError> {
        if self.position == end { Ok(()) } else { Err(self.error(DecodeErrorKind::TagSizeMismatch(tag))) }
    }

    /// Skips the content of a tagged field that this version of the schema does not know.
    #[inline(never)]
    pub fn skip_tag(&mut self, end: usize) {
        self.position = end.clamp(self.position, self.bytes.len());
    }

    /// A tag section in which no field is known.
    #[inline]
    pub fn skip_tags(&mut self) -> Result<(), DecodeError> {
        if self.rest().first() == Some(&0) {
            self.position += 1;
            return Ok(());
        }
        self.skip_unknown_tags()
    }

    #[inline(never)]
    fn skip_unknown_tags(&mut self) -> Result<(), DecodeError> {
        for _ in 0..self.tag_count()? {
            let (_, end) = self.tag()?;
            self.skip_tag(end);
        }
        Ok(())
    }

    #[cold]
    pub(crate) fn unexpected_tag(&self, tag: u32) -> DecodeError {
        self.error(DecodeErrorKind::UnexpectedTag(tag))
    }
}

/// Elements to make room for at first: what follows is only a claim until it has been decoded.
fn first_allocation<T>(count: usize) -> usize {
    let bytes_bound = ARRAY_FIRST_ALLOCATION_BYTES_MAX / size_of::<T>().max(1);
    count.min(ARRAY_FIRST_ALLOCATION_MAX).min(bytes_bound)
}

macro_rules! scalar_arrays {
    ($($array:ident $nullable:ident $read:ident $size:literal $type:ty, $what:literal;)+) => {
        impl<'a> Reader<'a> {
            $(
                #[doc = concat!("An array of ", $what, " that may be null.")]
                #[inline(never)]
                pub fn $nullable(&mut self, flexible: bool) -> Result<Option<Vec<$type>>, DecodeError> {
                    let size_min = if $size == 0 { if flexible { 1 } else { 2 } } else { $size };
                    let Some(count) = self.nullable_count(flexible, size_min)? else { return Ok(None) };
                    let mut elements = Vec::with_capacity(first_allocation::<$type>(count));
                    for _ in 0..count {
                        elements.push(scalar_arrays!(@read self $read flexible));
                    }
                    Ok(Some(elements))
                }

                #[doc = concat!("An array of ", $what, ".")]
                #[inline(never)]
                pub fn $array(&mut self, flexible: bool) -> Result<Vec<$type>, DecodeError> {
                    match self.$nullable(flexible)? {
                        Some(elements) => Ok(elements),
                        None => Err(self.null_refused()),
                    }
                }
            )+
        }
    };
    (@read $self:ident string $flexible:ident) => { $self.string($flexible)? };
    (@read $self:ident $read:ident $flexible:ident) => { $self.$read()? };
}

scalar_arrays! {
    i8_array nullable_i8_array i8 1 i8, "signed bytes";
    i16_array nullable_i16_array i16 2 i16, "int16";
    i32_array nullable_i32_array i32 4 i32, "int32";
    i64_array nullable_i64_array i64 8 i64, "int64";
    uuid_array nullable_uuid_array uuid 16 Uuid, "ids";
    string_array nullable_string_array string 0 Cow<'a, str>, "texts";
}
