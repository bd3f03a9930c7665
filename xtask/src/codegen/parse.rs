//! Reads the schema notation described in `crates/protocol/schema/README.md`.

use super::schema::{Field, Kind, Message, Range, Scalar, Struct, Topic, Type};

/// Parses one file. The error names file, line and cause.
pub fn parse_file(name: &str, text: &str) -> Result<Vec<Message>, String> {
    let mut messages: Vec<Message> = Vec::new();
    // Innermost struct last: its indentation and its place among the message's structs.
    let mut open: Vec<(usize, usize)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let at = |cause: String| format!("{name}:{}: {cause}", number + 1);
        let indent = line.len() - content.len();
        let words: Vec<&str> = content.split_whitespace().collect();
        if indent == 0 {
            messages.push(parse_message(&words).map_err(at)?);
            open = vec![(0, 0)];
            continue;
        }
        let message = messages.last_mut().ok_or_else(|| at("a field before the first message".to_owned()))?;
        while open.len() > 1 && open.last().is_some_and(|(outer, _)| *outer >= indent) {
            open.pop();
        }
        if words[0] == "struct" {
            let struct_name = words.get(1).ok_or_else(|| at("a struct needs a name".to_owned()))?;
            let place = struct_place(message, struct_name);
            open.push((indent, place));
            continue;
        }
        let field = parse_field(&words).map_err(at)?;
        let nested = field.kind.struct_name().map(str::to_owned);
        let (_, parent) = *open.last().ok_or_else(|| at("a field outside of a message".to_owned()))?;
        message.structs[parent].fields.push(field);
        if let Some(nested) = nested {
            let place = struct_place(message, &nested);
            open.push((indent, place));
        }
    }
    messages.iter().try_for_each(check)?;
    Ok(messages)
}

/// The place of the struct of that name, which is made where it is named first.
fn struct_place(message: &mut Message, name: &str) -> usize {
    if let Some(place) = message.structs.iter().position(|part| part.name == name) {
        return place;
    }
    message.structs.push(Struct { name: name.to_owned(), fields: Vec::new() });
    message.structs.len() - 1
}

fn check(message: &Message) -> Result<(), String> {
    for part in &message.structs[1..] {
        if part.fields.is_empty() {
            return Err(format!("{}: struct {} has no fields", message.name(), part.name));
        }
    }
    for field in message.structs.iter().flat_map(|part| &part.fields) {
        let in_use = field.versions.intersect(message.versions);
        if in_use.is_none() && !message.versions.is_none() {
            return Err(format!("{}: no version carries {}", message.name(), field.name));
        }
    }
    Ok(())
}

fn parse_message(words: &[&str]) -> Result<Message, String> {
    let [kind, name, attributes @ ..] = words else {
        return Err("a message needs a kind and a name".to_owned());
    };
    let mut message = Message {
        kind: parse_kind(kind)?,
        key: None,
        versions: Range::NONE,
        flexible: Range::NONE,
        listeners: Vec::new(),
        flags: Vec::new(),
        structs: vec![Struct { name: (*name).to_owned(), fields: Vec::new() }],
    };
    for attribute in attributes {
        match attribute.split_once('=') {
            Some(("key", value)) => message.key = Some(parse_number(value)?),
            Some(("versions", value)) => message.versions = parse_range(value)?,
            Some(("flexible", value)) => message.flexible = parse_range(value)?,
            Some(("listeners", value)) => message.listeners = value.split(',').map(str::to_owned).collect(),
            None if ["cluster-action", "forwardable", "latest-unstable"].contains(attribute) => {
                message.flags.push((*attribute).to_owned());
            }
            _ => return Err(format!("unknown attribute {attribute} of a message")),
        }
    }
    Ok(message)
}

fn parse_kind(word: &str) -> Result<Kind, String> {
    Ok(match word {
        "request" => Kind::Request,
        "response" => Kind::Response,
        "header" => Kind::Header,
        "data" => Kind::Data,
        "metadata" => Kind::Metadata,
        "remote-log" => Kind::RemoteLog,
        "group-key" => Kind::Key(Topic::Group),
        "group-value" => Kind::Value(Topic::Group),
        "share-key" => Kind::Key(Topic::Share),
        "share-value" => Kind::Value(Topic::Share),
        "transaction-key" => Kind::Key(Topic::Transaction),
        "transaction-value" => Kind::Value(Topic::Transaction),
        _ => return Err(format!("unknown kind of message {word}")),
    })
}

