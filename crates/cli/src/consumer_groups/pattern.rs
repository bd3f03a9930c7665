//! Whether brokers take a regular expression for the topics of a group (KIP-848).

use regex::Regex;

/// What the original, whose library names errors in its own words, says of each error of ours.
const ERRORS: [(&str, &str); 8] = [
    ("unclosed character class", "missing closing ]"),
    ("unclosed group", "missing closing )"),
    ("unopened group", "missing closing )"),
    ("invalid character class range", "invalid character class range"),
    ("repetition operator missing expression", "missing argument to repetition operator"),
    ("incomplete escape sequence", "trailing backslash at end of expression"),
    ("escape", "invalid escape sequence"),
    ("look-around", "invalid or unsupported Perl syntax"),
];

/// The sentence about an expression.
pub(super) fn verdict(text: &str) -> String {
    let Err(error) = Regex::new(text) else {
        return format!("The regular expression `{text}` is valid.");
    };
    let told = error.to_string();
    let known = ERRORS.iter().find(|(ours, _)| told.contains(ours)).map(|(_, theirs)| (*theirs).to_owned());
    let last = || told.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    format!("The regular expression `{text}` is invalid: {}.", known.unwrap_or_else(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_as_the_original_names_it() {
        for (text, error) in [
            ("[", "missing closing ]"),
            ("(", "missing closing )"),
            ("*", "missing argument to repetition operator"),
            ("a\\", "trailing backslash at end of expression"),
            ("[b-a]", "invalid character class range"),
            ("(?=a)", "invalid or unsupported Perl syntax"),
        ] {
            assert_eq!(verdict(text), format!("The regular expression `{text}` is invalid: {error}."));
        }
        assert_eq!(verdict("pay(ments)?"), "The regular expression `pay(ments)?` is valid.");
    }
}
