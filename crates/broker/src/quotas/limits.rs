//! Which of the quotas holds for a client: the most specific one, in Kafka's order.

use std::collections::HashMap;

use metadata::image::{QuotaEntity, SharedMap};
use metadata::quota::{CLIENT_ID, QuotaKey, USER};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The quotas of users and client ids, by what they bound.
#[derive(Debug, Default)]
pub struct QuotaLimits {
    by_key: HashMap<QuotaKey, Levels>,
}

/// Who shares a quota: those of a user, those of a client id, or those of both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sharing {
    /// The user, where the quota is that of one.
    pub user: Option<Box<str>>,
    /// The client id, where the quota is that of one.
    pub client_id: Option<Box<str>>,
}

/// A name; `None` stands for the default of all names.
type Name = Option<Box<str>>;

/// The quotas that bound one thing.
#[derive(Debug, Default)]
struct Levels {
    pairs: HashMap<(Name, Name), f64>,
    users: HashMap<Name, f64>,
    client_ids: HashMap<Name, f64>,
}

impl QuotaLimits {
    /// The quotas of the image.
    pub fn new(quotas: &SharedMap<QuotaEntity, Arc<BTreeMap<String, f64>>>) -> QuotaLimits {
        let mut limits = QuotaLimits::default();
        for (entity, values) in quotas {
            for key in QuotaKey::OF_CLIENTS {
                if let Some(limit) = values.get(key.name()) {
                    limits.by_key.entry(key).or_default().add(entity, *limit);
                }
            }
        }
        limits
    }

    /// True where there is no quota at all.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The quota of a client and who shares it; a client without an id has only its user's.
    pub fn find(&self, key: QuotaKey, user: &str, client_id: &str) -> Option<(Sharing, f64)> {
        let levels = self.by_key.get(&key)?;
        let (user, id): (Name, Name) = (Some(user.into()), Some(client_id.into()));
        let has_id = !client_id.is_empty();
        let of_pair = |user: &Name, id: &Name| {
            let limit = levels.pairs.get(&(user.clone(), id.clone())).filter(|_| has_id);
            limit.map(|limit| (true, true, *limit))
        };
        let of_user = |name: &Name| levels.users.get(name).map(|limit| (true, false, *limit));
        let of_id =
            |name: &Name| levels.client_ids.get(name).filter(|_| has_id).map(|limit| (false, true, *limit));
        let found = of_pair(&user, &id)
            .or_else(|| of_pair(&user, &None))
            .or_else(|| of_user(&user))
            .or_else(|| of_pair(&None, &id))
            .or_else(|| of_pair(&None, &None))
            .or_else(|| of_user(&None))
            .or_else(|| of_id(&id))
            .or_else(|| of_id(&None));
        let (by_user, by_id, limit) = found?;
        Some((Sharing { user: user.filter(|_| by_user), client_id: id.filter(|_| by_id) }, limit))
    }
}

impl Levels {
    fn add(&mut self, entity: &QuotaEntity, limit: f64) {
        let of_kind = |kind: &str| entity.iter().find(|(known, _)| known == kind);
        let name = |part: &(String, Option<String>)| part.1.as_deref().map(Into::into);
        match (of_kind(USER).map(name), of_kind(CLIENT_ID).map(name)) {
            (Some(user), Some(id)) => _ = self.pairs.insert((user, id), limit),
            (Some(user), None) => _ = self.users.insert(user, limit),
            (None, Some(id)) => _ = self.client_ids.insert(id, limit),
            // Addresses have other quotas.
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: QuotaKey = QuotaKey::ProducerByteRate;
    /// The most specific first. Quotas of a user and of a client id are two parts, `None` the default of all.
    const LEVELS: [&[(&str, Option<&str>)]; 8] = [
        &[("client-id", Some("c")), ("user", Some("u"))],
        &[("client-id", None), ("user", Some("u"))],
        &[("user", Some("u"))],
        &[("client-id", Some("c")), ("user", None)],
        &[("client-id", None), ("user", None)],
        &[("user", None)],
        &[("client-id", Some("c"))],
        &[("client-id", None)],
    ];

    fn limits(levels: impl Iterator<Item = usize>) -> QuotaLimits {
        let mut quotas = SharedMap::default();
        for level in levels {
            let owned = |(kind, name): &(&str, Option<&str>)| ((*kind).to_owned(), name.map(str::to_owned));
            let entity: QuotaEntity = LEVELS[level].iter().map(owned).collect();
            let values = BTreeMap::from([(KEY.name().to_owned(), level as f64)]);
            quotas.insert_mut(entity, Arc::new(values));
        }
        QuotaLimits::new(&quotas)
    }

    #[test]
    fn the_most_specific_quota_holds() {
        for (first, parts) in LEVELS.iter().enumerate() {
            let (sharing, limit) = limits(first..LEVELS.len()).find(KEY, "u", "c").unwrap();
            assert_eq!(limit, first as f64);
            let names_user = parts.iter().any(|(kind, _)| *kind == "user");
            let names_id = parts.iter().any(|(kind, _)| *kind == "client-id");
            assert_eq!(sharing.user.as_deref(), names_user.then_some("u"), "level {first}");
            assert_eq!(sharing.client_id.as_deref(), names_id.then_some("c"), "level {first}");
        }
        assert!(limits(0..0).is_empty());
        assert_eq!(limits(0..8).find(QuotaKey::ConsumerByteRate, "u", "c"), None);
    }

    #[test]
    fn others_have_the_defaults_only() {
        let all = limits(0..8);
        assert_eq!(all.find(KEY, "u", "x").map(|(_, limit)| limit), Some(1.0));
        assert_eq!(all.find(KEY, "x", "c").map(|(_, limit)| limit), Some(3.0));
        assert_eq!(all.find(KEY, "x", "x").map(|(_, limit)| limit), Some(4.0));
        assert_eq!(limits(6..7).find(KEY, "x", "x"), None);
    }

    #[test]
    fn a_client_without_an_id_has_the_quota_of_its_user() {
        assert_eq!(limits(0..8).find(KEY, "u", "").map(|(_, limit)| limit), Some(2.0));
        assert_eq!(limits(3..8).find(KEY, "u", "").map(|(_, limit)| limit), Some(5.0));
        assert_eq!(limits(6..8).find(KEY, "u", ""), None);
    }
}
