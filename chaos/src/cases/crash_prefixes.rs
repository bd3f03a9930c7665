//! A crash at every change of the disk: after each the log is a prefix of what was appended and holds what was flushed.

use super::{Plan, Verdict};
use crate::crash::{Crash, Survivors, torn};
use crate::log_model::judge;
use crate::log_run::{Recovered, Run};
use crate::memory_disk::MemoryDisk;
use crate::random::Random;

/// Steps of a run before it is crashed at each of its changes.
const STEPS: usize = 60;

/// Counts of a campaign.
#[derive(Debug, Default)]
struct Counts {
    prefixes: u64,
    recoveries: u64,
    shortened: u64,
}

pub fn run(plan: &Plan) -> Result<Verdict, String> {
    let mut counts = Counts::default();
    for round in 0..plan.rounds {
        let random = plan.random(round);
        crash_everywhere(&random, &mut counts).map_err(|text| format!("run {round}: {text}"))?;
    }
    Ok(Verdict::Held(vec![
        ("runs", plan.rounds.to_string()),
        ("prefixes of changes", counts.prefixes.to_string()),
        ("recoveries", counts.recoveries.to_string()),
        ("recoveries to less than all appended", counts.shortened.to_string()),
    ]))
}

/// One run, then a crash of each kind after each of its changes.
fn crash_everywhere(random: &Random, counts: &mut Counts) -> Result<(), String> {
    let mut run = Run::begin(random.fork(1))?;
    for step in 0..STEPS {
        run.step().map_err(|text| format!("step {step}: {text}"))?;
    }
    let changes = run.disk.changes();
    let mut random = random.fork(2);
    let mut survivors = Survivors::default();
    let mut reached = 0;
    for (count, change) in changes.iter().enumerate() {
        while run.facts.get(reached + 1).is_some_and(|fact| fact.changes <= count) {
            reached += 1;
        }
        counts.prefixes += 1;
        let (before, next) = (&run.facts[reached], run.facts.get(reached + 1).unwrap_or(&run.facts[reached]));
        for crash in Crash::ALL {
            let mut survivors = survivors.clone();
            if crash == Crash::Torn {
                let Some(torn) = torn(change, &mut random) else { continue };
                survivors.note(&torn);
            }
            let tree = survivors.after(crash, &mut random);
            let at = || format!("{crash:?} at change {count} ({}), in step {}", shown(change), next.step);
            let disk = MemoryDisk::holding(&tree).map_err(|error| error.to_string())?;
            let recovered = Recovered::open(&disk).map_err(|text| format!("{}: {text}", at()))?;
            let found = recovered.found().map_err(|text| format!("{}: {text}", at()))?;
            judge(&found, &before.model, &next.model, crash != Crash::PowerCut)
                .and_then(|()| recovered.check(&found, &before.model, &next.model))
                .and_then(|()| if random.one_in(8) { recovered.goes_on(&found) } else { Ok(()) })
                .map_err(|text| format!("{}: {text}\nfound {found:?}\nbefore {:?}\n", at(), before.model))?;
            counts.recoveries += 1;
            counts.shortened += u64::from(found.end < before.model.end);
        }
        survivors.note(change);
    }
    Ok(())
}

fn shown(change: &crate::memory_disk::Change) -> String {
    let text = format!("{change:?}");
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_survives_a_crash_at_every_write() {
        let mut counts = Counts::default();
        for seed in 0..2 {
            crash_everywhere(&Random::new(seed), &mut counts).unwrap();
        }
        assert!(counts.prefixes > 300 && counts.shortened > 50, "{counts:?}");
    }
}
