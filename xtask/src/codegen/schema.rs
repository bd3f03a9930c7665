//! What a schema file says, as data: messages, structs, fields, types, ranges of versions.

/// An inclusive range of versions; `max` is `i16::MAX` where the schema says "from on".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub min: i16,
    pub max: i16,
}

impl Range {
    pub const NONE: Range = Range { min: 0, max: -1 };

    pub fn is_none(self) -> bool {
        self.min > self.max
    }

    pub fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    pub fn intersect(self, other: Range) -> Range {
        let both = Range { min: self.min.max(other.min), max: self.max.min(other.max) };
        if both.is_none() { Range::NONE } else { both }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Request,
    Response,
    Header,
    Data,
    Metadata,
    RemoteLog,
    Key(Topic),
    Value(Topic),
}

/// Which coordinator's topic a key or value record belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    Group,
    Share,
    Transaction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
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
}

impl Scalar {
    pub const ALL: [(&'static str, Scalar); 12] = [
        ("bool", Scalar::Bool),
        ("int8", Scalar::Int8),
        ("int16", Scalar::Int16),
        ("int32", Scalar::Int32),
        ("int64", Scalar::Int64),
        ("uint16", Scalar::Uint16),
        ("uint32", Scalar::Uint32),
        ("float64", Scalar::Float64),
        ("uuid", Scalar::Uuid),
        ("string", Scalar::String),
        ("bytes", Scalar::Bytes),
        ("records", Scalar::Records),
    ];

    /// True where the value borrows from the frame.
    pub fn borrows(self) -> bool {
        matches!(self, Scalar::String | Scalar::Bytes | Scalar::Records)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    Scalar(Scalar),
    Struct(String),
    ScalarArray(Scalar),
    StructArray(String),
}

impl Type {
    pub fn struct_name(&self) -> Option<&str> {
        match self {
            Type::Struct(name) | Type::StructArray(name) => Some(name),
            Type::Scalar(_) | Type::ScalarArray(_) => None,
        }
    }

    pub fn is_array(&self) -> bool {
        matches!(self, Type::ScalarArray(_) | Type::StructArray(_))
    }
}

#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub kind: Type,
    pub versions: Range,
    pub nullable: Range,
    pub tag: Option<(u32, Range)>,
    pub default: Option<String>,
    pub ignorable: bool,
    pub plain: bool,
    pub secret: bool,
}

impl Field {
    pub fn is_nullable(&self) -> bool {
        !self.nullable.is_none()
    }

    pub fn is_error_code(&self) -> bool {
        self.kind == Type::Scalar(Scalar::Int16) && self.name.ends_with("ErrorCode")
    }

    pub fn defaults_to_null(&self) -> bool {
        self.default.as_deref() == Some("null")
    }
}

#[derive(Debug, Clone)]
pub struct Struct {
    pub name: String,
    pub fields: Vec<Field>,
}

#[derive(Debug, Clone)]
pub struct Message {
    pub kind: Kind,
    pub key: Option<i16>,
    pub versions: Range,
    pub flexible: Range,
    pub listeners: Vec<String>,
    pub flags: Vec<String>,
    /// The message itself first, then every struct it names, in the order of the file.
    pub structs: Vec<Struct>,
}

impl Message {
    pub fn name(&self) -> &str {
        &self.structs[0].name
    }

    pub fn find(&self, name: &str) -> &Struct {
        self.structs.iter().find(|part| part.name == name).expect("the parser checked that it exists")
    }

    /// True where the struct holds text or bytes, itself or below, and so needs a lifetime.
    pub fn borrows(&self, part: &Struct) -> bool {
        part.fields.iter().any(|field| match &field.kind {
            Type::Scalar(scalar) | Type::ScalarArray(scalar) => scalar.borrows(),
            Type::Struct(name) | Type::StructArray(name) => self.borrows(self.find(name)),
        })
    }

    /// Fewest bytes that one such struct takes in any version of the message.
    pub fn size_min(&self, part: &Struct) -> usize {
        let sizes = (self.versions.min..=self.versions.max).map(|version| self.size_at(part, version));
        sizes.min().unwrap_or(0).max(1)
    }

    fn size_at(&self, part: &Struct, version: i16) -> usize {
        let flexible = self.flexible.contains(version);
        let mut size = usize::from(flexible);
        for field in &part.fields {
            let tagged = field.tag.is_some_and(|(_, versions)| versions.contains(version));
            if !field.versions.contains(version) || tagged {
                continue;
            }
            size += match &field.kind {
                Type::Scalar(scalar) => scalar_size(*scalar, flexible && !field.plain),
                Type::Struct(_) if field.nullable.contains(version) => 1,
                Type::Struct(name) => self.size_at(self.find(name), version),
                Type::ScalarArray(_) | Type::StructArray(_) => length_size(flexible, 4),
            };
        }
        size
    }
}

fn length_size(flexible: bool, plain: usize) -> usize {
    if flexible { 1 } else { plain }
}

/// Fewest bytes of a scalar on the wire.
pub fn scalar_size(scalar: Scalar, flexible: bool) -> usize {
    match scalar {
        Scalar::Bool | Scalar::Int8 => 1,
        Scalar::Int16 | Scalar::Uint16 => 2,
        Scalar::Int32 | Scalar::Uint32 => 4,
        Scalar::Int64 | Scalar::Float64 => 8,
        Scalar::Uuid => 16,
        Scalar::String => length_size(flexible, 2),
        Scalar::Bytes | Scalar::Records => length_size(flexible, 4),
    }
}
