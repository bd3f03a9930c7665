//! Lines with subcommands, and what is said of those that cannot be read.

use super::*;

static PROGRAM: Program = Program {
    name: "kafka-thing",
    about: "Does things.",
    options: &[
        Argument::value("bootstrap-server", "SERVER", "a server").one_of(),
        Argument::value("bootstrap-controller", "SERVER", "a controller").one_of(),
    ],
    commands: &[
        Command { name: "describe", about: "tells", options: &[Argument::flag("status", "all")] },
        Command {
            name: "remove",
            about: "removes",
            options: &[
                Argument::value("id", "ID", "which").short("i").required(),
                Argument::flag("dry-run", "not really"),
            ],
        },
    ],
};

fn read(line: &str) -> Result<Said, String> {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    PROGRAM.read(&words).map_err(|unsaid| match unsaid {
        Unsaid::Help(text) => text,
        Unsaid::Complaint(complaint) => complaint.sentence,
    })
}

#[test]
fn options_are_read_in_every_spelling() {
    for line in ["--id 7", "--id=7", "-i 7", "-i7", "--i 7"] {
        let said = read(&format!("--bootstrap-server b remove {line} --dry")).unwrap();
        assert_eq!((said.command, said.value("id")), ("remove", Some("7")), "{line}");
        assert!(said.has("dry-run") && said.number("id", "int") == Ok(Some(7)), "{line}");
    }
}

#[test]
fn complaints_are_those_of_the_original() {
    for (line, complaint) in [
        ("", "too few arguments"),
        ("jump", "invalid choice: 'jump' (choose from 'describe', 'remove')"),
        ("--x", "unrecognized arguments: '--x'"),
        (
            "--bootstrap b describe",
            "ambiguous option: --bootstrap could match --bootstrap-controller, --bootstrap-server",
        ),
        ("describe", "one of the arguments --bootstrap-server --bootstrap-controller is required"),
        (
            "--bootstrap-server a --bootstrap-controller b describe",
            "argument --bootstrap-controller: not allowed with argument --bootstrap-server",
        ),
        ("--bootstrap-server a remove", "argument --id/-i is required"),
        ("--bootstrap-server a remove --id", "argument --id/-i: expected one argument"),
    ] {
        assert_eq!(read(line).map(|said| said.command).unwrap_err(), complaint, "{line}");
    }
    assert!(read("remove -h").unwrap_err().starts_with("usage: kafka-thing "));
}
