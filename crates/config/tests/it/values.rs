//! Every kind of setting reads and refuses values as Apache Kafka 4.3.1 does, message for message.

use config::tables;

const CASES: &str = include_str!("../../testdata/values.tsv");

fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\")
}

#[test]
fn values_are_read_and_refused_as_kafka_does() {
    let mut wrong = Vec::new();
    let mut cases = 0;
    for line in CASES.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [scope, key, raw, verdict, expected] = columns[..] else { panic!("five columns: {line:?}") };
        let setting = match scope {
            "broker" => tables::broker_setting(key),
            "topic" => tables::topic_setting(key),
            _ => tables::group_setting(key),
        };
        let setting = setting.unwrap_or_else(|| panic!("{key} is missing"));
        let outcome = match setting.parse(&unescaped(raw)) {
            Ok(value) => ("ok", value.to_string()),
            Err(error) => ("bad", error.to_string()),
        };
        cases += 1;
        if outcome != (verdict, unescaped(expected)) {
            wrong.push(format!("{key}={raw:?}: {outcome:?}, Kafka says {verdict} {expected:?}"));
        }
    }
    assert!(cases > 1000, "only {cases} cases");
    assert!(wrong.is_empty(), "{} of {cases}:\n{}", wrong.len(), wrong.join("\n"));
}
