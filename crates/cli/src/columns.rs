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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_padded_by_characters() {
        assert_eq!(row(&[(5, "größe"), (4, "群"), (0, "end")]), "größe 群    end");
        assert_eq!(width(3, ["a", "größe"].into_iter()), 5);
        assert_eq!(width(3, std::iter::empty()), 3);
    }
}
