//! What names other nodes is refused at the start: this version runs a cluster of one node, and would answer for the
//! others alone.

use std::net::{IpAddr, ToSocketAddrs, UdpSocket};

use config::listener::parse_host_port;
use config::{BrokerConfig, Loaded};

const ALONE: &str = "this version runs a cluster of one node, its own broker and controller";

/// Refuses roles apart from each other and quorums that name other nodes, in Kafka's words where Kafka refuses as well.
pub fn check(loaded: &Loaded) -> Result<(), String> {
    check_roles(&loaded.broker)?;
    check_voters(&loaded.broker)?;
    let servers = &loaded.broker.controller.bootstrap_servers;
    let foreign: Vec<&str> =
        servers.iter().map(String::as_str).filter(|server| !is_own(loaded, server)).collect();
    if foreign.is_empty() {
        return Ok(());
    }
    if servers.len() == 1 {
        // It only says whom to ask first, and may well be this node as others see it.
        tracing::warn!(
            server = foreign.join(","),
            "controller.quorum.bootstrap.servers is no controller listener of this node, which forms a cluster alone"
        );
        return Ok(());
    }
    Err(format!(
        "controller.quorum.bootstrap.servers names {}, which is no controller listener of this node (those in 'listeners' \
         are {}), and {ALONE}: name this node's own address, or leave the setting out",
        foreign.join(","),
        shown_controllers(&loaded.broker)
    ))
}

fn check_roles(config: &BrokerConfig) -> Result<(), String> {
    let (role, missing) = match (config.is_broker, config.is_controller) {
        (true, false) => ("broker", "controllers"),
        (false, true) => ("controller", "brokers"),
        _ => return Ok(()),
    };
    let voters = &config.controller.voters;
    let is_voter = voters.iter().any(|(id, _)| *id == config.node_id);
    let by_kafka = match role {
        "broker" if voters.is_empty() && config.controller.bootstrap_servers.is_empty() => {
            "If using process.roles, either controller.quorum.bootstrap.servers must contain the set of bootstrap \
             controllers or controller.quorum.voters must contain a parseable set of controllers. "
                .to_owned()
        }
        "broker" if is_voter => format!(
            "If process.roles contains just the 'broker' role, the node id {} must not be included in the set of voters \
             controller.quorum.voters={}. ",
            config.node_id,
            shown_ids(config)
        ),
        "controller" if !voters.is_empty() && !is_voter => format!("{}. ", own_id_missing(config)),
        _ => String::new(),
    };
    Err(format!(
        "{by_kafka}process.roles={role} needs {missing} on other nodes, and {ALONE}: set \
         process.roles=broker,controller, or leave it out"
    ))
}

fn check_voters(config: &BrokerConfig) -> Result<(), String> {
    let (voters, own) = (&config.controller.voters, config.node_id);
    if !voters.is_empty() && !voters.iter().any(|(id, _)| *id == own) {
        return Err(format!(
            "{}; and {ALONE}: name this node alone, as {own}@HOST:PORT, or leave the setting out",
            own_id_missing(config)
        ));
    }
    let others = voters.iter().filter(|(id, _)| *id != own);
    let others: Vec<String> = others.map(|(id, address)| format!("{id}@{address}")).collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(format!(
        "controller.quorum.voters names other nodes, {}, and {ALONE}: name this node alone, as {own}@HOST:PORT, or leave \
         the setting out",
        others.join(",")
    ))
}

fn own_id_missing(config: &BrokerConfig) -> String {
    format!(
        "If process.roles contains the 'controller' role, the node id {} must be included in the set of voters \
         controller.quorum.voters={}",
        config.node_id,
        shown_ids(config)
    )
}

/// True where an entry of `controller.quorum.bootstrap.servers` leads to a controller listener of this node: by its own
/// text, or by its port and an address of this machine.
fn is_own(loaded: &Loaded, server: &str) -> bool {
    let layers = loaded.settings.layers();
    let as_written = format!("://{server}");
    let names_it = |text: &String| text.ends_with(&as_written);
    if layers.list("advertised.listeners").iter().any(|text| names_it(text) && is_controllers(loaded, text)) {
        return true;
    }
    let Some((host, port)) = parse_host_port(server) else { return false };
    loaded.broker.listeners.controller.iter().any(|listener| {
        listener.port == port && (listener.host.eq_ignore_ascii_case(host) || is_of_this_machine(host))
    })
}

