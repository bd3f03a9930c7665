//! A line of standard input as words.

/// Words between blanks; one in quotes may have blanks inside, and loses its quotes.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let quoted = rest.get(1..).filter(|_| matches!(first, '"' | '\'')).and_then(|inside| {
            let end = inside.find(first)?;
            Some((inside.get(..end)?, inside.get(end + 1..)?))
        });
        let (word, after) =
            quoted.unwrap_or_else(|| rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())));
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_words_together() {
        assert_eq!(words("  ls -s  /a "), ["ls", "-s", "/a"]);
        assert_eq!(words("get \"/a b\" '/c d'"), ["get", "/a b", "/c d"]);
        assert_eq!(words("get \"/open"), ["get", "\"/open"]);
        assert_eq!(words("get /나루"), ["get", "/나루"]);
        assert!(words(" \t").is_empty());
    }
}
