//! `kafka-dump-log`: shows what stands in the files of a partition.

mod batch_file;
mod control;
mod decoders;
mod findings;
mod indexes;
mod log;
mod producers;
mod remote_log;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::admin_tool::{self, refused};
use crate::failure::Failure;
use crate::options::{Given, Opt, Options, Refusal};
use crate::{FAILED, Output};
pub use batch_file::{BatchFile, Head};
use decoders::Decoder;
use findings::Findings;

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "This tool helps to parse a log file and dump its contents to the console, useful for debugging a seemingly corrupt log segment.",
    options: &[
        Opt::flag("cluster-metadata-decoder", "Show records as those of the cluster's metadata."),
        Opt::flag("deep-iteration", "Show the records of each batch too; so it is with every option that shows their contents."),
        Opt::value("files", "file1, file2, ...", "The files, separated by commas."),
        Opt::flag("index-sanity-check", "Only check indexes as a starting broker does."),
        Opt::optional("key-decoder-class", "String", "What shows keys: org.apache.kafka.tools.api.StringDecoder (the default), IntegerDecoder, LongDecoder or DefaultDecoder."),
        Opt::value("max-bytes", "size", "How many bytes of a log to read at most."),
        Opt::value("max-message-size", "size", "Size of the largest batch that an index may point to; 5242880 without."),
        Opt::flag("offsets-decoder", "Show records as those of __consumer_offsets."),
        Opt::flag("print-data-log", "Show keys and values of records."),
        Opt::flag("remote-log-metadata-decoder", "Show records as those of __remote_log_metadata."),
        Opt::flag("share-group-state-decoder", "Show records as those of __share_group_state."),
        Opt::flag("skip-record-metadata", "Show of a record only its key and value."),
        Opt::flag("transaction-log-decoder", "Show records as those of __transaction_state."),
        Opt::optional("value-decoder-class", "String", "What shows values, as with key-decoder-class."),
        Opt::flag("verify-index-only", "Compare indexes with their log and show only where they differ."),
    ],
};

/// Size of the largest batch that an index may point to, where nobody says another.
const MESSAGE_SIZE_MAX: i32 = 5 * 1024 * 1024;
/// Room for output that is written at once.
const OUTPUT_BYTES: usize = 64 * 1024;

/// Why the tool ends before its work does.
enum Halt {
    Failure(Failure),
    /// Standard output takes no more.
    Output(io::Error),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Halt {
        Halt::Failure(failure)
    }
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Halt {
        Halt::Output(error)
    }
}

/// What is asked of indexes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IndexWork {
    Show,
    Verify,
    CheckSanity,
}

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let given = match OPTIONS.read(arguments) {
        Ok(given) if !arguments.is_empty() => given,
        Ok(_) => return admin_tool::refuse(&OPTIONS, &Refusal::Usage(OPTIONS.about.to_owned()), output),
        Err(refusal) => return thrown(&refused(refusal), output),
    };
    if let Some(code) = admin_tool::answered(&OPTIONS, &given, output) {
        return code;
    }
    if let Err(refusal) = given.require(&["files"]) {
        return admin_tool::refuse(&OPTIONS, &refusal, output);
    }
    let mut findings = Findings::default();
    let dumped = {
        let mut out = BufWriter::with_capacity(OUTPUT_BYTES, &mut *output.out);
        let dumped = dump_all(&given, &mut out, output.err, &mut findings);
        dumped.and_then(|()| Ok(out.flush()?))
    };
    match dumped {
        Ok(()) => {
            findings.tell(output.err);
            0
        }
        Err(Halt::Failure(failure)) => thrown(&failure, output),
        Err(Halt::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(Halt::Output(error)) => output.fail(format!("standard output cannot be written: {error}")),
    }
}

/// An exception that nobody catches, as Java tells it.
fn thrown(failure: &Failure, output: &mut Output<'_>) -> u8 {
    let _ = output.out.flush();
    let _ = writeln!(output.err, "Exception in thread \"main\" {failure}");
    FAILED
}

fn dump_all(
    given: &Given,
    out: &mut dyn Write,
    err: &mut dyn Write,
    findings: &mut Findings,
) -> Result<(), Halt> {
    let names = given.value("files").map_err(refused)?.unwrap_or_default();
    // Java drops empty parts at the end.
    for name in names.trim_end_matches(',').split(',') {
        let path = PathBuf::from(as_java_has_it(name));
        writeln!(out, "Dumping {}", path.display())?;
        let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let ending = file_name.rfind('.').and_then(|at| file_name.get(at..)).unwrap_or_default();
        match ending {
            ".log" | ".checkpoint" => dump_log(given, &path, &file_name, out, findings)?,
            ".index" => {
                let message_size_max =
                    given.number("max-message-size").map_err(refused)?.unwrap_or(MESSAGE_SIZE_MAX);
                indexes::dump_offsets(&path, index_work(given), message_size_max, out, findings)?;
            }
            ".timeindex" => indexes::dump_times(&path, index_work(given), out, findings)?,
            ".snapshot" => producers::dump_snapshot(&path, out, err)?,
            ".txnindex" => producers::dump_aborted(&path, &file_name, out)?,
            _ => {
                out.flush()?;
                let _ = writeln!(err, "Ignoring unknown file {}", path.display());
            }
        }
    }
    Ok(())
}

fn dump_log(
    given: &Given,
    path: &Path,
    file_name: &str,
    out: &mut dyn Write,
    findings: &mut Findings,
) -> Result<(), Halt> {
    let decoder = Decoder::of(given)?;
    let shows_contents = decoder.is_asked_for(given);
    let asked = log::Asked {
        with_contents: shows_contents,
        with_records: shows_contents || given.has("deep-iteration"),
        with_metadata: !given.has("skip-record-metadata"),
        bytes_max: given.number("max-bytes").map_err(refused)?.unwrap_or(i32::MAX),
        decoder,
    };
    log::dump(path, file_name, &asked, out, findings)
}

fn index_work(given: &Given) -> IndexWork {
    if given.has("index-sanity-check") {
        IndexWork::CheckSanity
    } else if given.has("verify-index-only") {
        IndexWork::Verify
    } else {
        IndexWork::Show
    }
}

/// A path without what `java.io.File` drops of it.
fn as_java_has_it(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for character in name.chars() {
        if character != '/' || !path.ends_with('/') {
            path.push(character);
        }
    }
    if path.len() > 1 && path.ends_with('/') {
        path.pop();
    }
    path
}

/// The offset that the name of a file begins with.
fn offset_of_name(file_name: &str) -> Result<i64, Failure> {
    let number = file_name.split('.').next().unwrap_or_default();
    number.parse().map_err(|_| Failure::not_a_number(number))
}

/// The path from the root on, neither links nor dots resolved.
fn absolute(path: &Path) -> PathBuf {
    // Without a working directory the path stays as it was given.
    std::env::current_dir().map_or_else(|_| path.to_owned(), |folder| folder.join(path))
}

/// A file that cannot be opened or read.
fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => Failure::of_class("java.nio.file.NoSuchFileException", shown.to_string()),
        io::ErrorKind::PermissionDenied => {
            Failure::of_class("java.nio.file.AccessDeniedException", shown.to_string())
        }
        _ => Failure::of_class("java.io.IOException", format!("{shown}: {error}")),
    }
}
