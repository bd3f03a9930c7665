//! From files, environment and overrides to one set of static settings, with everything worth telling.

use std::fmt;

use crate::broker_config::BrokerConfig;
use crate::environment::EnvironmentSettings;
use crate::layers::{Given, Origin, StaticSettings};
use crate::properties::Properties;
use crate::setting::Setting;
use crate::tables::{self, Fate};
use crate::{rules, suggest};

/// Where a lone server without any settings keeps its data, relative to its working directory.
pub const LOG_DIR_IMPLIED: &str = "naru-data";

/// Everything a user wrote, weakest first: files, environment, overrides.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Properties files by name; a later file wins over an earlier one.
    pub files: Vec<(String, Properties)>,
    /// What the environment says.
    pub environment: EnvironmentSettings,
    /// Key and value of each `--override`; a later one wins.
    pub overrides: Vec<(String, String)>,
}

/// Settings that fit together, and what the log should say about them.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings as written, for DescribeConfigs.
    pub settings: StaticSettings,
    /// The settings as the program needs them.
    pub broker: BrokerConfig,
    /// Id to format a fresh log directory with, if the user named one.
    pub cluster_id: Option<String>,
    /// Lines for the log, in order.
    pub notices: Vec<Notice>,
}

/// A line for the log about a setting that does not stop the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// True where the user probably meant something else.
    pub is_warning: bool,
    /// The line.
    pub text: String,
}

/// Why the server must not start with these settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting concerned.
    pub key: String,
    /// Where it was written; `None` for a default.
    pub origin: Option<Origin>,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// Merges and checks everything; every problem is reported, not only the first.
pub fn load(inputs: &Inputs) -> Result<Loaded, Vec<Problem>> {
    let mut loader = Loader::default();
    for (name, properties) in &inputs.files {
        let pairs = properties.iter().map(|(key, value)| Pair::new(key, value, Origin::File(name.clone())));
        loader.add_layer(pairs.collect());
    }
    let environment = &inputs.environment;
    let pairs = environment.settings.iter().map(|setting| {
        Pair::new(&setting.key, &setting.value, Origin::Environment(setting.variable.clone()))
    });
    loader.add_layer(pairs.collect());
    let pairs = inputs.overrides.iter().map(|(key, value)| Pair::new(key, value, Origin::Override));
    loader.add_layer(pairs.collect());
    if !environment.ignored.is_empty() {
        let names = environment.ignored.join(", ");
        loader.info(format!("ignoring {names}: they configure a Java virtual machine, and there is none"));
    }
    loader.imply();
    loader.check_values();
    loader.finish(environment.cluster_id.clone())
}

struct Pair {
    key: String,
    given: Given,
}

impl Pair {
    fn new(key: &str, value: &str, origin: Origin) -> Pair {
        Pair { key: key.to_owned(), given: Given { value: value.to_owned(), origin } }
    }
}

#[derive(Default)]
struct Loader {
    settings: StaticSettings,
    /// `host.name`, `port` and their advertised forms, read into listeners at the end.
    old_listener: StaticSettings,
    notices: Vec<Notice>,
    problems: Vec<Problem>,
}

impl Loader {
    fn info(&mut self, text: String) {
        self.notices.push(Notice { is_warning: false, text });
    }

    fn warn(&mut self, text: String) {
        self.notices.push(Notice { is_warning: true, text });
    }

    fn add_layer(&mut self, pairs: Vec<Pair>) {
        let has_node_id = pairs.iter().any(|pair| pair.key == "node.id");
        for Pair { key, given } in pairs {
            if key == "broker.id" && !has_node_id {
                // A stronger layer that knows only the old name replaces both.
                self.settings.given.insert("node.id".to_owned(), given.clone());
            } else if key == "node.id" {
                self.settings.given.remove("broker.id");
            }
            self.add(key, given);
        }
    }

    fn add(&mut self, key: String, given: Given) {
        match tables::fate(&key) {
            Some(Fate::Renamed(to)) => {
                self.warn(format!("'{key}' ({}) is now called '{to}'", given.origin));
                self.settings.given.insert(to.to_owned(), given);
            }
            Some(Fate::NoMeaning(reason)) => {
                self.warn(format!("'{key}' ({}) has no effect: {reason}", given.origin));
            }
            Some(Fate::PartOfListener) => {
                self.warn(format!("'{key}' ({}) is read as part of the plaintext listener", given.origin));
                self.old_listener.given.insert(key, given);
            }
            None => {
                if tables::broker_setting(&key).is_none() {
                    self.report_unknown(&key, &given.origin);
                }
                self.settings.given.insert(key, given);
            }
        }
    }

