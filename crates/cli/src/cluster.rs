//! `kafka-cluster`: the id of a cluster, its brokers, and brokers that are gone for good.

use client::Error;

use crate::Output;
use crate::admin_tool::{self, wrote};
use crate::columns::{row, width};
use crate::failure::Failure;
use crate::subcommands::{Argument, Command, Program, Said};

#[rustfmt::skip]
const SERVER: Argument = Argument::value("bootstrap-server", "BOOTSTRAP_SERVER", "servers to connect to first, host:port, separated by commas").short("b").one_of();
#[rustfmt::skip]
const CONTROLLER: Argument = Argument::value("bootstrap-controller", "BOOTSTRAP_CONTROLLER", "controllers to connect to first").short("C").one_of();
const CONFIG: Argument = Argument::value("config", "CONFIG", "the former name of --command-config");
#[rustfmt::skip]
const COMMAND_CONFIG: Argument = Argument::value("command-config", "COMMAND_CONFIG", "a file of settings for the admin client").short("c");
const CONFIG_WARNING: &str = "Option --config has been deprecated and will be removed in a future version. Use --command-config instead.";

pub(crate) static PROGRAM: Program = Program {
    name: "kafka-cluster",
    about: "The Kafka cluster tool.",
    options: &[],
    commands: &[
        Command {
            name: "cluster-id",
            about: "show the id of the cluster",
            options: &[CONFIG, COMMAND_CONFIG, SERVER, CONTROLLER],
        },
        Command {
            name: "unregister",
            about: "take a broker that is gone for good off the list",
            options: &[
                CONFIG,
                COMMAND_CONFIG,
                SERVER,
                CONTROLLER,
                Argument::value("id", "ID", "the broker's id").short("i").required(),
            ],
        },
        Command {
            name: "list-endpoints",
            about: "show the brokers and where they are",
            options: &[
                CONFIG,
                COMMAND_CONFIG,
                SERVER,
                CONTROLLER,
                Argument::flag("include-fenced-brokers", "with brokers that are fenced"),
            ],
        },
    ],
};

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let said = match PROGRAM.read(arguments) {
        Ok(said) => said,
        Err(unsaid) => return unsaid.tell(output),
    };
    let id = match said.number::<i32>("id", "Integer") {
        Ok(id) => id.unwrap_or_default(),
        Err(unsaid) => return unsaid.tell(output),
    };
    match act(&said, id, output) {
        Ok(()) => 0,
        // The original prints a stack after it, which ends with a line end.
        Err(failure) => output.fail(format!("{}\n{failure}\n", failure.message())),
    }
}

fn act(said: &Said, id: i32, output: &mut Output<'_>) -> Result<(), Failure> {
    if said.has("config") && said.has("command-config") {
        return Err(Failure::of_class(
            "net.sourceforge.argparse4j.inf.ArgumentParserException",
            "--config and --command-config cannot be specified together.",
        ));
    }
    if said.has("config") {
        wrote(writeln!(output.out, "{CONFIG_WARNING}"))?;
    }
    let admin = said.connect(said.value("command-config").or(said.value("config")))?;
    admin_tool::run(async {
        match said.command {
            "cluster-id" => {
                let cluster = admin.describe_cluster(false).await.map_err(Failure::executed)?;
                wrote(writeln!(output.out, "Cluster ID: {}", cluster.cluster_id))
            }
            "unregister" => match admin.unregister_broker(id).await {
                Ok(()) => wrote(writeln!(output.out, "Broker {id} is no longer registered.")),
                Err(Error::Unsupported(_)) => wrote(writeln!(
                    output.out,
                    "The target cluster does not support the broker unregistration API."
                )),
                Err(error) => Err(Failure::executed(error)),
            },
            _ => list_endpoints(&admin, said, output).await,
        }
    })
}

async fn list_endpoints(admin: &client::Admin, said: &Said, output: &mut Output<'_>) -> Result<(), Failure> {
    let cluster = match admin.describe_cluster(said.has("include-fenced-brokers")).await {
        Ok(cluster) => cluster,
        Err(Error::Unsupported(sentence)) => return wrote(writeln!(output.out, "{sentence}")),
        Err(error) => return Err(Failure::executed(error)),
    };
    let brokers = &cluster.brokers;
    let hosts = brokers.iter().map(|broker| broker.node.address.host.as_str());
    // Where no broker has a rack, the original leaves room for one.
    let racks: Vec<&str> = brokers.iter().filter_map(|broker| broker.node.rack.as_deref()).collect();
    let host_width = width(0, hosts);
    let rack_width = if racks.is_empty() { 10 } else { width(0, racks.iter().copied()) };
    let line = |id: &str, host: &str, port: &str, rack: &str, state: &str, kind: &str| {
        row(&[(10, id), (host_width, host), (10, port), (rack_width, rack), (10, state), (15, kind)])
    };
    wrote(writeln!(output.out, "{}", line("ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE")))?;
    for broker in brokers {
        let node = &broker.node;
        let state = if broker.is_fenced { "fenced" } else { "unfenced" };
        let rack = node.rack.as_deref().unwrap_or("null");
        let (id, port) = (node.id.to_string(), node.address.port.to_string());
        wrote(writeln!(output.out, "{}", line(&id, &node.address.host, &port, rack, state, "broker")))?;
    }
    Ok(())
}
