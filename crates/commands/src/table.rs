//! Tables for people: columns as wide as their widest cell, numbers to the right.

use std::io::{self, Write};

use crate::document::Doc;
use crate::terminal::{Paint, Style};

/// A column: its heading, and the field of each row that stands in it.
pub(crate) type Column<'c> = (&'c str, &'c str);

/// Writes rows under headings; only a sentence where there are none.
pub(crate) fn write(
    columns: &[Column<'_>],
    rows: &[Doc],
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    let cell = |row: &Doc, field: &str| row.get(field).map_or_else(|| "-".to_owned(), Doc::cell);
    let lines: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|(_, field)| cell(row, field)).collect()).collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(place, (heading, _))| {
            let cells = lines.iter().filter_map(|line| line.get(place)).map(|cell| cell.chars().count());
            cells.fold(heading.chars().count(), usize::max)
        })
        .collect();
    let is_number: Vec<bool> = columns
        .iter()
        .map(|(_, field)| rows.iter().any(|row| matches!(row.get(field), Some(Doc::Int(_) | Doc::Float(_)))))
        .collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).zip(&is_number).map(|((cell, width), is_number)| {
            if *is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let headings = line(columns.iter().map(|(heading, _)| *heading).collect());
    writeln!(out, "{}", paint.apply(Style::Heading, &headings))?;
    for cells in &lines {
        writeln!(out, "{}", line(cells.iter().map(String::as_str).collect()))?;
    }
    Ok(())
}

/// Writes the fields of a document line by line, those that hold further documents left out.
pub(crate) fn write_fields(doc: &Doc, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let Doc::Map(fields) = doc else { return writeln!(out, "{}", doc.cell()) };
    let is_shown = |value: &Doc| match value {
        Doc::Map(_) => false,
        Doc::List(elements) => !elements.iter().any(|element| matches!(element, Doc::Map(_))),
        _ => true,
    };
    let shown: Vec<_> = fields.iter().filter(|(_, value)| is_shown(value)).collect();
    let width = shown.iter().map(|(name, _)| words(name).chars().count()).fold(0, usize::max);
    for (name, value) in shown {
        let heading = format!("{:width$}", words(name));
        writeln!(out, "{}  {}", paint.apply(Style::Heading, &heading), value.cell())?;
    }
    Ok(())
}

/// A field's name as words: `clusterId` is `cluster id`.
fn words(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            text.push(' ');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::map;

    #[test]
    fn numbers_stand_to_the_right() {
        let row = |name: &str, lag: i64| map([("name", name.into()), ("lag", lag.into())]);
        let mut text = Vec::new();
        write(
            &[("NAME", "name"), ("LAG", "lag")],
            &[row("größe", 5), row("b", 1000)],
            Paint::plain(),
            &mut text,
        )
        .unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "NAME    LAG\ngröße     5\nb      1000\n");
    }

    #[test]
    fn fields_are_named_in_words() {
        let doc = map([("clusterId", "x".into()), ("id", 1.into()), ("inner", map([("a", 1.into())]))]);
        let mut text = Vec::new();
        write_fields(&doc, Paint::plain(), &mut text).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "cluster id  x\nid          1\n");
    }
}
