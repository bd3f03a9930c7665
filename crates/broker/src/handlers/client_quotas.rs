//! DescribeClientQuotas 0-1 and AlterClientQuotas 0-1: what users, client ids and addresses may take (KIP-546).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use metadata::decide::ApiError;
use metadata::decide::alter_client_quotas::{answer, entity};
use metadata::image::QuotaEntity;
use metadata::quota::{CLIENT_ID, IP, USER};
use model::ErrorCode;
use protocol::messages::describe_client_quotas_request::ComponentData;
use protocol::messages::describe_client_quotas_response::{EntityData, EntryData, ValueData};
use protocol::messages::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, DescribeClientQuotasRequest,
    DescribeClientQuotasResponse,
};
use protocol::{ApiKey, Reader, VersionRange, Writer};
use transport::Outbound;

use crate::broker::Broker;
use crate::connection_loop::{Answer, CloseConnection};
use crate::controller::{answer_with_body, forward};
use crate::dispatch::Api;
use crate::request::{Behind, Outcome, Request, ResponseHead, Served};

/// The row of DescribeClientQuotas in the table of APIs.
pub const DESCRIBE: Api =
    Api { key: ApiKey::DescribeClientQuotas, versions: VersionRange::new(0, 1), serve: describe };
/// The row of AlterClientQuotas in the table of APIs.
pub const ALTER: Api =
    Api { key: ApiKey::AlterClientQuotas, versions: VersionRange::new(0, 1), serve: alter };

/// Ways in which a component of a filter matches; the values are those of the protocol.
const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const SPECIFIED: i8 = 2;

/// What a filter wants of one entity type.
enum Wanted {
    /// That name, or the default of all.
    Name(Option<String>),
    /// Any name.
    Any,
}

fn describe(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: DescribeClientQuotasRequest<'_> = request.decode(body)?;
    let wanted = match filter(&asked.components) {
        Ok(wanted) => wanted,
        Err((error_code, message)) => {
            let error_message = Some(message.into());
            let refused = DescribeClientQuotasResponse {
                error_code,
                error_message,
                entries: None,
                throttle_time_ms: 0,
            };
            return request.answer(out, &refused);
        }
    };
    let image = request.broker().metadata.image();
    let matching = image.quotas.iter().filter(|(entity, _)| matches(entity, &wanted, asked.strict));
    let entries = matching.map(|(entity, limits)| {
        let part = |(kind, name): &(String, Option<String>)| EntityData {
            entity_type: kind.clone().into(),
            entity_name: name.clone().map(Into::into),
        };
        let value = |(key, value): (&String, &f64)| ValueData { key: key.clone().into(), value: *value };
        EntryData { entity: entity.iter().map(part).collect(), values: limits.iter().map(value).collect() }
    });
    let entries = Some(entries.collect());
    request.answer(out, &DescribeClientQuotasResponse { entries, ..Default::default() })
}

