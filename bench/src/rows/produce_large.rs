//! Row 1b: as row 1a with batches of 1 MB.

use super::produce_pipelined::Shape;
use super::{Cost, Row};

pub const ROW: Row = Row {
    name: "1b",
    about: "produce, one connection, 5 in flight, 1 MB batches",
    cost: Cost { once_s: 160.0, pair_s: 28.0 },
    run: |effort| SHAPE.run(effort),
    calibrate: |effort| SHAPE.calibrate(effort),
};

const SHAPE: Shape = Shape {
    row: &ROW,
    // With headers still below what brokers accept by default.
    batch_bytes: 1 << 20,
    // 2 GiB.
    requests: 2_048,
    tables: &[(1 << 10, 1), (1 << 10, -1)],
};
