//! Kafka's deserializers, as far as what they read is printed.

use crate::failure::Failure;

/// The classes that can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deserializer {
    Text,
    Integer,
    Long,
    Short,
    Float,
    Double,
    Boolean,
    Uuid,
    Bytes,
    /// Bytes as they are.
    Raw,
    Void,
}

const PACKAGE: &str = "org.apache.kafka.common.serialization.";

impl Deserializer {
    /// The one of a class name; `None` for classes that are not here.
    pub(super) fn named(class: &str) -> Option<Deserializer> {
        Some(match class.strip_prefix(PACKAGE)?.strip_suffix("Deserializer")? {
            "String" => Deserializer::Text,
            "Integer" => Deserializer::Integer,
            "Long" => Deserializer::Long,
            "Short" => Deserializer::Short,
            "Float" => Deserializer::Float,
            "Double" => Deserializer::Double,
            "Boolean" => Deserializer::Boolean,
            "UUID" => Deserializer::Uuid,
            "Bytes" => Deserializer::Bytes,
            "ByteArray" => Deserializer::Raw,
            "Void" => Deserializer::Void,
            _ => return None,
        })
    }

    /// Appends what the bytes mean, as Java prints it.
    pub(super) fn write(self, bytes: &[u8], text: &mut Vec<u8>) -> Result<(), Failure> {
        let shown = match self {
            Deserializer::Raw => {
                text.extend_from_slice(bytes);
                return Ok(());
            }
            Deserializer::Text => String::from_utf8_lossy(bytes).into_owned(),
            Deserializer::Integer => i32::from_be_bytes(exactly(bytes, "IntegerDeserializer")?).to_string(),
            Deserializer::Long => i64::from_be_bytes(exactly(bytes, "LongDeserializer")?).to_string(),
            Deserializer::Short => i16::from_be_bytes(exactly(bytes, "ShortDeserializer")?).to_string(),
            Deserializer::Float => {
                let number = f32::from_be_bytes(exactly(bytes, "Deserializer")?);
                crate::java::floating(number)
            }
            Deserializer::Double => {
                let number = f64::from_be_bytes(exactly(bytes, "Deserializer")?);
                crate::java::floating(number)
            }
            Deserializer::Boolean => match exactly(bytes, "BooleanDeserializer")? {
                [0] => "false".to_owned(),
                [1] => "true".to_owned(),
                [other] => {
                    let sentence =
                        format!("Unexpected byte received by BooleanDeserializer: {}", other as i8);
                    return Err(Failure::of_class(SERIALIZATION, sentence));
                }
            },
            Deserializer::Uuid => String::from_utf8_lossy(bytes).into_owned(),
            Deserializer::Bytes => escaped(bytes),
            Deserializer::Void => "null".to_owned(),
        };
        text.extend_from_slice(shown.as_bytes());
        Ok(())
    }
}

const SERIALIZATION: &str = "org.apache.kafka.common.errors.SerializationException";

fn exactly<const N: usize>(bytes: &[u8], class: &str) -> Result<[u8; N], Failure> {
    <[u8; N]>::try_from(bytes)
        .map_err(|_| Failure::of_class(SERIALIZATION, format!("Size of data received by {class} is not {N}")))
}

/// Kafka's `Bytes`: what is printable as it is, all else in hexadecimal.
fn escaped(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut shown = String::new();
    for byte in bytes {
        if *byte == b'\\' || !(b' '..=b'~').contains(byte) {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\x{byte:02X}");
        } else {
            shown.push(char::from(*byte));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(class: &str, bytes: &[u8]) -> Result<String, String> {
        let deserializer = Deserializer::named(&format!("{PACKAGE}{class}")).unwrap();
        let mut text = Vec::new();
        deserializer.write(bytes, &mut text).map_err(|failure| failure.message().to_owned())?;
        Ok(String::from_utf8(text).unwrap())
    }

    #[test]
    fn bytes_are_read_as_the_class_reads_them() {
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(read("IntegerDeserializer", &[0, 0, 1, 0]), ok("256"));
        assert_eq!(read("LongDeserializer", &(-5_i64).to_be_bytes()), ok("-5"));
        assert_eq!(read("DoubleDeserializer", &1e10_f64.to_be_bytes()), ok("1.0E10"));
        assert_eq!(read("FloatDeserializer", &0.1_f32.to_be_bytes()), ok("0.1"));
        assert_eq!(read("BytesDeserializer", b"a\\\x01"), ok("a\\x5C\\x01"));
        assert_eq!(read("BooleanDeserializer", &[1]), ok("true"));
        let wrong = Err("Size of data received by IntegerDeserializer is not 4".to_owned());
        assert_eq!(read("IntegerDeserializer", b"abc"), wrong);
        assert_eq!(Deserializer::named("my.Deserializer"), None);
    }
}
