//! The few pieces of JSON that are written by hand.

/// A JSON string.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            control if control < ' ' => quoted.push_str(&format!("\\u{:04x}", control as u32)),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A JSON object of values that are JSON already.
pub fn object<N: AsRef<str>>(fields: impl IntoIterator<Item = (N, String)>) -> String {
    let fields = fields.into_iter().map(|(name, value)| format!("{}:{value}", quoted(name.as_ref())));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// A JSON array of values that are JSON already.
pub fn array<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    format!("[{}]", values.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_strings_are_escaped() {
        assert_eq!(quoted("a\"b\\c\nd\u{1}나루"), "\"a\\\"b\\\\c\\nd\\u0001나루\"");
    }

    #[test]
    fn objects_and_arrays_hold_what_they_are_given() {
        assert_eq!(object([("a\"", array([1, 2])), ("b", quoted("c"))]), "{\"a\\\"\":[1,2],\"b\":\"c\"}");
        assert_eq!(object::<&str>([]), "{}");
    }
}
