//! Settings of a client metrics subscription (KIP-714).

use crate::setting::ConfigType::*;
use crate::setting::DefaultValue::*;
use crate::setting::Importance::*;
use crate::setting::Setting;
use crate::setting::UpdateMode::*;
use crate::setting::Validator::*;

/// Every client metrics setting of Apache Kafka 4.3.1, ascending by key.
#[rustfmt::skip]
pub const CLIENT_METRICS: &[Setting] = &[
    Setting::new("interval.ms", Int, Text("300000"), Any, Medium, Dynamic),
    Setting::new("match", List, Text(""), Any, Medium, Dynamic),
    Setting::new("metrics", List, Text(""), Any, Medium, Dynamic),
];

/// What a `match` pattern may select clients by.
pub const CLIENT_MATCHERS: &[&str] = &[
    "client_id",
    "client_instance_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];
