//! Credentials of users for SCRAM, described and altered.

use hmac::digest::core_api::BlockSizeUser;
use hmac::{Mac, SimpleHmac};
use model::ErrorCode;
use protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use protocol::messages::describe_user_scram_credentials_request::UserName;
use protocol::messages::{AlterUserScramCredentialsRequest, DescribeUserScramCredentialsRequest};
use sha2::{Digest, Sha256, Sha512};

use super::Admin;
use crate::cluster::Target;
use crate::error::Error;

/// Bytes of a salt.
const SALT_SIZE: usize = 24;

/// The hash that SCRAM is used with; the values are those of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub enum ScramMechanism {
    /// SCRAM-SHA-256.
    Sha256 = 1,
    /// SCRAM-SHA-512.
    Sha512 = 2,
}

/// A change of one user's credentials.
#[derive(Clone, PartialEq, Eq)]
pub enum ScramChange {
    /// The user gets this password.
    Set {
        /// By which mechanism.
        mechanism: ScramMechanism,
        /// How often the password is hashed.
        iterations: i32,
        /// The password, which does not leave this program.
        password: String,
    },
    /// The user cannot log in by that mechanism any more.
    Delete(ScramMechanism),
}

/// Mechanism and iterations of a credential; the mechanism is `None` where this client does not know it.
pub type ScramInfo = (Option<ScramMechanism>, i32);

impl ScramMechanism {
    /// Both.
    pub const ALL: [ScramMechanism; 2] = [ScramMechanism::Sha256, ScramMechanism::Sha512];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            ScramMechanism::Sha256 => "SCRAM-SHA-256",
            ScramMechanism::Sha512 => "SCRAM-SHA-512",
        }
    }

    fn from_code(code: i8) -> Option<ScramMechanism> {
        ScramMechanism::ALL.into_iter().find(|mechanism| *mechanism as i8 == code)
    }

    /// What is sent instead of a password (RFC 5802, `Hi`).
    fn salted(self, password: &str, salt: &[u8], iterations: i32) -> Result<Vec<u8>, Error> {
        match self {
            ScramMechanism::Sha256 => salted::<Sha256>(password, salt, iterations),
            ScramMechanism::Sha512 => salted::<Sha512>(password, salt, iterations),
        }
    }
}

impl Admin {
    /// The credentials of some users, or of all where none is named; a user without any is left out.
    pub async fn describe_user_scram_credentials(
        &self,
        users: &[&str],
    ) -> Result<Vec<(String, Result<Vec<ScramInfo>, Error>)>, Error> {
        let named = users.iter().map(|user| UserName { name: (*user).into() }).collect();
        let request = DescribeUserScramCredentialsRequest { users: Some(named) };
        self.ask("describeUserScramCredentials", Target::Any, &request, |answer| {
            Error::check(answer.error_code, answer.error_message.as_deref())?;
            let there = answer.results.iter().filter(|user| user.error_code != ErrorCode::RESOURCE_NOT_FOUND);
            let described = there.map(|user| {
                let infos = user.credential_infos.iter();
                let infos = infos.map(|info| (ScramMechanism::from_code(info.mechanism), info.iterations));
                let outcome = Error::check(user.error_code, user.error_message.as_deref());
                (user.user.as_ref().to_owned(), outcome.map(|()| infos.collect()))
            });
            Ok(described.collect())
        })
        .await
    }

    /// Alters the credentials of a user.
    pub async fn alter_user_scram_credentials(
        &self,
        user: &str,
        changes: &[ScramChange],
    ) -> Result<(), Error> {
        let mut request = AlterUserScramCredentialsRequest::default();
        for change in changes {
            match change {
                ScramChange::Delete(mechanism) => request
                    .deletions
                    .push(ScramCredentialDeletion { name: user.into(), mechanism: *mechanism as i8 }),
                ScramChange::Set { mechanism, iterations, password } => {
                    request.upsertions.push(upsertion(user, *mechanism, *iterations, password)?);
                }
            }
        }
        self.ask("alterUserScramCredentials", Target::Controller, &request, |answer| {
            let failed = answer
                .results
                .iter()
                .find_map(|result| Error::of(result.error_code, result.error_message.as_deref()));
            failed.map_or(Ok(()), Err)
        })
        .await
    }
}

fn upsertion<'a>(
    user: &'a str,
    mechanism: ScramMechanism,
    iterations: i32,
    password: &str,
) -> Result<ScramCredentialUpsertion<'a>, Error> {
    let unacceptable = |message: &str| {
        let code = ErrorCode::UNACCEPTABLE_CREDENTIAL;
        Err(Error::Server { code, message: message.to_owned() })
    };
    if user.is_empty() {
        return unacceptable("Username must not be empty");
    }
    if password.is_empty() {
        return unacceptable("Password must not be empty");
    }
    let mut salt = vec![0; SALT_SIZE];
    getrandom::fill(&mut salt).map_err(|error| Error::Invalid(format!("no salt can be drawn: {error}")))?;
    let salted_password = mechanism.salted(password, &salt, iterations)?;
    Ok(ScramCredentialUpsertion {
        name: user.into(),
        mechanism: mechanism as i8,
        iterations,
        salt: salt.into(),
        salted_password: salted_password.into(),
    })
}

fn salted<D: Digest + BlockSizeUser + Clone>(
    password: &str,
    salt: &[u8],
    iterations: i32,
) -> Result<Vec<u8>, Error> {
    let keyed = <SimpleHmac<D> as Mac>::new_from_slice(password.as_bytes());
    let keyed = keyed.map_err(|error| Error::Invalid(error.to_string()))?;
    let mac = |text: &[u8]| keyed.clone().chain_update(text).finalize().into_bytes();
    let mut last = mac(&[salt, &[0, 0, 0, 1]].concat());
    let mut all = last.to_vec();
    for _ in 1..iterations {
        last = mac(&last);
        all.iter_mut().zip(&last).for_each(|(byte, more)| *byte ^= more);
    }
    Ok(all)
}

impl std::fmt::Debug for ScramChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ScramChange::Set { mechanism, iterations, .. } => {
                write!(f, "Set({}, {iterations} iterations, [hidden])", mechanism.name())
            }
            ScramChange::Delete(mechanism) => write!(f, "Delete({})", mechanism.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn passwords_are_salted_as_another_implementation_salts_them() {
        let salted = ScramMechanism::Sha256.salted("pencil", b"salt", 4096).unwrap();
        assert_eq!(hex(&salted), "0997564f292923271312698037b6b0a06a8be7fbd912480847c5a1ace4b8d1c7");
        let salted = ScramMechanism::Sha512.salted("pencil", b"salt", 4096).unwrap();
        assert_eq!(
            hex(&salted),
            "2cfe3a1c151662b1ea49d13f595674a1c666add70df15d3d02254e9905993878261da7407fd11c2fee4b0a30df5154b1a752f86a13380ddd4bdd9a7c958ec769"
        );
    }

    #[test]
    fn passwords_are_shown_nowhere() {
        let mechanism = ScramMechanism::Sha512;
        let change = ScramChange::Set { mechanism, iterations: 4096, password: "hunter2".into() };
        assert_eq!(format!("{change:?}"), "Set(SCRAM-SHA-512, 4096 iterations, [hidden])");
    }
}
