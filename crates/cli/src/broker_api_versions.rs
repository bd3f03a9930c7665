//! `kafka-broker-api-versions`: the requests that each broker takes, with their versions.

use std::collections::BTreeSet;

use client::{Admin, Node, ServerVersions, Target};
use protocol::{ApiKey, ListenerType, VersionRange};

use crate::Output;
use crate::admin_tool::{self, wrote};
use crate::failure::Failure;
use crate::options::{Given, Opt, Options};

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "This tool helps to retrieve broker version information.",
    options: &[
        Opt::value("bootstrap-server", "server(s) to use for bootstrapping", "Servers to connect to first, host:port, separated by commas."),
        Opt::value("command-config", "command config property file", "A file of settings for the admin client."),
    ],
};

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let given = match admin_tool::read(&OPTIONS, arguments, output) {
        Ok(given) => given,
        Err(code) => return code,
    };
    if let Err(refusal) = given.require(&["bootstrap-server"]) {
        return admin_tool::refuse(&OPTIONS, &refusal, output);
    }
    match show(&given, output) {
        Ok(()) => 0,
        Err(failure) => output.fail(failure.told()),
    }
}

fn show(given: &Given, output: &mut Output<'_>) -> Result<(), Failure> {
    let admin: Admin = admin_tool::connect(given)?;
    admin_tool::run(async {
        for node in &admin.brokers().await?.nodes {
            let Node { id, address, rack } = node;
            let rack = rack.as_deref().unwrap_or("null");
            let told = match admin.versions(Target::Node(*id)).await {
                Ok(versions) => list(&versions),
                Err(error) => format!("ERROR: {}: {error}", error.exception()),
            };
            wrote(writeln!(output.out, "{address} (id: {id} rack: {rack} isFenced: false) -> {told}"))?;
        }
        Ok(())
    })
}

/// One line for each request, ascending by key: those that the broker has and those that a client could send.
fn list(versions: &ServerVersions) -> String {
    let theirs = versions.answer().api_keys.iter().map(|api| api.api_key);
    let ours = ApiKey::ALL.iter().filter(|key| is_for_clients(**key)).map(|key| key.key());
    let keys: BTreeSet<i16> = theirs.chain(ours).collect();
    let lines: Vec<String> = keys.iter().map(|key| format!("\t{}", line(versions, *key))).collect();
    format!("(\n{}\n)", lines.join(",\n"))
}

fn is_for_clients(key: ApiKey) -> bool {
    key.served_on(ListenerType::Broker) && !key.is_cluster_action() && !key.versions().is_empty()
}

fn line(versions: &ServerVersions, key: i16) -> String {
    let range = versions.answer().api_keys.iter().find(|api| api.api_key == key);
    let range = range.map(|api| VersionRange::new(api.min_version, api.max_version));
    let known = ApiKey::from_i16(key);
    let name = known.map_or("UNKNOWN", ApiKey::name);
    let Some(range) = range else { return format!("{name}({key}): UNSUPPORTED") };
    let shown = if range.min == range.max {
        range.min.to_string()
    } else {
        format!("{} to {}", range.min, range.max)
    };
    let Some(known) = known else { return format!("{name}({key}): {shown}") };
    let ours = known.stable_versions();
    let usable = if range.max < ours.min {
        "unusable: node too old".to_owned()
    } else if range.min > ours.max {
        "unusable: node too new".to_owned()
    } else {
        format!("usable: {}", range.max.min(ours.max))
    };
    format!("{name}({key}): {shown} [{usable}]")
}
