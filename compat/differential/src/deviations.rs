//! Differences that are decided. Each names its paragraph in `compat/deviations.txt`; one that no longer occurs
//! fails the run, so that the table only holds what is true.

use crate::compare::{ABSENT, Difference};

/// The paragraphs that users read.
const PARAGRAPHS: &str = include_str!("../../deviations.txt");

const UNKNOWN_ERROR: &str = "UNKNOWN_SERVER_ERROR";

/// One decided difference.
#[derive(Debug)]
pub struct Deviation {
    /// Beginning of its paragraph.
    pub paragraph: &'static str,
    /// Name of the case, or its beginning.
    pub case: &'static str,
    /// Part of the answer's label.
    pub label: &'static str,
    /// End of the field's path.
    pub path: &'static str,
    /// What Kafka says, or a part of it.
    pub kafka: &'static str,
    /// What Naru says, or a part of it.
    pub naru: &'static str,
}

const INSIDE: &str = "Requests that make Kafka fail inside.";
const NEGATIVE_LIMIT: &str = "A negative limit of bytes in a Fetch";
const NO_BYTES: &str = "A Produce request without record bytes";
const TRAILING: &str = "Bytes behind the batch of a Produce request";
const TWICE: &str = "A partition that a Fetch names twice";
const DELETED_TIME: &str = "The largest timestamp (-3) in ListOffsets";
const LATER: &str = "APIs that are not served yet";
const ORDER: &str = "Order in answers.";
const EPOCH: &str = "A leader epoch below -1";
const LOGGERS: &str = "Log levels by logger";
const DOCUMENTATION: &str = "Documentation of settings is not told";
const OWN: &str = "Own settings.";
const REGEX: &str = "What is wrong with a regular expression";
const CONTROLLERS: &str = "Listeners of controllers in DescribeQuorum";
const NO_NUMBER: &str = "A quota that is no number";
const TEXT: &str = "Text in requests must be UTF-8";

