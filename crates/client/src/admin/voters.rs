//! Voters of the metadata quorum, added and removed (KIP-853).

use model::Uuid;
use protocol::messages::add_raft_voter_request::Listener;
use protocol::messages::{AddRaftVoterRequest, RemoveRaftVoterRequest};

use super::Admin;
use crate::address::HostPort;
use crate::cluster::Target;
use crate::error::Error;

impl Admin {
    /// Makes a controller with an empty log a voter of the quorum.
    pub async fn add_voter(
        &self,
        id: i32,
        directory_id: Uuid,
        listeners: &[(String, HostPort)],
    ) -> Result<(), Error> {
        let listeners = listeners.iter().map(|(name, address)| Listener {
            name: name.into(),
            host: address.host.as_str().into(),
            port: address.port,
        });
        let request = AddRaftVoterRequest {
            timeout_ms: self.timeout_ms(),
            voter_id: id,
            voter_directory_id: directory_id,
            listeners: listeners.collect(),
            ..AddRaftVoterRequest::default()
        };
        self.ask("addRaftVoter", Target::Controller, &request, |answer| {
            Error::check(answer.error_code, answer.error_message.as_deref())
        })
        .await
    }

    /// Takes a voter out of the quorum.
    pub async fn remove_voter(&self, id: i32, directory_id: Uuid) -> Result<(), Error> {
        let request = RemoveRaftVoterRequest {
            voter_id: id,
            voter_directory_id: directory_id,
            ..RemoveRaftVoterRequest::default()
        };
        self.ask("removeRaftVoter", Target::Controller, &request, |answer| {
            Error::check(answer.error_code, answer.error_message.as_deref())
        })
        .await
    }
}