    fn report_unknown(&mut self, key: &str, origin: &Origin) {
        if key.starts_with("rlmm.config.") || key.starts_with("rsm.config.") {
            return;
        }
        let known = tables::BROKER.iter().chain(tables::NARU).map(|setting| setting.key);
        let near = suggest::nearest(key, known);
        let text = match near {
            Some(near) => format!("unknown setting '{key}' ({origin}), did you mean '{near}'?"),
            None => format!("unknown setting '{key}' ({origin})"),
        };
        let is_warning = near.is_some() || !matches!(origin, Origin::Environment(_));
        self.notices.push(Notice { is_warning, text });
    }

    /// Fills in what follows from other settings or what a lone server needs.
    fn imply(&mut self) {
        if self.settings.get("node.id").is_some_and(|id| id.trim() == "-1") {
            self.info("broker.id=-1 asks for a generated id: this node takes 1".to_owned());
            self.settings.given.remove("node.id");
            self.settings.given.remove("broker.id");
        }
        self.settings.imply("node.id", "1");
        let node_id = self.settings.get("node.id").unwrap_or("1").to_owned();
        self.settings.imply("broker.id", node_id);
        self.settings.imply("process.roles", "broker,controller");
        if self.settings.get("log.dirs").is_none() && self.settings.get("log.dir").is_none() {
            self.settings.imply("log.dirs", LOG_DIR_IMPLIED);
        }
        self.imply_listener("listeners", "host.name", "port");
        self.imply_listener("advertised.listeners", "advertised.host.name", "advertised.port");
        let names_controller = |text: &str| {
            text.split(',').any(|listener| listener.trim().to_ascii_uppercase().starts_with("CONTROLLER://"))
        };
        if self.settings.get("listeners").is_some_and(names_controller) {
            self.settings.imply("controller.listener.names", "CONTROLLER");
        }
    }

    fn imply_listener(&mut self, key: &str, host_key: &str, port_key: &str) {
        let host = self.old_listener.get(host_key).or_else(|| self.old_listener.get("host.name"));
        let port = self.old_listener.get(port_key).or_else(|| self.old_listener.get("port"));
        let is_given = self.old_listener.get(host_key).is_some() || self.old_listener.get(port_key).is_some();
        if is_given {
            let text = format!("PLAINTEXT://{}:{}", host.unwrap_or(""), port.unwrap_or("9092"));
            self.settings.imply(key, text);
        }
    }

    fn check_values(&mut self) {
        for (key, given) in &self.settings.given {
            let Some(setting) = tables::broker_setting(key) else { continue };
            if let Err(error) = setting.parse(&given.value) {
                let reason = with_legal_values(setting, &error.to_string());
                let origin = Some(given.origin.clone());
                self.problems.push(Problem { key: key.clone(), origin, reason });
            }
        }
    }

    fn finish(mut self, cluster_id: Option<String>) -> Result<Loaded, Vec<Problem>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let broker = BrokerConfig::from_layers(&self.settings.layers());
        let broken = match &broker {
            Ok(broker) => rules::check(&self.settings.layers(), broker),
            Err(problem) => vec![problem.clone()],
        };
        self.problems.extend(broken);
        for problem in &mut self.problems {
            problem.origin = self.settings.given.get(&problem.key).map(|given| given.origin.clone());
        }
        match broker {
            Ok(broker) if self.problems.is_empty() => {
                Ok(Loaded { settings: self.settings, broker, cluster_id, notices: self.notices })
            }
            _ => Err(self.problems),
        }
    }
}

fn with_legal_values(setting: &Setting, sentence: &str) -> String {
    let legal = setting.validator.to_string();
    if legal.is_empty() { sentence.to_owned() } else { format!("{sentence}; legal values: {legal}") }
}

impl Problem {
    pub(crate) fn new(key: &str, reason: impl Into<String>) -> Problem {
        Problem { key: key.to_owned(), origin: None, reason: reason.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{} ({origin}): {}", self.key, self.reason),
            None => write!(f, "{}: {}", self.key, self.reason),
        }
    }
}

impl std::error::Error for Problem {}
