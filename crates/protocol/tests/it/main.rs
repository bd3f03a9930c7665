//! The crate seen from outside: bytes of Kafka's own classes, an independent implementation, hostile bytes.

mod catalogue;
mod golden;
