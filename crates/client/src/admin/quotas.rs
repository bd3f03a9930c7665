//! Client quotas, described and altered.

use std::collections::BTreeMap;

use protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use protocol::messages::describe_client_quotas_request::ComponentData;
use protocol::messages::{AlterClientQuotasRequest, DescribeClientQuotasRequest};

use super::{Admin, unanswered};
use crate::cluster::Target;
use crate::error::Error;

/// Whom a quota holds for: a name by entity type (`user`, `client-id`, `ip`), `None` for the default of all names.
pub type QuotaEntity = BTreeMap<String, Option<String>>;

/// The quotas of an entity: limit by name.
pub type QuotaValues = BTreeMap<String, f64>;

/// Which entities of a type are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuotaMatch {
    /// That of this name.
    Name(String),
    /// The default of all names.
    Default,
    /// All of them.
    Any,
}

impl Admin {
    /// The quotas of entities with these types, and no others where `strict`.
    pub async fn describe_client_quotas(
        &self,
        filter: &[(String, QuotaMatch)],
        strict: bool,
    ) -> Result<Vec<(QuotaEntity, QuotaValues)>, Error> {
        let components = filter.iter().map(|(kind, wanted)| {
            let (match_type, name) = match wanted {
                QuotaMatch::Name(name) => (0, Some(name.as_str().into())),
                QuotaMatch::Default => (1, None),
                QuotaMatch::Any => (2, None),
            };
            ComponentData { entity_type: kind.as_str().into(), match_type, r#match: name }
        });
        let request = DescribeClientQuotasRequest { components: components.collect(), strict };
        self.ask("describeClientQuotas", Target::Any, &request, |answer| {
            Error::check(answer.error_code, answer.error_message.as_deref())?;
            let described = answer.entries.into_iter().flatten().map(|entry| {
                let parts = entry.entity.into_iter();
                let parts = parts.map(|part| (part.entity_type.into_owned(), part.entity_name));
                let entity = parts.map(|(kind, name)| (kind, name.map(|name| name.into_owned())));
                let values = entry.values.into_iter().map(|value| (value.key.into_owned(), value.value));
                (entity.collect(), values.collect())
            });
            Ok(described.collect())
        })
        .await
    }

    /// Sets quotas of an entity, and removes those without a value.
    pub async fn alter_client_quotas(
        &self,
        entity: &QuotaEntity,
        changes: &[(String, Option<f64>)],
        validate_only: bool,
    ) -> Result<(), Error> {
        let part = |(kind, name): (&String, &Option<String>)| EntityData {
            entity_type: kind.clone().into(),
            entity_name: name.clone().map(Into::into),
        };
        let op = |(key, value): &(String, Option<f64>)| OpData {
            key: key.clone().into(),
            value: value.unwrap_or_default(),
            remove: value.is_none(),
        };
        let entry =
            EntryData { entity: entity.iter().map(part).collect(), ops: changes.iter().map(op).collect() };
        let request = AlterClientQuotasRequest { entries: vec![entry], validate_only };
        self.ask("alterClientQuotas", Target::Any, &request, |answer| {
            let result = answer.entries.first().ok_or_else(|| unanswered("the quota"))?;
            Error::check(result.error_code, result.error_message.as_deref())
        })
        .await
    }
}
