//! `/config`: settings of topics and brokers, and quotas of users, clients and addresses.

use std::collections::{BTreeMap, BTreeSet};

use config::Overrides;
use metadata::image::{QuotaEntity, ResourceKind};
use metadata::quota::{CLIENT_ID, IP, QuotaKey, USER};
use zookeeper::{Stat, Tree, Znode};

use super::ImageTree;
use crate::json::{object, quoted};

/// What stands for the default of a kind.
const DEFAULT: &str = "<default>";
/// What stands for a secret, as in Kafka's logs.
const HIDDEN: &str = "[hidden]";
const CLIENTS: &str = "clients";
/// The types of an entity that is a client of a user.
const OF_USERS_CLIENTS: [&str; 2] = [CLIENT_ID, USER];

impl ImageTree {
    /// What is at `/config` and below.
    pub(super) fn settings(&self, names: &[&str]) -> Option<Znode> {
        match names {
            [] => Some(self.fixed(["brokers", "changes", CLIENTS, "ips", "topics", "users"])),
            ["changes"] => Some(self.fixed([])),
            ["topics"] => Some(self.growing(self.topic_names())),
            ["topics", topic] => {
                self.image.topics.get(topic)?;
                Some(self.changing(shown(self.image.overrides(ResourceKind::Topic, topic), false)))
            }
            ["brokers"] => Some(self.growing(self.configured_brokers())),
            // The settings of all brokers have no name where they are kept.
            ["brokers", ""] => None,
            ["brokers", name] => {
                let name = if *name == DEFAULT { "" } else { name };
                Some(self.changing(shown(self.image.config(ResourceKind::Broker, name)?, true)))
            }
            [CLIENTS] => Some(self.growing(names_of(self.quotas_of(&[CLIENT_ID]), 0))),
            [CLIENTS, client] => self.quota(&[CLIENT_ID], &[client]),
            ["ips"] => Some(self.growing(names_of(self.quotas_of(&[IP]), 0))),
            ["ips", address] => self.quota(&[IP], &[address]),
            ["users"] => Some(self.growing(self.users().into_iter().collect())),
            ["users", user] => self.user(user),
            ["users", user, CLIENTS] => {
                let clients = self.clients_of(user);
                (!clients.is_empty()).then(|| self.growing(clients))
            }
            ["users", user, CLIENTS, client] => self.quota(&OF_USERS_CLIENTS, &[client, user]),
            _ => None,
        }
    }

    /// Nodes of settings and quotas, without those of topics.
    pub(super) fn settings_node_count(&self) -> usize {
        let folders: BTreeSet<&Option<String>> =
            self.quotas_of(&OF_USERS_CLIENTS).filter_map(|(entity, _)| user_of(entity)).collect();
        let quotas: usize = [&[CLIENT_ID][..], &[IP], &OF_USERS_CLIENTS]
            .map(|types| self.quotas_of(types).count())
            .iter()
            .sum();
        self.configured_brokers().len() + quotas + self.users().len() + folders.len()
    }

    fn configured_brokers(&self) -> Vec<String> {
        let brokers = self.image.configs.keys().filter(|resource| resource.kind == ResourceKind::Broker);
        brokers
            .map(|broker| if broker.name.is_empty() { DEFAULT } else { &*broker.name }.to_owned())
            .collect()
    }