/// A row of the table: paragraph, case, label, path, what Kafka says, what Naru says.
const fn row(
    paragraph: &'static str,
    place: [&'static str; 3],
    [kafka, naru]: [&'static str; 2],
) -> Deviation {
    let [case, label, path] = place;
    Deviation { paragraph, case, label, path, kafka, naru }
}

/// Every decided difference. An empty text stands for anything.
pub const DECIDED: &[Deviation] = &[
    row(TEXT, ["Frames with bad headers", "client id that is not UTF-8", "connection"], [ABSENT, "closed"]),
    row(TEXT, ["Frames with bad headers", "client id that is not UTF-8", "frame"], ["", ABSENT]),
    row(TEXT, ["Frames with bad bodies", "Metadata with -2 topics", "connection"], [ABSENT, "closed"]),
    row(TEXT, ["Frames with bad bodies", "Metadata with -2 topics", "frame"], ["", ABSENT]),
    row(LATER, ["ApiVersions", "ApiVersions", "bytes of the frame"], ["", ""]),
    row(ORDER, ["Fetch of unknown places", "known and unknown", "bytes of the frame"], ["", ""]),
    row(INSIDE, ["Metadata by id", "neither id nor name", "error_code"], [UNKNOWN_ERROR, "INVALID_REQUEST"]),
    row(INSIDE, ["Fetch read committed", "unknown level", "error_code"], [UNKNOWN_ERROR, "INVALID_REQUEST"]),
    row(INSIDE, ["IncrementalAlterConfigs", "", "error_code"], [UNKNOWN_ERROR, "INVALID_REQUEST"]),
    row(
        INSIDE,
        ["ListOffsets of an unknown isolation", "", "error_code"],
        [UNKNOWN_ERROR, "INVALID_REQUEST"],
    ),
    row(TWICE, ["Fetch of a topic by several names", "a partition twice", ""], [ABSENT, ""]),
    row(DELETED_TIME, ["ListOffsets of a shortened", "-3", "timestamp"], ["9009", "-1"]),
    row(DELETED_TIME, ["ListOffsets of a shortened", "-3", "offset"], ["9", "-1"]),
    row(DELETED_TIME, ["ListOffsets of a shortened", "-3", "leader_epoch"], ["0", "-1"]),
    row(INSIDE, ["IncrementalAlterConfigs", "", "error_message"], ["None", "Unknown config operation"]),
    row(
        INSIDE,
        ["DescribeTopicPartitions", "[\"\"]", "error_code"],
        [UNKNOWN_ERROR, "INVALID_TOPIC_EXCEPTION"],
    ),
    row(
        INSIDE,
        ["DescribeTopicPartitions", "[\"\"]", "topic_authorized_operations"],
        ["-2147483648", "3576"],
    ),
    row(NO_BYTES, ["Produce of damaged batches", "no records", ""], ["silent", ABSENT]),
    row(NO_BYTES, ["Produce of damaged batches", "no records", "error_code"], [ABSENT, "INVALID_RECORD"]),
    row(NO_BYTES, ["Produce of damaged batches", "no records", ""], [ABSENT, ""]),
    row(TRAILING, ["Produce of damaged batches", "bytes behind", "error_code"], ["NONE", "INVALID_RECORD"]),
    row(TRAILING, ["Produce of damaged batches", "bytes behind", "base_offset"], ["", "-1"]),
    row(TRAILING, ["Produce of damaged batches", "bytes behind", "log_start_offset"], ["0", "-1"]),
    row(NEGATIVE_LIMIT, ["Fetch within limits of size", "limit -1", "error_code"], [UNKNOWN_ERROR, "NONE"]),
    row(NEGATIVE_LIMIT, ["Fetch within limits of size", "limit -1", "high_watermark"], ["-1", "15"]),
    row(NEGATIVE_LIMIT, ["Fetch within limits of size", "limit -1", "last_stable_offset"], ["-1", "15"]),
    row(NEGATIVE_LIMIT, ["Fetch within limits of size", "limit -1", "log_start_offset"], ["-1", "0"]),
    row(NEGATIVE_LIMIT, ["Fetch within limits of size", "limit -1", "records"], ["[]", ABSENT]),
    row(NEGATIVE_LIMIT, ["Fetch within limits of size", "limit -1", ""], [ABSENT, ""]),
    row(NEGATIVE_LIMIT, ["Fetch within limits of size", "limit -1", ""], ["", ABSENT]),
    row(EPOCH, ["OffsetForLeaderEpoch", "epoch -5", "leader_epoch"], ["-5", "-1"]),
    row(EPOCH, ["OffsetForLeaderEpoch", "epoch -5", "end_offset"], ["0", "-1"]),
    row(LOGGERS, ["IncrementalAlterConfigs of loggers", "has loggers", "value"], ["true", "false"]),
    row(DOCUMENTATION, ["DescribeConfigs with documentation", "", "value"], ["[true]", "[false]"]),
    row(OWN, ["DescribeConfigs of the broker", "the broker", ""], [ABSENT, ""]),
    row(
        REGEX,
        ["ConsumerGroupHeartbeat by regular expression", "malformed", "error_message"],
        ["missing closing )", "unclosed group"],
    ),
    row(
        NO_NUMBER,
        ["AlterClientQuotas that make no sense", "no number", "error_code"],
        ["NONE", "INVALID_REQUEST"],
    ),
    row(
        NO_NUMBER,
        ["AlterClientQuotas that make no sense", "no number", "error_message"],
        ["None", "must be greater than 0"],
    ),
    row(
        INSIDE,
        ["AlterUserScramCredentials", "no bytes", "error_code"],
        [UNKNOWN_ERROR, "UNACCEPTABLE_CREDENTIAL"],
    ),
    row(INSIDE, ["AlterUserScramCredentials", "no bytes", "error_message"], ["", "must not be empty"]),
    row(CONTROLLERS, ["DescribeQuorum", "2 the quorum", "listeners"], [ABSENT, "[]"]),
    row(CONTROLLERS, ["DescribeQuorum", "2 the quorum", ""], ["", ABSENT]),
];

impl Deviation {
    /// True where this is the difference meant.
    pub fn covers(&self, case: &str, difference: &Difference) -> bool {
        case.starts_with(self.case)
            && difference.label.contains(self.label)
            && difference.path.ends_with(self.path)
            && difference.kafka.contains(self.kafka)
            && difference.naru.contains(self.naru)
    }

    /// True where `compat/deviations.txt` has the paragraph.
    pub fn is_written_down(&self) -> bool {
        let plain = PARAGRAPHS.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
        plain.into_iter().any(|paragraph| paragraph.starts_with(self.paragraph))
    }
}
