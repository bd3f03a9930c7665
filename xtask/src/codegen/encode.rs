//! The function that writes a struct.

use std::fmt::Write;

use super::decode::{flexible_binding, guarded, method, ordinary_versions};
use super::emit::{condition, negated};
use super::names;
use super::schema::{Field, Message, Range, Struct, Type};

/// `fn write(&self, writer, version) -> Result<(), EncodeError>`.
pub fn function(message: &Message, part: &Struct) -> String {
    let mut body = String::new();
    for field in &part.fields {
        body += &ordinary(message, part, field);
    }
    body += &tag_section(message, part);
    format!(
        "pub(crate) fn write(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError> {{\n\
         {}{body}Ok(())\n}}\n",
        flexible_binding(message, &body)
    )
}

fn ordinary(message: &Message, part: &Struct, field: &Field) -> String {
    let versions = ordinary_versions(field);
    let write = write_field(message, part, field, versions, false);
    let mut text = String::new();
    let carried = condition(message, field.versions);
    let in_place = condition(message, versions);
    let refusal = match (&carried, field.ignorable) {
        (Some(carried), false) => Some((carried.clone(), refuse(part, field))),
        _ => None,
    };
    match (in_place, refusal) {
        (Some(place), Some((carried, refusal))) if place == carried => {
            write!(text, "if {place} {{\n{write}}} else if {} {{\n{refusal}}}\n", differs(field))
                .expect("memory");
        }
        (place, refusal) => {
            text += &guarded(place.as_deref(), &write);
            if let Some((carried, refusal)) = refusal {
                write!(text, "if {} && {} {{\n{refusal}}}\n", negated(&carried), differs(field))
                    .expect("memory");
            }
        }
    }
    text
}

fn refuse(part: &Struct, field: &Field) -> String {
    let path = format!("{}.{}", part.name, field.name);
    format!("return Err(EncodeError::UnsupportedField {{ field: {path:?}, version }});\n")
}

/// True where the field's value is not its default.
fn differs(field: &Field) -> String {
    let name = names::field(&field.name);
    if field.is_nullable() {
        return match (&field.kind, field.defaults_to_null()) {
            (_, true) => format!("self.{name}.is_some()"),
            (Type::Struct(_), false) => {
                format!("self.{name}.as_ref().is_none_or(|value| *value != Default::default())")
            }
            (_, false) => format!("self.{name}.as_ref().is_none_or(|value| !value.is_empty())"),
        };
    }
    match &field.kind {
        kind if kind.is_array() => format!("!self.{name}.is_empty()"),
        Type::Scalar(scalar) if scalar.borrows() => format!("!self.{name}.is_empty()"),
        Type::Struct(_) => format!("self.{name} != Default::default()"),
        _ => match (method_of(field), field.default.as_deref()) {
            ("uuid", _) => format!("!self.{name}.is_zero()"),
            ("bool", Some("true")) => format!("!self.{name}"),
            ("bool", _) => format!("self.{name}"),
            ("error code", _) => format!("!self.{name}.is_none()"),
            ("f64", default) => format!("self.{name} != {}_f64", default.unwrap_or("0")),
            (_, default) => format!("self.{name} != {}", default.unwrap_or("0")),
        },
    }
}

fn method_of(field: &Field) -> &'static str {
    match &field.kind {
        Type::Scalar(_) if field.is_error_code() => "error code",
        Type::Scalar(scalar) => method(*scalar),
        _ => "",
    }
}

fn write_field(message: &Message, part: &Struct, field: &Field, versions: Range, tagged: bool) -> String {
    let within = versions.intersect(message.versions);
    let name = names::field(&field.name);
    if !field.is_nullable() {
        return write_value(field, &format!("self.{name}"), false);
    }
    let mut text = String::new();
    let nullable = within.intersect(field.nullable);
    if nullable != within {
        let path = format!("{}.{}", part.name, field.name);
        let test = match condition(message, field.nullable) {
            Some(test) if test != "false" => format!("{} && ", negated(&test)),
            _ => String::new(),
        };
        write!(
            text,
            "if {test}self.{name}.is_none() {{\n\
             return Err(EncodeError::NullNotAllowed {{ field: {path:?}, version }});\n}}\n"
        )
        .expect("memory");
    }
    if let Type::Struct(_) = field.kind {
        if !nullable.is_none() {
            let present = if tagged { "present_tagged" } else { "present" };
            let mark = format!("writer.{present}(self.{name}.is_some());\n");
            let test = if nullable == within { None } else { condition(message, field.nullable) };
            text += &guarded(test.as_deref(), &mark);
        }
        write!(text, "if let Some(value) = &self.{name} {{\nvalue.write(writer, version)?;\n}}\n")
            .expect("memory");
        return text;
    }
    text + &write_value(field, &format!("self.{name}"), true)
}

fn write_value(field: &Field, place: &str, nullable: bool) -> String {
    let form = if field.plain { "false" } else { "flexible" };
    match &field.kind {
        Type::Scalar(_) if field.is_error_code() => format!("writer.i16({place}.0);\n"),
        Type::Scalar(scalar) if scalar.borrows() && nullable => {
            format!("writer.nullable_{}({form}, {place}.as_deref())?;\n", method(*scalar))
        }
        Type::Scalar(scalar) if scalar.borrows() => {
            format!("writer.{}({form}, &{place})?;\n", method(*scalar))
        }
        Type::Scalar(scalar) => format!("writer.{}({place});\n", method(*scalar)),
        Type::ScalarArray(scalar) if nullable => {
            format!("writer.{}_array({form}, {place}.as_deref())?;\n", method(*scalar))
        }
        Type::ScalarArray(scalar) => format!("writer.{}_array({form}, Some(&{place}))?;\n", method(*scalar)),
        Type::Struct(_) => format!("{place}.write(writer, version)?;\n"),
        Type::StructArray(_) if nullable => format!(
            "writer.count({form}, {place}.as_ref().map(Vec::len))?;\n\
             for element in {place}.iter().flatten() {{\nelement.write(writer, version)?;\n}}\n"
        ),
        Type::StructArray(_) => format!(
            "writer.count({form}, Some({place}.len()))?;\n\
             for element in &{place} {{\nelement.write(writer, version)?;\n}}\n"
        ),
    }
}

fn tag_section(message: &Message, part: &Struct) -> String {
    let flexible = condition(message, message.flexible);
    if flexible.as_deref() == Some("false") {
        return String::new();
    }
    let mut tagged: Vec<(u32, Range, &Field)> = part
        .fields
        .iter()
        .filter_map(|field| field.tag.map(|(tag, versions)| (tag, versions, field)))
        .collect();
    if tagged.is_empty() {
        return guarded(flexible.as_deref(), "writer.no_tags();\n");
    }
    tagged.sort_by_key(|(tag, _, _)| *tag);
    let mut text = String::from("let sent = [\n");
    for (_, versions, field) in &tagged {
        let within = condition(message, versions.intersect(message.flexible));
        let test = match within.filter(|test| Some(test) != flexible.as_ref()) {
            Some(test) => format!("{test} && {}", differs(field)),
            None => differs(field),
        };
        writeln!(text, "{test},").expect("memory");
    }
    text += "];\nwriter.tag_count(&sent);\n";
    for (place, (tag, versions, field)) in tagged.iter().enumerate() {
        let write = write_field(message, part, field, *versions, true);
        write!(
            text,
            "if sent[{place}] {{\nlet place = writer.begin_tag({tag});\n{write}writer.end_tag(place)?;\n}}\n"
        )
        .expect("memory");
    }
    guarded(flexible.as_deref(), &text)
}
