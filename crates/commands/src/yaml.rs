//! Documents as YAML, in blocks.

use std::io::{self, Write};

use crate::document::Doc;

/// Words that YAML takes for something other than text.
const WORDS: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "null", "~"];

/// Writes a document as a YAML document of its own, without marks at its ends.
pub(crate) fn write(doc: &Doc, out: &mut dyn Write) -> io::Result<()> {
    match doc {
        Doc::List(elements) if !elements.is_empty() => write_list(elements, 0, out),
        Doc::Map(fields) if !fields.is_empty() => write_map(fields, 0, false, out),
        scalar => writeln!(out, "{}", scalar_text(scalar)),
    }
}

fn write_list(elements: &[Doc], indent: usize, out: &mut dyn Write) -> io::Result<()> {
    for element in elements {
        write!(out, "{:indent$}- ", "")?;
        match element {
            Doc::Map(fields) if !fields.is_empty() => write_map(fields, indent + 2, true, out)?,
            Doc::List(inner) if !inner.is_empty() => {
                writeln!(out)?;
                write_list(inner, indent + 2, out)?;
            }
            scalar => writeln!(out, "{}", scalar_text(scalar))?,
        }
    }
    Ok(())
}

/// `on_line` says that the first field stands behind what is on the line already.
fn write_map(fields: &[(String, Doc)], indent: usize, on_line: bool, out: &mut dyn Write) -> io::Result<()> {
    for (place, (name, value)) in fields.iter().enumerate() {
        let before = if place == 0 && on_line { 0 } else { indent };
        write!(out, "{:before$}{}:", "", text(name))?;
        match value {
            Doc::Map(inner) if !inner.is_empty() => {
                writeln!(out)?;
                write_map(inner, indent + 2, false, out)?;
            }
            Doc::List(inner) if !inner.is_empty() => {
                writeln!(out)?;
                write_list(inner, indent + 2, out)?;
            }
            scalar => writeln!(out, " {}", scalar_text(scalar))?,
        }
    }
    Ok(())
}

fn scalar_text(doc: &Doc) -> String {
    match doc {
        Doc::Text(value) => text(value),
        Doc::List(_) => "[]".to_owned(),
        Doc::Map(_) => "{}".to_owned(),
        // Numbers, null and booleans look the same in both.
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

/// Plain where nothing in it could be taken for something else, else quoted as in JSON, which is YAML too.
fn text(value: &str) -> String {
    let is_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '/' | ' ');
    let starts_plainly = value.starts_with(|first: char| first.is_alphabetic() || matches!(first, '_' | '/'));
    let is_plain = starts_plainly
        && !value.ends_with(' ')
        && value.chars().all(is_word)
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(value));
    if is_plain { value.to_owned() } else { serde_json::to_string(value).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::map;

    fn yaml(doc: &Doc) -> String {
        let mut text = Vec::new();
        write(doc, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn blocks_are_indented_by_two() {
        let partition = |number: i32| map([("partition", number.into()), ("isr", vec![1, 2].into())]);
        let doc = map([
            ("name", "orders".into()),
            ("configs", map([("retention.ms", "1000".into())])),
            ("partitions", Doc::List(vec![partition(0), partition(1)])),
            ("none", Doc::List(Vec::new())),
        ]);
        let expected = "name: orders\nconfigs:\n  retention.ms: \"1000\"\npartitions:\n  - partition: 0\n    isr:\n      - 1\n      - 2\n  - partition: 1\n    isr:\n      - 1\n      - 2\nnone: []\n";
        assert_eq!(yaml(&doc), expected);
    }

    #[test]
    fn text_that_could_be_something_else_is_quoted() {
        for (value, expected) in [
            ("plain-text", "plain-text\n"),
            ("yes", "\"yes\"\n"),
            ("12", "\"12\"\n"),
            ("a: b", "\"a: b\"\n"),
            ("", "\"\"\n"),
            ("two\nlines", "\"two\\nlines\"\n"),
        ] {
            assert_eq!(yaml(&Doc::from(value)), expected);
        }
    }
}
