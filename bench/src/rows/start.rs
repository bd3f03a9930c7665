//! Row 11: from the start of the process on an empty directory to its first answer.

use crate::Effort;
use crate::pairs::{self, Figure};
use crate::process::Prepared;
use crate::sides;

use super::print;

/// Each run starts on a directory of its own; formatting, which Kafka needs first, is not counted.
pub fn run(effort: &Effort) -> Result<(), String> {
    let folder = sides::folder()?;
    let mut number = 0;
    let outcome = pairs::run(&effort.products, effort.pairs, |product| {
        number += 1;
        let server = Prepared::in_folder(product, &folder.path().join(number.to_string()))?.start()?;
        Ok(vec![
            Figure::lower("first answer ms", server.start_time.as_secs_f64() * 1e3),
            Figure::lower("broker CPU s until then", server.cpu_s()?),
        ])
    })?;
    print("11 start on an empty directory", effort, &outcome);
    Ok(())
}
