//! `kafka-consumer-groups`: lists, describes and deletes groups of consumers, and resets and deletes their offsets.

mod csv;
mod delete;
mod describe;
mod list;
mod moments;
mod partitions;
mod pattern;
mod reset;
mod rows;

use std::time::Duration;

use client::Admin;

use crate::Output;
use crate::admin_tool::{self, refused, wrote};
use crate::failure::Failure;
use crate::options::{Given, Opt, Options, Refusal};

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "This tool helps to list all consumer groups, describe a consumer group, delete consumer group info, or reset consumer group offsets.",
    options: &[
        Opt::flag("all-groups", "All groups of consumers, in place of --group."),
        Opt::flag("all-topics", "With --reset-offsets: all topics of which the group has offsets."),
        Opt::value("bootstrap-server", "server to connect to", "Servers to connect to first, host:port, separated by commas."),
        Opt::value("by-duration", "duration", "With --reset-offsets: to the first record that is not older than that, as in P1DT2H3M4S."),
        Opt::value("command-config", "command config property file", "A file of settings for the admin client."),
        Opt::flag("delete", "Delete groups that have no members."),
        Opt::flag("delete-offsets", "Delete the offsets of --group for each --topic that none of its members reads."),
        Opt::flag("describe", "Show groups: their offsets, their members or their state."),
        Opt::flag("dry-run", "With --reset-offsets: only show what it would do."),
        Opt::flag("execute", "With --reset-offsets: do it."),
        Opt::flag("export", "With --reset-offsets: print the offsets as lines of CSV, as --from-file reads them."),
        Opt::value("from-file", "path to CSV file", "With --reset-offsets: to the offsets of a file with lines topic,partition,offset, with a group in front for several groups."),
        Opt::value("group", "consumer group", "A group; may be repeated where several can be meant."),
        Opt::flag("list", "List the groups of consumers."),
        Opt::flag("members", "With --describe: the members of the groups."),
        Opt::flag("offsets", "With --describe: the offsets of the groups and how far they are behind; that is the default."),
        Opt::flag("reset-offsets", "Move the offsets of groups that have no members."),
        Opt::value("shift-by", "number-of-offsets", "With --reset-offsets: by so many records, back where that is negative."),
        Opt::optional("state", "state", "With --describe: the state of the groups. With --list: show it, and only groups in one of the states that are named."),
        Opt::value("timeout", "timeout (ms)", "How long each request may take, 30000 without."),
        Opt::flag("to-current", "With --reset-offsets: to where the group is, or to the end of a partition without an offset."),
        Opt::value("to-datetime", "datetime", "With --reset-offsets: to the first record that is not older than that, as in 2026-01-31T12:00:00.000, in UTC where no offset from it is given."),
        Opt::flag("to-earliest", "With --reset-offsets: to the first record."),
        Opt::flag("to-latest", "With --reset-offsets: behind the last record."),
        Opt::value("to-offset", "offset", "With --reset-offsets: to that offset."),
        Opt::value("topic", "topic", "A topic, for --reset-offsets and --delete-offsets also topic:0,1; may be repeated."),
        Opt::optional("type", "type", "With --list: show the kind of each group, and only groups of one of the kinds that are named."),
        Opt::value("validate-regex", "regex", "Check whether brokers take a regular expression for topics."),
        Opt::flag("verbose", "With --describe: show more."),
    ],
};

/// What a line can ask for, in the order of the sentence about them.
const ACTIONS: [&str; 6] =
    ["list", "describe", "delete", "reset-offsets", "delete-offsets", "validate-regex"];
/// Options that go with some actions only.
const AVAILABLE: [(&str, &[&str]); 5] = [
    ("members", &["describe"]),
    ("offsets", &["describe"]),
    ("state", &["describe", "list"]),
    ("type", &["list"]),
    ("verbose", &["describe"]),
];
/// Ways to reset offsets, in the order in which they are held against each other.
const SCENARIOS: [&str; 8] = [
    "to-offset",
    "to-datetime",
    "by-duration",
    "to-earliest",
    "to-latest",
    "to-current",
    "shift-by",
    "from-file",
];
const NO_ACTION_WARNING: &str = "WARN: No action will be performed as the --execute option is missing. In version 5.0, this command will require either --dry-run or --execute to be specified. You should add the --dry-run option explicitly if you are scripting this command and want to keep the current default behavior without prompting.";
/// Milliseconds that a request may take where nothing is said.
const TIMEOUT_MS: i64 = 30_000;

/// Runs the tool and gives its exit code, which is 0 for most of what goes wrong, as the original's.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    if arguments.is_empty() {
        return admin_tool::refuse(&OPTIONS, &Refusal::Usage(OPTIONS.about.to_owned()), output);
    }
    let given = match OPTIONS.read(arguments).and_then(available) {
        Ok(given) => given,
        Err(refusal) => return admin_tool::uncaught(&OPTIONS, &refusal, output),
    };
    if let Some(code) = admin_tool::answered(&OPTIONS, &given, output) {
        return code;
    }
    if let Err(refusal) = check(&given, output) {
        return admin_tool::refuse(&OPTIONS, &refusal, output);
    }
    match act(&given, output) {
        Ok(()) => 0,
        Err(failure) if failure.is_argument() => {
            admin_tool::refuse(&OPTIONS, &Refusal::Usage(failure.message().to_owned()), output)
        }
        Err(failure) => {
            let sentence = format!("Executing consumer group command failed due to {}", failure.message());
            // Where nothing can be written, nothing is left to tell anyone.
            let _ = tell_error(&sentence, output);
            let _ = writeln!(output.err, "{failure}");
            0
        }
    }
}

