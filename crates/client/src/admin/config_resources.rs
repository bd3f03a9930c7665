//! What has settings of its own, listed.

use protocol::messages::ListConfigResourcesRequest;

use super::{Admin, ResourceType};
use crate::cluster::Target;
use crate::error::Error;

impl Admin {
    /// Names of all that has settings of that type, in the order of the answer.
    pub async fn list_config_resources(&self, kind: ResourceType) -> Result<Vec<String>, Error> {
        let request = ListConfigResourcesRequest { resource_types: vec![kind as i8] };
        self.ask("listConfigResources", Target::Any, &request, |answer| {
            Error::check(answer.error_code, None)?;
            let named = answer.config_resources.iter();
            // Servers before Kafka 4.1 know this of client metrics only, and do not say of what they speak.
            let named = named.filter(|resource| resource.resource_type == kind as i8);
            Ok(named.map(|resource| resource.resource_name.as_ref().to_owned()).collect())
        })
        .await
    }
}
