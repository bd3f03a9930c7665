//! The manual: a page for each tool, made from the tables by which its command lines are read.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::options::Options;
use crate::subcommands::{Argument, Need, Program};
use crate::tools::{KafkaTool, Lines, TOOLS};
use crate::{KAFKA_VERSION, Output, written};

const USAGE: &str =
    "usage: naru manual [TOOL | --into DIR]\nprints the page of a tool, or writes all pages into DIR";
const INDEX: &str = "README.md";

/// A command with its options.
#[derive(Debug)]
struct Section {
    /// The words before the options.
    words: String,
    about: String,
    /// Names and value of each option, and what it means.
    options: Vec<(String, String)>,
}

/// Prints a page or writes all of them, and gives the exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let text = match arguments {
        [] => index(),
        [option, folder] if option == "--into" => {
            return match write_into(Path::new(folder)) {
                Ok(()) => 0,
                Err(sentence) => output.fail(sentence),
            };
        }
        [name] => match TOOLS.iter().find(|tool| tool.name == name.trim_end_matches(".sh")) {
            Some(tool) => page(tool),
            None => return output.fail(format!("naru: there is no page for '{name}'\n{USAGE}")),
        },
        _ => return output.fail(USAGE),
    };
    written(output.out.write_all(text.as_bytes()), output)
}

fn write_into(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let pages = TOOLS.iter().map(|tool| (format!("{}.md", tool.name), page(tool)));
    for (name, text) in pages.chain([(INDEX.to_owned(), index())]) {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    }
    Ok(())
}

/// The list of all tools.
fn index() -> String {
    let mut text = format!(
        "# Tools\n\nThe command-line tools of Apache Kafka {KAFKA_VERSION} that are in the executable. Each answers to its name with and\n\
         without `.sh`, as `naru NAME`, and as a link that `naru install-tools` makes.\n\n"
    );
    for KafkaTool { name, about, .. } in TOOLS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "* [{name}]({name}.md): {about}");
    }
    text
}

/// The page of a tool, in Markdown.
fn page(tool: &KafkaTool) -> String {
    let KafkaTool { name, about, lines, .. } = tool;
    let mut text = format!("# {name}\n\n{}\n", sentence(about));
    if let Lines::Text(usage) = lines {
        let _ = write!(text, "\n    {}\n", usage.replace('\n', "\n    "));
    }
    for section in sections(name, lines) {
        if section.words != *name {
            let _ = write!(text, "\n## {}\n\n{}\n", section.words, sentence(&section.about));
        }
        if section.options.is_empty() {
            continue;
        }
        text.push_str("\n| Option | |\n|---|---|\n");
        for (option, help) in section.options {
            let _ = writeln!(text, "| `{option}` | {} |", help.replace('|', "\\|"));
        }
    }
    text
}

/// Each tool with its options and the words of its subcommands, for completions.
pub fn words_of_tools() -> impl Iterator<Item = (&'static str, Vec<String>)> {
    TOOLS.iter().map(|tool| (tool.name, words(tool)))
}

fn words(tool: &KafkaTool) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for section in sections(tool.name, &tool.lines) {
        words.extend(section.words.split(' ').skip(1).map(str::to_owned));
        let options = section.options.iter().flat_map(|(option, _)| option.split([' ', ',']));
        words.extend(options.filter(|word| word.starts_with("--")).map(str::to_owned));
    }
    words.sort();
    words.dedup();
    words
}

fn sections(name: &str, lines: &Lines) -> Vec<Section> {
    match lines {
        Lines::Options(Options { options, .. }) => {
            let mut options: Vec<(String, String)> =
                options.iter().map(|option| (option.shown(), sentence(option.help))).collect();
            options.sort();
            vec![Section { words: name.to_owned(), about: String::new(), options }]
        }
        Lines::Program(Program { options, commands, .. }) => {
            let whole = Section { words: name.to_owned(), about: String::new(), options: listed(options) };
            let parts = commands.iter().map(|command| Section {
                words: format!("{name} {}", command.name),
                about: command.about.to_owned(),
                options: listed(command.options),
            });
            std::iter::once(whole).chain(parts).collect()
        }
        Lines::Clap(command) => command()
            .get_subcommands()
            .map(|command| Section {
                words: format!("{name} {}", command.get_name()),
                about: command.get_about().map(ToString::to_string).unwrap_or_default(),
                options: command.get_arguments().map(of_clap).collect(),
            })
            .collect(),
        Lines::Text(_) => Vec::new(),
    }
}

fn listed(options: &[Argument]) -> Vec<(String, String)> {
    let shown = options.iter().map(|option| {
        let short = option.short.map_or_else(String::new, |short| format!("-{short}, "));
        let value = option.value.map_or_else(String::new, |value| format!(" {value}"));
        let more = if option.takes_many { " ..." } else { "" };
        let need = if option.need == Need::Required { " Required." } else { "" };
        (format!("{short}--{}{value}{more}", option.long), format!("{}{need}", sentence(option.help)))
    });
    shown.collect()
}

fn of_clap(argument: &clap::Arg) -> (String, String) {
    let short = argument.get_short().map_or_else(String::new, |short| format!("-{short}, "));
    let long = argument.get_long().unwrap_or_default();
    let value = if argument.get_action().takes_values() {
        format!(" {}", long.to_uppercase())
    } else {
        String::new()
    };
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    (format!("{short}--{long}{value}"), sentence(&help))
}

/// With a large letter at its beginning and a period at its end.
fn sentence(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `naru manual --into docs/tools` writes them anew.
    #[test]
    fn the_pages_in_docs_are_made_from_the_tables() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tools");
        let written = tempfile::tempdir().unwrap();
        write_into(written.path()).unwrap();
        let mut names: Vec<_> =
            fs::read_dir(written.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort();
        let mut committed: Vec<_> =
            fs::read_dir(&docs).unwrap().map(|file| file.unwrap().file_name()).collect();
        committed.sort();
        assert_eq!(names, committed);
        for name in names {
            let [new, old] =
                [written.path(), &docs].map(|folder| fs::read_to_string(folder.join(&name)).unwrap());
            assert!(
                new == old,
                "docs/tools/{} is out of date: naru manual --into docs/tools",
                name.display()
            );
        }
    }

    #[test]
    fn words_are_options_and_subcommands() {
        let of = |name: &str| words(TOOLS.iter().find(|tool| tool.name == name).unwrap());
        assert!(of("kafka-topics").contains(&"--bootstrap-server".to_owned()));
        let quorum = of("kafka-metadata-quorum");
        for word in ["describe", "--replication", "--bootstrap-server"] {
            assert!(quorum.contains(&word.to_owned()), "{word}");
        }
        assert!(of("kafka-storage").contains(&"format".to_owned()));
    }
}
