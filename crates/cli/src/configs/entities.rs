//! Whose settings a line means: `--entity-type` with `--entity-name` or `--entity-default`, or the short forms.

use std::net::{IpAddr, ToSocketAddrs};

use super::Ended;
use crate::options::Given;

pub(super) const TOPICS: &str = "topics";
pub(super) const CLIENTS: &str = "clients";
pub(super) const USERS: &str = "users";
pub(super) const BROKERS: &str = "brokers";
pub(super) const IPS: &str = "ips";
pub(super) const CLIENT_METRICS: &str = "client-metrics";
pub(super) const GROUPS: &str = "groups";
pub(super) const BROKER_LOGGERS: &str = "broker-loggers";

/// In the order in which the original names them.
const TYPES: [&str; 8] = [TOPICS, CLIENTS, USERS, BROKERS, IPS, CLIENT_METRICS, GROUPS, BROKER_LOGGERS];
/// Options that name one of a type.
const NAMED: [(&str, &str); 8] = [
    ("topic", TOPICS),
    ("client", CLIENTS),
    ("user", USERS),
    ("broker", BROKERS),
    ("broker-logger", BROKER_LOGGERS),
    ("ip", IPS),
    ("client-metrics", CLIENT_METRICS),
    ("group", GROUPS),
];
/// Options that mean the default of a type.
const DEFAULTS: [(&str, &str); 4] = [
    ("client-defaults", CLIENTS),
    ("user-defaults", USERS),
    ("broker-defaults", BROKERS),
    ("ip-defaults", IPS),
];
/// Types that have a default.
const WITH_DEFAULT: [&str; 4] = [USERS, CLIENTS, BROKERS, IPS];

/// Types and names, each in the order given; the empty name is the default of its type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entities {
    pub(super) types: Vec<String>,
    pub(super) names: Vec<String>,
}

impl Entities {
    /// Reads the types and names of a line and refuses what does not go together.
    pub(super) fn read(given: &Given) -> Result<Entities, Ended> {
        let types = types(given);
        let twice: Vec<&str> = (0..types.len())
            .filter(|place| types[..*place].contains(&types[*place]))
            .map(|place| types[place].as_str())
            .collect();
        if !twice.is_empty() {
            return Err(Ended::Told(format!("Duplicate entity type(s) specified: {}", twice.join(","))));
        }
        let connects = ["bootstrap-server", "bootstrap-controller"].map(|option| given.has(option));
        if connects == [false, false] {
            return Err(Ended::told(
                "Either --bootstrap-server or --bootstrap-controller must be specified.",
            ));
        }
        check_types(&types)?;
        let of_types =
            ["entity-name", "entity-type", "entity-default"].iter().any(|option| given.has(option));
        if of_types && NAMED.iter().chain(&DEFAULTS).any(|(option, _)| given.has(option)) {
            return Err(Ended::told(
                "--entity-{type,name,default} should not be used in conjunction with specific entity flags",
            ));
        }
        let entities = Entities { names: names(given)?, types };
        if connects == [true, true] {
            return Err(Ended::told(
                "Only one of --bootstrap-server or --bootstrap-controller can be specified",
            ));
        }
        entities.check_names(given)?;
        match given.has("alter") {
            true => entities.check_alter(given)?,
            false => entities.check_describe(given)?,
        }
        Ok(entities)
    }

    /// The first type, by which the work is chosen.
    pub(super) fn head(&self) -> &str {
        self.types.first().map_or("", String::as_str)
    }

    pub(super) fn has_type(&self, kind: &str) -> bool {
        self.types.iter().any(|known| known == kind)
    }

    fn has_name(&self) -> bool {
        self.names.iter().any(|name| !name.is_empty())
    }

    /// True where the default of a type is meant.
    pub(super) fn has_default(&self) -> bool {
        self.names.iter().any(String::is_empty)
    }

    /// Brokers have numbers, and addresses can be found.
    fn check_names(&self, given: &Given) -> Result<(), Ended> {
        let head = self.head();
        if self.has_name() && (self.has_type(BROKERS) || self.has_type(BROKER_LOGGERS)) {
            for option in ["entity-name", "broker", "broker-logger"] {
                let Some(id) = given.value(option)? else { continue };
                if id.parse::<i32>().is_err() {
                    return Err(Ended::Told(format!(
                        "The entity name for {head} must be a valid integer broker id, but it is: {id}"
                    )));
                }
            }
        }
        if self.has_name() && self.has_type(IPS) {
            for option in ["entity-name", "ip"] {
                let Some(host) = given.value(option)? else { continue };
                if !is_resolvable(host) {
                    return Err(Ended::Told(format!(
                        "The entity name for {head} must be a valid IP or resolvable host, but it is: {host}"
                    )));
                }
            }
        }
        Ok(())
    }

