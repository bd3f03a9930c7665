//! What the table says of one setting: type, default, legal values, how it may change.

use std::fmt;

/// One row of a settings table.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The key as it is written in properties files and requests.
    pub key: &'static str,
    /// How its text is read.
    pub kind: ConfigType,
    /// What holds where nobody set it.
    pub default: DefaultValue,
    /// Which values of the type are legal.
    pub validator: Validator,
    /// Kafka's grading of the setting in its documentation.
    pub importance: Importance,
    /// Whether and where it may change while the server runs.
    pub update: UpdateMode,
    /// True where Kafka keeps the setting out of DescribeConfigs.
    pub internal: bool,
}

/// The types of Kafka's settings; the wire codes are those of DescribeConfigs (KIP-569).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the protocol's own")]
pub enum ConfigType {
    Boolean,
    String,
    Int,
    Short,
    Long,
    Double,
    List,
    Class,
    Password,
}

/// The value of a setting nobody set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// Apache Kafka refuses to start without the setting.
    Required,
    /// No value at all, which some settings distinguish from an empty text.
    Null,
    /// A value, in the text form DescribeConfigs shows.
    Text(&'static str),
}

/// Which values of its type a setting takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Validator {
    /// Every value of the type.
    Any,
    /// Integers from a lower bound up.
    AtLeast(i64),
    /// Integers between two bounds, both included.
    Between(i64, i64),
    /// Doubles from 0 to an upper bound.
    Fraction(f64),
    /// Doubles between two bounds, both included.
    FractionBetween(f64, f64),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of these texts in any case.
    OneOfIgnoringCase(&'static [&'static str]),
    /// A text of at least one character.
    NonEmpty,
    /// A list without duplicates or empty elements, possibly empty.
    DistinctList,
    /// A list without duplicates or empty elements, of at least one element.
    NonEmptyList,
    /// A list of distinct elements out of these, possibly empty.
    AnyOf(&'static [&'static str]),
    /// A list of distinct elements out of these, of at least one element.
    SomeOf(&'static [&'static str]),
    /// -1 (the codec's own default) or 1 to 9.
    GzipLevel,
    /// `*` or a list of `partition:broker`.
    ThrottledReplicas,
    /// A list of `id@host:port`.
    QuorumVoters,
    /// A list of `host:port`.
    HostPorts,
    /// `latest`, `earliest` or `by_duration:` and an ISO 8601 duration that is not negative (KIP-1106).
    ShareOffsetReset,
    /// The same, or `none`.
    OffsetReset,
}

/// Kafka's grading of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the protocol's own")]
pub enum Importance {
    High,
    Medium,
    Low,
}

/// Where a setting may change while the server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateMode {
    /// Only by a restart.
    ReadOnly,
    /// By IncrementalAlterConfigs, one broker at a time.
    PerBroker,
    /// By IncrementalAlterConfigs, for one broker or as the default of all.
    ClusterWide,
    /// Settings of topics and groups: always by IncrementalAlterConfigs on the resource.
    Dynamic,
}

impl Setting {
    /// A row of the table, shown by DescribeConfigs unless [`Setting::internal`] says otherwise.
    pub const fn new(
        key: &'static str,
        kind: ConfigType,
        default: DefaultValue,
        validator: Validator,
        importance: Importance,
        update: UpdateMode,
    ) -> Setting {
        Setting { key, kind, default, validator, importance, update, internal: false }
    }

    /// The same row, kept out of DescribeConfigs.
    pub const fn internal(self) -> Setting {
        Setting { internal: true, ..self }
    }

    /// True where the value must never leave the process.
    pub fn is_sensitive(&self) -> bool {
        self.kind == ConfigType::Password
    }

    /// True where DescribeConfigs reports the setting as read-only.
    pub fn is_read_only(&self) -> bool {
        self.update == UpdateMode::ReadOnly
    }

    /// The default as text; `None` for "no value" and for settings Kafka requires.
    pub fn default_text(&self) -> Option<&'static str> {
        match self.default {
            DefaultValue::Text(text) => Some(text),
            DefaultValue::Null | DefaultValue::Required => None,
        }
    }
}

impl ConfigType {
    /// The code of the type in a DescribeConfigs response.
    pub fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }

    /// The type's name in Kafka's documentation and error messages, in upper case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

impl fmt::Display for Validator {
    /// The legal values as Kafka's documentation writes them; empty where every value is legal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::AtLeast(low) => write!(f, "[{low},...]"),
            Self::Between(low, high) => write!(f, "[{low},...,{high}]"),
            Self::Fraction(high) => write!(f, "[0,...,{high}]"),
            Self::FractionBetween(low, high) => write!(f, "[{low:?},...,{high:?}]"),
            Self::OneOf(texts) | Self::AnyOf(texts) | Self::SomeOf(texts) => {
                write!(f, "[{}]", texts.join(", "))
            }
            Self::OneOfIgnoringCase(texts) => write!(f, "(case insensitive) [{}]", texts.join(", ")),
            Self::NonEmpty => f.write_str("non-empty string"),
            Self::DistinctList => f.write_str("list without duplicates"),
            Self::NonEmptyList => f.write_str("non-empty list without duplicates"),
            Self::GzipLevel => f.write_str("[1,...,9] or -1"),
            Self::ThrottledReplicas => f.write_str("[partitionId]:[brokerId],[partitionId]:[brokerId],..."),
            Self::QuorumVoters => f.write_str("list of {id}@{host}:{port}"),
            Self::HostPorts => f.write_str("list of {host}:{port}"),
            Self::ShareOffsetReset => f.write_str("[latest, earliest, by_duration:PnDTnHnMn.nS]"),
            Self::OffsetReset => f.write_str("[latest, earliest, none, by_duration:PnDTnHnMn.nS]"),
        }
    }
}
