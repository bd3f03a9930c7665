//! Row 11: from the start of the process on an empty directory to its first answer.

use crate::effort::Effort;
use crate::pairs::Figure;
use crate::process::Prepared;
use crate::product::SMALL;
use crate::sides::OneByOne;

use super::{Cost, Row, Table, no_generator};

pub const ROW: Row = Row {
    name: "11",
    about: "start on an empty directory to the first answer",
    cost: Cost { once_s: 20.0, pair_s: 8.0 },
    run,
    calibrate: no_generator,
};

/// Each run starts on a directory of its own; formatting, which Kafka needs first, is not counted.
fn run(effort: &Effort) -> Result<(), String> {
    let outcome = OneByOne::start(effort)?.contest(effort, &SMALL, |effort, product, folder| {
        let server = Prepared::in_folder(product, folder, &effort.layout(&SMALL, &[]))?.start()?;
        let figures = vec![
            Figure::lower("first answer ms", server.start_time.as_secs_f64() * 1e3),
            Figure::lower("broker CPU s until then", server.cpu_s()?),
        ];
        server.kill()?;
        Ok(figures)
    })?;
    let title = "start on an empty directory".to_owned();
    Table { row: &ROW, title, promises: &[], outcome, alone: None }.finish(effort)
}
