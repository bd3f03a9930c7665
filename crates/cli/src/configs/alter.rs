//! `kafka-configs --alter`.

use client::Admin;
use client::admin::{ConfigOperation, ConfigResource, ResourceType};
use metadata::quota::QuotaKey;

use super::changes::Changes;
use super::entities::{CLIENTS, Entities, IPS, USERS, singular};
use super::resources::{resource_type, settings};
use super::{Ended, credentials, quotas};
use crate::Output;
use crate::admin_tool::wrote;
use crate::failure::Failure;
use crate::options::Given;

pub(super) async fn run(
    admin: &Admin,
    given: &Given,
    entities: &Entities,
    output: &mut Output<'_>,
) -> Result<(), Ended> {
    let changes = Changes::read(given)?;
    let (head, name) = (entities.head(), entities.names.first().map_or("", String::as_str));
    match resource_type(head) {
        Some(kind) => resource(admin, ConfigResource { kind, name: name.to_owned() }, &changes).await?,
        None if head == IPS => {
            check_addresses(&changes)?;
            quotas::alter(admin, entities, &changes).await?;
        }
        None => clients(admin, entities, &changes).await?,
    }
    let sentence = match name {
        "" => format!("Completed updating default config for {head} in the cluster."),
        name => format!("Completed updating config for {} {name}.", singular(head)),
    };
    Ok(wrote(writeln!(output.out, "{sentence}"))?)
}

async fn resource(admin: &Admin, resource: ConfigResource, changes: &Changes) -> Result<(), Ended> {
    if resource.kind == ResourceType::BrokerLogger {
        check_loggers(admin, &resource, changes).await?;
    }
    let deleted = changes.deleted.iter().map(|key| (key.clone(), ConfigOperation::Delete));
    let added = changes.added.iter().map(|(key, value)| (key.clone(), ConfigOperation::Set(value.clone())));
    let operations: Vec<_> = deleted.chain(added).collect();
    Ok(admin.alter_configs(&resource, &operations, false).await?)
}

async fn check_loggers(admin: &Admin, resource: &ConfigResource, changes: &Changes) -> Result<(), Ended> {
    let there = settings(admin, resource, false).await?;
    let is_there = |key: &str| there.iter().any(|entry| entry.name == key);
    let named = changes.deleted.iter().chain(changes.added.keys());
    let unknown: Vec<&str> = named.map(String::as_str).filter(|key| !is_there(key)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Ended::Told(format!("Invalid broker logger(s): {}", unknown.join(","))))
}

fn check_addresses(changes: &Changes) -> Result<(), Ended> {
    let is_known = |key: &str| QuotaKey::OF_ADDRESSES.iter().any(|known| known.name() == key);
    let named = changes.added.keys().chain(&changes.deleted);
    let unknown: Vec<&str> = named.map(String::as_str).filter(|key| !is_known(key)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Ended::Told(format!(
        "Only connection quota configs can be added for 'ips' using --bootstrap-server. Unexpected config names: {}",
        unknown.join(",")
    )))
}

/// Quotas of users and client ids, or credentials of a user.
async fn clients(admin: &Admin, entities: &Entities, changes: &Changes) -> Result<(), Ended> {
    let is_quota = |key: &str| QuotaKey::OF_CLIENTS.iter().any(|known| known.name() == key);
    let is_scram = |key: &str| credentials::mechanism(key).is_some();
    let has_quotas = changes.added.keys().chain(&changes.deleted).any(|key| is_quota(key));
    let of = |keys: &mut dyn Iterator<Item = &String>, wanted: &dyn Fn(&str) -> bool| {
        keys.filter(|key| wanted(key)).cloned().collect::<Vec<String>>()
    };
    let is_unknown = |key: &str| !is_quota(key) && !is_scram(key);
    let (unknown_added, scram_added) =
        (of(&mut changes.added.keys(), &is_unknown), of(&mut changes.added.keys(), &is_scram));
    let (unknown_deleted, scram_deleted) =
        (of(&mut changes.deleted.iter(), &is_unknown), of(&mut changes.deleted.iter(), &is_scram));
    if entities.head() == CLIENTS || entities.types.len() == 2 {
        refuse("quota configs can be added", CLIENTS, "Set", &[unknown_added, scram_added].concat())?;
        refuse(
            "quota configs can be deleted",
            CLIENTS,
            "ArrayBuffer",
            &[unknown_deleted, scram_deleted].concat(),
        )?;
    } else {
        let added = "quota and SCRAM credential configs can be added";
        refuse(added, USERS, "Set", &unknown_added)?;
        let deleted = "quota and SCRAM credential configs can be deleted";
        refuse(deleted, USERS, "ArrayBuffer", &unknown_deleted)?;
        if !scram_added.is_empty() || !scram_deleted.is_empty() {
            if entities.has_default() {
                return Err(Ended::told(
                    "The use of --entity-default or --user-defaults is not allowed with User SCRAM Credentials using --bootstrap-server.",
                ));
            }
            if has_quotas {
                return Err(Ended::told(
                    "Cannot alter both quota and SCRAM credential configs simultaneously for 'users' using --bootstrap-server.",
                ));
            }
        }
    }
    if has_quotas {
        return quotas::alter(admin, entities, changes).await;
    }
    match entities.names.as_slice() {
        [user] => credentials::alter(admin, user, changes).await,
        names => {
            let names = names.join(", ");
            let sentence = format!(
                "Altering user SCRAM credentials should never occur for more zero or multiple users: List({names})"
            );
            Err(Ended::Failed(Failure::of_class("java.lang.IllegalStateException", sentence)))
        }
    }
}

/// Refuses keys that cannot be altered so; `collection` is how Scala shows them.
fn refuse(what: &str, of: &str, collection: &str, keys: &[String]) -> Result<(), Ended> {
    if keys.is_empty() {
        return Ok(());
    }
    let keys = keys.join(", ");
    Err(Ended::Told(format!(
        "Only {what} for '{of}' using --bootstrap-server. Unexpected config names: {collection}({keys})"
    )))
}
