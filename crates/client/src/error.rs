//! What can go wrong between a program and a cluster.

use std::fmt;

use model::ErrorCode;

/// Why a call of a client failed. It can be shared between all that waited for the same answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The server answered with an error.
    Server {
        /// The code of the answer.
        code: ErrorCode,
        /// What it said, or the code's own sentence where it said nothing.
        message: String,
    },
    /// The time of the call was over; the sentence names the call and how far it had come.
    Timeout(String),
    /// The connection was lost, or could not be opened.
    Disconnected(String),
    /// The server does not have the request in a version that would do.
    Unsupported(String),
    /// A setting, an argument or a combination of them that cannot be used.
    Invalid(String),
    /// The server sent what is no answer to the request.
    Malformed(String),
    /// The client was closed.
    Closed,
}

impl Error {
    /// The error of a code in an answer, `None` for success.
    pub fn of(code: ErrorCode, message: Option<&str>) -> Option<Error> {
        let message = message.filter(|text| !text.is_empty());
        match message {
            _ if code.is_none() => None,
            Some(text) => Some(Error::Server { code, message: text.to_owned() }),
            None => Some(Error::server(code)),
        }
    }

    /// The error of a code with the code's own sentence.
    pub fn server(code: ErrorCode) -> Error {
        Error::Server { code, message: code.sentence().to_owned() }
    }

    /// Fails where the code is one of an error.
    pub fn check(code: ErrorCode, message: Option<&str>) -> Result<(), Error> {
        Error::of(code, message).map_or(Ok(()), Err)
    }

    /// The code that the server answered, where it did.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Error::Server { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// True where the same call may succeed a moment later.
    pub fn is_retriable(&self) -> bool {
        match self {
            Error::Server { code, .. } => code.is_retriable(),
            Error::Disconnected(_) => true,
            Error::Timeout(_)
            | Error::Unsupported(_)
            | Error::Invalid(_)
            | Error::Malformed(_)
            | Error::Closed => false,
        }
    }

    /// The exception that Kafka's Java clients throw in its place, with its package; tools show it.
    pub fn exception(&self) -> String {
        let class = match self {
            Error::Server { code, .. } => code.exception(),
            Error::Timeout(_) => "TimeoutException",
            Error::Disconnected(_) => "DisconnectException",
            Error::Unsupported(_) => "UnsupportedVersionException",
            Error::Malformed(_) => "CorruptRecordException",
            Error::Invalid(_) => return "java.lang.IllegalArgumentException".to_owned(),
            Error::Closed => return "java.lang.IllegalStateException".to_owned(),
        };
        format!("org.apache.kafka.common.errors.{class}")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Server { message: text, .. }
            | Error::Timeout(text)
            | Error::Disconnected(text)
            | Error::Unsupported(text)
            | Error::Invalid(text)
            | Error::Malformed(text) => f.write_str(text),
            Error::Closed => f.write_str("The client is closed."),
        }
    }
}

impl std::error::Error for Error {}

/// True for errors that say who answers, not what: the same request, sent again, finds another server or the same one in
/// another state. Whether a topic that is not there comes into being is for the caller to wait for.
pub(crate) fn passes(error: &Error) -> bool {
    let codes = [
        ErrorCode::NOT_CONTROLLER,
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::LEADER_NOT_AVAILABLE,
        ErrorCode::NETWORK_EXCEPTION,
        ErrorCode::REBOOTSTRAP_REQUIRED,
    ];
    matches!(error, Error::Disconnected(_)) || error.code().is_some_and(|code| codes.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_server_has_its_own_words_or_those_of_the_code() {
        let error = |message| Error::of(ErrorCode::TOPIC_ALREADY_EXISTS, message).unwrap();
        assert_eq!(error(Some("Topic 'a' already exists.")).to_string(), "Topic 'a' already exists.");
        assert_eq!(error(Some("")).to_string(), "Topic with this name already exists.");
        assert_eq!(error(None).exception(), "org.apache.kafka.common.errors.TopicExistsException");
        assert_eq!(Error::of(ErrorCode::NONE, Some("x")), None);
        assert!(Error::of(ErrorCode::NOT_CONTROLLER, None).unwrap().is_retriable());
    }
}
