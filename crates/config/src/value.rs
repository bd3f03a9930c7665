//! From the text of a setting to its typed value, with the sentences Kafka uses for a bad one.

use std::fmt;

use crate::setting::{ConfigType, Setting};
use crate::validate;

/// A value of a setting, read by its type.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "one variant per ConfigType")]
pub enum Value {
    Boolean(bool),
    Int(i32),
    Short(i16),
    Long(i64),
    Double(f64),
    /// STRING and CLASS.
    Text(String),
    List(Vec<String>),
    /// Never printed: `Display` and `Debug` of the value hide it.
    Password(Secret),
}

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

/// A value that a setting does not take. `Display` gives Kafka's sentence, which scripts match on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidValue(pub String);

impl Setting {
    /// Reads `raw` by the setting's type and checks it against the legal values.
    ///
    /// Values of type CLASS are names only: nothing is loaded, so any name is legal.
    pub fn parse(&self, raw: &str) -> Result<Value, InvalidValue> {
        let value = self.read(raw)?;
        validate::check(self, &value)?;
        Ok(value)
    }

    /// The default as a value; `None` for "no value" and for settings Kafka requires.
    pub fn default_value(&self) -> Option<Value> {
        self.default_text().and_then(|text| self.parse(text).ok())
    }

    fn read(&self, raw: &str) -> Result<Value, InvalidValue> {
        let text = raw.trim_matches(|c: char| c <= ' ');
        let not_a_number = || self.invalid(text, &format!("Not a number of type {}", self.kind.name()));
        Ok(match self.kind {
            ConfigType::Boolean => Value::Boolean(self.read_boolean(text)?),
            ConfigType::Int => Value::Int(text.parse().map_err(|_| not_a_number())?),
            ConfigType::Short => Value::Short(text.parse().map_err(|_| not_a_number())?),
            ConfigType::Long => Value::Long(text.parse().map_err(|_| not_a_number())?),
            ConfigType::Double => Value::Double(read_double(text).ok_or_else(not_a_number)?),
            ConfigType::String => Value::Text(text.to_owned()),
            ConfigType::Class => Value::Text(raw.to_owned()),
            ConfigType::List => Value::List(split_list(text)),
            ConfigType::Password => Value::Password(Secret(text.to_owned())),
        })
    }

    fn read_boolean(&self, text: &str) -> Result<bool, InvalidValue> {
        if text.eq_ignore_ascii_case("true") {
            return Ok(true);
        }
        if text.eq_ignore_ascii_case("false") {
            return Ok(false);
        }
        Err(self.invalid(text, "Expected value to be either true or false"))
    }

    /// Kafka's sentence for a value of this setting that is wrong because of `reason`.
    pub(crate) fn invalid(&self, value: &str, reason: &str) -> InvalidValue {
        let shown = if self.is_sensitive() { "[hidden]" } else { value };
        InvalidValue(format!("Invalid value {shown} for configuration {}: {reason}", self.key))
    }
}

/// Splits a list as Kafka does: at commas, blanks around elements dropped, no text is no element.
pub fn split_list(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').map(|element| element.trim().to_owned()).collect()
}

/// Reads a double the way Java does, which also takes a type suffix (`5d`) and `Infinity`.
fn read_double(text: &str) -> Option<f64> {
    let unsigned = text.trim_start_matches(['+', '-']);
    match unsigned {
        "Infinity" | "NaN" => return text.parse().ok(),
        _ if unsigned.starts_with(|c: char| c.is_ascii_alphabetic()) => return None,
        _ => {}
    }
    text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text).parse().ok()
}

impl Value {
    /// The integer in a value of type INT, SHORT or LONG.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(i64::from(*value)),
            Self::Short(value) => Some(i64::from(*value)),
            Self::Long(value) => Some(*value),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    /// The canonical text, as DescribeConfigs shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Short(value) => write!(f, "{value}"),
            Self::Long(value) => write!(f, "{value}"),
            Self::Double(value) => f.write_str(&java_double(*value)),
            Self::Text(value) => f.write_str(value),
            Self::List(elements) => f.write_str(&elements.join(",")),
            Self::Password(_) => f.write_str("[hidden]"),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidValue {}

/// A double in Java's notation: plain between 10^-3 and 10^7, scientific with `E` outside.
fn java_double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = value.abs();
    if value == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    format!("{digits}{point}E{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_java_writes_them() {
        let cases = [
            (f64::MAX, "1.7976931348623157E308"),
            (0.5, "0.5"),
            (1.0, "1.0"),
            (-0.25, "-0.25"),
            (1e7, "1.0E7"),
            (0.0001, "1.0E-4"),
            (0.0, "0.0"),
            (f64::NAN, "NaN"),
        ];
        for (value, text) in cases {
            assert_eq!(Value::Double(value).to_string(), text);
        }
    }

    #[test]
    fn secrets_are_shown_nowhere() {
        let value = Value::Password(Secret("hunter2".to_owned()));
        assert_eq!(value.to_string(), "[hidden]");
        assert!(!format!("{value:?}").contains("hunter2"));
    }
}
