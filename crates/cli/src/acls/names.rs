//! Names of what rules speak of, with the codes of the protocol.

use std::fmt;

use client::admin::{AclBinding, AclFilter};

use crate::admin_tool::refused;
use crate::failure::Failure;
use crate::options::Given;

pub(super) const TOPIC: i8 = 2;
pub(super) const GROUP: i8 = 3;
pub(super) const CLUSTER: i8 = 4;
pub(super) const TRANSACTIONAL_ID: i8 = 5;
pub(super) const DELEGATION_TOKEN: i8 = 6;
pub(super) const USER: i8 = 7;

pub(super) const LITERAL: i8 = 3;

pub(super) const UNKNOWN_OPERATION: i8 = 0;
pub(super) const ALL: i8 = 2;
pub(super) const READ: i8 = 3;
pub(super) const WRITE: i8 = 4;
pub(super) const CREATE: i8 = 5;
pub(super) const DESCRIBE: i8 = 8;
pub(super) const IDEMPOTENT_WRITE: i8 = 12;

pub(super) const DENY: i8 = 2;
pub(super) const ALLOW: i8 = 3;

/// A field of a filter that says nothing.
const ANYTHING: i8 = 1;
/// Every rule.
pub(super) const ANY: AclFilter = AclFilter {
    resource_type: ANYTHING,
    resource_name: None,
    pattern_type: ANYTHING,
    principal: None,
    host: None,
    operation: ANYTHING,
    permission: ANYTHING,
};

/// By code, from 0.
const RESOURCES: [&str; 8] =
    ["UNKNOWN", "ANY", "TOPIC", "GROUP", "CLUSTER", "TRANSACTIONAL_ID", "DELEGATION_TOKEN", "USER"];
const PATTERNS: [&str; 5] = ["UNKNOWN", "ANY", "MATCH", "LITERAL", "PREFIXED"];
const PERMISSIONS: [&str; 4] = ["UNKNOWN", "ANY", "DENY", "ALLOW"];
const OPERATIONS: [&str; 16] = [
    "UNKNOWN",
    "ANY",
    "ALL",
    "READ",
    "WRITE",
    "CREATE",
    "DELETE",
    "ALTER",
    "DESCRIBE",
    "CLUSTER_ACTION",
    "DESCRIBE_CONFIGS",
    "ALTER_CONFIGS",
    "IDEMPOTENT_WRITE",
    "CREATE_TOKENS",
    "DESCRIBE_TOKENS",
    "TWO_PHASE_COMMIT",
];

/// Operations that a type of resource has, beside all of them.
const SUPPORTED: [(i8, &[i8]); 6] = [
    (TOPIC, &[3, 4, 5, 6, 7, 8, 10, 11]),
    (GROUP, &[3, 6, 8, 10, 11]),
    (CLUSTER, &[5, 7, 8, 9, 10, 11, 12]),
    (TRANSACTIONAL_ID, &[4, 8, 15]),
    (DELEGATION_TOKEN, &[8]),
    (USER, &[13, 14]),
];

/// Resources by type and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Resource {
    pub(super) kind: i8,
    pub(super) name: String,
    pub(super) pattern: i8,
}

impl Resource {
    pub(super) fn of(binding: &AclBinding) -> Resource {
        let AclBinding { resource_type, resource_name, pattern_type, .. } = binding;
        Resource { kind: *resource_type, name: resource_name.clone(), pattern: *pattern_type }
    }

    /// All rules of it.
    pub(super) fn filter(&self) -> AclFilter {
        let resource_name = Some(self.name.clone());
        AclFilter { resource_type: self.kind, resource_name, pattern_type: self.pattern, ..ANY }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, pattern) = (name(&RESOURCES, self.kind), pattern_name(self.pattern));
        write!(f, "ResourcePattern(resourceType={kind}, name={}, patternType={pattern})", self.name)
    }
}

fn name(names: &[&'static str], code: i8) -> &'static str {
    usize::try_from(code).ok().and_then(|code| names.get(code)).copied().unwrap_or("UNKNOWN")
}

pub(super) fn kind_name(kind: i8) -> &'static str {
    name(&RESOURCES, kind)
}

pub(super) fn pattern_name(pattern: i8) -> &'static str {
    name(&PATTERNS, pattern)
}

/// A rule without its resource.
pub(super) fn entry_shown(binding: &AclBinding) -> String {
    let AclBinding { principal, host, operation, permission, .. } = binding;
    let (operation, permission) = (name(&OPERATIONS, *operation), name(&PERMISSIONS, *permission));
    format!("(principal={principal}, host={host}, operation={operation}, permissionType={permission})")
}

/// The code of `--resource-pattern-type`.
pub(super) fn pattern(given: &Given) -> Result<i8, Failure> {
    let option = "resource-pattern-type";
    let Some(text) = given.value(option).map_err(refused)? else { return Ok(LITERAL) };
    let known = (0..).zip(PATTERNS).skip(1).find(|(_, name)| name.eq_ignore_ascii_case(text));
    known.map(|(code, _)| code).ok_or_else(|| {
        let exception = "joptsimple.OptionArgumentConversionException";
        Failure::of_class(exception, format!("Cannot parse argument '{text}' of option {option}"))
    })
}

/// True where a rule can be of such names.
pub(super) fn is_specific(pattern: i8) -> bool {
    pattern >= LITERAL
}

/// The code of an operation, by a name as `AlterConfigs` or `ALTER_CONFIGS`; that of an unknown one where none has it.
pub(super) fn operation(text: &str) -> i8 {
    let is_it = |known: &str| known == text.to_uppercase() || pascal(known) == text;
    (0..).zip(OPERATIONS).find(|(_, known)| is_it(known)).map_or(UNKNOWN_OPERATION, |(code, _)| code)
}

fn pascal(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{first}{}", rest.to_lowercase())
    });
    words.collect()
}

/// True where a type of resource has the operation.
pub(super) fn supports(kind: i8, operation: i8) -> bool {
    operation == ALL || supported(kind).contains(&operation)
}

/// Names of the operations that a type of resource has.
pub(super) fn supported_names(kind: i8) -> Vec<&'static str> {
    let mut names: Vec<&str> =
        supported(kind).iter().chain(&[ALL]).map(|code| name(&OPERATIONS, *code)).collect();
    names.sort_unstable();
    names
}

fn supported(kind: i8) -> &'static [i8] {
    SUPPORTED.iter().find(|(known, _)| *known == kind).map_or(&[], |(_, operations)| operations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_read_in_both_spellings() {
        for text in ["AlterConfigs", "ALTER_CONFIGS", "alter_configs"] {
            assert_eq!(name(&OPERATIONS, operation(text)), "ALTER_CONFIGS", "{text}");
        }
        assert_eq!(operation("Jump"), UNKNOWN_OPERATION);
        assert!(supports(TOPIC, READ) && supports(USER, ALL) && !supports(TOPIC, IDEMPOTENT_WRITE));
        assert_eq!(supported_names(DELEGATION_TOKEN), ["ALL", "DESCRIBE"]);
    }
}
