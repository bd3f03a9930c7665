//! `kafka-metadata-quorum add-controller` and `remove-controller`.

use std::path::PathBuf;

use client::{Admin, HostPort};
use model::Uuid;

use crate::Output;
use crate::admin_tool::{self, wrote};
use crate::failure::Failure;
use crate::files::properties_or_sentence;
use crate::subcommands::Said;

const IS_IT_VALID: &str = "Is this a valid controller configuration file?";

/// What of a controller's settings makes it a voter.
struct Controller {
    id: i32,
    directory_id: Uuid,
    listeners: Vec<(String, HostPort)>,
}

/// Makes the controller of a settings file a voter.
pub(super) fn add(
    admin: &Admin,
    config: Option<&str>,
    dry_run: bool,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let config = config.ok_or_else(|| {
        Failure::terse("You must supply the configuration file of the controller you are adding when using add-controller.")
    })?;
    let Controller { id, directory_id, listeners } = Controller::read(config)?;
    if !dry_run {
        let added = admin_tool::run(async {
            admin.add_voter(id, directory_id, &listeners).await.map_err(Failure::executed)
        });
        added?;
    }
    let endpoints: Vec<String> = listeners.iter().map(|(name, address)| endpoint(name, address)).collect();
    let done = if dry_run { "DRY RUN of adding" } else { "Added" };
    let endpoints = endpoints.join(", ");
    let sentence =
        format!("{done} controller {id} with directory id {directory_id} and endpoints: {endpoints}");
    wrote(writeln!(output.out, "{sentence}"))
}

/// Takes a voter out of the quorum.
pub(super) fn remove(admin: &Admin, id: i32, said: &Said, output: &mut Output<'_>) -> Result<(), Failure> {
    if id < 0 {
        return Err(Failure::terse(format!("Invalid negative --controller-id: {id}")));
    }
    let text = said.value("controller-directory-id").unwrap_or_default();
    let directory_id: Uuid = text.parse().map_err(|_| {
        Failure::terse(format!("Failed to parse --controller-directory-id: {}", crate::java::no_uuid(text)))
    })?;
    let dry_run = said.has("dry-run");
    if !dry_run {
        let removed =
            admin_tool::run(async { admin.remove_voter(id, directory_id).await.map_err(Failure::executed) });
        removed?;
    }
    // Each of the original's words ends with a blank of its own.
    let done = if dry_run { "DRY RUN of removing " } else { "Removed " };
    wrote(writeln!(output.out, "{done} KRaft controller {id} with directory id {directory_id}"))
}

impl Controller {
    fn read(path: &str) -> Result<Controller, Failure> {
        let properties = properties_or_sentence(path).map_err(Failure::terse)?;
        let value = |key: &str| properties.get(key);
        let id = value("node.id").ok_or_else(|| {
            Failure::terse(format!("node.id not found in configuration file. {IS_IT_VALID}"))
        })?;
        let id: i32 = id.trim().parse().map_err(|_| Failure::not_a_number(id))?;
        if id < 0 {
            return Err(Failure::terse(format!("node.id was negative in configuration file. {IS_IT_VALID}")));
        }
        if !value("process.roles").unwrap_or_default().contains("controller") {
            return Err(Failure::terse(format!(
                "process.roles did not contain 'controller' in configuration file. {IS_IT_VALID}"
            )));
        }
        let first = |dirs: &str| dirs.split(',').next().map(|dir| dir.trim().to_owned());
        let directory = value("metadata.log.dir").map(str::to_owned).or_else(|| first(value("log.dirs")?));
        let directory = directory.ok_or_else(|| {
            Failure::terse(format!("Neither metadata.log.dir nor log.dirs were found. {IS_IT_VALID}"))
        })?;
        let names = value("controller.listener.names").ok_or_else(|| {
            Failure::terse(format!("controller.listener.names was not found. {IS_IT_VALID}"))
        })?;
        let known = ["listeners", "advertised.listeners"].map(|key| value(key).unwrap_or_default());
        Ok(Controller { id, directory_id: directory_id(&directory)?, listeners: listeners(names, known)? })
    }
}

/// The id that `meta.properties` gives a directory.
fn directory_id(directory: &str) -> Result<Uuid, Failure> {
    let path = PathBuf::from(directory).join("meta.properties");
    let properties = properties_or_sentence(path)
        .map_err(|_| Failure::terse(format!("Unable to read meta.properties from {directory}")))?;
    let id = properties.get("directory.id").and_then(|id| id.trim().parse().ok());
    id.ok_or_else(|| Failure::terse(format!("No directory id found in {directory}")))
}

/// The listeners of those names; what is advertised counts for more than what is listened at.
fn listeners(names: &str, known: [&str; 2]) -> Result<Vec<(String, HostPort)>, Failure> {
    let mut listeners = Vec::new();
    for name in names.split(',').map(|name| name.trim().to_uppercase()) {
        let of_name = |list: &str| {
            let addresses = list.split(',').filter_map(|one| one.trim().split_once("://"));
            let of_it = addresses.filter(|(known, _)| known.eq_ignore_ascii_case(&name));
            of_it.filter_map(|(_, address)| host_port(address)).next_back()
        };
        let [listened, advertised] = known;
        let address = of_name(advertised).or_else(|| of_name(listened)).ok_or_else(|| {
            Failure::terse(format!("Cannot find information about controller listener name: {name}"))
        })?;
        listeners.push((name, address));
    }
    Ok(listeners)
}

/// A listener without a host is one of this machine.
fn host_port(text: &str) -> Option<HostPort> {
    let (host, port) = match text.strip_prefix(':') {
        Some(port) => ("localhost", port.parse().ok()?),
        None => config::listener::parse_host_port(text)?,
    };
    Some(HostPort { host: host.to_owned(), port })
}

/// `CONTROLLER://host:9093`
pub(super) fn endpoint(name: &str, address: &HostPort) -> String {
    let HostPort { host, port } = address;
    if host.contains(':') { format!("{name}://[{host}]:{port}") } else { format!("{name}://{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advertised_listeners_count_for_more() {
        let known = ["PLAINTEXT://:9092,CONTROLLER://:9093", "controller://one:19093"];
        let found = listeners("CONTROLLER", known).unwrap();
        let shown: Vec<String> = found.iter().map(|(name, address)| endpoint(name, address)).collect();
        assert_eq!(shown, ["CONTROLLER://one:19093"]);
        let found = listeners("plaintext", known).unwrap();
        assert_eq!(endpoint(&found[0].0, &found[0].1), "PLAINTEXT://localhost:9092");
        let missing = listeners("OTHER", known).unwrap_err();
        assert_eq!(missing.message(), "Cannot find information about controller listener name: OTHER");
    }
}
