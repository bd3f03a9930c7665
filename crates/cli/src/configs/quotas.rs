//! Quotas of users, client ids and addresses.

use client::Admin;
use client::admin::{QuotaEntity, QuotaMatch, QuotaValues};
use config::Value;
use metadata::quota::{CLIENT_ID, IP, USER};

use super::Ended;
use super::changes::Changes;
use super::entities::{CLIENTS, Entities, USERS};
use crate::Output;
use crate::admin_tool::wrote;
use crate::java;

/// What the entity types of quotas are called where they are shown.
const SHOWN: [(&str, &str); 3] = [(USER, "user-principal"), (CLIENT_ID, "client-id"), (IP, "ip")];

pub(super) async fn describe(
    admin: &Admin,
    entities: &Entities,
    output: &mut Output<'_>,
) -> Result<(), Ended> {
    let mut found = all(admin, entities).await?;
    in_original_order(&mut found, |(entity, _)| hash_of_entity(entity));
    for (entity, values) in &found {
        let mut values: Vec<(&String, &f64)> = values.iter().collect();
        in_original_order(&mut values, |(key, _)| java::hash_of(key));
        let values = values.into_iter().map(|(key, value)| format!("{key}={}", Value::Double(*value)));
        let values = values.collect::<Vec<_>>().join(", ");
        wrote(writeln!(output.out, "Quota configs for {} are {values}", shown(entity)))?;
    }
    Ok(())
}

pub(super) async fn alter(admin: &Admin, entities: &Entities, changes: &Changes) -> Result<(), Ended> {
    if entities.types.len() != entities.names.len() {
        return Err(Ended::told("Exactly one entity name must be specified for every entity type"));
    }
    let there = all(admin, entities).await?.into_iter().next();
    changes.check_deleted(|key| there.as_ref().is_some_and(|(_, values)| values.contains_key(key)))?;
    let named = entities.types.iter().zip(&entities.names);
    let entity = named.map(|(kind, name)| {
        (entity_type(kind).to_owned(), Some(name.clone()).filter(|name| !name.is_empty()))
    });
    let mut operations = Vec::new();
    for (key, text) in &changes.added {
        let value = java_double(text).ok_or_else(|| {
            Ended::Told(format!("Cannot parse quota configuration value for {key}: {text}"))
        })?;
        operations.push((key.clone(), Some(value)));
    }
    operations.extend(changes.deleted.iter().map(|key| (key.clone(), None)));
    Ok(admin.alter_client_quotas(&entity.collect(), &operations, false).await?)
}

/// The quotas of just the types and names that are meant.
async fn all(admin: &Admin, entities: &Entities) -> Result<Vec<(QuotaEntity, QuotaValues)>, Ended> {
    if entities.names.len() > entities.types.len() {
        return Err(Ended::told("More entity names specified than entity types"));
    }
    let names = entities.names.iter().map(Some).chain(std::iter::repeat(None));
    let filter = entities.types.iter().zip(names).map(|(kind, name)| {
        let wanted = match name.map(String::as_str) {
            Some("") => QuotaMatch::Default,
            Some(name) => QuotaMatch::Name(name.to_owned()),
            None => QuotaMatch::Any,
        };
        (entity_type(kind).to_owned(), wanted)
    });
    Ok(admin.describe_client_quotas(&filter.collect::<Vec<_>>(), true).await?)
}

fn entity_type(kind: &str) -> &'static str {
    match kind {
        USERS => USER,
        CLIENTS => CLIENT_ID,
        _ => IP,
    }
}

fn shown(entity: &QuotaEntity) -> String {
    let parts = SHOWN.iter().filter_map(|(kind, shown)| {
        Some(match entity.get(*kind)? {
            Some(name) => format!("{shown} '{name}'"),
            None => format!("the default {shown}"),
        })
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// A Kafka broker answers in the order of a hash table that grew, and the tool makes another one of the answer.
fn in_original_order<T>(entries: &mut [T], hash_code: impl Fn(&T) -> u32) {
    java::in_order_of_grown_map(entries, &hash_code);
    java::in_order_of_sized_map(entries, &hash_code);
}

/// `ClientQuotaEntity.hashCode` of Kafka's clients.
fn hash_of_entity(entity: &QuotaEntity) -> u32 {
    let of_part = |(kind, name): (&String, &Option<String>)| {
        java::hash_of(kind) ^ name.as_deref().map_or(0, java::hash_of)
    };
    entity.iter().map(of_part).fold(31, u32::wrapping_add)
}

/// `Double.parseDouble`, but for hexadecimal numbers.
fn java_double(text: &str) -> Option<f64> {
    let text = text.trim();
    match text.trim_start_matches(['+', '-']) {
        "NaN" => return Some(f64::NAN),
        "Infinity" => return text.strip_prefix('-').map_or(Some(f64::INFINITY), |_| Some(f64::NEG_INFINITY)),
        _ => {}
    }
    let number = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    // Names of numbers are read here in spellings that Java does not know.
    let is_number = number.chars().all(|one| one.is_ascii_digit() || "+-.eE".contains(one));
    number.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_java_reads_them() {
        for (text, value) in [("10", 10.0), ("1e3", 1000.0), (" -2.5d ", -2.5), ("3.f", 3.0), (".5", 0.5)] {
            assert_eq!(java_double(text), Some(value), "{text}");
        }
        assert_eq!(java_double("Infinity"), Some(f64::INFINITY));
        assert!(java_double("NaN").is_some_and(f64::is_nan));
        for text in ["", "inf", "nan", "ten", "1 0", "infinity"] {
            assert_eq!(java_double(text), None, "{text}");
        }
    }

    #[test]
    fn quotas_come_in_the_order_of_kafkas_tool() {
        let mut keys = ["producer_byte_rate", "consumer_byte_rate", "request_percentage"];
        in_original_order(&mut keys, |key| java::hash_of(key));
        assert_eq!(keys, ["consumer_byte_rate", "request_percentage", "producer_byte_rate"]);
        let entity = |user: Option<&str>, client: Option<&str>| -> QuotaEntity {
            let owned = |name: Option<&str>| name.map(str::to_owned);
            [("user".to_owned(), owned(user)), ("client-id".to_owned(), owned(client))].into()
        };
        let pairs = [(Some("alice"), Some("c1")), (Some("alice"), None), (None, None)];
        let mut entities = pairs.map(|(user, client)| entity(user, client));
        entities.reverse();
        in_original_order(&mut entities, hash_of_entity);
        assert_eq!(entities, pairs.map(|(user, client)| entity(user, client)));
    }

    #[test]
    fn entities_are_shown_user_first() {
        let entity = |parts: &[(&str, Option<&str>)]| -> QuotaEntity {
            parts.iter().map(|(kind, name)| ((*kind).to_owned(), name.map(str::to_owned))).collect()
        };
        let pair = entity(&[("client-id", None), ("user", Some("u"))]);
        assert_eq!(shown(&pair), "user-principal 'u', the default client-id");
        assert_eq!(shown(&entity(&[("ip", Some("10.0.0.1"))])), "ip '10.0.0.1'");
    }
}
