//! Which topics a line of `kafka-topics` means.

use client::Admin;
use client::admin::TopicListing;
use regex::Regex;

use crate::admin_tool::refused;
use crate::failure::Failure;
use crate::options::Given;

/// Names of the topics that `--topic` means, of all without it, ascending.
pub(super) async fn topics(admin: &Admin, given: &Given) -> Result<Vec<String>, Failure> {
    let pattern = given.value("topic").map_err(refused)?.map(include_list).transpose()?;
    let wanted = |topic: &TopicListing| {
        let is_named = pattern.as_ref().is_none_or(|pattern| pattern.is_match(&topic.name));
        is_named && !(topic.is_internal && given.has("exclude-internal"))
    };
    let listed = admin.list_topics().await?;
    Ok(listed.into_iter().filter(wanted).map(|topic| topic.name).collect())
}

/// The same; that there is none is an error unless `--if-exists` was said.
pub(super) async fn existing(admin: &Admin, given: &Given) -> Result<Vec<String>, Failure> {
    let names = topics(admin, given).await?;
    let asked = given.value("topic").map_err(refused)?.filter(|name| !name.is_empty());
    match asked {
        Some(asked) if names.is_empty() && !given.has("if-exists") => {
            Err(Failure::argument(format!("Topic '{asked}' does not exist as expected")))
        }
        _ => Ok(names),
    }
}

/// A list of names or patterns with commas between, as Kafka's tools read it: blanks and outer quotes do not count.
pub(crate) fn include_list(text: &str) -> Result<Regex, Failure> {
    let pattern = text.trim().replace(',', "|").replace(' ', "");
    let pattern = pattern.trim_matches(['"', '\'']);
    Regex::new(&format!("^(?:{pattern})$")).map_err(|_| {
        Failure::of_class("java.lang.RuntimeException", format!("{pattern} is an invalid regex."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns_are_matched_as_a_whole() {
        let matches = |list: &str, name: &str| include_list(list).unwrap().is_match(name);
        assert!(
            matches("orders", "orders") && !matches("orders", "orders2") && !matches("orders", "my.orders")
        );
        assert!(matches("a, b.*", "bcd") && matches("'a'", "a") && matches("\"p.*\"", "plain"));
        assert_eq!(include_list("a(").unwrap_err().message(), "a( is an invalid regex.");
    }
}
