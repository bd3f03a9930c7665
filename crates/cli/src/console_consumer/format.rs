//! How a record is printed.

use client::ConsumerRecord;

use super::coordinator_records::Kind;
use super::deserialize::Deserializer;
use crate::Output;
use crate::client_settings::Written;
use crate::failure::Failure;
use crate::options::{Given, Refusal};

const PACKAGE: &str = "org.apache.kafka.tools.consumer.";
/// Where the package was before.
const OLD_PACKAGE: &str = "kafka.tools.";
const LOGGER: &str = "org.apache.kafka.tools.consumer.DefaultMessageFormatter";
const LOGGER_OF_LOGGING: &str = "org.apache.kafka.tools.consumer.LoggingMessageFormatter";

/// Prints records as one of Kafka's formatters does.
#[derive(Debug)]
pub(super) enum Formatter {
    Default(Fields),
    /// The same, and a line of the log for each record.
    Logging(Fields),
    /// Records of coordinators, those of one kind.
    Coordinator(Kind),
    /// Nothing.
    NoOp,
}

/// What of a record is printed, and what stands between.
#[derive(Debug)]
pub(super) struct Fields {
    timestamp: bool,
    partition: bool,
    offset: bool,
    delivery: bool,
    epoch: bool,
    headers: bool,
    key: bool,
    value: bool,
    key_separator: Vec<u8>,
    line_separator: Vec<u8>,
    headers_separator: Vec<u8>,
    null_literal: Vec<u8>,
    key_deserializer: Option<Deserializer>,
    value_deserializer: Option<Deserializer>,
    headers_deserializer: Option<Deserializer>,
}

impl Formatter {
    /// The formatter that was asked for, with its properties.
    pub(super) fn of(given: &Given, output: &mut Output<'_>) -> Result<Formatter, Refusal> {
        let class =
            given.value("formatter")?.unwrap_or("org.apache.kafka.tools.consumer.DefaultMessageFormatter");
        let mut properties = Written::of_file_if_any(given.value("formatter-config")?)
            .map_err(|failure| Refusal::Usage(failure.message().to_owned()))?;
        for (option, key) in
            [("key-deserializer", "key.deserializer"), ("value-deserializer", "value.deserializer")]
        {
            if let Some(class) = given.value(option)?.filter(|class| !class.is_empty()) {
                properties.set(key, class);
            }
        }
        properties
            .extend(Written::of_words(given.values("formatter-property").chain(given.values("property"))));
        let name = class.strip_prefix(PACKAGE).or_else(|| class.strip_prefix(OLD_PACKAGE));
        match name {
            Some("DefaultMessageFormatter") => Ok(Formatter::Default(Fields::of(&properties, output))),
            Some("LoggingMessageFormatter") => Ok(Formatter::Logging(Fields::of(&properties, output))),
            Some("NoOpMessageFormatter") => Ok(Formatter::NoOp),
            // Of others the original shows what Java's class loader says, which is the name.
            name => name
                .and_then(Kind::named)
                .map(Formatter::Coordinator)
                .ok_or_else(|| Refusal::Usage(class.to_owned())),
        }
    }

    /// Appends a record.
    pub(super) fn write(
        &self,
        record: &ConsumerRecord<'_>,
        text: &mut Vec<u8>,
        output: &mut Output<'_>,
    ) -> Result<(), Failure> {
        match self {
            Formatter::NoOp => Ok(()),
            Formatter::Coordinator(kind) => kind.write(record, text),
            Formatter::Default(fields) => fields.write(record, text),
            Formatter::Logging(fields) => {
                fields.write(record, text)?;
                let _ = writeln!(output.err, "{}", crate::log_lines::info(LOGGER_OF_LOGGING, logged(record)));
                Ok(())
            }
        }
    }
}

fn logged(record: &ConsumerRecord<'_>) -> String {
    let timestamp = time_of(record).map_or(String::new(), |time| format!("{time}, "));
    let key = record.key.map_or("null ".to_owned(), |key| format!("{}, ", String::from_utf8_lossy(key)));
    let value = record.value.map_or("null".into(), String::from_utf8_lossy);
    format!("{timestamp}key:{key}value:{value}")
}

fn time_of(record: &ConsumerRecord<'_>) -> Option<String> {
    let kind = match record.timestamp_type? {
        records::TimestampType::CreateTime => "CreateTime",
        records::TimestampType::LogAppendTime => "LogAppendTime",
    };
    Some(format!("{kind}:{}", record.timestamp))
}

