//! What a line means: a value, and before it headers and a key where they are looked for.

use crate::client_settings::Written;
use crate::failure::Failure;

const EXCEPTION: &str = "org.apache.kafka.common.KafkaException";

/// Reads lines as Kafka's `LineMessageReader` does.
#[derive(Debug)]
pub(super) struct LineReader {
    parses_key: bool,
    parses_headers: bool,
    ignores_errors: bool,
    key_separator: String,
    headers_delimiter: String,
    headers_separator: regex::Regex,
    headers_key_separator: String,
    null_marker: Option<String>,
    /// Number of the line read last, from 1.
    number: u64,
}

/// The parts of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'l> {
    pub(super) headers: Vec<(&'l str, Option<&'l str>)>,
    pub(super) key: Option<&'l str>,
    pub(super) value: Option<&'l str>,
}

impl LineReader {
    pub(super) fn of(properties: &Written) -> Result<LineReader, Failure> {
        let is_on = |key| properties.get(key).is_some_and(|text| text.trim().eq_ignore_ascii_case("true"));
        let text = |key, default: &str| properties.get(key).unwrap_or(default).to_owned();
        let separator = text("headers.separator", ",");
        let reader = LineReader {
            parses_key: is_on("parse.key"),
            parses_headers: is_on("parse.headers"),
            ignores_errors: is_on("ignore.error"),
            key_separator: text("key.separator", "\t"),
            headers_delimiter: text("headers.delimiter", "\t"),
            headers_separator: regex::Regex::new(&separator).map_err(|error| {
                Failure::of_class("java.util.regex.PatternSyntaxException", error.to_string())
            })?,
            headers_key_separator: text("headers.key.separator", ":"),
            null_marker: properties.get("null.marker").map(str::to_owned),
            number: 0,
        };
        let named = [
            ("headers.delimiter", Some(&reader.headers_delimiter)),
            ("headers.separator", Some(&separator)),
            ("headers.key.separator", Some(&reader.headers_key_separator)),
            ("null.marker", reader.null_marker.as_ref()),
            ("key.separator", Some(&reader.key_separator)),
        ];
        // Pairs that have to differ, in the order in which the original looks at them.
        for (first, second) in [(0, 1), (0, 2), (1, 2), (3, 4), (3, 1), (3, 0), (3, 2)] {
            let ((one, left), (other, right)) = (named[first], named[second]);
            if left.is_some() && left == right {
                return Err(Failure::of_class(EXCEPTION, format!("{one} and {other} may not be equal")));
            }
        }
        Ok(reader)
    }

    /// Reads the next line.
    pub(super) fn read<'l>(&mut self, line: &'l str) -> Result<Line<'l>, Failure> {
        self.number += 1;
        let (headers, rest) =
            self.cut(self.parses_headers, line, line, &self.headers_delimiter, "headers delimiter")?;
        let (key, value) = self.cut(self.parses_key, line, rest, &self.key_separator, "key separator")?;
        let is_null = |text: &&str| self.null_marker.as_deref() == Some(*text);
        let headers = match headers.filter(|headers| !is_null(headers)) {
            Some(headers) => self.headers(headers)?,
            None => Vec::new(),
        };
        Ok(Line {
            headers,
            key: key.filter(|key| !is_null(key)),
            value: Some(value).filter(|value| !is_null(value)),
        })
    }

    /// What stands before a separator, and what after it.
    fn cut<'l>(
        &self,
        is_wanted: bool,
        line: &str,
        rest: &'l str,
        separator: &str,
        what: &str,
    ) -> Result<(Option<&'l str>, &'l str), Failure> {
        if !is_wanted {
            return Ok((None, rest));
        }
        match rest.split_once(separator) {
            Some((before, after)) => Ok((Some(before), after)),
            None if self.ignores_errors => Ok((None, rest)),
            None => {
                let sentence = format!("No {what} found on line number {}: '{line}'", self.number);
                Err(Failure::of_class(EXCEPTION, sentence))
            }
        }
    }

    fn headers<'l>(&self, text: &'l str) -> Result<Vec<(&'l str, Option<&'l str>)>, Failure> {
        let mut pairs: Vec<&str> = self.headers_separator.split(text).collect();
        // Java drops empty pieces at the end, but for one that is all there is.
        while pairs.len() > 1 && pairs.last().is_some_and(|last| last.is_empty()) {
            pairs.pop();
        }
        pairs.into_iter().map(|pair| self.header(pair)).collect()
    }

    fn header<'l>(&self, pair: &'l str) -> Result<(&'l str, Option<&'l str>), Failure> {
        let Some((key, value)) = pair.split_once(&self.headers_key_separator) else {
            if self.ignores_errors {
                return Ok((pair, None));
            }
            let sentence =
                format!("No header key separator found in pair '{pair}' on line number {}", self.number);
            return Err(Failure::of_class(EXCEPTION, sentence));
        };
        let marker = self.null_marker.as_deref();
        if marker == Some(key) {
            let sentence =
                format!("Header keys should not be equal to the null marker '{key}' as they can't be null");
            return Err(Failure::of_class(EXCEPTION, sentence));
        }
        Ok((key, Some(value).filter(|value| marker != Some(*value))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(properties: &[&str]) -> Result<LineReader, String> {
        LineReader::of(&Written::of_words(properties.iter().copied()))
            .map_err(|failure| failure.message().to_owned())
    }

    #[test]
    fn a_line_is_a_value_unless_more_is_looked_for() {
        let mut plain = reader(&[]).unwrap();
        assert_eq!(plain.read("a\tb").unwrap(), Line { headers: Vec::new(), key: None, value: Some("a\tb") });
        let mut all = reader(&["parse.key=true", "parse.headers=true", "null.marker=NULL"]).unwrap();
        let line = all.read("h1:a,h2:NULL\tk9\tNULL").unwrap();
        assert_eq!(
            line,
            Line { headers: vec![("h1", Some("a")), ("h2", None)], key: Some("k9"), value: None }
        );
        assert_eq!(all.read("NULL\tk\tv").unwrap().headers, []);
    }

    #[test]
    fn what_is_missing_is_named_with_its_line() {
        let mut keys = reader(&["parse.key=true", "key.separator=:"]).unwrap();
        keys.read("k:v").unwrap();
        let failure = keys.read("nokey").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "org.apache.kafka.common.KafkaException: No key separator found on line number 2: 'nokey'"
        );
        let mut lenient = reader(&["parse.key=true", "ignore.error=true"]).unwrap();
        assert_eq!(lenient.read("nokey").unwrap().value, Some("nokey"));
    }

    #[test]
    fn separators_have_to_differ() {
        let refused = reader(&["headers.separator=:"]).unwrap_err();
        assert_eq!(refused, "headers.separator and headers.key.separator may not be equal");
        assert_eq!(
            reader(&["null.marker=,"]).unwrap_err(),
            "null.marker and headers.separator may not be equal"
        );
    }
}
