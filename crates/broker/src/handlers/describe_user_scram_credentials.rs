//! DescribeUserScramCredentials 0: which users have credentials, and by which mechanisms (KIP-554).

use std::collections::BTreeMap;

use metadata::Image;
use model::ErrorCode;
use protocol::messages::describe_user_scram_credentials_response::{
    CredentialInfo, DescribeUserScramCredentialsResult,
};
use protocol::messages::{DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api =
    Api { key: ApiKey::DescribeUserScramCredentials, versions: VersionRange::new(0, 0), serve };

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: DescribeUserScramCredentialsRequest<'_> = request.decode(body)?;
    let image = request.broker().metadata.image();
    let mut times_named: BTreeMap<&str, usize> = BTreeMap::new();
    for user in asked.users.iter().flatten() {
        *times_named.entry(&user.name).or_default() += 1;
    }
    if times_named.is_empty() {
        times_named = image.scram.keys().map(|(user, _)| (user.as_str(), 1)).collect();
    }
    let results = times_named.into_iter().map(|(user, times)| describe(&image, user, times)).collect();
    request.answer(out, &DescribeUserScramCredentialsResponse { results, ..Default::default() })
}

fn describe<'a>(image: &Image, user: &'a str, times_named: usize) -> DescribeUserScramCredentialsResult<'a> {
    let refused = |error_code, message: &str| DescribeUserScramCredentialsResult {
        user: user.into(),
        error_code,
        error_message: Some(format!("{message}: {user}").into()),
        ..Default::default()
    };
    if times_named > 1 {
        let message = "Cannot describe SCRAM credentials for the same user twice in a single request";
        return refused(ErrorCode::DUPLICATE_RESOURCE, message);
    }
    let of_user = image.scram.range((user.to_owned(), i8::MIN)..=(user.to_owned(), i8::MAX));
    let infos = of_user.map(|((_, mechanism), credential)| CredentialInfo {
        mechanism: *mechanism,
        iterations: credential.iterations,
    });
    let credential_infos: Vec<CredentialInfo> = infos.collect();
    if credential_infos.is_empty() {
        let message = "Attempt to describe a user credential that does not exist";
        return refused(ErrorCode::RESOURCE_NOT_FOUND, message);
    }
    DescribeUserScramCredentialsResult { user: user.into(), credential_infos, ..Default::default() }
}
