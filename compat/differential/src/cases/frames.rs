//! Bytes that are not a request: does the connection close, or does an answer come?

use protocol::ApiKey;
use protocol::messages::{ApiVersionsRequest, MetadataRequest};

use super::Row;
use crate::session::{Session, Stopped};

/// The cases.
pub const CASES: &[Row] = &[
    ("Frames of bad size", sizes),
    ("Frames with bad headers", headers),
    ("Frames of unsupported versions", unsupported),
    ("Frames with bad bodies", bodies),
    ("Frames in a row", pipelined),
    ("Frames with tagged fields", tagged),
];

/// A frame with a header of version 1 and no client id.
fn frame(api: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    content.extend_from_slice(&api.to_be_bytes());
    content.extend_from_slice(&version.to_be_bytes());
    content.extend_from_slice(&7i32.to_be_bytes());
    content.extend_from_slice(&(-1i16).to_be_bytes());
    content.extend_from_slice(body);
    sized(&content)
}

fn sized(content: &[u8]) -> Vec<u8> {
    let size = i32::try_from(content.len()).unwrap_or(i32::MAX);
    [&size.to_be_bytes()[..], content].concat()
}

fn sizes(session: &mut Session) -> Result<(), Stopped> {
    session.raw("size 0", &0i32.to_be_bytes())?;
    session.raw("size -1", &(-1i32).to_be_bytes())?;
    session.raw("smallest size", &i32::MIN.to_be_bytes())?;
    session.raw("size above socket.request.max.bytes", &(9i32 << 20).to_be_bytes())?;
    session.raw("largest size", &i32::MAX.to_be_bytes())?;
    session.raw("size 1", &sized(&[0]))?;
    session.raw("size 7", &sized(&[0, 18, 0, 0, 0, 0, 0]))
}

fn headers(session: &mut Session) -> Result<(), Stopped> {
    for key in [-1, 93, 1000, i16::MAX, i16::MIN] {
        session.raw(&format!("api key {key}"), &frame(key, 0, &[]))?;
    }
    for key in [4, 5, 6, 7, 52, 58, 62] {
        session.raw(&format!("api key {key} of the past or of controllers"), &frame(key, 0, &[]))?;
    }
    let long_name = [&[0, 18, 0, 0, 0, 0, 0, 1, 0x10, 0][..], b"short"].concat();
    session.raw("client id longer than the frame", &sized(&long_name))?;
    let no_id = [0, 18, 0, 0, 0, 0, 0, 1];
    session.raw("no client id", &sized(&no_id))?;
    let bad_text = [&[0, 18, 0, 0, 0, 0, 0, 1, 0, 2][..], &[0xff, 0xfe]].concat();
    session.raw("client id that is not UTF-8", &sized(&bad_text))?;
    let tags = [0, 18, 0, 3, 0, 0, 0, 1, 0xff, 0xff, 5];
    session.raw("tags that are not there", &sized(&tags))
}

fn unsupported(session: &mut Session) -> Result<(), Stopped> {
    for version in [5, 9, 1000, i16::MAX, -1] {
        session.raw(&format!("ApiVersions {version}"), &frame(18, version, &[]))?;
    }
    for api in [ApiKey::Produce, ApiKey::Fetch, ApiKey::ListOffsets, ApiKey::Metadata, ApiKey::CreateTopics] {
        let versions = api.stable_versions();
        for version in [versions.min - 1, versions.max + 1, i16::MAX, -1] {
            session.raw(&format!("{} {version}", api.name()), &frame(api.key(), version, &[0; 40]))?;
        }
    }
    Ok(())
}

fn bodies(session: &mut Session) -> Result<(), Stopped> {
    session.raw("Metadata cut off", &frame(3, 1, &[0, 0, 0, 1]))?;
    session.raw("Metadata with too many topics", &frame(3, 1, &0x7fff_ffffi32.to_be_bytes()))?;
    session.raw("Metadata with -2 topics", &frame(3, 1, &(-2i32).to_be_bytes()))?;
    session.raw("Metadata with bytes behind it", &frame(3, 1, &[0, 0, 0, 0, 1, 2, 3]))?;
    session.raw("Produce cut off", &frame(0, 3, &[0xff, 0xff, 0, 1]))?;
    session.raw("Fetch cut off", &frame(1, 4, &[0xff, 0xff, 0xff, 0xff, 0]))?;
    session.raw("ListOffsets cut off", &frame(2, 1, &[0xff]))?;
    session.raw("CreateTopics cut off", &frame(19, 2, &[0, 0, 0, 1, 0]))?;
    session.raw("DeleteTopics cut off", &frame(20, 1, &[0, 0, 0, 1, 0]))?;
    session.raw("IncrementalAlterConfigs cut off", &frame(44, 0, &[0, 0, 0, 1, 0]))?;
    session.raw("ApiVersions 0 with a body", &frame(18, 0, &[1, 2, 3]))
}

fn pipelined(session: &mut Session) -> Result<(), Stopped> {
    let metadata = MetadataRequest { topics: Some(Vec::new()), ..MetadataRequest::default() };
    session.note("good after an unsupported version of ApiVersions");
    session.raw("ApiVersions 9", &frame(18, 9, &[]))?;
    session.ask(12, &metadata)?;
    session.note("illegal client software");
    for (name, version) in [("", "1"), ("a b", "1"), ("a", ""), ("-a", "1"), ("a", "1.")] {
        let request =
            ApiVersionsRequest { client_software_name: name.into(), client_software_version: version.into() };
        session.ask_or_close(3, &request)?;
    }
    session.note("good after that");
    session.ask(12, &metadata).map(|_| ())
}

/// Fields that came after the version of the schema are skipped by their size.
fn tagged(session: &mut Session) -> Result<(), Stopped> {
    let header = |tags: &[u8]| {
        let mut content = vec![0, 60, 0, 0, 0, 0, 0, 9, 0, 1, b'c'];
        content.extend_from_slice(tags);
        content
    };
    // DescribeCluster 0: whether operations are wanted, then tags.
    let body = |tags: &[u8]| [&[0][..], tags].concat();
    for (what, header_tags, body_tags) in [
        ("none", &[0][..], &[0][..]),
        ("in the header", &[1, 77, 2, 9, 9], &[0]),
        ("in the body", &[0], &[2, 5, 1, 9, 6, 0]),
        ("descending", &[0], &[2, 6, 0, 5, 1, 9]),
        ("twice the same", &[0], &[2, 5, 0, 5, 0]),
        ("longer than the frame", &[0], &[1, 5, 9, 9]),
        ("more than there are", &[0], &[9, 5, 0]),
    ] {
        session.raw(what, &sized(&[header(header_tags), body(body_tags)].concat()))?;
    }
    Ok(())
}
