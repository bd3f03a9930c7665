//! The checks behind each [`Validator`], worded as Kafka words them.

use crate::duration::iso_duration;
use crate::setting::{Setting, Validator};
use crate::value::{InvalidValue, Value};

/// Refuses a value outside the setting's legal ones.
pub(crate) fn check(setting: &Setting, value: &Value) -> Result<(), InvalidValue> {
    match (setting.validator, value) {
        (Validator::AtLeast(low), value) => check_range(setting, value, low, i64::MAX),
        (Validator::Between(low, high), value) => check_range(setting, value, low, high),
        (Validator::Fraction(high), Value::Double(number)) => check_fraction(setting, *number, 0.0, high),
        (Validator::FractionBetween(low, high), Value::Double(number)) => {
            check_fraction(setting, *number, low, high)
        }
        (Validator::OneOf(texts), Value::Text(text)) if !texts.contains(&text.as_str()) => {
            Err(setting.invalid(text, &format!("String must be one of: {}", texts.join(", "))))
        }
        (Validator::OneOfIgnoringCase(texts), Value::Text(text))
            if !texts.iter().any(|known| known.eq_ignore_ascii_case(text)) =>
        {
            let known = texts.join(", ");
            Err(setting.invalid(text, &format!("String must be one of (case insensitive): {known}")))
        }
        (Validator::NonEmpty, Value::Text(text)) if text.is_empty() => {
            Err(setting.invalid("", "String must be non-empty"))
        }
        (Validator::GzipLevel, value) => check_gzip_level(setting, value),
        (Validator::ShareOffsetReset, Value::Text(text)) => check_offset_reset(setting, text, ""),
        (Validator::OffsetReset, Value::Text(text)) if text != "none" => {
            check_offset_reset(setting, text, ", 'none'")
        }
        (validator, Value::List(elements)) => check_list(setting, validator, elements),
        _ => Ok(()),
    }
}

fn check_range(setting: &Setting, value: &Value, low: i64, high: i64) -> Result<(), InvalidValue> {
    let Some(number) = value.as_integer() else { return Ok(()) };
    if number < low {
        return Err(setting.invalid(&number.to_string(), &format!("Value must be at least {low}")));
    }
    if number > high {
        return Err(setting.invalid(&number.to_string(), &format!("Value must be no more than {high}")));
    }
    Ok(())
}

fn check_fraction(setting: &Setting, number: f64, low: f64, high: f64) -> Result<(), InvalidValue> {
    let shown = Value::Double(number).to_string();
    if number < low {
        return Err(setting.invalid(&shown, &format!("Value must be at least {low}")));
    }
    if number > high {
        return Err(setting.invalid(&shown, &format!("Value must be no more than {high}")));
    }
    Ok(())
}

fn check_gzip_level(setting: &Setting, value: &Value) -> Result<(), InvalidValue> {
    match value.as_integer() {
        None | Some(-1 | 1..=9) => Ok(()),
        Some(level) => {
            Err(setting.invalid(&level.to_string(), "Value must be between 1 and 9 or equal to -1"))
        }
    }
}

fn check_list(setting: &Setting, validator: Validator, elements: &[String]) -> Result<(), InvalidValue> {
    match validator {
        Validator::DistinctList => check_elements(setting, elements, true, None),
        Validator::NonEmptyList => check_elements(setting, elements, false, None),
        Validator::AnyOf(known) => check_elements(setting, elements, true, Some(known)),
        Validator::SomeOf(known) => check_elements(setting, elements, false, Some(known)),
        Validator::ThrottledReplicas => check_throttled_replicas(setting, elements),
        Validator::QuorumVoters => check_quorum_voters(setting, elements),
        Validator::HostPorts => check_host_ports(setting, elements),
        _ => Ok(()),
    }
}

fn check_elements(
    setting: &Setting,
    elements: &[String],
    may_be_empty: bool,
    known: Option<&[&str]>,
) -> Result<(), InvalidValue> {
    let key = setting.key;
    if elements.is_empty() && !may_be_empty {
        let legal = known.map_or("any non-empty value".to_owned(), |known| format!("[{}]", known.join(", ")));
        return Err(InvalidValue(format!(
            "Configuration '{key}' must not be empty. Valid values include: {legal}"
        )));
    }
    let mut sorted: Vec<&String> = elements.iter().collect();
    sorted.sort();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(InvalidValue(format!("Configuration '{key}' values must not be duplicated.")));
    }
    for element in elements {
        if element.is_empty() {
            return Err(InvalidValue(format!("Configuration '{key}' values must not be empty.")));
        }
        if let Some(known) = known.filter(|known| !known.contains(&element.as_str())) {
            return Err(setting.invalid(element, &format!("String must be one of: {}", known.join(", "))));
        }
    }
    Ok(())
}

fn check_throttled_replicas(setting: &Setting, elements: &[String]) -> Result<(), InvalidValue> {
    let is_pair = |element: &String| {
        element.split_once(':').is_some_and(|(partition, broker)| {
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits(partition) && digits(broker)
        })
    };
    // Java drops empty elements at the end of a split, so `,` alone counts as no replica.
    let all_empty = elements.iter().all(String::is_empty);
    if all_empty || elements == ["*"] || elements.iter().all(is_pair) {
        return Ok(());
    }
    let shown = format!("[{}]", elements.join(", "));
    let reason = format!(
        "{} must be the literal '*' or a list of replicas in the following format: {}",
        setting.key, setting.validator
    );
    Err(setting.invalid(&shown, &reason))
}

fn check_quorum_voters(setting: &Setting, elements: &[String]) -> Result<(), InvalidValue> {
    for element in elements {
        let parsed = element
            .split_once('@')
            .and_then(|(id, address)| id.parse::<i32>().ok().and(crate::listener::parse_host_port(address)));
        if parsed.is_none() {
            return Err(InvalidValue(format!(
                "Invalid configuration value for {}. Each entry should be in the form `{{id}}@{{host}}:{{port}}`.",
                setting.key
            )));
        }
    }
    Ok(())
}

fn check_host_ports(setting: &Setting, elements: &[String]) -> Result<(), InvalidValue> {
    for element in elements {
        if crate::listener::parse_host_port(element).is_none() {
            return Err(InvalidValue(format!(
                "Failed to parse host name from {element} for the configuration {}. Each entry should be in the form \"{{host}}:{{port}}\"",
                setting.key
            )));
        }
    }
    Ok(())
}

/// `more` is what the sentence names besides, where the setting takes more.
fn check_offset_reset(setting: &Setting, text: &str, more: &str) -> Result<(), InvalidValue> {
    let by_duration =
        |text: &str| text.strip_prefix("by_duration:").is_some_and(|text| iso_duration(text).is_some());
    if matches!(text, "latest" | "earliest") || by_duration(text) {
        return Ok(());
    }
    let key = setting.key;
    // Kafka's consumer has a dot where its share groups have none.
    let dot = if more.is_empty() { "" } else { "." };
    let reason = format!(
        "Invalid value `{text}` for configuration {key}. The value must be either 'earliest', 'latest'{more} or of the format 'by_duration:<PnDTnHnMn.nS{dot}>'."
    );
    Err(setting.invalid(text, &reason))
}
