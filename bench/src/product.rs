//! The products that are compared: which executable, with which settings.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whose server, and how it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Apache Kafka 4.3.1 with its defaults.
    Kafka,
    /// Apache Kafka 4.3.1 with the settings of [`Tuned`].
    KafkaTuned,
    /// An older executable of this project.
    Previous,
    /// This project.
    Naru,
}

impl fmt::Display for Product {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Product {
    /// Name in tables and results.
    pub fn name(self) -> &'static str {
        match self {
            Product::Kafka => "Kafka",
            Product::KafkaTuned => "Kafka tuned",
            Product::Previous => "previous",
            Product::Naru => "Naru",
        }
    }

    /// The product of that name.
    pub fn of_name(name: &str) -> Option<Product> {
        [Product::Kafka, Product::KafkaTuned, Product::Previous, Product::Naru]
            .into_iter()
            .find(|product| product.name() == name)
    }

    fn is_kafka(self) -> bool {
        matches!(self, Product::Kafka | Product::KafkaTuned)
    }
}

/// Settings that suit a kind of work better than the defaults may.
#[derive(Debug)]
pub struct Tuned {
    /// What the set is for.
    pub name: &'static str,
    jvm: &'static [&'static str],
    settings: &'static [(&'static str, &'static str)],
}

/// A larger heap that is there from the start, the collector with the highest throughput, as many threads as a
/// machine of two cores can use, and large socket buffers.
pub const THROUGHPUT: Tuned = Tuned {
    name: "throughput",
    jvm: &["-Xms2G", "-Xmx2G", "-server", "-XX:+UseParallelGC", "-XX:+AlwaysPreTouch"],
    settings: &[
        ("num.network.threads", "2"),
        ("num.io.threads", "4"),
        ("socket.send.buffer.bytes", "1048576"),
        ("socket.receive.buffer.bytes", "1048576"),
    ],
};

/// A small heap, the collector with the least memory, the quick compiler alone, few threads and buffers; many
/// threads where logs are recovered.
pub const SMALL: Tuned = Tuned {
    name: "small",
    jvm: &["-Xms256m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"],
    settings: &[
        ("num.network.threads", "1"),
        ("num.io.threads", "2"),
        ("background.threads", "2"),
        ("log.cleaner.dedupe.buffer.size", "8388608"),
        ("num.recovery.threads.per.data.dir", "4"),
    ],
};

/// Heap and collector of the distribution's start script.
const KAFKA_JVM: [&str; 7] = [
    "-Xms1G",
    "-Xmx1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
];

const KAFKA_LOGGING: &str = "\
Configuration:
  Appenders: { Console: { name: STDOUT, PatternLayout: { pattern: \"[%d] %p %m (%c)%n\" } } }
  Loggers: { Root: { level: WARN, AppenderRef: { ref: STDOUT } } }
";

/// What every server is given beyond its defaults: one node cannot have three replicas, and the files of a deleted
/// topic must go before the next measurement.
const EVERYWHERE: [(&str, &str); 4] = [
    ("log.segment.delete.delay.ms", "1000"),
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
];

/// For rows whose servers take turns: one that is stopped while the other runs must not count as lost, nor may its
/// idle connections.
pub const TAKING_TURNS: [(&str, &str); 2] =
    [("broker.session.timeout.ms", "3600000"), ("connections.max.idle.ms", "86400000")];

/// The same for groups: nothing waits for more members, and members of the consumer protocol are heard of as often and
/// given other partitions as soon as can be.
pub const TURNS_OF_GROUPS: [(&str, &str); 9] = [
    TAKING_TURNS[0],
    TAKING_TURNS[1],
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.consumer.min.heartbeat.interval.ms", "100"),
    ("group.consumer.heartbeat.interval.ms", "100"),
    ("group.consumer.min.assignment.interval.ms", "0"),
    ("group.consumer.assignment.interval.ms", "0"),
    ("group.consumer.min.session.timeout.ms", "45000"),
    ("group.consumer.max.size", "1000"),
];

/// How the servers of a row are set up.
#[derive(Debug)]
pub struct Layout<'a> {
    /// The settings of [`Product::KafkaTuned`].
    pub tuned: &'a Tuned,
    /// Settings of the row, for every product.
    pub settings: &'a [(&'a str, &'a str)],
    /// The executable of [`Product::Previous`].
    pub previous: Option<&'a Path>,
}

/// A program and its arguments.
pub type Words = (PathBuf, Vec<OsString>);

impl Layout<'_> {
    /// What starts a server of the product in `folder`; Kafka's folder is formatted.
    pub fn command(&self, product: Product, folder: &Path, ports: [u16; 2]) -> Result<Words, String> {
        let settings: Vec<(&str, &str)> = EVERYWHERE.iter().chain(self.settings).copied().collect();
        if product.is_kafka() {
            let tuned = (product == Product::KafkaTuned).then_some(self.tuned);
            return kafka(folder, ports, tuned, &settings);
        }
        let executable = match (product, self.previous) {
            (Product::Previous, Some(path)) => path.to_path_buf(),
            (Product::Previous, None) => return Err("there is no previous executable".to_owned()),
            _ => executable(),
        };
        naru(&executable, folder, ports, &settings)
    }
}

/// The folder of the sources.
pub fn root() -> &'static Path {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
    bench.parent().unwrap_or(bench)
}

