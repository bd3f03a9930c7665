//! Whole-crate tests: values, start-up, DescribeConfigs and AlterConfigs against what Kafka does.

mod altered;
mod described;
mod started;
mod values;
