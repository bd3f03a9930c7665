//! Limits that are met: connections in all, per listener and per address, the size of a request, and descriptors. They hold
//! to the connection, also while they are changed under a hammer, and who is inside is served.

mod connections;
mod descriptors;

use super::{Plan, Verdict};

pub fn run(plan: &Plan) -> Result<Verdict, String> {
    let mut figures = vec![("rounds; the figures are of the last", plan.rounds.to_string())];
    for round in 0..plan.rounds {
        let folder = plan.folder.join(round.to_string());
        std::fs::create_dir(&folder).map_err(|error| error.to_string())?;
        let found = |text: String| format!("round {round}: {text}");
        let mut last = connections::run(&folder).map_err(found)?;
        descriptors::too_few(&folder).map_err(found)?;
        last.extend(descriptors::few(&folder, plan.is_short).map_err(found)?);
        figures.truncate(1);
        figures.append(&mut last);
    }
    Ok(Verdict::Held(figures))
}
