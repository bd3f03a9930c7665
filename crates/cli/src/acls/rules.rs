//! The rules that a line of `kafka-acls` means.

use std::collections::{BTreeMap, BTreeSet};

use client::admin::{AclBinding, AclFilter};

use super::Ended;
use super::names::{
    self, ALLOW, CLUSTER, CREATE, DELEGATION_TOKEN, DENY, DESCRIBE, GROUP, IDEMPOTENT_WRITE, LITERAL, READ,
    Resource, TOPIC, TRANSACTIONAL_ID, USER, WRITE,
};
use crate::failure::Failure;
use crate::options::Given;

/// The name of the cluster as a resource.
const CLUSTER_NAME: &str = "kafka-cluster";
const ANYWHERE: &str = "*";
const NO_RESOURCE: &str = "You must provide at least one resource: --topic <topic> or --cluster or --group <group> or --delegation-token <Delegation Token ID>";

/// Rules by resource; none of a resource where all of it are meant.
pub(super) type Rules = BTreeMap<Resource, BTreeSet<Entry>>;

/// A rule without its resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) principal: String,
    host: String,
    operation: i8,
    permission: i8,
}

impl Entry {
    pub(super) fn of(binding: &AclBinding) -> Entry {
        let AclBinding { principal, host, operation, permission, .. } = binding.clone();
        Entry { principal, host, operation, permission }
    }

    pub(super) fn binding(&self, resource: &Resource) -> AclBinding {
        let Entry { principal, host, operation, permission } = self.clone();
        let Resource { kind, name, pattern } = resource.clone();
        AclBinding {
            resource_type: kind,
            resource_name: name,
            pattern_type: pattern,
            principal,
            host,
            operation,
            permission,
        }
    }

    pub(super) fn filter(&self, resource: &Resource) -> AclFilter {
        let Entry { principal, host, operation, permission } = self.clone();
        let (principal, host) = (Some(principal), Some(host));
        AclFilter { principal, host, operation, permission, ..resource.filter() }
    }
}

/// Reads `User:name`.
pub(super) fn principal(text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if text.contains(':') {
        return Ok(text.to_owned());
    }
    let sentence = format!("expected a string in format principalType:principalName but got {text}");
    Err(Failure::argument(sentence))
}

/// The resources that a line names.
pub(super) fn resources(given: &Given, pattern: i8) -> BTreeSet<Resource> {
    let options = [
        ("topic", TOPIC),
        ("group", GROUP),
        ("transactional-id", TRANSACTIONAL_ID),
        ("delegation-token", DELEGATION_TOKEN),
        ("user-principal", USER),
    ];
    let mut resources = BTreeSet::new();
    for (option, kind) in options {
        let named = given.values(option);
        resources.extend(named.map(|name| Resource { kind, name: name.trim().to_owned(), pattern }));
    }
    if pattern == LITERAL && (given.has("cluster") || given.has("idempotent")) {
        resources.insert(cluster());
    }
    resources
}

fn cluster() -> Resource {
    Resource { kind: CLUSTER, name: CLUSTER_NAME.to_owned(), pattern: LITERAL }
}

/// The rules of a line that adds or removes some.
pub(super) fn of(given: &Given, pattern: i8) -> Result<Rules, Ended> {
    let (is_producer, is_consumer) = (given.has("producer"), given.has("consumer"));
    let mut rules = Rules::new();
    let named = if given.has("operation") {
        given.values("operation").map(|text| names::operation(text.trim())).collect()
    } else {
        vec![names::ALL]
    };
    let said = entries(given, &named)?;
    let resources = resources(given, pattern);
    if resources.is_empty() {
        return Err(Ended::Usage(NO_RESOURCE.to_owned()));
    }
    let mut put = |resource: &Resource, operations: &[i8]| -> Result<(), Failure> {
        rules.entry(resource.clone()).or_default().extend(entries(given, operations)?);
        Ok(())
    };
    for resource in &resources {
        if is_producer && resource.kind == TOPIC {
            put(resource, &[WRITE, DESCRIBE, CREATE])?;
        }
        if is_producer && resource.kind == TRANSACTIONAL_ID {
            put(resource, &[WRITE, DESCRIBE])?;
        }
        if is_consumer && resource.kind == TOPIC {
            put(resource, &[READ, DESCRIBE])?;
        }
        if is_consumer && resource.kind == GROUP {
            put(resource, &[READ])?;
        }
    }
    if is_producer && given.has("idempotent") {
        put(&cluster(), &[IDEMPOTENT_WRITE])?;
    }
    if !is_producer && !is_consumer {
        rules = resources.into_iter().map(|resource| (resource, said.clone())).collect();
    }
    for (resource, entries) in &rules {
        if entries.iter().any(|entry| !names::supports(resource.kind, entry.operation)) {
            let (kind, known) = (names::kind_name(resource.kind), names::supported_names(resource.kind));
            let known = known.join(", ");
            return Err(Ended::Usage(format!("ResourceType {kind} only supports operations [{known}]")));
        }
    }
    Ok(rules)
}

/// The rules about some operations, for everybody who is allowed or denied them.
fn entries(given: &Given, operations: &[i8]) -> Result<BTreeSet<Entry>, Failure> {
    let mut entries = BTreeSet::new();
    for (who, from, permission) in
        [("allow-principal", "allow-host", ALLOW), ("deny-principal", "deny-host", DENY)]
    {
        let mut hosts: Vec<&str> = given.values(from).map(str::trim).collect();
        if hosts.is_empty() {
            hosts.push(ANYWHERE);
        }
        for name in given.values(who) {
            let principal = principal(name)?;
            for (host, operation) in
                hosts.iter().flat_map(|host| operations.iter().map(move |operation| (host, *operation)))
            {
                let (principal, host) = (principal.clone(), (*host).to_owned());
                entries.insert(Entry { principal, host, operation, permission });
            }
        }
    }
    Ok(entries)
}
