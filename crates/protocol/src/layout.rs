//! Records as data: which fields a record of some type has, by version. What works with records takes the generated
//! structs; layouts are for showing records of every type.

pub use crate::messages::layouts::LAYOUTS;

/// An inclusive range of versions, empty where the first is above the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range(pub i16, pub i16);

impl Range {
    /// True for a version of the range.
    pub fn contains(self, version: i16) -> bool {
        self.0 <= version && version <= self.1
    }
}

/// Where records of a layout stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Inside of other records.
    None,
    /// `__cluster_metadata`.
    Metadata,
    /// Keys of `__consumer_offsets`.
    GroupKey,
    /// Values of `__consumer_offsets`.
    GroupValue,
    /// Keys of `__share_group_state`.
    ShareKey,
    /// Values of `__share_group_state`.
    ShareValue,
    /// Keys of `__transaction_state`.
    TransactionKey,
    /// Values of `__transaction_state`.
    TransactionValue,
}

/// The layout of one record.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    /// The schema's name of the record.
    pub name: &'static str,
    /// Where such records stand.
    pub topic: Topic,
    /// The record type, -1 where it has none.
    pub key: i16,
    /// Versions there are.
    pub versions: Range,
    /// Versions with compact lengths and tag sections.
    pub flexible: Range,
    /// The fields, in the order of the schema.
    pub fields: &'static [Field],
}

/// A field of a record.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// The name as Kafka writes it in JSON.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Versions that carry it.
    pub versions: Range,
    /// Versions in which it may be null.
    pub nullable: Range,
    /// Its number as a tagged field, and in which versions it is one.
    pub tag: Option<(u32, Range)>,
    /// What it holds where it is left out, as JSON.
    pub default: &'static str,
}

/// What a field holds.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the schema's")]
pub enum Kind {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint16,
    Uint32,
    Float64,
    Uuid,
    String,
    Bytes,
    Records,
    Struct(&'static [Field]),
    Array(&'static Kind),
}

/// A field, as the table has it.
pub(crate) const fn field(
    name: &'static str,
    kind: Kind,
    versions: Range,
    nullable: Range,
    tag: Option<(u32, Range)>,
    default: &'static str,
) -> Field {
    Field { name, kind, versions, nullable, tag, default }
}

/// The layout of records of a type.
pub fn of_type(topic: Topic, key: i16) -> Option<&'static Layout> {
    LAYOUTS.iter().find(|layout| layout.topic == topic && layout.key == key)
}

/// The layout of a name.
pub fn named(name: &str) -> Option<&'static Layout> {
    LAYOUTS.iter().find(|layout| layout.name == name)
}
