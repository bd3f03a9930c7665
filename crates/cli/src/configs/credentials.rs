//! SCRAM credentials of users.

use client::Admin;
use client::admin::{ScramChange, ScramMechanism};

use super::Ended;
use super::changes::Changes;
use crate::Output;
use crate::admin_tool::wrote;
use crate::failure::Failure;
use crate::java;

/// Iterations where a line does not name any, and the fewest it may name.
const ITERATIONS: i32 = 4096;

/// The mechanism of that name.
pub(super) fn mechanism(name: &str) -> Option<ScramMechanism> {
    ScramMechanism::ALL.into_iter().find(|mechanism| mechanism.name() == name)
}

pub(super) async fn describe(admin: &Admin, users: &[String], output: &mut Output<'_>) -> Result<(), Ended> {
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let mut described = admin.describe_user_scram_credentials(&users).await?;
    // Kafka's brokers answer in the order of a hash table.
    java::in_order_of_grown_map(&mut described, |(user, _)| java::hash_of(user));
    for (user, outcome) in described {
        let line = match outcome {
            Ok(infos) => {
                let infos = infos.into_iter().map(|(mechanism, iterations)| {
                    let name = mechanism.map_or("UNKNOWN", ScramMechanism::name);
                    format!("{name}=iterations={iterations}")
                });
                let infos = infos.collect::<Vec<_>>().join(", ");
                format!("SCRAM credential configs for user-principal '{user}' are {infos}")
            }
            Err(error) => format!(
                "Error retrieving SCRAM credential configs for user-principal '{user}': ExecutionException: {}",
                Failure::from(error)
            ),
        };
        wrote(writeln!(output.out, "{line}"))?;
    }
    Ok(())
}

pub(super) async fn alter(admin: &Admin, user: &str, changes: &Changes) -> Result<(), Ended> {
    let deleted = changes.deleted.iter().filter_map(|name| mechanism(name)).map(ScramChange::Delete);
    let mut wanted: Vec<ScramChange> = deleted.collect();
    for (name, text) in &changes.added {
        if let Some(mechanism) = mechanism(name) {
            let (iterations, password) = parse(mechanism, text)?;
            wanted.push(ScramChange::Set { mechanism, iterations, password: password.to_owned() });
        }
    }
    Ok(admin.alter_user_scram_credentials(user, &wanted).await?)
}

/// Reads `[iterations=N,]password=TEXT`.
fn parse(mechanism: ScramMechanism, text: &str) -> Result<(i32, &str), Ended> {
    let name = mechanism.name();
    let invalid = || Ended::Told(format!("Invalid credential property {}={text}", name.replace('-', "_")));
    let is_number =
        |text: &str| text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
    let (iterations, password) = match text.strip_prefix("iterations=").and_then(|rest| rest.split_once(','))
    {
        Some((iterations, rest)) if is_number(iterations) => (Some(iterations), rest),
        _ => (None, text),
    };
    let password = password.strip_prefix("password=").ok_or_else(invalid)?;
    let iterations = match iterations {
        None | Some("-1") => ITERATIONS,
        Some(text) => text.parse().map_err(|_| Ended::Told(format!("For input string: \"{text}\"")))?,
    };
    if iterations < ITERATIONS {
        return Err(Ended::Told(format!(
            "Iterations {iterations} is less than the minimum {ITERATIONS} required for {name}"
        )));
    }
    Ok((iterations, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_a_password_and_how_often_it_is_hashed() {
        let parsed = |text| {
            parse(ScramMechanism::Sha256, text).map_err(|ended| match ended {
                Ended::Told(sentence) => sentence,
                Ended::Failed(failure) => failure.to_string(),
            })
        };
        assert_eq!(parsed("password=a,b=c"), Ok((4096, "a,b=c")));
        assert_eq!(parsed("iterations=8192,password="), Ok((8192, "")));
        assert_eq!(parsed("iterations=-1,password=p"), Ok((4096, "p")));
        for (text, sentence) in [
            ("secret", "Invalid credential property SCRAM_SHA_256=secret"),
            ("iterations=x,password=p", "Invalid credential property SCRAM_SHA_256=iterations=x,password=p"),
            ("iterations=,password=p", "For input string: \"\""),
            ("iterations=99999999999,password=p", "For input string: \"99999999999\""),
            (
                "iterations=10,password=p",
                "Iterations 10 is less than the minimum 4096 required for SCRAM-SHA-256",
            ),
        ] {
            assert_eq!(parsed(text), Err(sentence.to_owned()));
        }
    }
}