fn parse_field(words: &[&str]) -> Result<Field, String> {
    let [name, kind, versions, attributes @ ..] = words else {
        return Err("a field needs a name, a type and versions".to_owned());
    };
    let mut field = Field {
        name: (*name).to_owned(),
        kind: parse_type(kind),
        versions: parse_range(versions)?,
        nullable: Range::NONE,
        tag: None,
        default: None,
        ignorable: false,
        plain: false,
        secret: false,
    };
    for attribute in attributes {
        match attribute.split_once('=') {
            Some(("null", value)) => field.nullable = parse_range(value)?,
            Some(("tag", value)) => field.tag = Some(parse_tag(value)?),
            Some(("default", value)) => field.default = Some(value.to_owned()),
            None if *attribute == "ignorable" => field.ignorable = true,
            None if *attribute == "plain" => field.plain = true,
            None if *attribute == "secret" => field.secret = true,
            _ => return Err(format!("unknown attribute {attribute} of a field")),
        }
    }
    Ok(field)
}

fn parse_type(word: &str) -> Type {
    let (array, element) = match word.strip_prefix("[]") {
        Some(element) => (true, element),
        None => (false, word),
    };
    let scalar = Scalar::ALL.iter().find(|(name, _)| *name == element).map(|(_, scalar)| *scalar);
    match (scalar, array) {
        (Some(scalar), false) => Type::Scalar(scalar),
        (Some(scalar), true) => Type::ScalarArray(scalar),
        (None, false) => Type::Struct(element.to_owned()),
        (None, true) => Type::StructArray(element.to_owned()),
    }
}

fn parse_tag(value: &str) -> Result<(u32, Range), String> {
    let (number, versions) =
        value.split_once('@').ok_or_else(|| format!("tag={value} lacks its versions"))?;
    let number = number.parse().map_err(|_| format!("{number} is not the number of a tag"))?;
    Ok((number, parse_range(versions)?))
}

fn parse_range(value: &str) -> Result<Range, String> {
    if value == "none" {
        return Ok(Range::NONE);
    }
    if let Some(min) = value.strip_suffix('+') {
        return Ok(Range { min: parse_number(min)?, max: i16::MAX });
    }
    let (min, max) = value.split_once('-').unwrap_or((value, value));
    Ok(Range { min: parse_number(min)?, max: parse_number(max)? })
}

fn parse_number(value: &str) -> Result<i16, String> {
    value.parse().map_err(|_| format!("{value} is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_fields_belong_to_the_struct_named_above_them() {
        let text = "data Outer versions=0-2 flexible=1+\n  A []Inner 0+ null=1+ default=null\n    B int32 0-1 default=-1 ignorable\n  C string 2+ tag=3@2+\n";
        let messages = parse_file("x", text).unwrap();
        assert_eq!(messages.len(), 1);
        let message = &messages[0];
        assert_eq!(message.structs[0].fields.len(), 2);
        assert_eq!(message.structs[1].fields[0].name, "B");
        assert_eq!(message.structs[0].fields[1].tag, Some((3, Range { min: 2, max: i16::MAX })));
        assert!(message.borrows(&message.structs[0]));
        assert!(!message.borrows(&message.structs[1]));
        assert_eq!(message.size_min(&message.structs[1]), 1);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, cause) in [
            ("\ndata A versions=0 flexible=none wrong", "x:2: unknown attribute wrong"),
            ("thing A versions=0", "x:1: unknown kind of message thing"),
            ("  A int8 0+", "x:1: a field before the first message"),
            ("data A versions=0\n  B int8 0+ wrong=1", "x:2: unknown attribute wrong=1"),
            ("data A versions=0\n  B C 0+", "struct C has no fields"),
            ("data A versions=0\n  B int8 1+", "no version carries B"),
        ] {
            let error = parse_file("x", text).unwrap_err();
            assert!(error.contains(cause), "{error}");
        }
    }
}
