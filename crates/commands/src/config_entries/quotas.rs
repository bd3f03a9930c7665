//! Settings of clients, which are their quotas.

use client::Admin;
use client::admin::{QuotaEntity, QuotaMatch};

use super::DEFAULT;
use crate::document::{Doc, map};
use crate::failure::Failure;
use crate::session::Session;
use crate::table::Column;

const CLIENT_ID: &str = "client-id";
const COLUMNS: [Column<'_>; 3] = [("CLIENT", "client"), ("SETTING", "key"), ("VALUE", "value")];
/// The quotas of clients.
const KEYS: [&str; 4] =
    ["producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate"];

fn name_of(client: &str) -> Option<String> {
    Some(client.to_owned()).filter(|name| name != DEFAULT)
}

/// Shows the quotas of a client id.
pub(super) async fn show(admin: &Admin, client: &str, session: &mut Session<'_>) -> Result<(), Failure> {
    let wanted = name_of(client).map_or(QuotaMatch::Default, QuotaMatch::Name);
    let found = admin.describe_client_quotas(&[(CLIENT_ID.to_owned(), wanted)], true).await?;
    let rows = found.iter().flat_map(|(_, values)| values).map(|(key, value)| {
        map([("client", client.into()), ("key", key.as_str().into()), ("value", (*value).into())])
    });
    let rows: Vec<Doc> = rows.collect();
    session.show_rows(&COLUMNS, rows)
}

/// Sets and unsets quotas of a client id.
pub(super) async fn alter(
    admin: &Admin,
    client: &str,
    changes: &[(String, Option<String>)],
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let mut quotas = Vec::with_capacity(changes.len());
    for (key, value) in changes {
        if !KEYS.contains(&key.as_str()) {
            let failure = Failure::new(format!("there is no setting '{key}' of clients"));
            let failure = failure.did_you_mean(key, KEYS.into_iter());
            return Err(failure.hint(format!("settings of clients: {}", KEYS.join(", "))));
        }
        let value = value.as_ref().map(|text| {
            text.parse::<f64>().map_err(|_| Failure::not_run(format!("{key}: '{text}' is no number")))
        });
        quotas.push((key.clone(), value.transpose()?));
    }
    let entity: QuotaEntity = [(CLIENT_ID.to_owned(), name_of(client))].into();
    admin.alter_client_quotas(&entity, &quotas, false).await?;
    let keys: Vec<&str> = changes.iter().map(|(key, _)| key.as_str()).collect();
    let sentence = format!("changed: {}", keys.join(", "));
    session.tell(&sentence, &map([("name", client.into()), ("changed", keys.into())]))
}