fn available(given: Given) -> Result<Given, Refusal> {
    let is_out_of_place = |(option, actions): &(&str, &[&str])| {
        given.has(option) && !actions.iter().any(|action| given.has(action))
    };
    let out_of_place: Vec<&str> =
        AVAILABLE.iter().filter(|rule| is_out_of_place(rule)).map(|(option, _)| *option).collect();
    if out_of_place.is_empty() || given.has("help") || given.has("version") {
        return Ok(given);
    }
    let options = out_of_place.join(", ");
    Err(Refusal::Parser(
        "joptsimple.UnavailableOptionException",
        format!("Option(s) [{options}] are unavailable given other options on the command line"),
    ))
}

/// Refuses lines that say too little, too much or what does not go together.
fn check(given: &Given, output: &mut Output<'_>) -> Result<(), Refusal> {
    let usage = |sentence: String| Err(Refusal::Usage(sentence));
    let names_groups = given.has("group") || given.has("all-groups");
    if !given.has("validate-regex") {
        given.require(&["bootstrap-server"])?;
    }
    for action in ["describe", "delete"] {
        if given.has(action) && !names_groups {
            return usage(format!("Option [{action}] takes one of these options: [all-groups], [group]"));
        }
    }
    if given.has("describe") {
        let exclusive = ["members", "offsets", "state"];
        if exclusive.into_iter().filter(|option| given.has(option)).count() > 1 {
            return usage(
                "Option [describe] takes at most one of these options: [members], [offsets], [state]"
                    .to_owned(),
            );
        }
        if given.value("state")?.is_some() {
            return usage("Option [describe] does not take a value for [state]".to_owned());
        }
    }
    if given.has("delete") && given.has("topic") {
        return usage(
            "The consumer does not support topic-specific offset deletion from a consumer group.".to_owned(),
        );
    }
    if given.has("delete-offsets") && !(given.has("group") && given.has("topic")) {
        return usage("Option [delete-offsets] takes the following options: [group], [topic]".to_owned());
    }
    if given.has("reset-offsets") {
        check_reset(given, output)?;
    }
    given.exclude("group", &["all-groups", "list"])?;
    given.exclude("topic", &["list", "describe"])?;
    if ACTIONS.iter().filter(|action| given.has(action)).count() == 1 {
        return Ok(());
    }
    let actions: Vec<String> = ACTIONS.iter().map(|action| format!("--{action}")).collect();
    usage(format!("Command must include exactly one action: {}", actions.join(", ")))
}

fn check_reset(given: &Given, output: &mut Output<'_>) -> Result<(), Refusal> {
    if given.has("dry-run") && given.has("execute") {
        let sentence = "Option [reset-offsets] only accepts one of [execute] and [dry-run]";
        return Err(Refusal::Usage(sentence.to_owned()));
    }
    if !given.has("dry-run") && !given.has("execute") {
        // Where standard error is closed, nothing is left to tell anyone.
        let _ = writeln!(output.err, "{NO_ACTION_WARNING}");
    }
    if !given.has("group") && !given.has("all-groups") {
        let sentence = "Option [reset-offsets] takes one of these options: [all-groups], [group]";
        return Err(Refusal::Usage(sentence.to_owned()));
    }
    for scenario in SCENARIOS {
        let others: Vec<&str> = SCENARIOS.into_iter().filter(|other| *other != scenario).collect();
        given.exclude(scenario, &others)?;
    }
    Ok(())
}

fn act(given: &Given, output: &mut Output<'_>) -> Result<(), Failure> {
    if let Some(text) = given.value("validate-regex").map_err(refused)? {
        return wrote(writeln!(output.out, "{}", pattern::verdict(text)));
    }
    let admin = admin_tool::connect(given).map_err(unread_file)?;
    let scenario = reset::Scenario::read(given)?;
    let timeout_ms = given.parsed("timeout").map_err(refused)?.unwrap_or(TIMEOUT_MS);
    let admin = admin.with_timeout(Duration::from_millis(u64::try_from(timeout_ms).unwrap_or_default()));
    admin_tool::run(async {
        if given.has("list") {
            list::run(&admin, given, output).await
        } else if given.has("describe") {
            describe::run(&admin, given, output).await
        } else if given.has("delete") {
            delete::groups(&admin, given, output).await
        } else if given.has("delete-offsets") {
            delete::offsets(&admin, given, output).await
        } else {
            reset::run(&admin, given, scenario, output).await
        }
    })
}

/// The original tells of a file of settings that it cannot read as an exception within another one.
fn unread_file(failure: Failure) -> Failure {
    if failure.is_of_file() { failure.at_run_time() } else { failure }
}

/// The groups of `--group`, or all there are.
async fn groups(admin: &Admin, given: &Given) -> Result<Vec<String>, Failure> {
    if given.has("all-groups") { list::ids(admin).await } else { Ok(named(given)) }
}

fn named(given: &Given) -> Vec<String> {
    given.values("group").map(str::to_owned).collect()
}

/// Tells on standard output, as the original does, that something went wrong.
fn tell_error(sentence: &str, output: &mut Output<'_>) -> Result<(), Failure> {
    wrote(writeln!(output.out, "\nError: {sentence}"))
}