    fn check_describe(&self, given: &Given) -> Result<(), Ended> {
        let types = self.types.join(",");
        if given.has("entity-default") && !WITH_DEFAULT.iter().any(|kind| self.has_type(kind)) {
            return Err(Ended::Told(format!(
                "--entity-default must not be specified with --describe of {types}"
            )));
        }
        if self.has_type(BROKER_LOGGERS) && !self.has_name() {
            return Err(Ended::Told(format!("An entity name must be specified with --describe of {types}")));
        }
        Ok(())
    }

    fn check_alter(&self, given: &Given) -> Result<(), Ended> {
        if WITH_DEFAULT.iter().any(|kind| self.has_type(kind)) {
            if !self.has_name() && !self.has_default() {
                return Err(Ended::told(
                    "An entity-name or default entity must be specified with --alter of users, clients, brokers or ips",
                ));
            }
        } else if !self.has_name() {
            let types = self.types.join(",");
            return Err(Ended::Told(format!("An entity name must be specified with --alter of {types}")));
        }
        let [added, from_file, deleted] =
            ["add-config", "add-config-file", "delete-config"].map(|option| given.has(option));
        if added && from_file {
            return Err(Ended::told("Only one of --add-config or --add-config-file must be specified"));
        }
        if !added && !from_file && !deleted {
            return Err(Ended::told(
                "At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter",
            ));
        }
        Ok(())
    }
}

/// The type without its last letter, which makes it one of them.
pub(super) fn singular(kind: &str) -> &str {
    let mut letters = kind.chars();
    letters.next_back();
    letters.as_str()
}

fn types(given: &Given) -> Vec<String> {
    let short = NAMED.iter().chain(&DEFAULTS).filter(|(option, _)| given.has(option)).map(|(_, kind)| *kind);
    given.values("entity-type").chain(short).map(str::to_owned).collect()
}

fn names(given: &Given) -> Result<Vec<String>, Ended> {
    let mut names = Vec::new();
    for (option, value) in given.in_order() {
        match option {
            "entity-name" => names.push(value.unwrap_or_default().to_owned()),
            "entity-default" => names.push(String::new()),
            _ => {}
        }
    }
    for (option, _) in NAMED {
        if let Some(name) = given.value(option)? {
            names.push(name.to_owned());
        }
    }
    names.extend(DEFAULTS.iter().filter(|(option, _)| given.has(option)).map(|_| String::new()));
    Ok(names)
}

fn check_types(types: &[String]) -> Result<(), Ended> {
    if let Some(unknown) = types.iter().find(|kind| !TYPES.contains(&kind.as_str())) {
        let known = TYPES.join(", ");
        return Err(Ended::Told(format!(
            "Invalid entity type {unknown}, the entity type must be one of {known} with a --bootstrap-server or --bootstrap-controller argument"
        )));
    }
    let is_pair = || types.len() == 2 && types.iter().all(|kind| kind == USERS || kind == CLIENTS);
    match types.len() {
        0 => Err(Ended::told("At least one entity type must be specified")),
        1 => Ok(()),
        _ if is_pair() => Ok(()),
        _ => Err(Ended::told("Only 'users' and 'clients' entity types may be specified together")),
    }
}

/// The empty name stands for this machine, as in Java.
fn is_resolvable(host: &str) -> bool {
    host.is_empty()
        || host.parse::<IpAddr>().is_ok()
        || (host, 0).to_socket_addrs().is_ok_and(|mut found| found.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configs::OPTIONS;

    fn read(line: &str) -> Result<Entities, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Entities::read(&OPTIONS.read(&words).unwrap()).map_err(|ended| match ended {
            Ended::Told(sentence) => sentence,
            Ended::Failed(failure) => failure.to_string(),
        })
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn both_spellings_mean_the_same() {
        for (line, types, names) in [
            ("--entity-type topics --entity-name a", &[TOPICS] as &[&str], &["a"] as &[&str]),
            ("--topic a", &[TOPICS], &["a"]),
            (
                "--entity-type users --entity-name u --entity-type clients --entity-default",
                &[USERS, CLIENTS],
                &["u", ""],
            ),
            (
                "--entity-type clients --entity-default --entity-type users --entity-name u",
                &[CLIENTS, USERS],
                &["", "u"],
            ),
            ("--user u --client-defaults", &[USERS, CLIENTS], &["u", ""]),
            ("--entity-type users", &[USERS], &[]),
            ("--broker-defaults", &[BROKERS], &[""]),
        ] {
            let entities = read(&format!("--bootstrap-server b --describe {line}")).unwrap();
            assert_eq!(entities, Entities { types: owned(types), names: owned(names) }, "{line}");
        }
    }

    #[test]
    fn one_of_many_is_named_by_all_but_the_last_letter() {
        assert_eq!(["topics", "client-metrics", ""].map(singular), ["topic", "client-metric", ""]);
    }
}
