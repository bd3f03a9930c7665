//! Offsets of groups as lines of CSV, as `--export` writes them and `--from-file` reads them.

use std::collections::BTreeMap;

use client::admin::TopicPartition;

use crate::failure::Failure;

/// Where the original's reader says what it cannot read.
const RECORDS: &str = "org.apache.kafka.tools.consumer.group.CsvUtils";
/// The original's writer puts longer texts into quotes without looking at them.
const UNQUOTED_MAX: usize = 24;

/// The offsets of each group that a file tells of.
pub(super) type Plan = BTreeMap<String, BTreeMap<TopicPartition, i64>>;

/// A field of a line, and the column in which it begins, from 1.
struct Field {
    text: String,
    column: usize,
}

/// Reads a file. Without a group in front, its lines are those of `only`.
pub(super) fn read(path: &str, only: Option<&str>) -> Result<Plan, Failure> {
    let text = crate::files::text(path).map_err(Failure::at_run_time)?;
    parse(&text, only).map_err(Failure::at_run_time)
}

fn parse(text: &str, only: Option<&str>) -> Result<Plan, Failure> {
    // As Java splits: what is empty at the end does not count.
    let text = text.trim_end_matches('\n');
    let mut plan = Plan::new();
    // The first line tells whether there is a group in front.
    let only = only.filter(|_| text.split('\n').next().is_some_and(|line| record(line, false).is_ok()));
    for line in text.split('\n') {
        let (group, partition, offset) = record(line, only.is_none())?;
        let group = only.map_or(group, str::to_owned);
        plan.entry(group).or_default().insert(partition, offset);
    }
    Ok(plan)
}

/// Group, partition and offset of a line; what is missing at its end is empty or 0.
fn record(line: &str, with_group: bool) -> Result<(String, TopicPartition, i64), Failure> {
    let fields = fields(line.trim_end_matches('\r'));
    if fields.len() == 1 && fields.iter().all(|field| field.text.is_empty()) {
        return Err(Failure::of_class(
            "com.fasterxml.jackson.databind.exc.MismatchedInputException",
            "No content to map due to end-of-input\n at [Source: (StringReader); line: UNKNOWN, column: UNKNOWN]",
        ));
    }
    let (class, names): (&str, &[&str]) = if with_group {
        ("CsvRecordWithGroup", &["group", "topic", "partition", "offset"])
    } else {
        ("CsvRecordNoGroup", &["topic", "partition", "offset"])
    };
    let field =
        |name: &str| names.iter().position(|known| *known == name).and_then(|place| fields.get(place));
    let number = |name: &str, kind: &str| match field(name) {
        None => Ok(0),
        Some(field) if field.text.trim().is_empty() => Ok(0),
        Some(field) => field.text.trim().parse::<i64>().map_err(|_| no_number(field, kind, class, name)),
    };
    let said = |name: &str| field(name).map_or_else(String::new, |field| field.text.clone());
    let partition = number("partition", "int")?;
    let offset = number("offset", "long")?;
    if let Some(field) = fields.get(names.len()) {
        return Err(too_many(field, names.len()));
    }
    let partition = i32::try_from(partition).map_err(|_| Failure::not_a_number(&partition.to_string()))?;
    Ok((said("group"), (said("topic"), partition), offset))
}

fn no_number(Field { text, column }: &Field, kind: &str, class: &str, name: &str) -> Failure {
    let what = format!(
        "Cannot deserialize value of type `{kind}` from String \"{text}\": not a valid `{kind}` value"
    );
    let place = format!("at [Source: (StringReader); line: 1, column: {column}]");
    let chain = format!("(through reference chain: {RECORDS}${class}[\"{name}\"])");
    let exception = "com.fasterxml.jackson.databind.exc.InvalidFormatException";
    Failure::of_class(exception, format!("{what}\n {place} {chain}"))
}

fn too_many(Field { text, column }: &Field, count: usize) -> Failure {
    let length = text.chars().count();
    let what =
        format!("Too many entries: expected at most {count} (value #{count} ({length} chars) \"{text}\")");
    let place = format!("at [Source: (StringReader); line: 1, column: {column}]");
    let exception = "com.fasterxml.jackson.dataformat.csv.CsvReadException";
    Failure::of_class(exception, format!("{what}\n {place}"))
}

/// Takes a line apart; a field may be in quotes, and quotes within it are doubled.
fn fields(line: &str) -> Vec<Field> {
    let mut fields = vec![Field { text: String::new(), column: 1 }];
    let mut is_quoted = false;
    let mut characters = line.chars().enumerate().peekable();
    while let Some((place, character)) = characters.next() {
        let Some(field) = fields.last_mut() else { break };
        match character {
            '"' if is_quoted && characters.next_if(|(_, next)| *next == '"').is_some() => {
                field.text.push('"');
            }
            '"' if is_quoted || field.text.is_empty() => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(Field { text: String::new(), column: place + 2 }),
            other => field.text.push(other),
        }
    }
    fields
}

/// One line, without its end, with the group in front where it is given.
pub(super) fn line(group: Option<&str>, (topic, partition): &TopicPartition, offset: i64) -> String {
    let topic = quoted(topic);
    match group {
        Some(group) => format!("{},{topic},{partition},{offset}", quoted(group)),
        None => format!("{topic},{partition},{offset}"),
    }
}

fn quoted(text: &str) -> String {
    let is_plain = |character: char| character > ',';
    if !text.is_empty() && text.chars().count() <= UNQUOTED_MAX && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_written() {
        let partition = ("orders".to_owned(), 1);
        for group in ["readers", "two words", "a \"b\", c", "größe", "a-name-of-more-than-24-characters"] {
            let written = line(Some(group), &partition, 7);
            let read = parse(&written, None).map_err(|failure| failure.to_string());
            let expected = BTreeMap::from([(partition.clone(), 7)]);
            assert_eq!(read, Ok(Plan::from([(group.to_owned(), expected)])), "{written}");
        }
        assert_eq!(line(None, &partition, 7), "orders,1,7");
    }

    #[test]
    fn the_first_line_tells_whether_groups_stand_in_front() {
        let groups = |text: &str| {
            let plan = parse(text, Some("mine")).map_err(|failure| failure.message().to_owned());
            plan.map(|plan| plan.into_keys().collect::<Vec<_>>())
        };
        assert_eq!(groups("orders,0,1\norders,1,1\n"), Ok(vec!["mine".to_owned()]));
        assert_eq!(groups("a,orders,0,1\nb,orders,1,1\n"), Ok(vec!["a".to_owned(), "b".to_owned()]));
        let failure = groups("orders,1,two").unwrap_err();
        assert!(failure.contains("line: 1, column: 10"), "{failure}");
        assert!(failure.contains("CsvRecordWithGroup[\"partition\"]"), "{failure}");
        assert!(groups("").unwrap_err().starts_with("No content to map"));
    }
}
