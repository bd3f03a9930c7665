//! How a request names a topic.

use model::Uuid;

use crate::{DecodeError, EncodeError, Reader, Writer};

/// A topic by name in older versions, by id in newer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TopicKey<'a> {
    /// By name, unchecked.
    Name(&'a str),
    /// By id.
    Id(Uuid),
}

/// First version of Produce and Fetch, requests and responses, that names topics by id (KIP-516).
pub(crate) const TOPIC_IDS_SINCE: i16 = 13;

impl<'a> TopicKey<'a> {
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        version: i16,
        flexible: bool,
    ) -> Result<TopicKey<'a>, DecodeError> {
        if version >= TOPIC_IDS_SINCE {
            reader.uuid().map(TopicKey::Id)
        } else {
            reader.str(flexible).map(TopicKey::Name)
        }
    }

    pub(crate) fn write(self, writer: &mut Writer, version: i16, flexible: bool) -> Result<(), EncodeError> {
        match self {
            TopicKey::Id(id) if version >= TOPIC_IDS_SINCE => {
                writer.uuid(id);
                Ok(())
            }
            TopicKey::Name(name) if version < TOPIC_IDS_SINCE => writer.string(flexible, name),
            TopicKey::Id(_) => Err(EncodeError::UnsupportedField { field: "TopicId", version }),
            TopicKey::Name(_) => Err(EncodeError::UnsupportedField { field: "Name", version }),
        }
    }
}
