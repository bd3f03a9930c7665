//! `/brokers`: those that live, and the topics.

use std::sync::Arc;

use config::listener::SecurityProtocol;
use metadata::image::{Broker, Endpoint};
use model::NodeId;
use zookeeper::{Stat, Znode};

use super::{ImageTree, OWNING_SESSIONS};
use crate::json::{array, object, quoted};

impl ImageTree {
    /// What is at `/brokers` and below.
    pub(super) fn brokers(&self, names: &[&str]) -> Option<Znode> {
        match names {
            [] => Some(self.fixed(["ids", "seqid", "topics"])),
            ["ids"] => Some(self.growing(self.live_brokers().map(|broker| broker.id.to_string()).collect())),
            ["ids", id] => {
                let known = self.image.brokers.get(&id.parse::<NodeId>().ok()?)?;
                let is_here = !known.is_fenced && known.id.to_string() == *id;
                is_here.then(|| self.broker(known))
            }
            ["seqid"] => Some(self.fixed([])),
            ["topics", rest @ ..] => self.topics(rest),
            _ => None,
        }
    }

    /// Brokers with a session, ascending by id.
    pub(super) fn live_brokers(&self) -> impl Iterator<Item = &Arc<Broker>> {
        self.image.brokers.values().filter(|broker| !broker.is_fenced)
    }

    fn broker(&self, broker: &Broker) -> Znode {
        let url = |endpoint: &Endpoint| {
            let host = if endpoint.host.contains(':') {
                format!("[{}]", endpoint.host)
            } else {
                endpoint.host.clone()
            };
            quoted(&format!("{}://{host}:{}", endpoint.name, endpoint.port))
        };
        let protocol =
            |endpoint: &Endpoint| (endpoint.name.clone(), quoted(protocol_name(endpoint.security_protocol)));
        let plaintext = broker.endpoints.iter().find(|endpoint| endpoint.security_protocol == 0);
        let mut fields = vec![
            ("features", object::<&str>([])),
            ("listener_security_protocol_map", object(broker.endpoints.iter().map(protocol))),
            ("endpoints", array(broker.endpoints.iter().map(url))),
            ("jmx_port", "-1".to_owned()),
            ("port", plaintext.map_or("-1".to_owned(), |endpoint| endpoint.port.to_string())),
            ("host", plaintext.map_or("null".to_owned(), |endpoint| quoted(&endpoint.host))),
            ("version", "5".to_owned()),
            ("timestamp", quoted(&self.facts.started_ms.to_string())),
        ];
        if let Some(rack) = &broker.rack {
            fields.push(("rack", quoted(rack)));
        }
        let constant = self.constant(object(fields));
        let epoch = broker.epoch;
        let marks = Stat {
            // A broker's epoch was the transaction of its node.
            czxid: epoch,
            mzxid: epoch,
            pzxid: epoch,
            // Set once more after it was made, which Kafka does to learn that transaction.
            version: 1,
            ephemeral_owner: OWNING_SESSIONS | epoch,
            ..constant.marks
        };
        Znode { marks, ..constant }
    }
}

fn protocol_name(code: i16) -> &'static str {
    use SecurityProtocol::{Plaintext, SaslPlaintext, SaslSsl, Ssl};
    let known = [Plaintext, Ssl, SaslPlaintext, SaslSsl].into_iter().find(|protocol| protocol.code() == code);
    known.map_or("", SecurityProtocol::name)
}
