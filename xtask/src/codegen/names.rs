//! From the schema's names to Rust's.

const KEYWORDS: [&str; 8] = ["type", "match", "ref", "move", "use", "where", "loop", "box"];

/// `LeaderIdAndEpoch` to `leader_id_and_epoch`; `KRaft` counts as one word.
pub fn snake(name: &str) -> String {
    let characters: Vec<char> = name.replace("KRaft", "Kraft").chars().collect();
    let mut text = String::new();
    for (place, character) in characters.iter().enumerate() {
        let after_upper = place > 0 && characters[place - 1].is_ascii_uppercase();
        let before_lower = characters.get(place + 1).is_some_and(char::is_ascii_lowercase);
        if character.is_ascii_uppercase() && place > 0 && (!after_upper || before_lower) {
            text.push('_');
        }
        text.push(character.to_ascii_lowercase());
    }
    text
}

/// The name of a field as an identifier.
pub fn field(name: &str) -> String {
    let snake = snake(name);
    if KEYWORDS.contains(&snake.as_str()) { format!("r#{snake}") } else { snake }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parted_at_capitals() {
        for (name, expected) in [
            ("LeaderIdAndEpoch", "leader_id_and_epoch"),
            ("topicId", "topic_id"),
            ("KRaftVersion", "kraft_version"),
            ("TimeoutMs", "timeout_ms"),
            ("LastKnownElr", "last_known_elr"),
        ] {
            assert_eq!(snake(name), expected);
        }
        assert_eq!(field("Type"), "r#type");
    }
}
