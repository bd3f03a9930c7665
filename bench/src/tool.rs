//! Command-line tools as processes: run to their end, with what they printed and what they cost.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use crate::effort::Effort;
use crate::process::peak_resident_mib;
use crate::product::{Product, executable, kafka_libraries};

/// How often the memory of a running tool is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A tool of Apache Kafka, and the same one of this project.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Its name, without `.sh`.
    pub name: &'static str,
    /// The class that Kafka's script runs.
    pub class: &'static str,
    /// The heap that Kafka's script gives it.
    pub heap: &'static str,
}

/// What a tool did.
#[derive(Debug)]
pub struct Ran {
    /// What it printed.
    pub output: String,
    /// From the start of the process to its end, in seconds.
    pub wall_s: f64,
    /// Seconds of CPU of all its threads.
    pub cpu_s: f64,
    /// The most memory that it was seen to hold.
    pub peak_mib: f64,
}

/// Where a tool runs, and from where and to where its streams go.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Its executable and settings are those of the row's sides.
    pub effort: &'a Effort,
    /// For files of the run.
    pub folder: &'a Path,
    /// What it reads; nothing where there is none.
    pub input: Option<&'a Path>,
    /// Where what it prints is written; it stays there.
    pub output: &'a Path,
}

impl Tool {
    /// Runs the tool of a product; an exit code other than 0 is an error.
    pub fn run(self, product: Product, words: &[&str], place: Place<'_>) -> Result<Ran, String> {
        let mut command = self.command(product, place)?;
        let failed = |error: std::io::Error| format!("{product}'s {}: {error}", self.name);
        let errors = place.folder.join("tool.err");
        let input = match place.input {
            Some(path) => Stdio::from(File::open(path).map_err(failed)?),
            None => Stdio::null(),
        };
        command.args(words).stdin(input);
        command.stdout(File::create(place.output).map_err(failed)?);
        command.stderr(File::create(&errors).map_err(failed)?);
        let before = children_cpu_s()?;
        let begin = Instant::now();
        let mut child = command.spawn().map_err(failed)?;
        let mut peak_mib: f64 = 0.0;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                break status;
            }
            // It may end in between.
            peak_mib = peak_mib.max(peak_resident_mib(child.id()).unwrap_or_default());
            std::thread::sleep(LOOK_EVERY);
        };
        let wall_s = begin.elapsed().as_secs_f64();
        let cpu_s = children_cpu_s()? - before;
        if !status.success() {
            let said = fs::read_to_string(&errors).unwrap_or_default();
            return Err(format!("{product}'s {} ended with {status}: {said}", self.name));
        }
        let output = fs::read_to_string(place.output).map_err(failed)?;
        Ok(Ran { output, wall_s, cpu_s, peak_mib })
    }

    fn command(self, product: Product, place: Place<'_>) -> Result<Command, String> {
        let mut command = match product {
            Product::Kafka | Product::KafkaTuned => {
                let jvm: Vec<&str> = std::iter::once(self.heap).chain(SCRIPT_JVM).collect();
                java(place.folder, &jvm, self.class)?
            }
            Product::Previous => named(place.effort.previous.clone().unwrap_or_default(), self.name),
            Product::Naru => named(executable(), self.name),
        };
        command.env_remove("NARU_COMPAT");
        Ok(command)
    }
}

/// What the distribution's script gives every tool.
const SCRIPT_JVM: [&str; 6] = [
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];

/// One of Kafka's classes in a virtual machine with these options, without log lines.
pub fn java(folder: &Path, jvm: &[&str], class: &str) -> Result<Command, String> {
    let logging = folder.join("tool-log4j2.yaml");
    let quiet = "Configuration: { Loggers: { Root: { level: \"OFF\" } } }\n";
    fs::write(&logging, quiet).map_err(|error| error.to_string())?;
    let mut java = Command::new("java");
    java.args(jvm).arg(format!("-Dlog4j2.configurationFile={}", logging.display()));
    java.arg("-cp").arg(kafka_libraries()?.join("*")).arg(class);
    Ok(java)
}

fn named(executable: PathBuf, tool: &str) -> Command {
    let mut command = Command::new(executable);
    command.arg(tool);
    command
}

/// CPU seconds of all processes that this one has started and waited for; servers of a row are not among them as long
/// as they run.
fn children_cpu_s() -> Result<f64, String> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| error.to_string())?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
