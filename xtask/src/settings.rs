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

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_page_is_what_the_tables_give() {
        super::run(&crate::root(), true).unwrap();
    }
}