    /// Quotas of entities of just these types, which are ascending.
    fn quotas_of<'a>(
        &'a self,
        types: &'a [&str],
    ) -> impl Iterator<Item = (&'a QuotaEntity, &'a BTreeMap<String, f64>)> {
        let fits = move |entity: &QuotaEntity| {
            entity.iter().map(|(kind, _)| kind.as_str()).eq(types.iter().copied())
        };
        self.image
            .quotas
            .iter()
            .filter(move |(entity, _)| fits(entity))
            .map(|(entity, limits)| (entity, &**limits))
    }

    fn quota(&self, types: &[&str], names: &[&str]) -> Option<Znode> {
        let entity: Option<QuotaEntity> = types
            .iter()
            .zip(names)
            .map(|(kind, name)| Some(((*kind).to_owned(), entity_name(name)?)))
            .collect();
        Some(self.changing(limits_shown(self.image.quotas.get(&entity?)?)))
    }

    /// Users with quotas, their own or one of their clients'.
    fn users(&self) -> BTreeSet<String> {
        let own = self.quotas_of(&[USER]);
        let all = own.chain(self.quotas_of(&OF_USERS_CLIENTS)).filter_map(|(entity, _)| user_of(entity));
        all.map(node_name).collect()
    }

    /// Clients with quotas of their own beside those of their user.
    fn clients_of(&self, user: &str) -> Vec<String> {
        let Some(user) = entity_name(user) else { return Vec::new() };
        let of_user = self.quotas_of(&OF_USERS_CLIENTS).filter(|(entity, _)| user_of(entity) == Some(&user));
        names_of(of_user, 0)
    }

    fn user(&self, user: &str) -> Option<Znode> {
        let own = self.quota(&[USER], &[user]);
        let has_clients = !self.clients_of(user).is_empty();
        if own.is_none() && !has_clients {
            return None;
        }
        let children = if has_clients { vec![CLIENTS.to_owned()] } else { Vec::new() };
        let folder = self.growing(children);
        let marks = Stat { mzxid: self.zxid(), ..folder.marks };
        Some(Znode { data: own.and_then(|own| own.data), marks, ..folder })
    }
}

fn user_of(entity: &QuotaEntity) -> Option<&Option<String>> {
    entity.iter().find(|(kind, _)| kind == USER).map(|(_, name)| name)
}

/// The names at one place of entities, as nodes have them.
fn names_of<'a>(
    quotas: impl Iterator<Item = (&'a QuotaEntity, &'a BTreeMap<String, f64>)>,
    place: usize,
) -> Vec<String> {
    quotas.filter_map(|(entity, _)| entity.get(place)).map(|(_, name)| node_name(name)).collect()
}

/// The name of an entity as a node: as in a URL, since not every character may stand in a path.
fn node_name(name: &Option<String>) -> String {
    let Some(name) = name else { return DEFAULT.to_owned() };
    let mut shown = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'-' | b'_' | b'~' => {
                shown.push(char::from(byte));
            }
            other => shown.push_str(&format!("%{other:02X}")),
        }
    }
    shown
}

/// The name that a node stands for; `None` where it stands for none.
fn entity_name(node: &str) -> Option<Option<String>> {
    if node == DEFAULT {
        return Some(None);
    }
    let mut bytes = Vec::with_capacity(node.len());
    let mut rest = node.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let mut digit =
                    || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                bytes.push(digit()? << 4 | digit()?);
            }
            plain => bytes.push(plain),
        }
    }
    let name = Some(String::from_utf8(bytes).ok()?);
    // One node for one name, in the one spelling that is listed.
    (node_name(&name) == node).then_some(name)
}

fn shown(overrides: &Overrides, of_broker: bool) -> String {
    let is_secret = |key: &str| {
        of_broker && config::tables::broker_setting(key).is_none_or(|setting| setting.is_sensitive())
    };
    let value = |key: &str, value: &str| quoted(if is_secret(key) { HIDDEN } else { value });
    entity(object(overrides.iter().map(|(key, text)| (key, value(key, text)))))
}

fn limits_shown(limits: &BTreeMap<String, f64>) -> String {
    let doubles = [QuotaKey::RequestPercentage, QuotaKey::ControllerMutationRate].map(QuotaKey::name);
    let text = |key: &str, limit: f64| {
        if doubles.contains(&key) { format!("{limit:?}") } else { format!("{limit:.0}") }
    };
    entity(object(limits.iter().map(|(key, limit)| (key, quoted(&text(key, *limit))))))
}

fn entity(settings: String) -> String {
    object([("version", "1".to_owned()), ("config", settings)])
}
