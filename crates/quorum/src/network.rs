//! How voters reach each other: for now within one process; the seam for a network of sockets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use openraft::error::{InstallSnapshotError, RPCError, RaftError, RemoteError, Unreachable};
use openraft::network::{RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};

use crate::peers::VoterNode;
use crate::types::{Raft, Types};

type RpcError<E> = RPCError<u64, VoterNode, RaftError<u64, E>>;
type PlainRpcError = RPCError<u64, VoterNode, RaftError<u64>>;

/// Voters of one process that find each other by id; clones share the table.
#[derive(Clone, Default)]
pub struct InProcessNetwork {
    members: Arc<Mutex<BTreeMap<u64, Raft>>>,
}

/// The way to one voter.
pub struct Connection {
    network: InProcessNetwork,
    target: u64,
}

impl InProcessNetwork {
    /// A network without members.
    pub fn new() -> InProcessNetwork {
        InProcessNetwork::default()
    }

    pub(crate) fn join(&self, id: u64, raft: Raft) {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).insert(id, raft);
    }

    pub(crate) fn leave(&self, id: u64) {
        self.members.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

impl RaftNetworkFactory<Types> for InProcessNetwork {
    type Network = Connection;

    async fn new_client(&mut self, target: u64, _node: &VoterNode) -> Connection {
        Connection { network: self.clone(), target }
    }
}

impl Connection {
    #[allow(clippy::result_large_err, reason = "the error type is the Raft library's")]
    fn member<E: std::error::Error>(&self) -> Result<Raft, RpcError<E>> {
        let members = self.network.members.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = || {
            let error = std::io::Error::from(std::io::ErrorKind::NotConnected);
            RPCError::Unreachable(Unreachable::new(&error))
        };
        members.get(&self.target).cloned().ok_or_else(gone)
    }

    fn remote<E: std::error::Error>(&self, error: RaftError<u64, E>) -> RpcError<E> {
        RPCError::RemoteError(RemoteError::new(self.target, error))
    }
}

impl RaftNetwork<Types> for Connection {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<u64>, PlainRpcError> {
        self.member()?.append_entries(rpc).await.map_err(|error| self.remote(error))
    }

    async fn install_snapshot(
        &mut self,
        rpc: InstallSnapshotRequest<Types>,
        _option: RPCOption,
    ) -> Result<InstallSnapshotResponse<u64>, RpcError<InstallSnapshotError>> {
        self.member()?.install_snapshot(rpc).await.map_err(|error| self.remote(error))
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<u64>,
        _option: RPCOption,
    ) -> Result<VoteResponse<u64>, PlainRpcError> {
        self.member()?.vote(rpc).await.map_err(|error| self.remote(error))
    }
}
