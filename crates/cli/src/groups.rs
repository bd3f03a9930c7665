//! `kafka-groups`: lists groups of all kinds.

use client::admin::{GroupListing, GroupType};

use crate::admin_tool::{self, refused, wrote};
use crate::columns::{row, width};
use crate::failure::Failure;
use crate::options::{Given, Opt, Options, Refusal};
use crate::{FAILED, Output, java};

const LOGGER: &str = "org.apache.kafka.tools.GroupsCommand";

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "This tool helps to list groups of all types.",
    options: &[
        Opt::value("bootstrap-server", "server to connect to", "Servers to connect to first, host:port, separated by commas."),
        Opt::value("command-config", "command config property file", "A file of settings for the admin client."),
        Opt::flag("consumer", "Only groups of consumers of either protocol, and those without any members yet."),
        Opt::value("group-type", "type", "Only groups of that kind: classic, consumer, share or streams."),
        Opt::flag("list", "List the groups."),
        Opt::value("protocol", "protocol", "Only groups whose members call their protocol that."),
        Opt::flag("share", "Only share groups."),
        Opt::flag("streams", "Only groups of the streams protocol."),
    ],
};

/// Which groups are meant.
struct Filter<'g> {
    kind: Option<GroupType>,
    protocol: Option<&'g str>,
    given: &'g Given,
}

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let given = match OPTIONS.read(arguments).and_then(with_servers) {
        Ok(given) => given,
        Err(Refusal::Parser(_, sentence) | Refusal::Usage(sentence)) => {
            return admin_tool::refuse(&OPTIONS, &Refusal::Usage(sentence), output);
        }
    };
    if let Some(code) = admin_tool::answered(&OPTIONS, &given, output) {
        return code;
    }
    if !given.has("list") {
        let refusal = Refusal::Usage("Command must include exactly one action: --list.".to_owned());
        return admin_tool::refuse(&OPTIONS, &refusal, output);
    }
    let filter = match Filter::read(&given) {
        Ok(filter) => filter,
        Err(failure) => return uncaught(&failure, output),
    };
    if let Err(refusal) = check_pairs(&given) {
        return admin_tool::refuse(&OPTIONS, &refusal, output);
    }
    match list(&given, &filter, output) {
        Ok(()) => 0,
        Err(failure) if failure.is_of_file() => uncaught(&failure, output),
        Err(failure) => admin_tool::tell(&failure, "Error while executing groups command", LOGGER, output),
    }
}

/// The original's parser itself asks for the servers.
fn with_servers(given: Given) -> Result<Given, Refusal> {
    if ["bootstrap-server", "help", "version"].into_iter().any(|option| given.has(option)) {
        return Ok(given);
    }
    Err(Refusal::Usage("Missing required option(s) [bootstrap-server]".to_owned()))
}

/// The message, and what was thrown with its stack, which ends with a line end.
fn uncaught(failure: &Failure, output: &mut Output<'_>) -> u8 {
    // Where standard error is closed, nothing is left to tell anyone.
    let _ = writeln!(output.err, "{}\n{failure}\n", failure.message());
    FAILED
}

fn check_pairs(given: &Given) -> Result<(), Refusal> {
    given.exclude("consumer", &["group-type", "protocol", "share", "streams"])?;
    given.exclude("share", &["consumer", "group-type", "protocol", "streams"])?;
    given.exclude("streams", &["consumer", "group-type", "protocol", "share"])
}

fn list(given: &Given, filter: &Filter<'_>, output: &mut Output<'_>) -> Result<(), Failure> {
    let admin = admin_tool::connect(given)?;
    let mut groups = admin_tool::run(async { Ok(admin.list_groups(&[], &[]).await?) })?;
    java::in_order_of_grown_map(&mut groups, |group| java::hash_of(&group.id));
    groups.retain(|group| filter.has(group));
    let kinds: Vec<String> = groups.iter().map(|group| group.kind.to_string()).collect();
    let texts = groups.iter().flat_map(|group| [group.id.as_str(), group.protocol.as_str()]);
    let width = width(20, texts);
    let line = |id: &str, kind: &str, protocol: &str| row(&[(width, id), (width, kind), (width, protocol)]);
    wrote(writeln!(output.out, "{}", line("GROUP", "TYPE", "PROTOCOL")))?;
    for (group, kind) in groups.iter().zip(&kinds) {
        // The original ends each of these lines with a blank more.
        wrote(writeln!(output.out, "{} ", line(&group.id, kind, &group.protocol)))?;
    }
    Ok(())
}

impl<'g> Filter<'g> {
    fn read(given: &'g Given) -> Result<Filter<'g>, Failure> {
        let kind = given.value("group-type").map_err(refused)?.map(GroupType::parse);
        if kind == Some(GroupType::Unknown) {
            return Err(Failure::argument("--group-type must be a valid group type."));
        }
        Ok(Filter { kind, protocol: given.value("protocol").map_err(refused)?, given })
    }

    fn has(&self, group: &GroupListing) -> bool {
        if self.kind.is_some() || self.protocol.is_some() {
            let is_of_kind = self.kind.is_none_or(|kind| kind == group.kind);
            return is_of_kind && self.protocol.is_none_or(|protocol| protocol == group.protocol);
        }
        if self.given.has("consumer") {
            return ["", "consumer"].contains(&group.protocol.as_str()) || group.kind == GroupType::Consumer;
        }
        if self.given.has("share") {
            return group.kind == GroupType::Share;
        }
        !self.given.has("streams") || group.kind == GroupType::Streams
    }
}
