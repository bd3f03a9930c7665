//! Java `.properties` text: reading with its escapes and continuation lines, writing it back.

use std::fmt;

/// Largest properties text read, in bytes.
pub const PROPERTIES_BYTES_MAX: usize = 1024 * 1024;

/// Key and value pairs in the order of the text; a later pair of the same key wins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties {
    entries: Vec<(String, String)>,
}

/// Why a text is no properties text, with the line it concerns (counted from 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidProperties {
    /// More than [`PROPERTIES_BYTES_MAX`] bytes.
    TooLarge {
        /// Size of the text in bytes.
        bytes: usize,
    },
    /// `\u` without four hexadecimal digits after it.
    BadUnicodeEscape {
        /// First line of the entry, counted from 1.
        line: usize,
    },
}

impl Properties {
    /// Reads a text of UTF-8 or, where it is not UTF-8, of ISO-8859-1 (what Java assumes).
    pub fn parse(bytes: &[u8]) -> Result<Properties, InvalidProperties> {
        if bytes.len() > PROPERTIES_BYTES_MAX {
            return Err(InvalidProperties::TooLarge { bytes: bytes.len() });
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        };
        let mut properties = Properties::default();
        for (line, logical) in logical_lines(&text) {
            let (key, value) = split_entry(&logical);
            let bad_escape = || InvalidProperties::BadUnicodeEscape { line };
            let key = unescape(key).ok_or_else(bad_escape)?;
            let value = unescape(value).ok_or_else(bad_escape)?;
            properties.set(&key, &value);
        }
        Ok(properties)
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// Sets `key`, replacing an earlier value in its place.
    pub fn set(&mut self, key: &str, value: &str) {
        match self.entries.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => value.clone_into(old),
            None => self.entries.push((key.to_owned(), value.to_owned())),
        }
    }

    /// The pairs in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The text of a file with these pairs, after one comment line per line of `comment`.
    pub fn to_text(&self, comment: &str) -> String {
        let mut text: String = comment.lines().map(|line| format!("#{line}\n")).collect();
        for (key, value) in self.iter() {
            text.push_str(&escape(key, true));
            text.push('=');
            text.push_str(&escape(value, false));
            text.push('\n');
        }
        text
    }
}

impl fmt::Display for InvalidProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => write!(
                f,
                "properties text of {bytes} bytes is larger than the {PROPERTIES_BYTES_MAX} bytes allowed"
            ),
            Self::BadUnicodeEscape { line } => {
                write!(f, "line {line}: \\u must be followed by four hexadecimal digits")
            }
        }
    }
}

impl std::error::Error for InvalidProperties {}

const BLANKS: [char; 3] = [' ', '\t', '\x0c'];

/// Joins continued lines and drops comments and blank lines; gives the first line's number with each.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut logical: Vec<(usize, String)> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    for (index, line) in unified.split('\n').enumerate() {
        let line = line.trim_start_matches(BLANKS);
        let (number, mut joined) = match open.take() {
            Some(continued) => continued,
            None if line.is_empty() || line.starts_with(['#', '!']) => continue,
            None => (index + 1, String::new()),
        };
        let trailing_backslashes = line.len() - line.trim_end_matches('\\').len();
        if trailing_backslashes % 2 == 1 {
            joined.push_str(&line[..line.len() - 1]);
            open = Some((number, joined));
            continue;
        }
        joined.push_str(line);
        logical.push((number, joined));
    }
    logical.extend(open);
    logical
}

/// Splits at the first separator that is not escaped: blanks, then at most one `=` or `:`, then blanks.
fn split_entry(line: &str) -> (&str, &str) {
    let mut escaped = false;
    for (position, character) in line.char_indices() {
        let separates = matches!(character, '=' | ':') || BLANKS.contains(&character);
        if separates && !escaped {
            let rest = line[position..].trim_start_matches(BLANKS);
            let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
            return (&line[..position], rest.trim_start_matches(BLANKS));
        }
        escaped = character == '\\' && !escaped;
    }
    (line, "")
}

fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut units: Vec<u16> = Vec::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let resolved = match character {
            '\\' => match characters.next() {
                Some('u') => {
                    let digits: String = characters.by_ref().take(4).collect();
                    let all_hex = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                    units.push(u16::from_str_radix(&digits, 16).ok().filter(|_| all_hex)?);
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\x0c',
                Some(other) => other,
                None => break,
            },
            other => other,
        };
        flush_units(&mut units, &mut plain);
        plain.push(resolved);
    }
    flush_units(&mut units, &mut plain);
    Some(plain)
}

/// `\u` escapes are UTF-16 units, so two of them may make one character.
fn flush_units(units: &mut Vec<u16>, plain: &mut String) {
    plain.extend(char::decode_utf16(units.drain(..)).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
}

fn escape(text: &str, is_key: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, character) in text.chars().enumerate() {
        match character {
            ' ' if is_key || index == 0 => escaped.push_str("\\ "),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\x0c' => escaped.push_str("\\f"),
            '=' | ':' | '#' | '!' | '\\' => escaped.extend(['\\', character]),
            ' '..='~' => escaped.push(character),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("\\u{unit:04X}"));
                }
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Vec<(String, String)> {
        let properties = Properties::parse(text.as_bytes()).unwrap();
        properties.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn every_form_of_an_entry_is_read_as_java_reads_it() {
        let cases = [
            ("a=1", "a", "1"),
            ("a = 1 ", "a", "1 "),
            ("a: 1", "a", "1"),
            ("a 1", "a", "1"),
            ("a\t=\t1", "a", "1"),
            ("a = = 1", "a", "= 1"),
            ("  a=1", "a", "1"),
            ("a", "a", ""),
            ("a\\=b=c", "a=b", "c"),
            ("a\\ b c", "a b", "c"),
            ("a=x\\\n   y", "a", "xy"),
            ("a=x\\\\", "a", "x\\"),
            ("a=\\u00e9\\ud83d\\ude00\\n", "a", "\u{e9}\u{1f600}\n"),
            ("a=나루", "a", "나루"),
            ("a=C:\\\\kafka", "a", "C:\\kafka"),
            ("#c\n!c\n\na=1\r\n", "a", "1"),
            ("a=x\\", "a", "x"),
            ("a=0\na=1", "a", "1"),
        ];
        for (text, key, value) in cases {
            assert_eq!(parsed(text), [(key.to_owned(), value.to_owned())], "{text:?}");
        }
    }

    #[test]
    fn a_comment_sign_inside_a_continued_line_is_part_of_the_value() {
        assert_eq!(parsed("a=x,\\\n#y"), [("a".to_owned(), "x,#y".to_owned())]);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_latin1() {
        let properties = Properties::parse(b"a=\xe9").unwrap();
        assert_eq!(properties.get("a"), Some("\u{e9}"));
    }

    #[test]
    fn bad_escapes_and_huge_texts_are_refused() {
        let error = Properties::parse(b"ok=1\na=\\u12g4").unwrap_err();
        assert_eq!(error, InvalidProperties::BadUnicodeEscape { line: 2 });
        assert!(Properties::parse(b"a=\\u+123").is_err());
        let huge = vec![b' '; PROPERTIES_BYTES_MAX + 1];
        assert!(matches!(Properties::parse(&huge), Err(InvalidProperties::TooLarge { .. })));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut properties = Properties::default();
        properties.set("cluster.id", "AAAAAAAAQACAAAAAAAAAAA");
        properties.set("odd key=:", " leading, = : # ! \\ 나루 \u{1f600}\n");
        let text = properties.to_text("written by a test\ntwice");
        assert!(text.starts_with("#written by a test\n#twice\ncluster.id=AAAA"));
        assert_eq!(Properties::parse(text.as_bytes()), Ok(properties));
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_back(pairs in btree_map(any::<String>(), any::<String>(), 0..8), comment in "[ -~\n]{0,20}") {
            let mut properties = Properties::default();
            for (key, value) in &pairs {
                properties.set(key, value);
            }
            prop_assert_eq!(Properties::parse(properties.to_text(&comment).as_bytes()), Ok(properties));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200), text in "[ab=: \t\\\\u0d8#!\r\n]{0,60}") {
            let _ = Properties::parse(&bytes);
            if let Ok(properties) = Properties::parse(text.as_bytes()) {
                prop_assert_eq!(Properties::parse(properties.to_text("").as_bytes()), Ok(properties));
            }
        }
    }
}
