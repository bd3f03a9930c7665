//! `docs/settings.md`, written from the tables of `config`.

use std::path::Path;

const PAGE: &str = "docs/settings.md";

/// Writes the page, or with `check_only` says whether the committed one is up to date.
pub fn run(root: &Path, check_only: bool) -> Result<(), String> {
    let page = config::docs::settings_markdown();
    let path = root.join(PAGE);
    if !check_only {
        return std::fs::write(&path, page).map_err(|error| format!("{PAGE}: {error}"));
    }
    let committed = std::fs::read_to_string(&path).map_err(|error| format!("{PAGE}: {error}"))?;
    if committed == page { Ok(()) } else { Err(format!("{PAGE} is out of date: run 'cargo xtask codegen'")) }
}

/// Tests that the page names and that are nowhere in the crate they should be in.
#[cfg(test)]
fn missing_tests(root: &Path) -> Vec<String> {
    let files = crate::tree::tracked_files(root);
    let is_there = |name: &str, test: &str| {
        let folder = format!("crates/{name}/");
        let mut sources = files.iter().filter(|file| file.starts_with(&folder) && file.ends_with(".rs"));
        let declared = format!("fn {test}(");
        sources
            .any(|file| std::fs::read_to_string(root.join(file)).is_ok_and(|text| text.contains(&declared)))
    };
    let named = config::tables::EFFECTIVE.iter();
    let missing =
        named.filter(|(_, shown)| !shown.split_once(": ").is_some_and(|(name, test)| is_there(name, test)));
    missing.map(|(key, shown)| format!("{key}: {shown}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_page_is_what_the_tables_give() {
        super::run(&crate::root(), true).unwrap();
    }

    #[test]
    fn every_test_that_the_page_names_exists() {
        assert_eq!(super::missing_tests(&crate::root()), Vec::<String>::new());
    }
}
