//! What a command found out, in a form from which tables, JSON and YAML are written. Fields keep their order.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// A value with names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Doc {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Doc>),
    Map(Vec<(String, Doc)>),
}

/// A document of named fields, in that order.
pub(crate) fn map<const N: usize>(fields: [(&str, Doc); N]) -> Doc {
    Doc::Map(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

impl Doc {
    /// A field of a document that has fields.
    pub(crate) fn get(&self, name: &str) -> Option<&Doc> {
        match self {
            Doc::Map(fields) => fields.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Adds a field to a document that has fields.
    pub(crate) fn push(&mut self, name: &str, value: impl Into<Doc>) {
        if let Doc::Map(fields) = self {
            fields.push((name.to_owned(), value.into()));
        }
    }

    /// As it stands in a cell of a table.
    pub(crate) fn cell(&self) -> String {
        match self {
            Doc::Null => "-".to_owned(),
            Doc::Bool(value) => if *value { "yes" } else { "no" }.to_owned(),
            Doc::Int(value) => value.to_string(),
            Doc::Float(value) => format!("{value:.2}"),
            Doc::Text(text) if text.is_empty() => "-".to_owned(),
            // A line stays a line whatever a server sends.
            Doc::Text(text) => {
                text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
            }
            Doc::List(elements) if elements.is_empty() => "-".to_owned(),
            Doc::List(elements) => elements.iter().map(Doc::cell).collect::<Vec<_>>().join(","),
            Doc::Map(fields) => {
                let parts = fields.iter().map(|(name, value)| format!("{name}={}", value.cell()));
                parts.collect::<Vec<_>>().join(",")
            }
        }
    }

    /// Writes it as JSON over several lines.
    pub(crate) fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }

    /// Writes it as one line of JSON.
    pub(crate) fn write_json_line(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }
}

impl Serialize for Doc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Doc::Null => serializer.serialize_unit(),
            Doc::Bool(value) => serializer.serialize_bool(*value),
            Doc::Int(value) => serializer.serialize_i64(*value),
            Doc::Float(value) => serializer.serialize_f64(*value),
            Doc::Text(text) => serializer.serialize_str(text),
            Doc::List(elements) => {
                let mut list = serializer.serialize_seq(Some(elements.len()))?;
                for element in elements {
                    list.serialize_element(element)?;
                }
                list.end()
            }
            Doc::Map(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl From<bool> for Doc {
    fn from(value: bool) -> Doc {
        Doc::Bool(value)
    }
}

impl From<i16> for Doc {
    fn from(value: i16) -> Doc {
        Doc::Int(value.into())
    }
}

impl From<i32> for Doc {
    fn from(value: i32) -> Doc {
        Doc::Int(value.into())
    }
}

impl From<i64> for Doc {
    fn from(value: i64) -> Doc {
        Doc::Int(value)
    }
}

impl From<u16> for Doc {
    fn from(value: u16) -> Doc {
        Doc::Int(value.into())
    }
}

impl From<u64> for Doc {
    fn from(value: u64) -> Doc {
        Doc::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Doc {
    fn from(value: usize) -> Doc {
        Doc::from(value as u64)
    }
}

impl From<f64> for Doc {
    fn from(value: f64) -> Doc {
        Doc::Float(value)
    }
}

impl From<&str> for Doc {
    fn from(text: &str) -> Doc {
        Doc::Text(text.to_owned())
    }
}

impl From<String> for Doc {
    fn from(text: String) -> Doc {
        Doc::Text(text)
    }
}

impl<T: Into<Doc>> From<Option<T>> for Doc {
    fn from(value: Option<T>) -> Doc {
        value.map_or(Doc::Null, Into::into)
    }
}

impl<T: Into<Doc>> From<Vec<T>> for Doc {
    fn from(elements: Vec<T>) -> Doc {
        Doc::List(elements.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_in_json() {
        let doc = map([("zebra", 1.into()), ("apple", Doc::Null), ("list", vec!["a", "b"].into())]);
        let mut text = Vec::new();
        doc.write_json_line(&mut text).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "{\"zebra\":1,\"apple\":null,\"list\":[\"a\",\"b\"]}\n");
    }

    #[test]
    fn a_cell_is_one_line_and_never_empty() {
        assert_eq!(Doc::from("a\nb\u{1b}[31m").cell(), "a b [31m");
        assert_eq!(Doc::from("").cell(), "-");
        assert_eq!(Doc::from(vec![1, 2]).cell(), "1,2");
        assert_eq!(map([("a", true.into())]).cell(), "a=yes");
    }
}
