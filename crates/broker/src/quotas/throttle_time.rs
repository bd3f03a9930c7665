//! Where an answer says for how long its client is throttled.

use protocol::ApiKey;

use crate::request::ResponseHead;

/// Bytes of the size before each frame.
const SIZE: usize = 4;
/// Bytes of the throttle time.
const TIME: usize = 4;

/// Has the answer that `frame` begins with tell at least `throttle_ms`, where it tells a throttle time at all.
pub fn raise(frame: &mut [u8], head: ResponseHead, throttle_ms: i32) {
    let Some(at) = place(frame, head) else { return };
    let Some(field) = frame.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<TIME>()) else { return };
    *field = i32::from_be_bytes(*field).max(throttle_ms).to_be_bytes();
}

/// Where in the frame the throttle time stands: first in nearly every body.
fn place(frame: &[u8], head: ResponseHead) -> Option<usize> {
    let ResponseHead { api_key, version, .. } = head;
    let header = if api_key.response_header_version(version) >= 1 { 5 } else { 4 };
    let body = SIZE + header;
    match api_key {
        ApiKey::Produce => {
            let size = usize::try_from(i32::from_be_bytes(*frame.first_chunk()?)).ok()?;
            // Last, but for the section of tags, which is empty: no answer of ours names nodes in it.
            let tags = usize::from(version >= 9);
            (SIZE + size).checked_sub(TIME + tags)
        }
        ApiKey::ApiVersions => after_versions(frame.get(body..)?, version).map(|at| body + at),
        ApiKey::OffsetDelete => Some(body + 2),
        _ => (version >= first_since(api_key)?).then_some(body),
    }
}

/// From which version on the throttle time comes first; `None` where there is none.
fn first_since(api_key: ApiKey) -> Option<i16> {
    match api_key {
        ApiKey::DescribeQuorum | ApiKey::SaslHandshake | ApiKey::SaslAuthenticate => None,
        ApiKey::Metadata | ApiKey::OffsetCommit | ApiKey::OffsetFetch => Some(3),
        ApiKey::ListOffsets | ApiKey::JoinGroup | ApiKey::CreateTopics | ApiKey::OffsetForLeaderEpoch => {
            Some(2)
        }
        ApiKey::Fetch
        | ApiKey::FindCoordinator
        | ApiKey::Heartbeat
        | ApiKey::LeaveGroup
        | ApiKey::SyncGroup
        | ApiKey::DescribeGroups
        | ApiKey::ListGroups
        | ApiKey::DeleteTopics => Some(1),
        _ => Some(0),
    }
}

/// In ApiVersions it comes behind the error and the versions of all APIs.
fn after_versions(body: &[u8], version: i16) -> Option<usize> {
    const ERROR: usize = 2;
    match version {
        0 => None,
        1..=2 => {
            let count = i32::from_be_bytes(*body.get(ERROR..)?.first_chunk()?);
            Some(ERROR + 4 + usize::try_from(count).ok()? * 6)
        }
        _ => {
            let mut reader = protocol::Reader::new(body.get(ERROR..)?);
            let count = usize::try_from(reader.unsigned_varint().ok()?).ok()?;
            Some(ERROR + reader.position() + count.saturating_sub(1) * 7)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use protocol::{Message, Reader, Writer, encode_response_header, messages};

    use super::*;
    use crate::dispatch::apis;

    /// A message in its default state, and what one is in bytes.
    #[derive(Clone, Copy)]
    struct Known {
        encode: fn(i16) -> Vec<u8>,
        shown: fn(&[u8], i16) -> String,
    }

    fn encode<'a, M: Message<'a> + Default>(version: i16) -> Vec<u8> {
        let mut writer = Writer::new();
        M::default().encode(&mut writer, version).unwrap();
        writer.into_vec()
    }

    fn shown<'a, M: Message<'a> + std::fmt::Debug>(bytes: &'a [u8], version: i16) -> String {
        format!("{:?}", M::decode(&mut Reader::new(bytes), version).unwrap())
    }

    macro_rules! known {
        ($($name:ident,)+) => {
            #[allow(elided_lifetimes_in_paths, reason = "some of the names have a lifetime, some do not")]
            fn known() -> HashMap<&'static str, Known> {
                HashMap::from([$((messages::$name::NAME, Known {
                    encode: |version| encode::<messages::$name>(version),
                    shown: |bytes, version| shown::<messages::$name>(bytes, version),
                }),)+])
            }
        };
    }

    protocol::for_each_message!(known);

    #[test]
    fn every_answer_that_can_tells_how_long_its_client_is_throttled() {
        let known = known();
        let mut without = Vec::new();
        for api in apis() {
            let message = known[format!("{:?}Response", api.key).as_str()];
            for version in api.versions.min..=api.versions.max {
                let mut writer = Writer::new();
                let place = writer.begin_frame();
                encode_response_header(&mut writer, api.key, version, 1).unwrap();
                let body = writer.len();
                let plain = (message.encode)(version);
                writer.raw(&plain);
                writer.end_frame(place, 0).unwrap();
                let mut frame = writer.into_vec();
                // Other answers follow.
                frame.extend([9; 100]);
                let head = ResponseHead { api_key: api.key, version, correlation_id: 1 };
                raise(&mut frame, head, 77);
                raise(&mut frame, head, 5);
                let raised = (message.shown)(&frame[body..], version);
                if raised.contains("throttle_time_ms: 77") {
                    let as_before = raised.replace("throttle_time_ms: 77", "throttle_time_ms: 0");
                    assert_eq!(as_before, (message.shown)(&plain, version), "{:?} {version}", api.key);
                } else {
                    assert_eq!(frame[body..body + plain.len()], plain, "{:?} {version}", api.key);
                    without.push((api.key, version));
                }
                assert_eq!(frame[frame.len() - 100..], [9; 100]);
            }
        }
        let never = |(key, version): &(ApiKey, i16)| match key {
            ApiKey::DescribeQuorum => true,
            ApiKey::ApiVersions => *version == 0,
            ApiKey::ListOffsets => *version < 2,
            ApiKey::Metadata | ApiKey::OffsetCommit | ApiKey::OffsetFetch => *version < 3,
            ApiKey::FindCoordinator
            | ApiKey::Heartbeat
            | ApiKey::LeaveGroup
            | ApiKey::SyncGroup
            | ApiKey::DescribeGroups
            | ApiKey::ListGroups => *version < 1,
            ApiKey::JoinGroup | ApiKey::OffsetForLeaderEpoch => *version < 2,
            _ => false,
        };
        assert!(without.iter().all(never), "{without:?}");
    }
}
