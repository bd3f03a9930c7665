//! Writes `crates/protocol/src/generated/` from the schema beside it.

mod api_key;
mod decode;
mod emit;
mod encode;
mod layouts;
mod names;
mod owned;
mod parse;
mod record_enums;
mod schema;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use schema::{Kind, Message};

const SCHEMA: &str = "crates/protocol/schema";
const GENERATED: &str = "crates/protocol/src/generated";

/// Writes the generated code, or with `check_only` says which files differ from what would be written.
pub fn run(root: &Path, check_only: bool) -> Result<(), String> {
    let messages = read_schema(&root.join(SCHEMA))?;
    let files = format(root, &generate(&messages))?;
    let folder = root.join(GENERATED);
    let present = read_folder(&folder)?;
    if !check_only {
        return write_folder(&folder, &present, &files);
    }
    let names = files.keys().chain(present.keys());
    let mut differing: Vec<&String> = names.filter(|name| files.get(*name) != present.get(*name)).collect();
    differing.dedup();
    match differing.first() {
        None => Ok(()),
        Some(first) => Err(format!(
            "{} generated files are not up to date, the first is {GENERATED}/{first}: run cargo xtask codegen",
            differing.len()
        )),
    }
}

fn read_schema(folder: &Path) -> Result<Vec<Message>, String> {
    let mut messages = Vec::new();
    for (name, text) in read_folder(folder)? {
        if name.ends_with(".txt") {
            messages.extend(parse::parse_file(&name, &text)?);
        }
    }
    Ok(messages)
}

/// Text of every generated file by name, before formatting.
fn generate(messages: &[Message]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let with_versions = || messages.iter().filter(|message| !message.versions.is_none());
    for message in with_versions() {
        files.insert(format!("{}.rs", names::snake(message.name())), emit::file(message));
    }
    files.insert("api_key.rs".to_owned(), api_key::file(messages));
    files.insert("records.rs".to_owned(), record_enums::file(messages));
    files.insert("layouts.rs".to_owned(), layouts::file(messages));
    files.insert("lists.rs".to_owned(), api_key::lists(messages));
    files.insert("mod.rs".to_owned(), emit::index(&with_versions().collect::<Vec<_>>()));
    files
}

/// Runs the pinned rustfmt over the files, so that the formatting gate has nothing to say.
fn format(root: &Path, files: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
    let folder = std::env::temp_dir().join(format!("codegen-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let formatted = write_folder(&folder, &BTreeMap::new(), files).and_then(|()| {
        let mut command = Command::new("rustfmt");
        command.args(["--edition", "2024", "--config-path"]).arg(root).arg(folder.join("mod.rs"));
        let status = command.status().map_err(|error| format!("cannot run rustfmt: {error}"))?;
        if status.success() {
            read_folder(&folder)
        } else {
            Err("rustfmt refused the generated code".to_owned())
        }
    });
    fs::remove_dir_all(&folder).map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
    formatted
}

fn read_folder(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut files = BTreeMap::new();
    if !folder.exists() {
        return Ok(files);
    }
    let cannot = |error| format!("cannot read {}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let text = fs::read_to_string(entry.path()).map_err(cannot)?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), text);
    }
    Ok(files)
}

fn write_folder(
    folder: &Path,
    present: &BTreeMap<String, String>,
    files: &BTreeMap<String, String>,
) -> Result<(), String> {
    let cannot = |error| format!("cannot write {}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(cannot)?;
    for name in present.keys().filter(|name| !files.contains_key(*name)) {
        fs::remove_file(folder.join(name)).map_err(cannot)?;
    }
    for (name, text) in files.iter().filter(|(name, text)| present.get(*name) != Some(text)) {
        fs::write(folder.join(name), text).map_err(cannot)?;
    }
    Ok(())
}

/// The messages of one kind, by key.
fn by_key(messages: &[Message], kind: Kind) -> BTreeMap<i16, &Message> {
    let of_kind = messages.iter().filter(|message| message.kind == kind);
    of_kind.filter_map(|message| message.key.map(|key| (key, message))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_code_is_what_the_schema_gives() {
        run(&crate::root(), true).unwrap();
    }
}