/// The folder of what was built.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The executable that is measured.
pub fn executable() -> PathBuf {
    std::env::var_os("NARU").map_or_else(|| target().join("release/naru"), PathBuf::from)
}

fn naru(
    executable: &Path,
    folder: &Path,
    [port, _]: [u16; 2],
    settings: &[(&str, &str)],
) -> Result<Words, String> {
    // The command runs in another folder, where a relative path would be wrong.
    let executable = executable
        .canonicalize()
        .map_err(|error| format!("{}: {error} (cargo build --release)", executable.display()))?;
    let mut arguments = vec![OsString::from("server")];
    let listeners = format!("PLAINTEXT://127.0.0.1:{port}");
    let data = folder.join("data").display().to_string();
    let own = [("listeners", &*listeners), ("log.dirs", &*data), ("metrics.listener", "127.0.0.1:0")];
    for (key, value) in own.iter().chain(settings) {
        arguments.extend(["--override".into(), format!("{key}={value}").into()]);
    }
    Ok((executable, arguments))
}

fn kafka(
    folder: &Path,
    ports: [u16; 2],
    tuned: Option<&Tuned>,
    settings: &[(&str, &str)],
) -> Result<Words, String> {
    let properties = folder.join("server.properties");
    let logging = folder.join("log4j2.yaml");
    let write = |path: &Path, text: &str| {
        fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    let tuned_settings = tuned.map_or(&[][..], |tuned| tuned.settings);
    write(&properties, &kafka_properties(folder, ports, settings.iter().chain(tuned_settings)))?;
    write(&logging, KAFKA_LOGGING)?;
    let java = |main_class: &str, options: &[&str]| -> Result<Vec<OsString>, String> {
        let mut words: Vec<OsString> = options.iter().map(OsString::from).collect();
        words.push(format!("-Dlog4j2.configurationFile={}", logging.display()).into());
        words.extend(["-cp".into(), kafka_libraries()?.join("*").into(), main_class.into()]);
        Ok(words)
    };
    let format = Command::new("java")
        .args(java("kafka.tools.StorageTool", &["-Xmx256m"])?)
        .args(["format", "--standalone", "-t", "AAAAAAAAQACAAAAAAAAAAA", "-c"])
        .arg(&properties)
        .output()
        .map_err(|error| format!("cannot run java: {error}"))?;
    if !format.status.success() {
        return Err(format!("formatting failed: {}", String::from_utf8_lossy(&format.stderr)));
    }
    let mut words = java("kafka.Kafka", tuned.map_or(&KAFKA_JVM, |tuned| tuned.jvm))?;
    words.push(properties.into());
    Ok((PathBuf::from("java"), words))
}

/// The properties of one combined broker and controller.
fn kafka_properties<'a>(
    folder: &Path,
    [port, controller_port]: [u16; 2],
    settings: impl Iterator<Item = &'a (&'a str, &'a str)>,
) -> String {
    let listeners = format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}");
    let mut text = format!(
        "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}\n\
         listeners={listeners}\nadvertised.listeners={listeners}\n\
         controller.listener.names=CONTROLLER\n\
         share.coordinator.state.topic.replication.factor=1\nshare.coordinator.state.topic.min.isr=1\n\
         log.dirs={}\n",
        folder.join("data").display()
    );
    for (key, value) in settings {
        text += &format!("{key}={value}\n");
    }
    text
}

/// Kafka's jars, installed by the checks of `compat` where they are not there yet.
pub fn kafka_libraries() -> Result<PathBuf, String> {
    let libraries = root().join("target/compat/kafka/libs");
    if !libraries.join("kafka_2.13-4.3.1.jar").exists() {
        let mut install = Command::new("python3");
        install.args(["-c", "import install; install.kafka_tools()"]).current_dir(root().join("compat"));
        install.status().map_err(|error| format!("cannot run python3: {error}"))?;
    }
    if libraries.join("kafka_2.13-4.3.1.jar").exists() {
        Ok(libraries)
    } else {
        Err("Apache Kafka is missing: its installation needs Java 17, Maven and Python 3".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_found_by_their_names() {
        for product in [Product::Kafka, Product::KafkaTuned, Product::Previous, Product::Naru] {
            assert_eq!(Product::of_name(&product.to_string()), Some(product));
        }
        assert_eq!(Product::of_name("other"), None);
    }

    #[test]
    fn a_previous_executable_has_to_be_named() {
        let layout = Layout { tuned: &SMALL, settings: &[], previous: None };
        assert!(layout.command(Product::Previous, Path::new("/"), [1, 2]).is_err());
        let own = std::env::current_exe().unwrap();
        let layout = Layout { settings: &[("key", "value")], previous: Some(&own), ..layout };
        let (program, words) = layout.command(Product::Previous, Path::new("/x"), [1, 2]).unwrap();
        assert_eq!(program, own.canonicalize().unwrap());
        assert!(words.contains(&"key=value".into()) && words.contains(&"log.dirs=/x/data".into()));
    }
}
