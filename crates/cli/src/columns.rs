//! Rows of tables, padded as Java's formatter pads them.

/// Cells with a blank between them, each padded with blanks to its width; 0 leaves a cell as it is.
pub(crate) fn row(cells: &[(usize, &str)]) -> String {
    let padded: Vec<String> = cells.iter().map(|(width, text)| format!("{text:<width$}")).collect();
    padded.join(" ")
}

/// The width of the widest text, and not less than `least`.
pub(crate) fn width<'t>(least: usize, texts: impl Iterator<Item = &'t str>) -> usize {
    texts.map(|text| text.chars().count()).fold(least, usize::max)
}

/// A table in which every cell is padded to the widest of its column, with a tab behind each.
pub(crate) fn tabbed<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let widths: Vec<usize> = heading
        .iter()
        .enumerate()
        .map(|(place, name)| width(name.len(), rows.iter().map(|row| row[place].as_str())))
        .collect();
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}\t"));
        padded.collect::<String>() + "\n"
    };
    let mut table = line(heading);
    for row in rows {
        table.push_str(&line(std::array::from_fn(|place| row[place].as_str())));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_padded_by_characters() {
        assert_eq!(row(&[(5, "größe"), (4, "群"), (0, "end")]), "größe 群    end");
        assert_eq!(width(3, ["a", "größe"].into_iter()), 5);
        assert_eq!(width(3, std::iter::empty()), 3);
    }

    #[test]
    fn columns_of_a_table_are_as_wide_as_their_widest_cell() {
        let row = |id: &str, name: &str| [id.to_owned(), name.to_owned()];
        let table = tabbed(["Id", "Name"], &[row("1", "a"), row("200", "b")]);
        assert_eq!(table, "Id \tName\t\n1  \ta   \t\n200\tb   \t\n");
        assert_eq!(tabbed(["Id"], &[]), "Id\t\n");
    }
}
