//! What is written: letters by chance, values of a file by chance, or numbers.

use crate::Output;
use crate::admin_tool::wrote;
use crate::failure::Failure;
use crate::subcommands::Said;

/// Bytes of a file of values that are taken.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Makes values.
#[derive(Debug)]
pub(super) struct Payloads {
    kind: Kind,
    chance: u64,
    value: Vec<u8>,
}

#[derive(Debug)]
enum Kind {
    Letters,
    OfFile(Vec<String>),
    Numbers,
}

impl Payloads {
    pub(super) fn of(said: &Said, output: &mut Output<'_>) -> Result<Payloads, Failure> {
        let size = said.value("record-size").and_then(|text| text.parse().ok());
        let kind = match (said.value("payload-file"), size) {
            (Some(file), _) => {
                let delimiter = said.value("payload-delimiter").filter(|text| *text != "\\n").unwrap_or("\n");
                Kind::OfFile(values_of(file, delimiter, output)?)
            }
            (None, Some(_)) => Kind::Letters,
            (None, None) => Kind::Numbers,
        };
        Ok(Payloads { kind, chance: 0, value: vec![0; size.unwrap_or_default()] })
    }

    /// The value of the record of that number.
    pub(super) fn value(&mut self, number: u64) -> &[u8] {
        match &self.kind {
            Kind::Letters => {
                fill_with_letters(&mut self.chance, &mut self.value);
                &self.value
            }
            Kind::OfFile(values) => {
                let place = next(&mut self.chance) % values.len().max(1) as u64;
                values.get(place as usize).map_or(&[], |value| value.as_bytes())
            }
            Kind::Numbers => {
                self.value = number.to_string().into_bytes();
                &self.value
            }
        }
    }
}

/// Fills a value with letters by chance, which `chance` carries from value to value.
pub fn fill_with_letters(chance: &mut u64, value: &mut [u8]) {
    let (eights, rest) = value.as_chunks_mut();
    for eight in eights {
        *eight = letters(next(chance));
    }
    for (letter, by_chance) in rest.iter_mut().zip(letters(next(chance))) {
        *letter = by_chance;
    }
}

/// A letter for each byte of chance, as evenly as a byte can choose one of 26: all eight at once, for making values must not
/// be what is measured.
fn letters(chance: u64) -> [u8; 8] {
    const EVERY_OTHER: u64 = 0x00ff_00ff_00ff_00ff;
    const A: u64 = u64::from_le_bytes([b'A'; 8]);
    let even = (((chance & EVERY_OTHER) * 26) >> 8) & EVERY_OTHER;
    let odd = (((chance >> 8) & EVERY_OTHER) * 26) & !EVERY_OTHER;
    (A + (even | odd)).to_le_bytes()
}

/// The next number of a sequence that looks like chance (splitmix64).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn values_of(file: &str, delimiter: &str, output: &mut Output<'_>) -> Result<Vec<String>, Failure> {
    use std::io::Read;
    let shown = std::path::absolute(file).unwrap_or_else(|_| file.into());
    wrote(writeln!(output.out, "Reading payloads from: {}", shown.display()))?;
    let empty = || Failure::argument("File does not exist or empty file provided.");
    let mut text = Vec::new();
    let opened = std::fs::File::open(file).map_err(|error| {
        let (_, hint) = crate::files::unreadable(file, &error).apart();
        empty().with_hint(hint.unwrap_or_default())
    })?;
    let read = opened.take(FILE_BYTES_MAX).read_to_end(&mut text);
    if let Err(error) = read {
        let (failure, hint) = crate::files::unreadable(file, &error).apart();
        if error.kind() != std::io::ErrorKind::IsADirectory {
            return Err(failure);
        }
        // The original takes a folder for a file without a line.
        wrote(writeln!(output.out, "Number of records read: 0"))?;
        let sentence = "No payload file, record size or payload-monotonic option provided.";
        return Err(Failure::argument(sentence).with_hint(hint.unwrap_or_default()));
    }
    if text.is_empty() {
        return Err(empty());
    }
    let delimiter = regex::Regex::new(delimiter)
        .map_err(|error| Failure::of_class("java.util.regex.PatternSyntaxException", error.to_string()))?;
    let text = String::from_utf8_lossy(&text);
    let mut values: Vec<String> = delimiter.split(&text).map(str::to_owned).collect();
    // Java drops empty pieces at the end.
    while values.len() > 1 && values.last().is_some_and(String::is_empty) {
        values.pop();
    }
    wrote(writeln!(output.out, "Number of records read: {}", values.len()))?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_letters_and_numbers_go_up() {
        let mut letters = Payloads { kind: Kind::Letters, chance: 0, value: vec![0; 1000] };
        let first = letters.value(0).to_vec();
        assert!(first.iter().all(u8::is_ascii_uppercase) && first != letters.value(1));
        let mut numbers = Payloads { kind: Kind::Numbers, chance: 0, value: Vec::new() };
        assert_eq!(numbers.value(77), b"77");
    }

    #[test]
    fn each_byte_of_chance_chooses_a_letter() {
        assert_eq!(letters(u64::from_le_bytes([0, 9, 10, 19, 128, 245, 246, 255])), *b"AABBNYYZ");
    }
}
