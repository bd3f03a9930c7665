//! `kafka-consumer-groups --list`.

use client::Admin;
use client::admin::{GroupListing, GroupState, GroupType};

use super::rows::listing;
use crate::Output;
use crate::admin_tool::{refused, wrote};
use crate::failure::Failure;
use crate::java;
use crate::options::Given;

/// Kinds of groups whose members are consumers.
const TYPES: [GroupType; 2] = [GroupType::Classic, GroupType::Consumer];
/// What members of such groups call their protocol; groups without members have none.
const PROTOCOLS: [&str; 2] = ["", "consumer"];
/// States that such a group can be in, in the order of the sentence about them.
const STATES: [GroupState; 7] = [
    GroupState::Assigning,
    GroupState::CompletingRebalance,
    GroupState::Dead,
    GroupState::Empty,
    GroupState::PreparingRebalance,
    GroupState::Reconciling,
    GroupState::Stable,
];

pub(super) async fn run(admin: &Admin, given: &Given, output: &mut Output<'_>) -> Result<(), Failure> {
    let (with_type, with_state) = (given.has("type"), given.has("state"));
    if !with_type && !with_state {
        return ids(admin).await?.iter().try_for_each(|id| wrote(writeln!(output.out, "{id}")));
    }
    let types = match given.value("type").map_err(refused)?.filter(|text| !text.is_empty()) {
        None => Vec::new(),
        Some(text) => all_of(text, &TYPES, GroupType::parse).ok_or_else(|| invalid("types", text, &TYPES))?,
    };
    let states = match given.value("state").map_err(refused)?.filter(|text| !text.is_empty()) {
        None => Vec::new(),
        Some(text) => {
            all_of(text, &STATES, GroupState::parse).ok_or_else(|| invalid("state", text, &STATES))?
        }
    };
    let groups = listed(admin, &types, &states).await.map_err(Failure::executed)?;
    listing(&groups, with_type, with_state).iter().try_for_each(|row| wrote(writeln!(output.out, "{row}")))
}

/// The ids of all groups of consumers.
pub(super) async fn ids(admin: &Admin) -> Result<Vec<String>, Failure> {
    let groups = listed(admin, &TYPES, &[]).await.map_err(|error| Failure::executed(error).at_run_time())?;
    Ok(groups.into_iter().map(|group| group.id).collect())
}

async fn listed(
    admin: &Admin,
    types: &[GroupType],
    states: &[GroupState],
) -> Result<Vec<GroupListing>, client::Error> {
    let mut groups = admin.list_groups(types, states).await?;
    groups.retain(|group| PROTOCOLS.contains(&group.protocol.as_str()));
    java::in_order_of_grown_map(&mut groups, |group| java::hash_of(&group.id));
    Ok(groups)
}

/// The members of a list with commas between, `None` where one of them is not among `known`.
fn all_of<T: PartialEq + Copy>(text: &str, known: &[T], parse: fn(&str) -> T) -> Option<Vec<T>> {
    // As Java splits: what is empty at the end does not count.
    let parsed: Vec<T> = text.trim_end_matches(',').split(',').map(|name| parse(name.trim())).collect();
    parsed.iter().all(|one| known.contains(one)).then_some(parsed)
}

fn invalid<T: std::fmt::Display>(what: &str, text: &str, known: &[T]) -> Failure {
    let known: Vec<String> = known.iter().map(T::to_string).collect();
    let plural = what.trim_end_matches('s');
    Failure::argument(format!("Invalid {what} list '{text}'. Valid {plural}s are: {}", known.join(", ")))
}
