//! AlterUserScramCredentials (51, KIP-554).

use model::ErrorCode;
use protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use protocol::messages::alter_user_scram_credentials_response::AlterUserScramCredentialsResult;
use protocol::messages::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse, MetadataRecord,
    RemoveUserScramCredentialRecord, UserScramCredentialRecord,
};

use super::ApiError;
use crate::context::Decision;
use crate::image::Image;
use crate::record::VersionedRecord;
use crate::scram::{ITERATIONS_MAX, ITERATIONS_MIN, ScramMechanism};

/// Level of `metadata.version` from which credentials are kept in the metadata (3.5-IV2).
const SCRAM_LEVEL: i16 = 11;

/// What is asked for one user.
enum Change<'a> {
    Delete(&'a ScramCredentialDeletion<'a>),
    Upsert(&'a ScramCredentialUpsertion<'a>),
}

/// Changes the credentials of each user; users that fail keep theirs, the others change.
pub fn decide(
    image: &Image,
    request: &AlterUserScramCredentialsRequest<'_>,
) -> Decision<AlterUserScramCredentialsResponse<'static>> {
    let deletions = request.deletions.iter().map(Change::Delete);
    let upsertions = request.upsertions.iter().map(Change::Upsert);
    let mut outcomes: Vec<(&str, Result<MetadataRecord<'static>, ApiError>)> = Vec::new();
    for change in deletions.chain(upsertions) {
        match outcomes.iter_mut().find(|(user, _)| *user == change.user()) {
            // The first error of a user stays.
            Some((_, known)) if known.is_err() => {}
            Some((_, known)) => {
                let message = "A user credential cannot be altered twice in the same request";
                *known = Err(ApiError::new(ErrorCode::DUPLICATE_RESOURCE, message));
            }
            None => outcomes.push((change.user(), change.decide(image))),
        }
    }
    let (mut records, mut results) = (Vec::new(), Vec::new());
    for (user, outcome) in outcomes {
        let error = match outcome {
            Ok(record) => {
                records.push(VersionedRecord::new(record, image.metadata_version()));
                None
            }
            Err(error) => Some(error),
        };
        results.push(AlterUserScramCredentialsResult {
            user: user.to_owned().into(),
            error_code: error.as_ref().map_or(ErrorCode::NONE, |error| error.code),
            error_message: error.and_then(ApiError::into_message),
        });
    }
    Decision { records, response: AlterUserScramCredentialsResponse { throttle_time_ms: 0, results } }
}

impl<'a> Change<'a> {
    fn user(&self) -> &'a str {
        match self {
            Change::Delete(deletion) => &deletion.name,
            Change::Upsert(upsertion) => &upsertion.name,
        }
    }

    fn mechanism(&self) -> i8 {
        match self {
            Change::Delete(deletion) => deletion.mechanism,
            Change::Upsert(upsertion) => upsertion.mechanism,
        }
    }

    fn decide(&self, image: &Image) -> Result<MetadataRecord<'static>, ApiError> {
        if image.metadata_version() < SCRAM_LEVEL {
            let message = "The current metadata.version does not support SCRAM";
            return Err(ApiError::new(ErrorCode::UNSUPPORTED_VERSION, message));
        }
        if self.user().is_empty() {
            return Err(unacceptable("Username must not be empty"));
        }
        let mechanism = ScramMechanism::from_code(self.mechanism())
            .ok_or_else(|| ApiError::new(ErrorCode::UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism"))?;
        match self {
            Change::Delete(deletion) => delete(image, deletion),
            Change::Upsert(upsertion) => upsert(mechanism, upsertion),
        }
    }
}

fn unacceptable(message: &str) -> ApiError {
    ApiError::new(ErrorCode::UNACCEPTABLE_CREDENTIAL, message)
}

fn delete(image: &Image, asked: &ScramCredentialDeletion<'_>) -> Result<MetadataRecord<'static>, ApiError> {
    let (name, mechanism) = (asked.name.to_string(), asked.mechanism);
    if image.scram.get(&(name.clone(), mechanism)).is_none() {
        let message = "Attempt to delete a user credential that does not exist";
        return Err(ApiError::new(ErrorCode::RESOURCE_NOT_FOUND, message));
    }
    let record = RemoveUserScramCredentialRecord { name: name.into(), mechanism };
    Ok(MetadataRecord::RemoveUserScramCredential(record))
}

fn upsert(
    mechanism: ScramMechanism,
    asked: &ScramCredentialUpsertion<'_>,
) -> Result<MetadataRecord<'static>, ApiError> {
    if asked.iterations < ITERATIONS_MIN {
        return Err(unacceptable("Too few iterations"));
    }
    if asked.iterations > ITERATIONS_MAX {
        return Err(unacceptable("Too many iterations"));
    }
    if asked.salted_password.is_empty() {
        return Err(unacceptable("Salted password must not be empty"));
    }
    let keys = mechanism.keys(&asked.salted_password);
    let keys = keys.map_err(|error| unacceptable(&error.to_string()))?;
    Ok(MetadataRecord::UserScramCredential(UserScramCredentialRecord {
        name: asked.name.to_string().into(),
        mechanism: asked.mechanism,
        salt: asked.salt.to_vec().into(),
        stored_key: keys.stored_key.into(),
        server_key: keys.server_key.into(),
        iterations: asked.iterations,
    }))
}