/// True where the listener's name is one of the controllers'.
fn is_controllers(loaded: &Loaded, listener: &str) -> bool {
    let name = listener.split("://").next().unwrap_or_default();
    let controllers = loaded.settings.layers().list("controller.listener.names");
    controllers.iter().any(|controller| controller.eq_ignore_ascii_case(name))
}

/// A name that cannot be resolved is somebody else's.
fn is_of_this_machine(host: &str) -> bool {
    let is_bindable = |address: IpAddr| UdpSocket::bind((address, 0)).is_ok();
    (host, 0).to_socket_addrs().is_ok_and(|mut found| found.any(|address| is_bindable(address.ip())))
}

fn shown_ids(config: &BrokerConfig) -> String {
    let ids: Vec<String> = config.controller.voters.iter().map(|(id, _)| id.to_string()).collect();
    format!("Set({})", ids.join(", "))
}

fn shown_controllers(config: &BrokerConfig) -> String {
    let listeners = &config.listeners.controller;
    let shown: Vec<String> = listeners.iter().map(ToString::to_string).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(",") }
}

#[cfg(test)]
mod tests {
    use config::Inputs;

    use super::*;

    const LISTENERS: (&str, &str) = ("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093");
    const VOTERS: &str = "controller.quorum.voters";
    const SERVERS: &str = "controller.quorum.bootstrap.servers";

    fn checked(settings: &[(&str, &str)]) -> Result<(), String> {
        let overrides =
            settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        check(&config::load(&Inputs { overrides, ..Inputs::default() }).unwrap())
    }

    #[test]
    fn a_quorum_of_this_node_alone_is_taken_however_it_is_named() {
        let cases: &[&[(&str, &str)]] = &[
            &[],
            &[("zookeeper.connect", "localhost:2181"), ("broker.id", "3")],
            &[("process.roles", "controller,broker"), LISTENERS, (VOTERS, "1@elsewhere.invalid:9093")],
            &[(VOTERS, "1@localhost:9093")],
            &[LISTENERS, (SERVERS, "localhost:9093")],
            &[LISTENERS, (SERVERS, "127.0.0.1:9093,localhost:9093")],
            // One alone may be this node as others see it.
            &[LISTENERS, (SERVERS, "b.invalid:19093")],
            &[(SERVERS, "localhost:9093")],
            &[("listeners", "PLAINTEXT://:9092,CONTROLLER://127.0.0.1:0"), (SERVERS, "127.0.0.1:0")],
            &[
                LISTENERS,
                ("advertised.listeners", "PLAINTEXT://a.invalid:1,CONTROLLER://a.invalid:19093"),
                (SERVERS, "a.invalid:19093"),
            ],
        ];
        for settings in cases {
            assert_eq!(checked(settings), Ok(()), "{settings:?}");
        }
    }

    #[test]
    fn roles_apart_and_other_nodes_are_refused_with_cause_and_remedy() {
        let needs = "process.roles=broker,controller, or leave it out";
        let cases: &[(&[(&str, &str)], &str)] = &[
            (
                &[("process.roles", "broker")],
                "If using process.roles, either controller.quorum.bootstrap.servers",
            ),
            (&[("process.roles", "broker"), (SERVERS, "b:9093")], needs),
            (&[("process.roles", "broker"), (VOTERS, "1@a:1")], "the node id 1 must not be included"),
            (&[("process.roles", "controller"), LISTENERS, (VOTERS, "1@a:1")], needs),
            (&[("process.roles", "controller"), LISTENERS, (VOTERS, "2@a:1")], "must be included in the set"),
            (&[LISTENERS, (VOTERS, "2@b:9093,3@c:9093")], "controller.quorum.voters=Set(2, 3)"),
            (&[LISTENERS, (VOTERS, "1@a:9093,2@b:9093")], "names other nodes, 2@b:9093, and"),
            (&[LISTENERS, (SERVERS, "localhost:9093,b.invalid:9093")], "servers names b.invalid:9093, which"),
            (&[LISTENERS, (SERVERS, "a.invalid:1,b.invalid:1")], "CONTROLLER://:9093"),
            (&[LISTENERS, (SERVERS, "localhost:9092,localhost:9093")], "name this node's own address"),
            (&[(SERVERS, "localhost:9093,localhost:9094")], "those in 'listeners' are none"),
        ];
        for (settings, fragment) in cases {
            let message = checked(settings).unwrap_err();
            assert!(message.contains(fragment) && message.contains(ALONE), "{settings:?}: {message}");
        }
    }
}
