//! Access control lists: described, created and deleted.

use protocol::messages::create_acls_request::AclCreation;
use protocol::messages::delete_acls_request::DeleteAclsFilter;
use protocol::messages::{CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest};

use super::Admin;
use crate::cluster::Target;
use crate::error::Error;

/// A rule: who may or may not do what, from where, to which resources. Types are those of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AclBinding {
    /// Type of the resources.
    pub resource_type: i8,
    /// Their name, or the beginning of it.
    pub resource_name: String,
    /// How the name is to be read.
    pub pattern_type: i8,
    /// Who, as `User:name`.
    pub principal: String,
    /// From where; `*` from anywhere.
    pub host: String,
    /// What.
    pub operation: i8,
    /// Whether that is allowed or denied.
    pub permission: i8,
}

/// Which rules are meant: those that are alike in everything that is said. Types are those of the protocol, 1 for any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclFilter {
    /// Type of the resources.
    pub resource_type: i8,
    /// Their name.
    pub resource_name: Option<String>,
    /// How names are to be read.
    pub pattern_type: i8,
    /// Who.
    pub principal: Option<String>,
    /// From where.
    pub host: Option<String>,
    /// What.
    pub operation: i8,
    /// Whether that is allowed or denied.
    pub permission: i8,
}

impl Admin {
    /// The rules that a filter means.
    pub async fn describe_acls(&self, filter: &AclFilter) -> Result<Vec<AclBinding>, Error> {
        let request = DescribeAclsRequest {
            resource_type_filter: filter.resource_type,
            resource_name_filter: filter.resource_name.as_deref().map(Into::into),
            pattern_type_filter: filter.pattern_type,
            principal_filter: filter.principal.as_deref().map(Into::into),
            host_filter: filter.host.as_deref().map(Into::into),
            operation: filter.operation,
            permission_type: filter.permission,
        };
        self.ask("describeAcls", Target::Any, &request, |answer| {
            Error::check(answer.error_code, answer.error_message.as_deref())?;
            let bindings = answer.resources.iter().flat_map(|resource| {
                resource.acls.iter().map(|acl| AclBinding {
                    resource_type: resource.resource_type,
                    resource_name: resource.resource_name.as_ref().to_owned(),
                    pattern_type: resource.pattern_type,
                    principal: acl.principal.as_ref().to_owned(),
                    host: acl.host.as_ref().to_owned(),
                    operation: acl.operation,
                    permission: acl.permission_type,
                })
            });
            Ok(bindings.collect())
        })
        .await
    }

    /// Creates rules; the first that is refused is the error of all.
    pub async fn create_acls(&self, bindings: &[AclBinding]) -> Result<(), Error> {
        let creations = bindings.iter().map(|binding| AclCreation {
            resource_type: binding.resource_type,
            resource_name: binding.resource_name.as_str().into(),
            resource_pattern_type: binding.pattern_type,
            principal: binding.principal.as_str().into(),
            host: binding.host.as_str().into(),
            operation: binding.operation,
            permission_type: binding.permission,
        });
        let request = CreateAclsRequest { creations: creations.collect() };
        self.ask("createAcls", Target::Controller, &request, |answer| {
            let mut results = answer.results.iter();
            results.try_for_each(|result| Error::check(result.error_code, result.error_message.as_deref()))
        })
        .await
    }

    /// Deletes the rules that filters mean; the first refusal is the error of all.
    pub async fn delete_acls(&self, filters: &[AclFilter]) -> Result<(), Error> {
        let filters = filters.iter().map(|filter| DeleteAclsFilter {
            resource_type_filter: filter.resource_type,
            resource_name_filter: filter.resource_name.as_deref().map(Into::into),
            pattern_type_filter: filter.pattern_type,
            principal_filter: filter.principal.as_deref().map(Into::into),
            host_filter: filter.host.as_deref().map(Into::into),
            operation: filter.operation,
            permission_type: filter.permission,
        });
        let request = DeleteAclsRequest { filters: filters.collect() };
        self.ask("deleteAcls", Target::Controller, &request, |answer| {
            for result in &answer.filter_results {
                Error::check(result.error_code, result.error_message.as_deref())?;
                let mut matching = result.matching_acls.iter();
                matching.try_for_each(|acl| Error::check(acl.error_code, acl.error_message.as_deref()))?;
            }
            Ok(())
        })
        .await
    }
}