/// What is wanted of each entity type that the filter names.
fn filter(components: &[ComponentData<'_>]) -> Result<BTreeMap<String, Wanted>, (ErrorCode, String)> {
    let invalid = |message: String| Err((ErrorCode::INVALID_REQUEST, message));
    let mut wanted = BTreeMap::new();
    for ComponentData { entity_type, match_type, r#match: name } in components {
        if entity_type.is_empty() {
            return invalid("Invalid empty entity type.".to_owned());
        }
        if wanted.contains_key(&**entity_type) {
            return invalid(format!("Entity type {entity_type} cannot appear more than once in the filter."));
        }
        if ![USER, CLIENT_ID, IP].contains(&&**entity_type) {
            let message = format!("Unsupported entity type {entity_type}");
            return Err((ErrorCode::UNSUPPORTED_VERSION, message));
        }
        let also_named = |match_type: &str| {
            invalid(format!("Request specified {match_type}, but also specified a match string."))
        };
        let of_type = match (*match_type, name) {
            (EXACT, Some(name)) => Wanted::Name(Some(name.to_string())),
            (EXACT, None) => {
                return invalid(
                    "Request specified MATCH_TYPE_EXACT, but set match string to null.".to_owned(),
                );
            }
            (DEFAULT, None) => Wanted::Name(None),
            (DEFAULT, Some(_)) => return also_named("MATCH_TYPE_DEFAULT"),
            (SPECIFIED, None) => Wanted::Any,
            (SPECIFIED, Some(_)) => return also_named("MATCH_TYPE_SPECIFIED"),
            (other, _) => return invalid(format!("Unknown match type {other}")),
        };
        wanted.insert(entity_type.to_string(), of_type);
    }
    if wanted.contains_key(IP) && wanted.len() > 1 {
        return invalid(
            "Invalid entity filter component combination. IP filter component should not be used with user or \
             clientId filter component."
                .to_owned(),
        );
    }
    Ok(wanted)
}

/// A strict filter matches entities of just the types it names.
fn matches(entity: &QuotaEntity, wanted: &BTreeMap<String, Wanted>, is_strict: bool) -> bool {
    let has = |(kind, wanted): (&String, &Wanted)| {
        let part = entity.iter().find(|(known, _)| known == kind);
        part.is_some_and(|(_, name)| match wanted {
            Wanted::Name(wanted) => name == wanted,
            Wanted::Any => true,
        })
    };
    (!is_strict || entity.len() == wanted.len()) && wanted.iter().all(has)
}

fn alter(request: &mut Request<'_>, body: &mut [u8], _out: &mut Outbound) -> Served {
    let asked: AlterClientQuotasRequest<'_> = request.decode(body)?;
    let hosts: BTreeSet<String> = asked.entries.iter().filter_map(|entry| host(&entity(entry))).collect();
    if hosts.is_empty() {
        return Ok(forward(request, body));
    }
    let (broker, head) = (Arc::clone(request.broker()), request.head);
    let asked = asked.into_owned();
    Ok(Outcome::parked(Behind::Waits, async move {
        let unknown = unresolvable(hosts).await;
        alter_resolvable(&broker, head, asked, &unknown).await
    }))
}

/// The host whose quotas are meant, where it is named and not given by its address.
fn host(entity: &QuotaEntity) -> Option<String> {
    match entity.as_slice() {
        [(kind, Some(name))] if kind == IP && !name.is_empty() && name.parse::<IpAddr>().is_err() => {
            Some(name.clone())
        }
        _ => None,
    }
}

/// Those of the hosts that no name server knows.
async fn unresolvable(hosts: BTreeSet<String>) -> BTreeSet<String> {
    let mut unknown = BTreeSet::new();
    for host in hosts {
        let is_known = match tokio::net::lookup_host((host.as_str(), 0)).await {
            Ok(mut found) => found.next().is_some(),
            Err(_) => false,
        };
        if !is_known {
            unknown.insert(host);
        }
    }
    unknown
}

/// Has the controller decide on all but the entities whose host is unknown, and answers those here.
async fn alter_resolvable(
    broker: &Broker,
    head: ResponseHead,
    mut asked: AlterClientQuotasRequest<'static>,
    unknown: &BTreeSet<String>,
) -> Answer {
    let is_unknown = |entity: &QuotaEntity| host(entity).filter(|host| unknown.contains(host));
    let mut refused = Vec::new();
    asked.entries.retain(|entry| {
        let entity = entity(entry);
        let Some(host) = is_unknown(&entity) else { return true };
        let message = Some(format!("{host} is not a valid IP or resolvable host."));
        let error = ApiError { code: ErrorCode::INVALID_REQUEST, message };
        refused.push(answer(entity, Some(error)));
        false
    });
    let mut writer = Writer::new();
    asked.encode(&mut writer, head.version).map_err(|error| head.failed(error))?;
    let answered = broker.controller.call(head.api_key, head.version, writer.into_vec()).await;
    broker.metadata.caught_up().await;
    let body = answered.map_err(CloseConnection)?;
    let decoded = AlterClientQuotasResponse::decode(&mut Reader::new(&body), head.version);
    let mut response = decoded.map_err(|error| head.failed(error))?;
    response.entries.extend(refused);
    let mut writer = Writer::new();
    response.encode(&mut writer, head.version).map_err(|error| head.failed(error))?;
    answer_with_body(head, Ok(writer.into_vec()))
}
