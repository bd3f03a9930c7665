//! Whether brokers take a regular expression for the topics of a group (KIP-848).

use regex::Regex;

/// What the original, whose library names errors in its own words, says of each error of ours.
const ERRORS: [(&str, &str); 10] = [
    ("unclosed character class", "missing closing ]"),
    ("unclosed group", "missing closing )"),
    ("unopened group", "regexp/syntax: internal error"),
    ("repetition count range", REPEAT_COUNT),
    ("Unicode property not found", "invalid character class range"),
    ("invalid character class range", "invalid character class range"),
    ("repetition operator missing expression", "missing argument to repetition operator"),
    ("incomplete escape sequence", "trailing backslash at end of expression"),
    ("escape", "invalid escape sequence"),
    ("look-around", "invalid or unsupported Perl syntax"),
];

const REPEAT_COUNT: &str = "invalid repeat count";
/// The greatest count of repetitions that the original's library takes.
const REPEATED_MAX: u32 = 1000;
/// What stands for one character: an escape, or a class.
const SINGLE: &str = r"\\.|\[\^?\]?[^\]]*\]";
/// A repetition of a repetition, which ours takes and the original's does not.
const NESTED: &str = r"([*+?]|\{\d+(,\d*)?\})\??([*+]|\{\d+(,\d*)?\})";
const COUNT: &str = r"\{(\d+)(?:,(\d*))?\}";

/// The sentence about an expression.
pub(super) fn verdict(text: &str) -> String {
    let Err(error) = Regex::new(text) else {
        return match stricter(text) {
            Some(error) => format!("The regular expression `{text}` is invalid: {error}."),
            None => format!("The regular expression `{text}` is valid."),
        };
    };
    let told = error.to_string();
    let known = ERRORS.iter().find(|(ours, _)| told.contains(ours)).map(|(_, theirs)| (*theirs).to_owned());
    let last = || told.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    format!("The regular expression `{text}` is invalid: {}.", known.unwrap_or_else(last))
}

/// What the original's library alone does not take.
fn stricter(text: &str) -> Option<&'static str> {
    let text = Regex::new(SINGLE).ok()?.replace_all(text, "x").into_owned();
    if Regex::new(NESTED).ok()?.is_match(&text) {
        return Some("invalid nested repetition operator");
    }
    let counts = Regex::new(COUNT).ok()?;
    let is_greater =
        |digits: &str| digits.parse::<u32>().map_or(!digits.is_empty(), |count| count > REPEATED_MAX);
    let mut found = counts.captures_iter(&text).flat_map(|count| [count.get(1), count.get(2)]);
    found.any(|count| count.is_some_and(|digits| is_greater(digits.as_str()))).then_some(REPEAT_COUNT)
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
            (")", "regexp/syntax: internal error"),
            ("a**", "invalid nested repetition operator"),
            ("a{2,1}", "invalid repeat count"),
            ("a{1001}", "invalid repeat count"),
            ("(?=a)", "invalid or unsupported Perl syntax"),
        ] {
            assert_eq!(verdict(text), format!("The regular expression `{text}` is invalid: {error}."));
        }
        for text in ["pay(ments)?", "a*?", r"\*+", "[*+]*", "a{3}", "a{2,}?"] {
            assert_eq!(verdict(text), format!("The regular expression `{text}` is valid."));
        }
    }
}
