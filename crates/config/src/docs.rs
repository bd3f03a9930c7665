//! The page docs/settings.md, made from the tables.

use std::fmt::Write;

use crate::setting::{DefaultValue, Setting, UpdateMode};
use crate::tables::{self, Status};

/// The whole page; `xtask` writes it and checks that the committed one is the same.
pub fn settings_markdown() -> String {
    let mut page = String::from(
        "# Settings\n\nEvery setting with its type, default, legal values and how it may change. Made from the tables in \
         `crates/config/src/tables`; do not edit by hand.\n\nStatus: **effective** (with the test that shows it, and what of it is still to come), **without meaning \
         here** (with the reason), or **later** (accepted and checked; its effect comes with the part of the server it \
         belongs to).\n",
    );
    section(&mut page, "Our own", tables::NARU);
    section(&mut page, "Our own of topics", tables::NARU_TOPIC);
    section(&mut page, "Broker and controller", tables::BROKER);
    section(&mut page, "Topic", tables::TOPIC);
    section(&mut page, "Group", tables::GROUP);
    section(&mut page, "Client metrics subscription", tables::CLIENT_METRICS);
    retired(&mut page);
    page
}

fn section(page: &mut String, title: &str, table: &[Setting]) {
    let _ = write!(
        page,
        "\n## {title} ({} settings)\n\n| Setting | Type | Default | Legal values | Changes | Status |\n|---|---|---|---|---|---|\n",
        table.len()
    );
    for setting in table {
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {} | {} |",
            setting.key,
            setting.kind.name().to_ascii_lowercase(),
            default_cell(setting),
            setting.validator.to_string().replace('|', "\\|"),
            changes_cell(setting),
            status_cell(setting.key),
        );
    }
}

fn default_cell(setting: &Setting) -> String {
    match setting.default {
        DefaultValue::Required => "required".to_owned(),
        DefaultValue::Null => "none".to_owned(),
        DefaultValue::Text("") => "empty".to_owned(),
        DefaultValue::Text(text) => format!("`{text}`"),
    }
}

fn changes_cell(setting: &Setting) -> &'static str {
    match setting.update {
        UpdateMode::ReadOnly => "by restart",
        UpdateMode::PerBroker => "dynamically per broker",
        UpdateMode::ClusterWide => "dynamically, per broker or for all",
        UpdateMode::Dynamic => "dynamically",
    }
}

fn status_cell(key: &str) -> String {
    let explained = tables::explain(key).map(|text| format!("{text} ")).unwrap_or_default();
    match tables::status(key) {
        Status::Effective(test) => {
            let remains = tables::REMAINS.iter().find(|(known, _)| *known == key);
            let remains = remains.map(|(_, what)| format!("; later: {what}")).unwrap_or_default();
            format!("{explained}effective ({test}){remains}")
        }
        Status::Meaningless(reason) => format!("{explained}without meaning here: {reason}"),
        Status::Later => format!("{explained}later"),
    }
}

fn retired(page: &mut String) {
    page.push_str(
        "\n## Settings of Kafka 2.x and 3.x\n\nAccepted in files of that era, with a warning.\n\n| Setting | What becomes of it |\n|---|---|\n",
    );
    for (key, fate) in tables::RETIRED {
        let text = match fate {
            tables::Fate::Renamed(to) => format!("read as `{to}`"),
            tables::Fate::NoMeaning(reason) => format!("no effect: {reason}"),
            tables::Fate::PartOfListener => "read as part of the plaintext listener".to_owned(),
        };
        let _ = writeln!(page, "| `{key}` | {text} |");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_every_setting_once() {
        let page = settings_markdown();
        let tables = [
            tables::BROKER,
            tables::TOPIC,
            tables::GROUP,
            tables::CLIENT_METRICS,
            tables::NARU,
            tables::NARU_TOPIC,
        ];
        for setting in tables.into_iter().flatten() {
            assert!(page.contains(&format!("| `{}` |", setting.key)));
        }
        let rows = page.lines().filter(|line| line.starts_with("| `")).count();
        let settings: usize = tables.iter().map(|table| table.len()).sum();
        assert_eq!(rows, settings + tables::RETIRED.len());
    }
}
