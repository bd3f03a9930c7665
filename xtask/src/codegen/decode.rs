//! The function that reads a struct.

use std::fmt::Write;

use super::emit::{condition, negated};
use super::names;
use super::schema::{Field, Message, Range, Scalar, Struct, Type};

/// `fn read(reader, version) -> Result<Self, DecodeError>`.
pub fn function(message: &Message, part: &Struct) -> String {
    let lifetime = if message.borrows(part) { "'a" } else { "'_" };
    let flexible = condition(message, message.flexible);
    let plain_only = flexible.as_deref() == Some("false");
    let mut body = String::new();
    for field in &part.fields {
        body += &ordinary(message, field);
    }
    let tagged: Vec<&Field> = part.fields.iter().filter(|field| field.tag.is_some()).collect();
    if !plain_only {
        let section = if tagged.is_empty() {
            "reader.skip_tags()?;\n".to_owned()
        } else {
            tag_section(message, &tagged)
        };
        body += &guarded(flexible.as_deref(), &section);
    }
    let mutable = if part.fields.is_empty() { "" } else { "mut " };
    let mut text = format!(
        "pub(crate) fn read(reader: &mut Reader<{lifetime}>, version: i16) -> Result<Self, DecodeError> {{\n"
    );
    text += &flexible_binding(message, &body);
    write!(text, "let {mutable}value = Self::default();\n{body}Ok(value)\n}}\n").expect("memory");
    text
}

/// `let flexible = ...;` where the code needs it.
pub fn flexible_binding(message: &Message, body: &str) -> String {
    if !body.contains("flexible") {
        return String::new();
    }
    let value = condition(message, message.flexible).unwrap_or_else(|| "true".to_owned());
    format!("let flexible = {value};\n")
}

/// `code`, under the condition if there is one.
pub fn guarded(condition: Option<&str>, code: &str) -> String {
    match condition {
        None => code.to_owned(),
        Some("false") => String::new(),
        Some(condition) => format!("if {condition} {{\n{code}}}\n"),
    }
}

/// Versions in which the field stands in its place, outside of the tag section.
pub fn ordinary_versions(field: &Field) -> Range {
    match field.tag {
        None => field.versions,
        // Every field is tagged in all its versions or, before its struct became flexible, in none.
        Some((_, tagged)) if tagged.min <= field.versions.min => Range::NONE,
        Some((_, tagged)) => Range { min: field.versions.min, max: tagged.min - 1 },
    }
}

fn ordinary(message: &Message, field: &Field) -> String {
    let versions = ordinary_versions(field);
    let read = read_field(message, field, versions, false);
    guarded(condition(message, versions).as_deref(), &read)
}

fn tag_section(message: &Message, tagged: &[&Field]) -> String {
    let mut text =
        String::from("for _ in 0..reader.tag_count()? {\nlet (tag, end) = reader.tag()?;\nmatch tag {\n");
    for field in tagged {
        let (number, versions) = field.tag.expect("only tagged fields are given");
        let read = read_field(message, field, versions, true);
        let within = condition(message, versions.intersect(message.flexible));
        let everywhere = within.is_none() || within == condition(message, message.flexible);
        if !everywhere {
            let allowed = negated(&within.unwrap_or_default());
            writeln!(text, "{number} if {allowed} => return Err(reader.unexpected_tag(tag)),")
                .expect("memory");
        }
        write!(text, "{number} => {{\n{read}}}\n").expect("memory");
    }
    text + "_ => {\nreader.skip_tag(end);\ncontinue;\n}\n}\nreader.end_tag(tag, end)?;\n}\n"
}

/// Assigns the field from the reader, null allowed where the schema says so.
fn read_field(message: &Message, field: &Field, versions: Range, tagged: bool) -> String {
    let name = names::field(&field.name);
    if !field.is_nullable() {
        return format!("value.{name} = {};\n", read_value(message, field));
    }
    let always =
        Range { min: versions.min.max(message.versions.min), max: versions.max.min(message.versions.max) };
    let nullable = always.intersect(field.nullable);
    let read_nullable = read_nullable(message, field, tagged);
    let read_present = format!("Some({})", read_value(message, field));
    if nullable == always {
        return format!("value.{name} = {read_nullable};\n");
    }
    match condition(message, field.nullable) {
        Some(test) if test != "false" => {
            format!("value.{name} = if {test} {{ {read_nullable} }} else {{ {read_present} }};\n")
        }
        _ => format!("value.{name} = {read_present};\n"),
    }
}

fn length_form(field: &Field) -> &'static str {
    if field.plain { "false" } else { "flexible" }
}

fn read_value(message: &Message, field: &Field) -> String {
    let form = length_form(field);
    match &field.kind {
        Type::Scalar(_) if field.is_error_code() => "ErrorCode(reader.i16()?)".to_owned(),
        Type::Scalar(scalar) if scalar.borrows() => format!("reader.{}({form})?", method(*scalar)),
        Type::Scalar(scalar) => format!("reader.{}()?", method(*scalar)),
        Type::ScalarArray(scalar) => format!("reader.{}_array({form})?", method(*scalar)),
        Type::Struct(name) => format!("{name}::read(reader, version)?"),
        Type::StructArray(name) => {
            let size = message.size_min(message.find(name));
            format!("reader.array({form}, version, {size}, {name}::read)?")
        }
    }
}

fn read_nullable(message: &Message, field: &Field, tagged: bool) -> String {
    let form = length_form(field);
    match &field.kind {
        Type::Scalar(scalar) => format!("reader.nullable_{}({form})?", method(*scalar)),
        Type::ScalarArray(scalar) => format!("reader.nullable_{}_array({form})?", method(*scalar)),
        Type::Struct(name) => {
            let present = if tagged { "present_tagged" } else { "present" };
            format!("if reader.{present}()? {{ Some({name}::read(reader, version)?) }} else {{ None }}")
        }
        Type::StructArray(name) => {
            let size = message.size_min(message.find(name));
            format!("reader.nullable_array({form}, version, {size}, {name}::read)?")
        }
    }
}

/// The reader's and the writer's method for a scalar.
pub fn method(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Bool => "bool",
        Scalar::Int8 => "i8",
        Scalar::Int16 => "i16",
        Scalar::Int32 => "i32",
        Scalar::Int64 => "i64",
        Scalar::Uint16 => "u16",
        Scalar::Uint32 => "u32",
        Scalar::Float64 => "f64",
        Scalar::Uuid => "uuid",
        Scalar::String => "string",
        Scalar::Bytes | Scalar::Records => "bytes",
    }
}
