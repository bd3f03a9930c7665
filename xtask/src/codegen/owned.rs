//! The function that lets a message outlive its frame.

use std::fmt::Write;

use super::names;
use super::schema::{Field, Message, Scalar, Struct, Type};

/// `fn into_owned(self) -> Name<'static>`, for a struct that borrows.
pub fn function(message: &Message, part: &Struct) -> String {
    let mut text = format!(
        "/// The same, holding its text and bytes itself.\n#[inline]\n\
         pub fn into_owned(self) -> {0}<'static> {{\n{0} {{\n",
        part.name
    );
    for field in &part.fields {
        let name = names::field(&field.name);
        writeln!(text, "{name}: {},", owned(message, field, &format!("self.{name}"))).expect("memory");
    }
    text + "}\n}\n"
}

fn owned(message: &Message, field: &Field, place: &str) -> String {
    let nullable = field.is_nullable();
    match &field.kind {
        Type::Scalar(scalar) if scalar.borrows() => {
            let owned = |place: &str| format!("Cow::Owned({place}.into_owned())");
            if nullable { format!("{place}.map(|value| {})", owned("value")) } else { owned(place) }
        }
        Type::ScalarArray(Scalar::String) => {
            let owned = |place: &str| {
                format!("{place}.into_iter().map(|text| Cow::Owned(text.into_owned())).collect()")
            };
            if nullable { format!("{place}.map(|value| {})", owned("value")) } else { owned(place) }
        }
        Type::Struct(name) if message.borrows(message.find(name)) => {
            if nullable {
                format!("{place}.map({name}::into_owned)")
            } else {
                format!("{place}.into_owned()")
            }
        }
        Type::StructArray(name) if message.borrows(message.find(name)) => {
            let owned = |place: &str| format!("{place}.into_iter().map({name}::into_owned).collect()");
            if nullable { format!("{place}.map(|value| {})", owned("value")) } else { owned(place) }
        }
        _ => place.to_owned(),
    }
}