impl Fields {
    fn of(properties: &Written, output: &mut Output<'_>) -> Fields {
        let is_on = |key: &str, default| {
            properties.get(key).map_or(default, |text| text.trim().eq_ignore_ascii_case("true"))
        };
        let bytes = |key: &str, default: &str| properties.get(key).unwrap_or(default).as_bytes().to_vec();
        let mut deserializer = |key: &str| {
            let class = properties.get(key)?;
            let found = Deserializer::named(class);
            if found.is_none() {
                let what = format!("Unable to instantiate a deserializer from {class}");
                crate::log_lines::error(LOGGER, what, output.err);
                let _ = writeln!(output.err, "java.lang.ClassNotFoundException: {class}");
            }
            found
        };
        Fields {
            key_deserializer: deserializer("key.deserializer"),
            value_deserializer: deserializer("value.deserializer"),
            headers_deserializer: deserializer("headers.deserializer"),
            timestamp: is_on("print.timestamp", false),
            partition: is_on("print.partition", false),
            offset: is_on("print.offset", false),
            delivery: is_on("print.delivery", false),
            epoch: is_on("print.epoch", false),
            headers: is_on("print.headers", false),
            key: is_on("print.key", false),
            value: is_on("print.value", true),
            key_separator: bytes("key.separator", "\t"),
            line_separator: bytes("line.separator", "\n"),
            headers_separator: bytes("headers.separator", ","),
            null_literal: bytes("null.literal", "null"),
        }
    }

    fn write(&self, record: &ConsumerRecord<'_>, text: &mut Vec<u8>) -> Result<(), Failure> {
        let columns =
            [self.timestamp, self.partition, self.offset, self.delivery, self.epoch, self.headers, self.key];
        for (place, _) in columns.iter().enumerate().filter(|(_, is_shown)| **is_shown) {
            match place {
                0 => text.extend_from_slice(time_of(record).as_deref().unwrap_or("NO_TIMESTAMP").as_bytes()),
                1 => text.extend_from_slice(format!("Partition:{}", record.partition).as_bytes()),
                2 => text.extend_from_slice(format!("Offset:{}", record.offset).as_bytes()),
                // Neither reaches a formatter of the original's.
                3 => text.extend_from_slice(b"Delivery:NOT_PRESENT"),
                4 => text.extend_from_slice(b"Epoch:NOT_PRESENT"),
                5 => self.write_headers(record, text)?,
                _ => self.write_part(self.key_deserializer, record.key, text)?,
            }
            let is_followed = self.value || columns.iter().skip(place + 1).any(|is_shown| *is_shown);
            text.extend_from_slice(if is_followed { &self.key_separator } else { &self.line_separator });
        }
        if self.value {
            self.write_part(self.value_deserializer, record.value, text)?;
            text.extend_from_slice(&self.line_separator);
        }
        Ok(())
    }

    fn write_headers(&self, record: &ConsumerRecord<'_>, text: &mut Vec<u8>) -> Result<(), Failure> {
        if record.headers.is_empty() {
            text.extend_from_slice(b"NO_HEADERS");
        }
        for (place, (key, value)) in record.headers.enumerate() {
            if place > 0 {
                text.extend_from_slice(&self.headers_separator);
            }
            text.extend_from_slice(String::from_utf8_lossy(key).as_bytes());
            text.push(b':');
            self.write_part(self.headers_deserializer, value, text)?;
        }
        Ok(())
    }

    fn write_part(
        &self,
        deserializer: Option<Deserializer>,
        part: Option<&[u8]>,
        text: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let bytes = part.unwrap_or(&self.null_literal);
        match deserializer {
            Some(deserializer) => deserializer.write(bytes, text),
            None => {
                text.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> ConsumerRecord<'static> {
        ConsumerRecord {
            topic: "t",
            partition: 3,
            offset: 7,
            timestamp: 1000,
            timestamp_type: Some(records::TimestampType::CreateTime),
            leader_epoch: 0,
            key: Some(b"k"),
            value: None,
            headers: records::Headers::default(),
        }
    }

    fn printed(properties: &[&str]) -> String {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let output = &mut Output { out: &mut out, err: &mut err };
        let fields = Fields::of(&Written::of_words(properties.iter().copied()), output);
        let mut text = Vec::new();
        fields.write(&record(), &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn fields_stand_in_the_order_of_the_original() {
        let all = [
            "print.timestamp=true",
            "print.partition=true",
            "print.offset=true",
            "print.epoch=true",
            "print.headers=true",
            "print.key=true",
        ];
        assert_eq!(
            printed(&all),
            "CreateTime:1000\tPartition:3\tOffset:7\tEpoch:NOT_PRESENT\tNO_HEADERS\tk\tnull\n"
        );
        assert_eq!(printed(&["print.key=true", "print.value=false"]), "k\n");
        assert_eq!(
            printed(&["print.key=TRUE", "key.separator=-", "null.literal=?", "line.separator=;"]),
            "k-?;"
        );
    }
}
