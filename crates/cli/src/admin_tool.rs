//! What all tools have in common that talk to a cluster with an admin client.

use std::future::Future;
use std::io;
use std::net::ToSocketAddrs;

use client::Admin;
use config::{ClientKind, ClientSettings};

use crate::failure::Failure;
use crate::options::{self, Given, Options, Refusal};
use crate::{FAILED, KAFKA_VERSION, Output};

/// Reads a command line, or answers it: help and the version are asked for, nothing at all is said, or it cannot be read.
pub(crate) fn read(options: &Options, arguments: &[String], output: &mut Output<'_>) -> Result<Given, u8> {
    if arguments.is_empty() {
        return Err(usage(options, options.about, output));
    }
    let given = options.read(arguments).map_err(|refusal| refuse(options, &refusal, output))?;
    answered(options, &given, output).map_or(Ok(given), Err)
}

/// The exit code of a line that asks for help or the version, which it gets.
pub(crate) fn answered(options: &Options, given: &Given, output: &mut Output<'_>) -> Option<u8> {
    if given.has("help") {
        return Some(usage(options, options.about, output));
    }
    let version = given.has("version");
    version.then(|| crate::written(writeln!(output.out, "{KAFKA_VERSION}"), output))
}

/// Tells why a command line is not followed.
pub(crate) fn refuse(options: &Options, refusal: &Refusal, output: &mut Output<'_>) -> u8 {
    match refusal {
        Refusal::Parser(_, sentence) => {
            let code = output.fail(sentence);
            suggest(options, sentence, output);
            code
        }
        Refusal::Usage(sentence) => usage(options, sentence, output),
    }
}

/// The same for tools that do not catch what their parser throws.
pub(crate) fn uncaught(options: &Options, refusal: &Refusal, output: &mut Output<'_>) -> u8 {
    match refusal {
        Refusal::Parser(exception, sentence) => {
            let code = output.fail(format!("Exception in thread \"main\" {exception}: {sentence}"));
            suggest(options, sentence, output);
            code
        }
        Refusal::Usage(_) => refuse(options, refusal, output),
    }
}

/// What may be meant by an option that is none.
fn suggest(options: &Options, sentence: &str, output: &mut Output<'_>) {
    let Some(name) = sentence.strip_suffix(options::NOT_RECOGNIZED) else { return };
    if name == "zookeeper" {
        let brokers = "tools ask brokers since Kafka 3: --bootstrap-server HOST:9092 in place of --zookeeper";
        output.hint(Some(brokers));
    } else if let Some(meant) = config::nearest(name, options.names()) {
        output.hint(Some(&format!("is --{meant} meant?")));
    }
}

fn usage(options: &Options, sentence: &str, output: &mut Output<'_>) -> u8 {
    let table = options.table();
    output.fail(format!("{sentence}\n{}", table.trim_end()))
}

/// An admin client with the settings of `--command-config` and the servers of `--bootstrap-server`.
pub(crate) fn connect(given: &Given) -> Result<Admin, Failure> {
    let file = given.value("command-config").map_err(refused)?;
    // As one tool called it before.
    let file = file.or(given.value("admin.config").map_err(refused)?);
    connect_to(file, given.value("bootstrap-server").map_err(refused)?)
}

/// An admin client with the settings of a file and servers to connect to first.
pub(crate) fn connect_to(file: Option<&str>, servers: Option<&str>) -> Result<Admin, Failure> {
    crate::log_lines::to_stderr();
    let mut written: Vec<(String, String)> = Vec::new();
    if let Some(file) = file {
        let properties = crate::files::properties(file)?;
        written.extend(properties.iter().map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
    if let Some(servers) = servers {
        written.push(("bootstrap.servers".to_owned(), servers.to_owned()));
    }
    let written = written.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let settings = ClientSettings::read(ClientKind::Admin, written)
        .map_err(|error| Failure::setting(error.to_string()))?;
    let created = Admin::new(&settings).map_err(|error| error.to_string());
    let checked = created.and_then(|admin| check_names(&settings).map(|()| admin));
    checked.map_err(|cause| not_created("Failed to create new KafkaAdminClient", &cause))
}

/// Why controllers cannot be asked.
pub(crate) const NO_CONTROLLERS: &str =
    "--bootstrap-controller is not there yet; any broker answers the same with --bootstrap-server";

/// A client that cannot be made, as the original's exception says it.
pub(crate) fn not_created(sentence: &str, cause: &str) -> Failure {
    Failure::of_class("org.apache.kafka.common.KafkaException", sentence).caused_by(&Failure::setting(cause))
}

/// A name that cannot be resolved is told at once, and where none can, that is all there is to say: a client that lives
/// longer than a tool would try again.
pub(crate) fn check_names(settings: &ClientSettings) -> Result<(), String> {
    let servers = settings.list("bootstrap.servers");
    let unresolved = |server: &&String| {
        let server = server.split_once("://").map_or(server.as_str(), |(_, server)| server);
        server.to_socket_addrs().is_err()
    };
    let unresolved: Vec<&String> = servers.iter().filter(unresolved).collect();
    for server in &unresolved {
        let host = server.rsplit_once(':').map_or(server.as_str(), |(host, _)| host);
        tracing::warn!(
            target: "org.apache.kafka.clients.ClientUtils",
            "Couldn't resolve server {server} from bootstrap.servers as DNS resolution failed for {host}"
        );
    }
    if unresolved.len() < servers.len() {
        return Ok(());
    }
    Err("No resolvable bootstrap urls given in bootstrap.servers".to_owned())
}

/// A refusal where nobody shows the table of options.
pub(crate) fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Parser(exception, sentence) => Failure::of_class(exception, sentence),
        Refusal::Usage(sentence) => Failure::argument(sentence),
    }
}

/// Runs the work of a tool to its end. Tools need one thread.
pub(crate) fn run<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::of_class("java.io.IOException", error.to_string()))?;
    let outcome = runtime.block_on(work);
    // A name that is still being looked up must not hold the tool up.
    runtime.shutdown_background();
    outcome
}

/// What could not be written is a failure, but for a reader that has gone away.
pub(crate) fn wrote(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::of_class(
            "java.io.IOException",
            format!("standard output cannot be written: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Tells a failure as most tools do: a sentence on standard output, the exception as a line of the log on standard error.
pub(crate) fn tell(failure: &Failure, sentence: &str, logger: &str, output: &mut Output<'_>) -> u8 {
    // Where nothing can be written, nothing is left to tell anyone.
    let _ = writeln!(output.out, "{sentence} : {}", failure.message());
    let _ = output.out.flush();
    // The original logs a stack trace, which ends with a line end.
    crate::log_lines::error(logger, format_args!("{failure}\n"), output.err);
    FAILED
}
