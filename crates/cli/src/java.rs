//! Habits of Java that show in what Kafka's tools print.

use std::fmt;

/// A `float` or `double` as Java prints it.
pub(crate) fn floating<N: Copy + Into<f64> + fmt::Display + fmt::Debug + fmt::LowerExp>(number: N) -> String {
    let size = number.into().abs();
    if size.is_nan() {
        return "NaN".to_owned();
    }
    if size.is_infinite() {
        return if number.into() > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        let plain = format!("{number:?}");
        // Rust writes small ones with an exponent sooner than Java.
        return if plain.contains('e') { number.to_string() } else { plain };
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    format!("{digits}{point}E{exponent}")
}

/// Places of a `java.util.HashMap` that nobody gave a size.
const PLACES: usize = 16;

/// Sorts as a `java.util.HashMap` walks keys with these hash codes, those of one place in the order they came. The map was
/// made for as many entries as it has.
pub(crate) fn in_order_of_sized_map<T>(entries: &mut [T], hash_code: impl Fn(&T) -> u32) {
    let count = entries.len();
    in_order_of_map(entries, hash_code, count.max(1).next_power_of_two());
}

/// The same for a map that grew from nothing.
pub(crate) fn in_order_of_grown_map<T>(entries: &mut [T], hash_code: impl Fn(&T) -> u32) {
    in_order_of_map(entries, hash_code, PLACES);
}

fn in_order_of_map<T>(entries: &mut [T], hash_code: impl Fn(&T) -> u32, mut places: usize) {
    // The table doubles when more than three quarters of it are taken.
    while entries.len() * 4 > places * 3 {
        places *= 2;
    }
    entries.sort_by_key(|entry| {
        let hash = hash_code(entry);
        (hash ^ (hash >> 16)) as usize & (places - 1)
    });
}

/// Characters of the longest text that `Uuid.fromString` of Kafka's clients looks at.
const UUID_CHARACTERS_MAX: usize = 24;

/// Why `Uuid.fromString` of Kafka's clients refuses a text.
pub(crate) fn no_uuid(text: &str) -> String {
    let characters = text.chars().count();
    if characters > UUID_CHARACTERS_MAX {
        let prefix: String = text.chars().take(UUID_CHARACTERS_MAX).collect();
        return format!("Input string with prefix `{prefix}` is too long to be decoded as a base64 UUID");
    }
    let is_legal = |character: &char| character.is_ascii_alphanumeric() || "-_=".contains(*character);
    if let Some(illegal) = text.chars().find(|character| !is_legal(character)) {
        return format!("Illegal base64 character {:x}", u32::from(illegal));
    }
    if characters % 4 == 1 {
        return "Last unit does not have enough valid bits".to_owned();
    }
    let bytes = text.trim_end_matches('=').len() * 3 / 4;
    format!(
        "Input string `{text}` decoded as {bytes} bytes, which is not equal to the expected 16 bytes of a base64-encoded UUID"
    )
}

/// `String.hashCode`.
pub(crate) fn hash_of(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

/// `TopicPartition.hashCode` of Kafka's clients.
pub(crate) fn hash_of_partition(topic: &str, partition: i32) -> u32 {
    let number = 31u32.wrapping_add(partition as u32);
    number.wrapping_mul(31).wrapping_add(hash_of(topic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_no_id_are_told_as_java_tells_them() {
        for (text, why) in [
            ("short", "Last unit does not have enough valid bits"),
            ("ab!d", "Illegal base64 character 21"),
            (
                "much-too-long-for-an-id-of-any-kind",
                "Input string with prefix `much-too-long-for-an-id-` is too long to be decoded as a base64 UUID",
            ),
            (
                "abcd",
                "Input string `abcd` decoded as 3 bytes, which is not equal to the expected 16 bytes of a base64-encoded UUID",
            ),
        ] {
            assert_eq!(no_uuid(text), why);
        }
    }

    #[test]
    fn keys_come_as_java_has_them() {
        assert_eq!(hash_of("orders"), 3_286_196_965);
        let sorted = |names: &[&'static str]| {
            let mut names = names.to_vec();
            in_order_of_sized_map(&mut names, |name| hash_of(name));
            names
        };
        assert_eq!(sorted(&["placed", "plain"]), ["plain", "placed"]);
        let all = ["keep", "my.dotted_topic", "orders", "placed", "plain"];
        assert_eq!(sorted(&all), ["my.dotted_topic", "orders", "placed", "plain", "keep"]);
    }
}
