//! Jute, ZooKeeper's encoding: big-endian numbers, and texts, buffers and vectors after their length as an int32.

use std::fmt;

/// Why bytes are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JuteError {
    /// They end too early.
    End {
        /// Bytes the next field takes.
        needed: usize,
        /// Bytes there are.
        left: usize,
    },
    /// A length or count that cannot be.
    Length(i32),
    /// A text is missing where one has to be.
    Null,
    /// A text is no UTF-8.
    Text,
    /// Bytes are left over.
    Trailing(usize),
}

impl fmt::Display for JuteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End { needed, left } => write!(f, "{needed} bytes are needed and {left} are left"),
            Self::Length(length) => write!(f, "a length of {length} cannot be"),
            Self::Null => write!(f, "a text is missing"),
            Self::Text => write!(f, "a text is not UTF-8"),
            Self::Trailing(count) => write!(f, "{count} bytes are left over"),
        }
    }
}

impl std::error::Error for JuteError {}

/// Least bytes that an element of a vector takes: its length.
const ELEMENT_BYTES_MIN: usize = 4;

/// Reads fields from borrowed bytes. Every length is checked against the bytes there are before anything is made.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the first of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// The bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Fails where bytes are left.
    pub fn expect_end(&self) -> Result<(), JuteError> {
        if self.rest.is_empty() { Ok(()) } else { Err(JuteError::Trailing(self.rest.len())) }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], JuteError> {
        let end = JuteError::End { needed: count, left: self.rest.len() };
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(end)?;
        self.rest = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], JuteError> {
        let end = JuteError::End { needed: N, left: self.rest.len() };
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(end)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A byte that is zero for false.
    pub fn bool(&mut self) -> Result<bool, JuteError> {
        Ok(self.fixed::<1>()? != [0])
    }

    /// An int.
    pub fn i32(&mut self) -> Result<i32, JuteError> {
        Ok(i32::from_be_bytes(self.fixed()?))
    }

    /// A long.
    pub fn i64(&mut self) -> Result<i64, JuteError> {
        Ok(i64::from_be_bytes(self.fixed()?))
    }

    /// A buffer; -1 is none.
    pub fn buffer(&mut self) -> Result<Option<&'a [u8]>, JuteError> {
        match self.i32()? {
            -1 => Ok(None),
            length => self.take(usize::try_from(length).map_err(|_| JuteError::Length(length))?).map(Some),
        }
    }

    /// A text that has to be there.
    pub fn text(&mut self) -> Result<&'a str, JuteError> {
        let bytes = self.buffer()?.ok_or(JuteError::Null)?;
        std::str::from_utf8(bytes).map_err(|_| JuteError::Text)
    }

    /// A vector of texts; none is read as an empty one.
    pub fn texts(&mut self) -> Result<Vec<&'a str>, JuteError> {
        let count = self.count()?;
        (0..count).map(|_| self.text()).collect()
    }

    /// The number of elements of a vector, no more than the bytes that are left can hold.
    pub fn count(&mut self) -> Result<usize, JuteError> {
        let count = match self.i32()? {
            -1 => return Ok(0),
            count => usize::try_from(count).map_err(|_| JuteError::Length(count))?,
        };
        let needed = count.saturating_mul(ELEMENT_BYTES_MIN);
        let left = self.rest.len();
        if needed > left { Err(JuteError::End { needed, left }) } else { Ok(count) }
    }
}

/// Writes fields, one frame after another.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

/// Where a frame began.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct FrameStart(usize);

impl Writer {
    /// A writer without bytes.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Leaves room for the length of a frame.
    pub fn begin_frame(&mut self) -> FrameStart {
        self.i32(0);
        FrameStart(self.bytes.len())
    }

    /// Fills in the length of the frame that was begun.
    pub fn end_frame(&mut self, start: FrameStart) {
        let length = length_of(self.bytes.len() - start.0);
        if let Some(place) = self.bytes.get_mut(start.0 - 4..start.0) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// A byte that is zero for false.
    pub fn bool(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    /// An int.
    pub fn i32(&mut self, value: i32) {
        self.bytes.extend(value.to_be_bytes());
    }

    /// A long.
    pub fn i64(&mut self, value: i64) {
        self.bytes.extend(value.to_be_bytes());
    }

    /// A buffer; none is -1.
    pub fn buffer(&mut self, value: Option<&[u8]>) {
        let Some(bytes) = value else { return self.i32(-1) };
        self.i32(length_of(bytes.len()));
        self.bytes.extend(bytes);
    }

    /// A text.
    pub fn text(&mut self, value: &str) {
        self.buffer(Some(value.as_bytes()));
    }

    /// A vector of texts.
    pub fn texts<T: AsRef<str>>(&mut self, values: &[T]) {
        self.i32(length_of(values.len()));
        values.iter().for_each(|value| self.text(value.as_ref()));
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }
}

/// A length as the wire has it. What is written here stays far below 2 GiB.
fn length_of(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_big_endian_and_texts_have_their_length_before_them() {
        let mut writer = Writer::new();
        let start = writer.begin_frame();
        writer.i32(258);
        writer.i64(-2);
        writer.bool(true);
        writer.text("/a");
        writer.buffer(None);
        writer.texts(&["b"]);
        writer.end_frame(start);
        let expected = [
            0, 0, 0, 32, 0, 0, 1, 2, 255, 255, 255, 255, 255, 255, 255, 254, 1, 0, 0, 0, 2, b'/', b'a', 255,
            255, 255, 255, 0, 0, 0, 1, 0, 0, 0, 1, b'b',
        ];
        assert_eq!(writer.into_bytes(), expected);
    }

    #[test]
    fn hostile_lengths_are_refused_before_room_is_made() {
        let after = |length: i32| length.to_be_bytes();
        assert_eq!(
            Reader::new(&after(i32::MAX)).buffer(),
            Err(JuteError::End { needed: 0x7fff_ffff, left: 0 })
        );
        assert_eq!(Reader::new(&after(-2)).buffer(), Err(JuteError::Length(-2)));
        assert_eq!(Reader::new(&after(-1)).text(), Err(JuteError::Null));
        assert_eq!(Reader::new(&after(-1)).texts(), Ok(Vec::new()));
        assert_eq!(Reader::new(&after(-3)).texts(), Err(JuteError::Length(-3)));
        let needed = 4 * 0x7fff_ffff;
        assert_eq!(Reader::new(&after(i32::MAX)).texts(), Err(JuteError::End { needed, left: 0 }));
        assert_eq!(Reader::new(&[0, 0, 0, 1, 0xff]).text(), Err(JuteError::Text));
        assert_eq!(Reader::new(&[0, 0]).i32(), Err(JuteError::End { needed: 4, left: 2 }));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(texts in prop::collection::vec(".*", 0..8), data in prop::option::of(any::<Vec<u8>>()),
                                   long in any::<i64>(), flag in any::<bool>()) {
            let mut writer = Writer::new();
            writer.texts(&texts);
            writer.buffer(data.as_deref());
            writer.i64(long);
            writer.bool(flag);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.texts().unwrap(), texts);
            prop_assert_eq!(reader.buffer().unwrap(), data.as_deref());
            prop_assert_eq!(reader.i64(), Ok(long));
            prop_assert_eq!(reader.bool(), Ok(flag));
            prop_assert_eq!(reader.expect_end(), Ok(()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in any::<Vec<u8>>()) {
            let mut reader = Reader::new(&bytes);
            while reader.texts().is_ok() && reader.buffer().is_ok() && !reader.rest().is_empty() {}
        }
    }
}
