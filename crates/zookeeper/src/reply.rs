//! The answers to requests.

use crate::code::Code;
use crate::jute::{JuteError, Reader, Writer};
use crate::stat::Stat;

/// What stands before every answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyHeader {
    /// The id of the request.
    pub id: i32,
    /// Newest transaction of the server.
    pub zxid: i64,
    /// How it went; an answer goes on only where that is well.
    pub code: Code,
}

/// Who may do what with a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    /// Bits: 1 read, 2 write, 4 create, 8 delete, 16 administer.
    pub permissions: i32,
    /// How the identity is known.
    pub scheme: String,
    /// The identity.
    pub id: String,
}

/// What comes after the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Empty,
    /// Of `exists`.
    Stat(Stat),
    /// Of `getData`.
    Data(Option<Vec<u8>>, Stat),
    /// Of `getChildren`, and of `getEphemerals`.
    Names(Vec<String>),
    /// Of `getChildren2`.
    NamesAndStat(Vec<String>, Stat),
    /// Of `getACL`.
    Acl(Vec<Acl>, Stat),
    /// Of `sync`.
    Path(String),
    /// Of `getAllChildrenNumber`.
    Count(i32),
    /// Of `whoAmI`: schemes and identities.
    Identities(Vec<(String, String)>),
}

impl ReplyHeader {
    /// Writes the three fields.
    pub fn encode(&self, writer: &mut Writer) {
        writer.i32(self.id);
        writer.i64(self.zxid);
        writer.i32(self.code.0);
    }

    /// Reads the three fields.
    pub fn decode(reader: &mut Reader<'_>) -> Result<ReplyHeader, JuteError> {
        Ok(ReplyHeader { id: reader.i32()?, zxid: reader.i64()?, code: Code(reader.i32()?) })
    }
}

impl Reply {
    /// Writes what comes after the header.
    pub fn encode(&self, writer: &mut Writer) {
        match self {
            Reply::Empty => {}
            Reply::Stat(stat) => stat.encode(writer),
            Reply::Data(data, stat) => {
                writer.buffer(data.as_deref());
                stat.encode(writer);
            }
            Reply::Names(names) => writer.texts(names),
            Reply::NamesAndStat(names, stat) => {
                writer.texts(names);
                stat.encode(writer);
            }
            Reply::Acl(entries, stat) => {
                writer.i32(i32::try_from(entries.len()).unwrap_or(i32::MAX));
                for entry in entries {
                    writer.i32(entry.permissions);
                    writer.text(&entry.scheme);
                    writer.text(&entry.id);
                }
                stat.encode(writer);
            }
            Reply::Path(path) => writer.text(path),
            Reply::Count(count) => writer.i32(*count),
            Reply::Identities(identities) => {
                writer.i32(i32::try_from(identities.len()).unwrap_or(i32::MAX));
                for (scheme, id) in identities {
                    writer.text(scheme);
                    writer.text(id);
                }
            }
        }
    }
}

impl Acl {
    /// Reads a vector of entries.
    pub fn decode_all(reader: &mut Reader<'_>) -> Result<Vec<Acl>, JuteError> {
        let count = reader.count()?;
        let mut entries = Vec::new();
        for _ in 0..count {
            let permissions = reader.i32()?;
            let (scheme, id) = (reader.text()?.to_owned(), reader.text()?.to_owned());
            entries.push(Acl { permissions, scheme, id });
        }
        Ok(entries)
    }
}
