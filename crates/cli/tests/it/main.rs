//! The tools against transcripts of Apache Kafka's own.

mod storage;
