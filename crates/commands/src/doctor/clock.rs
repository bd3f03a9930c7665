//! How far the cluster's clock is from ours, without a record being written for it.

use cli::now_ms;
use client::Admin;

use super::report::Report;

const CLOCK: &str = "clock";
/// Difference that nobody minds.
const SKEW_MS_MAX: i64 = 1000;

/// Compares clocks. The leader of the metadata quorum tells of itself, as of each voter, when it last fetched: of itself that is
/// the moment of the answer by its own clock (`DescribeQuorum`, since version 1 of KIP-836).
pub(super) async fn check(admin: &Admin, report: &mut Report) {
    // The first call opens connections, which the second one does not pay for.
    let _ = admin.describe_quorum().await;
    let before_ms = now_ms();
    let quorum = match admin.describe_quorum().await {
        Ok(quorum) => quorum,
        Err(error) => return unknown(report, &format!("the metadata quorum is not told ({error})")),
    };
    let after_ms = now_ms();
    let leader = quorum.voters.iter().find(|voter| voter.id == quorum.leader_id);
    let Some(their_ms) = leader.and_then(|leader| leader.last_fetch_ms) else {
        return unknown(report, "the leader of the metadata quorum does not tell its time");
    };
    let Some(skew_ms) = skew(before_ms, their_ms, after_ms) else {
        return report
            .fine(CLOCK, format!("the clock of controller {} agrees with this machine's", quorum.leader_id));
    };
    let direction = if skew_ms > 0 { "ahead of" } else { "behind" };
    report.problem(
        CLOCK,
        format!("the clock of controller {} is {} ms {direction} this machine's (only the controller tells its time unless something is written)", quorum.leader_id, skew_ms.abs()),
        "one of the two clocks is wrong; timestamps decide about retention, about offsets by time, and about transactions",
        "let NTP or chrony set the clocks of both machines",
    );
}

fn unknown(report: &mut Report, why: &str) {
    report.note(
        CLOCK,
        format!("it was not compared: {why}"),
        "a broker tells its time only with a record that is written, and nothing is written here",
        "compare the clocks of the machines themselves",
    );
}

/// How far their clock is from ours, where that is more than nobody minds whenever within the call it was read.
fn skew(before_ms: i64, their_ms: i64, after_ms: i64) -> Option<i64> {
    let skew_ms = if their_ms > after_ms {
        their_ms - after_ms
    } else if their_ms < before_ms {
        their_ms - before_ms
    } else {
        0
    };
    Some(skew_ms).filter(|skew_ms| skew_ms.abs() > SKEW_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_call_is_no_skew() {
        assert_eq!(skew(1000, 5000, 9000), None);
        assert_eq!(skew(1000, 2001, 1001), None, "within what nobody minds");
        assert_eq!(skew(10_000, 15_000, 10_010), Some(4990));
        assert_eq!(skew(10_000, 1000, 10_010), Some(-9000));
    }
}
