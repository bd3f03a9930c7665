//! What went wrong in a tool, as the originals tell it.

use std::fmt;

use client::Error;

const ILLEGAL_ARGUMENT: &str = "java.lang.IllegalArgumentException";
/// How Kafka's clients begin where no server answered.
const NO_SERVER: &str = "Timed out waiting for a node assignment";
const NO_SERVER_HINT: &str = "no server to connect to first has answered as a server of Kafka does; the warnings name those that were tried";
const TERSE: &str = "org.apache.kafka.tools.TerseException";

/// A failure with the name of the exception that the original tool would have met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    exception: String,
    message: String,
    /// The exception behind it, where the message says nothing of it.
    cause: Option<String>,
    /// What helps, in a sentence that the originals do not have.
    hint: Option<String>,
}

impl Failure {
    /// An argument that the tool itself refuses.
    pub(crate) fn argument(message: impl Into<String>) -> Failure {
        Failure::of_class(ILLEGAL_ARGUMENT, message)
    }

    /// Settings that the tool itself refuses.
    pub(crate) fn setting(message: impl Into<String>) -> Failure {
        Failure::of_class("org.apache.kafka.common.config.ConfigException", message)
    }

    /// Any other exception, by its class.
    pub(crate) fn of_class(exception: &str, message: impl Into<String>) -> Failure {
        Failure { exception: exception.to_owned(), message: message.into(), cause: None, hint: None }
    }

    /// An exception that says nothing but its class.
    pub(crate) fn without_message(exception: &str) -> Failure {
        Failure::of_class(exception, "")
    }

    /// Text where a number is due, as Java refuses it.
    pub(crate) fn not_a_number(text: &str) -> Failure {
        Failure::of_class("java.lang.NumberFormatException", format!("For input string: \"{text}\""))
    }

    /// The same with the exception behind it.
    pub(crate) fn caused_by(self, cause: &Failure) -> Failure {
        Failure { cause: Some(cause.to_string()), ..self }
    }

    /// The same with a sentence that helps.
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Failure {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// What is wrong, and why, without the exception.
    pub(crate) fn told(&self) -> String {
        format!("{}{}", self.message, self.behind())
    }

    /// As Java's stack trace has it, and what helps on a line of its own.
    fn behind(&self) -> String {
        let cause = self.cause.as_ref().map(|cause| format!("\nCaused by: {cause}"));
        let hint = self.hint.as_ref().map(|hint| format!("\nnaru: {hint}"));
        format!("{}{}", cause.unwrap_or_default(), hint.unwrap_or_default())
    }

    /// What helps, where there is something.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What a tool finds that it cannot do.
    pub(crate) fn command_failed(message: impl Into<String>) -> Failure {
        Failure::of_class("org.apache.kafka.tools.AdminCommandFailedException", message)
    }

    /// What a tool tells in a sentence, without a stack.
    pub(crate) fn terse(message: impl Into<String>) -> Failure {
        Failure::of_class(TERSE, message)
    }

    /// The same without its hint, which is told elsewhere.
    pub(crate) fn apart(self) -> (Failure, Option<String>) {
        let hint = self.hint.clone();
        (Failure { hint: None, ..self }, hint)
    }

    /// True for files that cannot be read.
    pub(crate) fn is_of_file(&self) -> bool {
        self.exception.starts_with("java.nio.file.") || self.exception == "java.io.IOException"
    }

    /// True for what is told in a sentence.
    pub(crate) fn is_terse(&self) -> bool {
        self.exception == TERSE
    }

    /// What Java's futures throw in place of an error.
    pub(crate) fn executed(error: Error) -> Failure {
        Failure::from(error).within("java.util.concurrent.ExecutionException")
    }

    /// The same failure as the cause of an exception that nobody has to declare.
    pub(crate) fn at_run_time(self) -> Failure {
        self.within("java.lang.RuntimeException")
    }

    fn within(self, exception: &str) -> Failure {
        let message = format!("{}: {}", self.exception, self.message);
        Failure { exception: exception.to_owned(), message, ..self }
    }

    /// True for arguments that are refused.
    pub(crate) fn is_argument(&self) -> bool {
        self.exception == ILLEGAL_ARGUMENT
    }

    /// The class of the exception.
    pub(crate) fn exception(&self) -> &str {
        &self.exception
    }

    /// What is wrong, without the exception.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let failure = Failure::of_class(&error.exception(), error.to_string());
        match error {
            Error::Timeout(sentence) if sentence.starts_with(NO_SERVER) => failure.with_hint(NO_SERVER_HINT),
            _ => failure,
        }
    }
}

impl fmt::Display for Failure {
    /// As Java's stack trace without its stack.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.as_str() {
            "" => write!(f, "{}{}", self.exception, self.behind()),
            message => write!(f, "{}: {message}{}", self.exception, self.behind()),
        }
    }
}
