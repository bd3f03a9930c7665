//! The tables of docs/benchmarks.md, made from results and never typed.

use std::fs;
use std::path::Path;

use crate::results::Record;
use crate::rows::ROWS;

/// What stands in the page before and behind the tables of a row.
fn marks(row: &str) -> [String; 2] {
    [format!("<!-- tables of row {row} -->"), format!("<!-- end of row {row} -->")]
}

/// The tables of a row: the newest full one of each title, in the order of the first ones; `None` without any.
pub fn tables(records: &[Record], row: &str) -> Option<String> {
    let mut newest: Vec<&Record> = Vec::new();
    for record in records.iter().filter(|record| record.row == row && record.is_full()) {
        match newest.iter_mut().find(|other| other.title == record.title) {
            Some(place) => *place = record,
            None => newest.push(record),
        }
    }
    let mut text = String::new();
    let mut origin = String::new();
    for record in newest {
        let from = format!("Measured on {} at commit {} ({}):", record.date, record.commit, record.machine);
        if from != origin {
            text += &format!("{from}\n\n");
            origin = from;
        }
        for line in record.text().lines() {
            text += format!("    {line}").trim_end();
            text += "\n";
        }
        text += "\n";
    }
    (!text.is_empty()).then_some(text)
}

/// The page with the tables of every row that has results; a row that has some and no place in the page is an error.
pub fn into_page(page: &str, records: &[Record]) -> Result<String, String> {
    let mut page = page.to_owned();
    for row in &ROWS {
        let Some(tables) = tables(records, row.name) else { continue };
        let [begin, end] = marks(row.name);
        let place = page.find(&begin).map(|at| at + begin.len());
        let (Some(from), Some(to)) = (place, page.find(&end)) else {
            return Err(format!("the page has no place for row {}: {begin} .. {end}", row.name));
        };
        if to < from {
            return Err(format!("{end} comes before {begin}"));
        }
        page.replace_range(from..to, &format!("\n{tables}"));
    }
    Ok(page)
}

/// Prints the tables of all rows, or writes them into the page at `path`.
pub fn run(records: &[Record], path: Option<&Path>) -> Result<(), String> {
    let trials = records.iter().filter(|record| !record.is_full()).count();
    if trials > 0 {
        eprintln!("{trials} trials are left out");
    }
    let Some(path) = path else {
        for row in &ROWS {
            if let Some(tables) = tables(records, row.name) {
                println!("## {} {}\n\n{tables}", row.name, row.about);
            }
        }
        return Ok(());
    };
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let page = fs::read_to_string(path).map_err(failed)?;
    fs::write(path, into_page(&page, records)?).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::record;

    #[test]
    fn the_newest_full_table_of_each_title_is_shown() {
        let records = [
            record("1a", "one", 100, 2.0),
            record("1a", "two", 100, 3.0),
            record("1a", "one", 100, 4.0),
            record("1a", "one", 10, 5.0),
            record("3", "one", 100, 6.0),
        ];
        let text = tables(&records, "1a").unwrap();
        assert!(text.starts_with("Measured on "), "{text}");
        assert_eq!(text.matches("Measured on").count(), 1);
        assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
        assert!(!text.contains("2.00") && !text.contains("5.00") && !text.contains("6.00"), "{text}");
        assert!(text.find("4.00").unwrap() < text.find("3.00").unwrap());
        assert_eq!(tables(&records, "5"), None);
    }

    #[test]
    fn tables_replace_what_stood_between_the_marks_of_their_row_alone() {
        let [begin, end] = marks("3");
        let page = format!("before\n{begin}\nold\n{end}\nbehind\n{}", marks("5").join("\nkept\n"));
        let written = into_page(&page, &[record("3", "one", 100, 2.0)]).unwrap();
        assert!(written.starts_with(&format!("before\n{begin}\nMeasured on ")), "{written}");
        assert!(!written.contains("old") && written.contains("kept") && written.contains("\nbehind\n"));
        // Twice is the same as once.
        assert_eq!(into_page(&written, &[record("3", "one", 100, 2.0)]).unwrap(), written);
    }

    #[test]
    fn results_without_a_place_are_an_error() {
        assert!(into_page("", &[record("3", "one", 100, 2.0)]).unwrap_err().contains("no place for row 3"));
        let [begin, end] = marks("3");
        assert!(into_page(&format!("{end}{begin}"), &[record("3", "one", 100, 2.0)]).is_err());
        assert_eq!(into_page("as it was", &[record("3", "one", 50, 2.0)]).unwrap(), "as it was");
    }
}
