//! One table of every setting: key, aliases, type, default, validator, scope, how it may change.
//!
//! Reading order: [`tables`] declares, [`Setting::parse`] reads one value, [`load()`] turns what a user
//! wrote into [`BrokerConfig`], [`Layers`] adds dynamic settings, [`describe`] and [`alter`] serve the
//! requests about settings. [`ClientSettings`] is what a client's user wrote.

pub mod alter;
mod broker_config;
mod client;
pub mod describe;
pub mod docs;
mod duration;
mod environment;
mod layers;
pub mod listener;
mod load;
mod properties;
mod rules;
mod setting;
mod suggest;
pub mod tables;
mod topic_config;
mod validate;
mod value;

pub use broker_config::{
    BrokerConfig, ControllerConfig, GroupLagDetail, ListenerLimits, Listeners, LogsConfig, NetworkConfig,
    OwnConfig, TopicsConfig,
};
pub use client::{ClientKind, ClientSettings};
pub use duration::iso_duration;
pub use environment::{EnvironmentSetting, EnvironmentSettings};
pub use layers::{ConfigSource, Given, Layers, Origin, Overrides, StaticSettings};
pub use listener::{Listener, SecurityProtocol};
pub use load::{Inputs, LOG_DIR_IMPLIED, Loaded, Notice, Problem, load};
pub use properties::{InvalidProperties, PROPERTIES_BYTES_MAX, Properties};
pub use setting::{ConfigType, DefaultValue, Importance, Setting, UpdateMode, Validator};
pub use suggest::nearest;
pub use topic_config::{
    CleanupConfig, CompressionConfig, MessagesConfig, RemoteConfig, RetentionConfig, SegmentConfig,
    TopicConfig,
};
pub use value::{InvalidValue, Secret, Value, split_list};
