//! What the verifiable tools have in common: the events they print, one JSON object a line.

use std::io;

use crate::subcommands::{Said, Unsaid};
use crate::{Output, now_ms, record_json};

/// What both write where one of them cannot go on, before the exception that ends it.
pub(crate) const UNCAUGHT: &str = "Exception in thread \"main\"";

/// An event: when it happened, its name, and what there is to say of it. The values are JSON.
pub(crate) fn event(name: &str, fields: &[(&'static str, String)]) -> String {
    let mut all = vec![("timestamp", now_ms().to_string()), ("name", record_json::text(name))];
    all.extend_from_slice(fields);
    record_json::object(&all)
}

/// Text as JSON, where there is any.
pub(crate) fn text_or_null(text: Option<&str>) -> String {
    text.map_or_else(|| "null".to_owned(), record_json::text)
}

/// Prints an event at once; whoever reads it waits for it.
pub(crate) fn print(line: &str, output: &mut Output<'_>) -> io::Result<()> {
    writeln!(output.out, "{line}").and_then(|()| output.out.flush())
}

/// The file of settings, by the name of today or the one that is out of use, which is told of.
pub(crate) fn config_file<'s>(
    said: &'s Said,
    old: &'static str,
    output: &mut Output<'_>,
) -> Result<Option<&'s str>, Unsaid> {
    if !said.has(old) {
        return Ok(said.value("command-config"));
    }
    if said.has("command-config") {
        let sentence = format!("Options --{old} and --command-config are mutually exclusive.");
        return Err(said.complaint(&sentence));
    }
    // Where nothing can be written, the events will tell.
    let _ = writeln!(
        output.out,
        "Option --{old} has been deprecated and will be removed in a future version. Use --command-config instead."
    );
    Ok(said.value(old))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_begin_with_their_time_and_name() {
        let line = event("told", &[("key", text_or_null(None)), ("value", text_or_null(Some("a\"b")))]);
        let rest =
            line.trim_start_matches("{\"timestamp\":").trim_start_matches(|c: char| c.is_ascii_digit());
        assert_eq!(rest, r#","name":"told","key":null,"value":"a\"b"}"#);
    }
}
