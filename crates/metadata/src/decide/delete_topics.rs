//! DeleteTopics (20).

use std::collections::BTreeSet;

use model::{ErrorCode, Uuid};
use protocol::messages::delete_topics_request::DeleteTopicState;
use protocol::messages::delete_topics_response::DeletableTopicResult;
use protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, MetadataRecord, RemoveTopicRecord};

use super::{ApiError, MutationPermits};
use crate::context::{Decision, DecisionContext};
use crate::image::{Image, Topic};
use crate::record::VersionedRecord;

/// Removes each topic named by name or id.
pub fn decide(
    image: &Image,
    request: &DeleteTopicsRequest<'_>,
    version: i16,
    context: &DecisionContext<'_>,
    permits: &mut MutationPermits,
) -> Decision<DeleteTopicsResponse<'static>> {
    let by_name = |name: &std::borrow::Cow<'_, str>| DeleteTopicState {
        name: Some(name.to_string().into()),
        topic_id: Uuid::ZERO,
    };
    let asked: Vec<DeleteTopicState<'_>> =
        request.topic_names.iter().map(by_name).chain(request.topics.iter().cloned()).collect();
    let mut seen = BTreeSet::new();
    let mut responses = Vec::new();
    let mut records = Vec::new();
    for topic in &asked {
        let key = (topic.name.as_deref(), topic.topic_id);
        let is_nameless = topic.name.is_none() && topic.topic_id.is_zero();
        if !is_nameless && !seen.insert(key) {
            continue;
        }
        let is_duplicate = asked.iter().filter(|other| same(topic, other)).count() > 1;
        match named_both_ways(image, &asked, topic) {
            BothWays::ByName(id) => {
                let message = "The provided topic name maps to an ID that was already supplied.".to_owned();
                let name = topic.name.as_deref().map(str::to_owned);
                responses.push(result(name, id, ErrorCode::INVALID_REQUEST, Some(message)));
                continue;
            }
            BothWays::ById => continue,
            BothWays::No => {}
        }
        let found = find(image, topic, is_duplicate && !is_nameless, version, context);
        let outcome = found.and_then(|found| permits.take(found.partitions.size()).map(|()| found));
        match outcome {
            Ok(found) => {
                let (name, id) = (found.name.to_string(), found.id);
                let record = MetadataRecord::RemoveTopic(RemoveTopicRecord { topic_id: id });
                records.push(VersionedRecord::new(record, image.metadata_version()));
                responses.push(result(Some(name), id, ErrorCode::NONE, None));
            }
            Err(error) => {
                let name = topic.name.as_deref().map(str::to_owned);
                responses.push(result(name, topic.topic_id, error.code, error.message));
            }
        }
    }
    Decision { records, response: DeleteTopicsResponse { throttle_time_ms: 0, responses } }
}

/// Whether a request names one topic by its name and again by its id.
enum BothWays {
    No,
    /// This is the name; the id is that.
    ByName(Uuid),
    /// This is the id, which is answered with the name.
    ById,
}

fn named_both_ways(image: &Image, asked: &[DeleteTopicState<'_>], topic: &DeleteTopicState<'_>) -> BothWays {
    let id_of = |name: &str| image.topics.get(name).map(|topic| topic.id);
    match (topic.name.as_deref(), topic.topic_id) {
        (Some(name), id) if id.is_zero() => match id_of(name) {
            Some(id) if asked.iter().any(|other| other.name.is_none() && other.topic_id == id) => {
                BothWays::ByName(id)
            }
            _ => BothWays::No,
        },
        (None, id) if !id.is_zero() => {
            let is_named = |other: &DeleteTopicState<'_>| {
                other.topic_id.is_zero() && other.name.as_deref().and_then(id_of) == Some(id)
            };
            if asked.iter().any(is_named) { BothWays::ById } else { BothWays::No }
        }
        _ => BothWays::No,
    }
}

fn same(one: &DeleteTopicState<'_>, other: &DeleteTopicState<'_>) -> bool {
    one.name == other.name && one.topic_id == other.topic_id
}

fn result(
    name: Option<String>,
    topic_id: Uuid,
    error_code: ErrorCode,
    message: Option<String>,
) -> DeletableTopicResult<'static> {
    DeletableTopicResult {
        name: name.map(Into::into),
        topic_id,
        error_code,
        error_message: message.map(Into::into),
    }
}

fn find<'a>(
    image: &'a Image,
    asked: &DeleteTopicState<'_>,
    is_duplicate: bool,
    version: i16,
    context: &DecisionContext<'_>,
) -> Result<&'a Topic, ApiError> {
    let refused = |message: &str| Err(ApiError::new(ErrorCode::INVALID_REQUEST, message));
    if !context.with_layers(image, |layers| layers.boolean("delete.topic.enable")) {
        // KIP-322: clients before version 3 do not know the code.
        let code = if version < 3 { ErrorCode::INVALID_REQUEST } else { ErrorCode::TOPIC_DELETION_DISABLED };
        return Err(ApiError { code, message: None });
    }
    let found = match (asked.name.as_deref(), asked.topic_id) {
        (None, id) if id.is_zero() => return refused("Neither topic name nor id were specified."),
        (Some(_), id) if !id.is_zero() => {
            return refused("You may not specify both topic name and topic id.");
        }
        (Some(_), _) if is_duplicate => return refused("Duplicate topic name."),
        (None, _) if is_duplicate => return refused("Duplicate topic id."),
        (Some(name), _) => image.topics.get(name),
        (None, id) => image.topics.get_by_id(id),
    };
    match (found, asked.name.is_some()) {
        (Some(topic), _) => Ok(topic),
        (None, true) => Err(ApiError::new(
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            "This server does not host this topic-partition.",
        )),
        (None, false) => {
            Err(ApiError::new(ErrorCode::UNKNOWN_TOPIC_ID, "This server does not host this topic ID."))
        }
    }
}
