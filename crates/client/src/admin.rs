//! The admin client: asks for and alters topics, settings and all else that is no record.

mod acls;
mod config_resources;
mod configs;
mod elections;
mod features;
mod group_descriptions;
mod group_offsets;
mod groups;
mod log_dirs;
mod membership;
mod offsets;
mod quotas;
mod reassignments;
mod scram;
mod topics;
mod transactions;
mod voters;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use config::{ClientKind, ClientSettings};
use protocol::{Message, Request};

pub use acls::{AclBinding, AclFilter};
pub use configs::{ConfigEntry, ConfigOperation, ConfigResource, ConfigSynonym, ResourceType};
pub use elections::ElectionType;
pub use features::{Feature, FeatureChange, Features};
pub use group_descriptions::{GroupDescription, GroupMember};
pub use group_offsets::CommittedOffset;
pub use groups::{GroupListing, GroupState, GroupType};
pub use log_dirs::{LogDir, LogDirPartition};
pub use membership::{ClusterDescription, DescribedBroker, QuorumDescription, QuorumReplica};
pub use offsets::{FoundOffset, OffsetSpec, TopicPartition};
pub use quotas::{QuotaEntity, QuotaMatch, QuotaValues};
pub use scram::{ScramChange, ScramInfo, ScramMechanism};
pub use topics::{
    NewPartitions, NewTopic, PartitionDescription, PartitionReassignment, TopicDescription, TopicListing,
};
pub use transactions::{ActiveProducer, TransactionDescription, TransactionFilter, TransactionListing};

use crate::brokers::Brokers;
use crate::cluster::{Cluster, Deadline, Target};
use crate::error::Error;
use crate::versions::ServerVersions;

/// Counts admin clients without a `client.id`, to tell them apart in log lines.
static UNNAMED: AtomicU32 = AtomicU32::new(0);

/// An admin client. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Admin {
    cluster: Cluster,
    /// How long a call may take (`default.api.timeout.ms`).
    timeout: Duration,
}

impl Admin {
    /// A client of the cluster behind `bootstrap.servers`. Nothing is sent before the first call, which has to be made within
    /// a tokio runtime.
    pub fn new(settings: &ClientSettings) -> Result<Admin, Error> {
        let client_id = settings.text("client.id").filter(|id| !id.is_empty());
        let client_id = client_id
            .unwrap_or_else(|| format!("adminclient-{}", UNNAMED.fetch_add(1, Ordering::Relaxed) + 1));
        let name = format!("AdminClient clientId={client_id}");
        let cluster = Cluster::new(settings, &client_id, name)?;
        Ok(Admin { cluster, timeout: settings.millis("default.api.timeout.ms") })
    }

    /// Asks on behalf of another client, over its connections.
    pub(crate) fn within(cluster: Cluster, timeout: Duration) -> Admin {
        Admin { cluster, timeout }
    }

    /// The same client, whose calls may take that long from now on.
    pub fn with_timeout(self, timeout: Duration) -> Admin {
        Admin { timeout, ..self }
    }

    /// The same with `bootstrap.servers` alone.
    pub fn connect(bootstrap_servers: &str) -> Result<Admin, Error> {
        let written = [("bootstrap.servers", bootstrap_servers)];
        let settings = ClientSettings::read(ClientKind::Admin, written)
            .map_err(|error| Error::Invalid(error.to_string()))?;
        Admin::new(&settings)
    }

    /// The brokers and the cluster's id.
    pub async fn brokers(&self) -> Result<Arc<Brokers>, Error> {
        self.cluster.refresh(self.deadline("listNodes")).await
    }

    /// What a server said of itself: its APIs with their versions, and its features.
    pub async fn versions(&self, target: Target<'_>) -> Result<Arc<ServerVersions>, Error> {
        self.cluster.versions(target, self.deadline("apiVersions")).await
    }

    /// Sends any request, again and again until it is answered by who can answer it or the time of the call is over. `read` takes what is wanted out of the answer and says which of its errors are the call's; `call` names the
    /// call where its time is over.
    pub async fn ask<'q, R, T>(
        &self,
        call: &'static str,
        target: Target<'_>,
        request: &R,
        read: impl FnMut(R::Response<'_>) -> Result<T, Error>,
    ) -> Result<T, Error>
    where
        R: Request + Message<'q>,
    {
        self.cluster.ask(self.deadline(call), target, request, read).await
    }

    /// Milliseconds that a server may take for what it cannot answer at once.
    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX)
    }

    fn deadline(&self, call: &'static str) -> Deadline {
        Deadline::after(call, self.timeout)
    }
}

/// An answer has to be there for everything that was asked for.
fn unanswered(what: &str) -> Error {
    Error::Malformed(format!("The server's answer says nothing of {what}."))
}
