//! A member of a classic group.

use std::sync::Arc;

use protocol::messages::group_metadata_value::MemberMetadata;
use protocol::messages::join_group_request::JoinGroupRequestProtocol;

use crate::group::session::Session;
use crate::step::ReplyTo;

/// A way to assign partitions that a member speaks, with what it says in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protocol {
    pub name: String,
    pub metadata: Vec<u8>,
}

/// A member of a classic group.
#[derive(Debug)]
pub struct Member {
    pub id: Arc<str>,
    /// A name that survives restarts of the client (KIP-345).
    pub instance_id: Option<String>,
    pub client_id: Box<str>,
    pub client_host: Box<str>,
    pub rebalance_timeout_ms: i32,
    pub session_timeout_ms: i32,
    /// By preference.
    pub protocols: Vec<Protocol>,
    pub assignment: Vec<u8>,
    /// It has not been through a rebalance yet, so that waiting for one does not keep it.
    pub is_new: bool,
    pub session: Session,
    /// Its JoinGroup that waits.
    pub join: Option<ReplyTo>,
    /// Its SyncGroup that waits.
    pub sync: Option<ReplyTo>,
}

impl Protocol {
    /// The protocols of a JoinGroup.
    pub fn all(asked: &[JoinGroupRequestProtocol<'_>]) -> Vec<Protocol> {
        let own = |asked: &JoinGroupRequestProtocol<'_>| Protocol {
            name: asked.name.to_string(),
            metadata: asked.metadata.to_vec(),
        };
        asked.iter().map(own).collect()
    }
}

impl Member {
    /// The member as its group's record says, which holds what it said in the chosen protocol only.
    pub fn from_value(value: &MemberMetadata<'_>, protocol: Option<&str>) -> Member {
        let said = |name: &str| Protocol { name: name.to_owned(), metadata: value.subscription.to_vec() };
        Member {
            id: (*value.member_id).into(),
            instance_id: value.group_instance_id.as_deref().map(str::to_owned),
            client_id: (*value.client_id).into(),
            client_host: (*value.client_host).into(),
            rebalance_timeout_ms: match value.rebalance_timeout {
                // Not in the oldest records.
                -1 => value.session_timeout,
                timeout => timeout,
            },
            session_timeout_ms: value.session_timeout,
            protocols: protocol.map(said).into_iter().collect(),
            assignment: value.assignment.to_vec(),
            is_new: false,
            session: Session::default(),
            join: None,
            sync: None,
        }
    }

    /// What it said in a protocol.
    pub fn metadata(&self, protocol: Option<&str>) -> &[u8] {
        let said = self.protocols.iter().find(|said| Some(&*said.name) == protocol);
        said.map_or(&[], |said| &said.metadata)
    }

    /// True where it would say the same again.
    pub fn says(&self, asked: &[JoinGroupRequestProtocol<'_>]) -> bool {
        let is_same = |(own, asked): (&Protocol, &JoinGroupRequestProtocol<'_>)| {
            own.name == asked.name && own.metadata == *asked.metadata
        };
        self.protocols.len() == asked.len() && self.protocols.iter().zip(asked).all(is_same)
    }

    /// True where it need not be heard of: it waits itself, though a new one not for ever.
    pub fn is_kept_by_waiting(&self) -> bool {
        !self.is_new && (self.join.is_some() || self.sync.is_some())
    }
}
