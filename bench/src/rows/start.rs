//! Row 11: from the start of the process on an empty directory to its first answer.

use crate::effort::Effort;
use crate::pairs::{self, Figure, Step};
use crate::process::Prepared;
use crate::product::SMALL;
use crate::sides;

use super::{Row, Table, no_generator};

pub const ROW: Row = Row {
    name: "11",
    about: "start on an empty directory to the first answer",
    run,
    calibrate: no_generator,
};

/// Each run starts on a directory of its own; formatting, which Kafka needs first, is not counted.
fn run(effort: &Effort) -> Result<(), String> {
    let folder = sides::folder()?;
    let _primed = sides::prime(effort, folder.path())?;
    let mut number = 0;
    let outcome = pairs::run(&effort.products, effort.pairs, |step| {
        let Step::Run(_, product) = step else { return Ok(Vec::new()) };
        number += 1;
        let folder = folder.path().join(number.to_string());
        let server = Prepared::in_folder(product, &folder, &effort.alone(&SMALL, &[]))?.start()?;
        Ok(vec![
            Figure::lower("first answer ms", server.start_time.as_secs_f64() * 1e3),
            Figure::lower("broker CPU s until then", server.cpu_s()?),
        ])
    })?;
    let title = "start on an empty directory".to_owned();
    Table { row: &ROW, title, tuned: &SMALL, outcome, alone: None }.finish(effort)
}
