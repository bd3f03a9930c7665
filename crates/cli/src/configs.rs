//! `kafka-configs`: shows and alters settings of topics, brokers, groups and client metrics, quotas, and SCRAM credentials.

mod alter;
mod changes;
mod credentials;
mod describe;
mod entities;
mod quotas;
mod resources;

use client::Error;

use crate::Output;
use crate::admin_tool;
use crate::failure::Failure;
use crate::options::{Given, Opt, Options, Refusal};

use entities::Entities;

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "This tool helps to manipulate and describe entity config for a topic, client, user, broker, ip, client-metrics or group",
    options: &[
        Opt::value("add-config", "k1=v1,k2=[v2,v3]", "With --alter: settings to set; brackets around values with commas."),
        Opt::value("add-config-file", "file", "With --alter: a properties file of settings to set."),
        Opt::flag("all", "With --describe: also settings that nobody altered."),
        Opt::flag("alter", "Alter settings."),
        Opt::value("bootstrap-controller", "controller to connect to", "Controllers to connect to first."),
        Opt::value("bootstrap-server", "server to connect to", "Servers to connect to first, host:port, separated by commas."),
        Opt::value("broker", "id", "The broker of that id."),
        Opt::flag("broker-defaults", "What holds for all brokers."),
        Opt::value("broker-logger", "id", "The loggers of the broker of that id."),
        Opt::value("client", "client id", "The client of that id."),
        Opt::flag("client-defaults", "What holds for all client ids."),
        Opt::value("client-metrics", "name", "The subscription of client metrics of that name."),
        Opt::value("command-config", "command config property file", "A file of settings for the admin client."),
        Opt::value("delete-config", "k1,k2", "With --alter: settings to take back."),
        Opt::flag("describe", "Show settings."),
        Opt::flag("entity-default", "What holds for all of --entity-type."),
        Opt::value("entity-name", "name", "Which one of --entity-type."),
        Opt::value("entity-type", "type", "topics, clients, users, brokers, broker-loggers, ips, client-metrics or groups; users and clients together for the clients of users."),
        Opt::value("group", "group id", "The group of that id."),
        Opt::value("ip", "address", "That address."),
        Opt::flag("ip-defaults", "What holds for all addresses."),
        Opt::value("topic", "topic", "The topic of that name."),
        Opt::value("user", "user", "The user of that name."),
        Opt::flag("user-defaults", "What holds for all users."),
    ],
};

/// Why the tool did not do its work.
#[derive(Debug)]
enum Ended {
    /// The sentence says it all.
    Told(String),
    /// The original shows the exception and where it came from.
    Failed(Failure),
}

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let given = match admin_tool::read(&OPTIONS, arguments, output) {
        Ok(given) => given,
        Err(code) => return code,
    };
    if let Err(refusal) = check_action(&given) {
        return admin_tool::refuse(&OPTIONS, &refusal, output);
    }
    match act(&given, output) {
        Ok(()) => 0,
        Err(Ended::Told(sentence)) => output.fail(sentence),
        Err(Ended::Failed(failure)) => {
            let line = arguments.join(" ");
            output.fail(format!("Error while executing config command with args '{line}'\n{failure}"))
        }
    }
}

fn check_action(given: &Given) -> Result<(), Refusal> {
    if given.has("alter") == given.has("describe") {
        let sentence = "Command must include exactly one action: --describe, --alter";
        return Err(Refusal::Usage(sentence.to_owned()));
    }
    given.exclude("describe", &["alter", "add-config", "delete-config"])
}

fn act(given: &Given, output: &mut Output<'_>) -> Result<(), Ended> {
    let entities = Entities::read(given)?;
    // Each may be given once, which is no failure of the connection.
    given.value("command-config")?;
    given.value("bootstrap-server")?;
    if given.value("bootstrap-controller")?.is_some() {
        return Err(Ended::told(admin_tool::NO_CONTROLLERS));
    }
    let admin = admin_tool::connect(given).map_err(Ended::Failed)?;
    if given.has("alter") && entities.types.len() != entities.names.len() {
        return Err(Ended::told("An entity name must be specified for every entity type"));
    }
    let work = async {
        Ok(match given.has("alter") {
            true => alter::run(&admin, given, &entities, output).await,
            false => describe::run(&admin, &entities, given.has("all"), output).await,
        })
    };
    admin_tool::run(work).map_err(Ended::Failed)?
}

impl Ended {
    fn told(sentence: impl Into<String>) -> Ended {
        Ended::Told(sentence.into())
    }
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Ended {
        match refusal {
            Refusal::Parser(_, sentence) | Refusal::Usage(sentence) => Ended::Told(sentence),
        }
    }
}

impl From<Error> for Ended {
    /// As Java's futures throw it.
    fn from(error: Error) -> Ended {
        Ended::Failed(Failure::executed(error))
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Ended {
        Ended::Failed(failure)
    }
}
