//! Whether servers can be reached, by the names that they give themselves as well, and whether they speak what the client does.

use std::time::Duration;

use client::HostPort;
use client::admin::ClusterDescription;

use super::client_settings::Own;
use super::probe::{Speaks, speaks};
use super::report::Report;
use crate::reach::{self, Unreachable};

const ADDRESS: &str = "address";
const PROTOCOL: &str = "protocol";
const ADVERTISED: &str = "advertised listener";

/// Looks at the servers to connect to first; true where one of them can be talked to.
pub(super) async fn check_servers(
    servers: &[HostPort],
    own: &Own,
    timeout: Duration,
    report: &mut Report,
) -> bool {
    let mut is_any_good = false;
    for server in servers {
        let addresses = match reach::resolve(server, timeout).await {
            Ok(addresses) => addresses,
            Err(why) => {
                unreachable(ADDRESS, &server.to_string(), &why, report);
                continue;
            }
        };
        let listed: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
        match speaks(server, timeout).await {
            Err(why) => unreachable(ADDRESS, &server.to_string(), &why, report),
            Ok(heard) => {
                report.fine(ADDRESS, format!("{server} is reachable ({})", listed.join(", ")));
                is_any_good |= judge(PROTOCOL, &server.to_string(), &heard, own, report);
            }
        }
    }
    is_any_good
}

/// Looks at the addresses that the brokers tell clients; gives the ids of those that can be talked to.
pub(super) async fn check_advertised(
    cluster: &ClusterDescription,
    servers: &[HostPort],
    own: &Own,
    timeout: Duration,
    report: &mut Report,
) -> Vec<i32> {
    let is_local = |host: &str| {
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback() || address.is_unspecified())
    };
    let is_remote = servers.iter().any(|server| !is_local(&server.host));
    let mut reachable = Vec::new();
    for broker in &cluster.brokers {
        let (id, address) = (broker.node.id, &broker.node.address);
        let named = format!("broker {id} at {address}");
        if broker.is_fenced {
            report.problem(
                "broker",
                format!("{named} is fenced"),
                "it is registered, but the controller has not heard of it, or it is still starting",
                "start it, or take it off the list with 'kafka-cluster unregister' where it is gone for good",
            );
            continue;
        }
        if is_remote && is_local(&address.host) {
            report.problem(
                ADVERTISED,
                format!("broker {id} advertises {address}"),
                "clients connect to what a broker advertises, and this name leads every machine to itself",
                format!("set advertised.listeners of broker {id} to a name that clients can resolve"),
            );
        }
        match speaks(address, timeout).await {
            Ok(heard) => {
                if judge(ADVERTISED, &named, &heard, own, report) {
                    reachable.push(id);
                }
            }
            Err(why) => report.problem(
                ADVERTISED,
                format!("{named}: {why}"),
                "clients ask a first server for the cluster and then connect to what each broker advertises, which cannot be reached from here",
                format!("set advertised.listeners of broker {id} to an address that is reachable from here, or open the way to it"),
            ),
        }
    }
    reachable
}

fn unreachable(check: &'static str, server: &str, why: &Unreachable, report: &mut Report) {
    let (cause, remedy) = match why {
        Unreachable::Unresolved(_) => (
            "the name is mistyped, or this machine's resolver does not know it",
            "correct the name, or add it to DNS or /etc/hosts",
        ),
        Unreachable::Refused => (
            "nothing listens on that port of that machine",
            "start the server, or correct the port; 'listeners' in its settings says where it listens",
        ),
        Unreachable::Silent(_) => (
            "a firewall drops the packets, or the machine is off",
            "open the port on the way, or correct the address",
        ),
        Unreachable::Other(_) => ("the system refuses to connect", "correct the address or the route to it"),
    };
    report.problem(check, format!("{server}: {why}"), cause, remedy);
}

/// Compares what is spoken with what the client would speak; true where they agree.
fn judge(check: &'static str, server: &str, heard: &Speaks, own: &Own, report: &mut Report) -> bool {
    let protocol = own.protocol();
    let (wants_tls, wants_sasl) = (protocol.ends_with("SSL"), protocol.starts_with("SASL_"));
    match heard {
        Speaks::Kafka if !wants_tls && !wants_sasl => {
            report.fine(check, format!("{server} speaks the Kafka protocol"));
            return true;
        }
        // What is within is for the client to find out.
        Speaks::Tls if wants_tls => {
            report.fine(check, format!("{server} speaks TLS, as security.protocol={protocol} has it"));
            return true;
        }
        Speaks::KafkaWithSasl(mechanisms) if wants_sasl && !wants_tls => {
            let mechanism = own.text("sasl.mechanism");
            if mechanisms.contains(&mechanism) {
                report.fine(check, format!("{server} takes logins by {mechanism}"));
                return true;
            }
            report.problem(
                check,
                format!("{server} takes logins by {}", mechanisms.join(", ")),
                format!("this client would log in by sasl.mechanism={mechanism}"),
                "set sasl.mechanism to one of those",
            );
        }
        Speaks::Tls => report.problem(
            check,
            format!("{server} speaks TLS"),
            format!("this client would speak plain bytes, as security.protocol={protocol} has it"),
            "set security.protocol to SSL or SASL_SSL, or connect to the port of a plaintext listener",
        ),
        Speaks::Kafka | Speaks::KafkaWithSasl(_) if wants_tls => report.problem(
            check,
            format!("{server} speaks the Kafka protocol in plain bytes"),
            format!("this client would speak TLS, as security.protocol={protocol} has it"),
            "set security.protocol to PLAINTEXT or SASL_PLAINTEXT, or connect to the port of a listener with TLS",
        ),
        Speaks::KafkaWithSasl(mechanisms) => report.problem(
            check,
            format!("{server} takes logins by {} and nothing before one", mechanisms.join(", ")),
            format!("this client would not log in, as security.protocol={protocol} has it"),
            "set security.protocol to SASL_PLAINTEXT, with sasl.mechanism and sasl.jaas.config",
        ),
        Speaks::Kafka => report.problem(
            check,
            format!("{server} takes no logins"),
            format!("this client would log in, as security.protocol={protocol} has it"),
            "set security.protocol to PLAINTEXT, or connect to the port of a listener with SASL",
        ),
        Speaks::Http => report.problem(
            check,
            format!("{server} speaks HTTP"),
            "this is the port of a web server, of metrics or of a REST proxy, and not that of a broker",
            "connect to the port of the broker's listener, by default 9092",
        ),
        Speaks::Other(words) => report.problem(
            check,
            format!("{server} answers with '{words}'"),
            "what listens there is no Kafka server",
            "connect to the port of the broker's listener, by default 9092",
        ),
        Speaks::Nothing => report.problem(
            check,
            format!("{server} takes connections and does not answer"),
            "what listens there is no Kafka server, or one that is not ready or is stuck",
            "look at the server's log, and whether this is the port of its listener",
        ),
    }
    false
}
