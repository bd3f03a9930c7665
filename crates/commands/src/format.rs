//! Format strings of kcat: `%t [%p] at offset %o: %k=%s\n`.

use std::io::{self, Write};

use client::ConsumerRecord;

/// What help says of them.
pub(crate) const TOKENS: &str = "%s value, %S its bytes (-1 for none), %R the same as 4 bytes, %k key, %K its bytes, %T timestamp, \
     %h headers, %t topic, %p partition, %o offset, %% a percent sign; \\n \\r \\t \\xNN";

/// A format string that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format {
    pieces: Vec<Piece>,
    /// What stands for a key or a value that is not there.
    null: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Token(Token),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Value,
    ValueSize,
    ValueSizeBinary,
    Key,
    KeySize,
    Timestamp,
    Headers,
    Topic,
    Partition,
    Offset,
}

impl Format {
    /// Reads a format string; `shows_null` has `NULL` stand for what is not there.
    pub(crate) fn parse(text: &str, shows_null: bool) -> Result<Format, String> {
        let mut pieces = Vec::new();
        let mut plain = Vec::new();
        let bytes = unescape(text)?;
        let mut rest = bytes.iter();
        while let Some((byte, is_escaped)) = rest.next() {
            if *byte != b'%' || *is_escaped {
                plain.push(*byte);
                continue;
            }
            let letter = rest.next().map(|(byte, _)| *byte);
            if letter == Some(b'%') {
                plain.push(b'%');
                continue;
            }
            let token = letter.and_then(Token::of).ok_or_else(|| {
                let token = letter.map_or_else(String::new, |letter| char::from(letter).to_string());
                format!("%{token} is no token of a format string: {TOKENS}")
            })?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Token(token));
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Format { pieces, null: if shows_null { "NULL" } else { "" } })
    }

    /// Writes a record so.
    pub(crate) fn write(&self, record: &ConsumerRecord<'_>, out: &mut dyn Write) -> io::Result<()> {
        let size =
            |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX));
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.write_all(text)?,
                Piece::Token(Token::Value) => {
                    out.write_all(record.value.unwrap_or(self.null.as_bytes()))?;
                }
                Piece::Token(Token::ValueSize) => write!(out, "{}", size(record.value))?,
                Piece::Token(Token::ValueSizeBinary) => out.write_all(&size(record.value).to_be_bytes())?,
                Piece::Token(Token::Key) => {
                    out.write_all(record.key.unwrap_or(self.null.as_bytes()))?;
                }
                Piece::Token(Token::KeySize) => write!(out, "{}", size(record.key))?,
                Piece::Token(Token::Timestamp) => write!(out, "{}", record.timestamp)?,
                Piece::Token(Token::Headers) => write_headers(record, out)?,
                Piece::Token(Token::Topic) => out.write_all(record.topic.as_bytes())?,
                Piece::Token(Token::Partition) => write!(out, "{}", record.partition)?,
                Piece::Token(Token::Offset) => write!(out, "{}", record.offset)?,
            }
        }
        Ok(())
    }
}

impl Token {
    fn of(letter: u8) -> Option<Token> {
        Some(match letter {
            b's' => Token::Value,
            b'S' => Token::ValueSize,
            b'R' => Token::ValueSizeBinary,
            b'k' => Token::Key,
            b'K' => Token::KeySize,
            b'T' => Token::Timestamp,
            b'h' => Token::Headers,
            b't' => Token::Topic,
            b'p' => Token::Partition,
            b'o' => Token::Offset,
            _ => return None,
        })
    }
}

fn write_headers(record: &ConsumerRecord<'_>, out: &mut dyn Write) -> io::Result<()> {
    for (place, (key, value)) in record.headers.enumerate() {
        if place > 0 {
            out.write_all(b",")?;
        }
        out.write_all(key)?;
        out.write_all(b"=")?;
        out.write_all(value.unwrap_or(b"NULL"))?;
    }
    Ok(())
}

/// The bytes that a text with escapes stands for.
pub(crate) fn bytes_of(text: &str) -> Result<Vec<u8>, String> {
    Ok(unescape(text)?.into_iter().map(|(byte, _)| byte).collect())
}

/// The same, each with whether it was written as an escape.
fn unescape(text: &str) -> Result<Vec<(u8, bool)>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push((byte, false));
            continue;
        }
        let escaped = match rest.next() {
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'x') => {
                let mut number = 0;
                let mut digits = 0;
                while let Some(digit) = rest.peek().and_then(|byte| char::from(*byte).to_digit(16)) {
                    if digits == 2 {
                        break;
                    }
                    rest.next();
                    number = number * 16 + digit;
                    digits += 1;
                }
                if digits == 0 {
                    return Err(format!("'{text}': \\x is followed by one or two hexadecimal digits"));
                }
                u8::try_from(number).unwrap_or_default()
            }
            Some(other) => other,
            None => b'\\',
        };
        bytes.push((escaped, true));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::with_record;

    fn written(format: &str, shows_null: bool) -> Vec<u8> {
        let mut text = Vec::new();
        let format = Format::parse(format, shows_null).unwrap();
        with_record(Some(b"key"), None, |record| format.write(&record, &mut text).unwrap());
        text
    }

    #[test]
    fn every_token_stands_for_a_part_of_the_record() {
        for (format, expected) in [
            ("%t [%p] at offset %o: key %k: %s\\n", "topic [3] at offset 42: key key: \n"),
            ("%S %K %T", "-1 3 1000"),
            ("%h", "a=1,b=NULL"),
            ("100%% \\t\\x41\\\\", "100% \tA\\"),
            ("\\x25s", "%s"),
        ] {
            assert_eq!(String::from_utf8(written(format, false)).unwrap(), expected, "{format}");
        }
        assert_eq!(written("%s", true), b"NULL");
        assert_eq!(written("%R", false), [255; 4]);
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for wrong in ["%", "%q", "%Z", "\\xg"] {
            assert!(Format::parse(wrong, false).is_err(), "{wrong}");
        }
        assert_eq!(bytes_of("\\x1f:").unwrap(), [0x1f, b':']);
    }
}
