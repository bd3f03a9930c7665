//! Settings from environment variables, as the container images of Kafka take them.

/// Variables of the Java images that say nothing about the broker's settings.
const RESERVED: &[&str] = &[
    "KAFKA_HEAP_OPTS",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_LOG4J_CMD_OPTS",
    "KAFKA_OPTS",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_DEBUG",
    "KAFKA_VERSION",
    "KAFKA_HOME",
    "KAFKA_CLASSPATH",
    "SCALA_VERSION",
];

/// Variables that name the cluster's id in the images of Apache Kafka and Bitnami.
const CLUSTER_ID: &[&str] = &["CLUSTER_ID", "KAFKA_CLUSTER_ID", "KAFKA_KRAFT_CLUSTER_ID"];

/// What the environment says about this server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvironmentSettings {
    /// Key and value of each setting with the variable it came from, ascending by variable.
    pub settings: Vec<EnvironmentSetting>,
    /// The id a fresh log directory is formatted with.
    pub cluster_id: Option<String>,
    /// Variables that belong to the Java images and are ignored here.
    pub ignored: Vec<String>,
}

/// One setting and the variable that carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentSetting {
    /// Name of the variable.
    pub variable: String,
    /// Key of the setting.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl EnvironmentSettings {
    /// Picks the settings out of a process environment.
    ///
    /// `KAFKA_` and `KAFKA_CFG_` are stripped, the rest is lower-cased, `___` becomes `-`, `__` becomes
    /// `_` and `_` becomes `.`. Where both spellings name one key, `KAFKA_CFG_` wins.
    pub fn from_variables<I>(variables: I) -> EnvironmentSettings
    where
        I: IntoIterator<Item = (String, String)>,
    {
        let mut sorted: Vec<(String, String)> = variables.into_iter().collect();
        sorted.sort();
        let mut found = EnvironmentSettings::default();
        for (variable, value) in sorted {
            if CLUSTER_ID.contains(&variable.as_str()) {
                found.cluster_id = Some(value).filter(|id| !id.is_empty()).or(found.cluster_id);
            } else if RESERVED.contains(&variable.as_str()) || variable.starts_with("KAFKA_JMX_") {
                found.ignored.push(variable);
            } else if let Some(name) = variable.strip_prefix("KAFKA_") {
                let key = key_of(name.strip_prefix("CFG_").unwrap_or(name));
                found.add(EnvironmentSetting { variable, key, value });
            }
        }
        found
    }

    fn add(&mut self, setting: EnvironmentSetting) {
        let same_key = self.settings.iter_mut().find(|known| known.key == setting.key);
        match same_key {
            Some(known) if known.variable.starts_with("KAFKA_CFG_") => {}
            Some(known) => *known = setting,
            None => self.settings.push(setting),
        }
    }
}

fn key_of(name: &str) -> String {
    name.to_ascii_lowercase().replace("___", "-").replace("__", "\0").replace('_', ".").replace('\0', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> EnvironmentSettings {
        let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        EnvironmentSettings::from_variables(owned)
    }

    #[test]
    fn names_become_keys_by_the_images_rules() {
        let cases = [
            ("KAFKA_NODE_ID", "node.id"),
            ("KAFKA_CFG_LOG_DIRS", "log.dirs"),
            (
                "KAFKA_LISTENER_NAME_CLIENT__TLS_SSL_KEYSTORE_LOCATION",
                "listener.name.client_tls.ssl.keystore.location",
            ),
            ("KAFKA_LISTENER_NAME_A___B_SASL", "listener.name.a-b.sasl"),
        ];
        for (variable, key) in cases {
            let found = from(&[(variable, "x")]);
            assert_eq!(found.settings[0].key, key);
            assert_eq!(found.settings[0].variable, variable);
        }
    }

    #[test]
    fn variables_of_the_java_images_are_ignored_by_name() {
        let found = from(&[
            ("KAFKA_HEAP_OPTS", "-Xmx1G"),
            ("KAFKA_JMX_PORT", "9999"),
            ("SCALA_VERSION", "2.13"),
            ("PATH", "/bin"),
        ]);
        assert_eq!(found.settings, []);
        assert_eq!(found.ignored, ["KAFKA_HEAP_OPTS", "KAFKA_JMX_PORT", "SCALA_VERSION"]);
    }

    #[test]
    fn the_cluster_id_is_no_setting() {
        assert_eq!(from(&[("CLUSTER_ID", "abc")]).cluster_id.as_deref(), Some("abc"));
        assert_eq!(from(&[("KAFKA_KRAFT_CLUSTER_ID", "abc")]).cluster_id.as_deref(), Some("abc"));
        assert_eq!(from(&[("CLUSTER_ID", "")]).cluster_id, None);
    }

    #[test]
    fn the_longer_prefix_wins_for_one_key() {
        let found = from(&[("KAFKA_NODE_ID", "1"), ("KAFKA_CFG_NODE_ID", "2")]);
        assert_eq!(found.settings.len(), 1);
        assert_eq!(found.settings[0].value, "2");
    }
}
