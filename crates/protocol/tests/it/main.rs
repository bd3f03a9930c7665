//! The crate seen from outside: bytes of Kafka's own classes, an independent implementation, hostile bytes.

mod catalogue;
mod golden;
mod hostile;
mod oracle;
mod random;
mod records;
mod refusals;
mod views;
