//! Conversations as data: what is asked, and what is answered.

use proptest::prelude::*;

use super::*;
use crate::event::{Event, EventKind};
use crate::jute::Reader;
use crate::request::KnownWatches;
use crate::stat::Stat;
use crate::tree::testing::Planted;

fn tree() -> Planted {
    Planted::new(7, &[("/", ""), ("/a", "data"), ("/a/b", "")])
}

/// The frames of an answer, without their lengths.
fn frames(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (frame, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        frames.push(frame);
        bytes = rest;
    }
    frames
}

fn ask(conversation: &mut Conversation, request: &Request<'_>) -> (ReplyHeader, Vec<u8>) {
    let mut writer = Writer::new();
    request.encode(5, &mut writer);
    let answer = conversation.answer(&tree(), &writer.into_bytes()[4..]).unwrap();
    let frame = frames(&answer.bytes).last().unwrap().to_vec();
    let mut reader = Reader::new(&frame);
    (ReplyHeader::decode(&mut reader).unwrap(), reader.rest().to_vec())
}

fn fresh() -> Conversation {
    Conversation::new("10.0.0.1".to_owned())
}

fn code_of(request: &Request<'_>) -> Code {
    ask(&mut fresh(), request).0.code
}

#[test]
fn a_node_is_read_with_its_data_its_children_and_its_stat() {
    let mut conversation = fresh();
    let (header, body) = ask(&mut conversation, &Request::GetData { path: "/a", watch: false });
    assert_eq!(header, ReplyHeader { id: 5, zxid: 7, code: Code::OK });
    let mut reader = Reader::new(&body);
    assert_eq!(reader.buffer(), Ok(Some(b"data".as_slice())));
    let stat = Stat { mzxid: 7, pzxid: 7, data_length: 4, children: 1, ..Stat::default() };
    assert_eq!(Stat::decode(&mut reader), Ok(stat));
    let (_, body) = ask(&mut conversation, &Request::GetChildren2 { path: "/", watch: false });
    let mut reader = Reader::new(&body);
    assert_eq!(reader.texts().unwrap(), ["a"]);
    assert_eq!(Stat::decode(&mut reader).unwrap().children, 1);
    let (_, body) = ask(&mut conversation, &Request::GetAcl { path: "/a" });
    assert!(body.starts_with(b"\0\0\0\x01\0\0\0\x01\0\0\0\x05world\0\0\0\x06anyone"));
    let (_, body) = ask(&mut conversation, &Request::GetAllChildrenNumber { path: "/" });
    assert_eq!(body, 2i32.to_be_bytes());
}

#[test]
fn what_is_not_there_and_what_would_write_is_refused() {
    let nowhere = "/nowhere";
    for request in [
        Request::Exists { path: nowhere, watch: true },
        Request::GetData { path: nowhere, watch: true },
        Request::GetChildren { path: nowhere, watch: true },
        Request::GetAcl { path: nowhere },
        Request::GetAllChildrenNumber { path: nowhere },
    ] {
        assert_eq!(code_of(&request), Code::NO_NODE, "{request:?}");
    }
    for operation in [1, 2, 5, 7, 13, 14, 15, 16, 19, 20, 21] {
        assert_eq!(code_of(&Request::Write { operation, body: b"x" }), Code::NOT_READ_ONLY, "{operation}");
        let body = b"/a";
        assert_eq!(code_of(&Request::Unknown { operation, body }), Code::NOT_READ_ONLY, "{operation}");
    }
    assert_eq!(code_of(&Request::Unknown { operation: 55, body: b"" }), Code::UNIMPLEMENTED);
    assert_eq!(code_of(&Request::AddWatch { path: "/a", mode: 1 }), Code::UNIMPLEMENTED);
    // A path is missing where there has to be one.
    assert_eq!(code_of(&Request::Unknown { operation: 4, body: b"\0\0" }), Code::MARSHALLING_ERROR);
}

#[test]
fn watches_are_set_by_reading_told_before_the_next_answer_and_removed() {
    let mut conversation = fresh();
    ask(&mut conversation, &Request::GetChildren { path: "/a", watch: true });
    ask(&mut conversation, &Request::Exists { path: "/c", watch: true });
    ask(&mut conversation, &Request::GetData { path: "/nowhere", watch: true });
    assert_eq!(conversation.watch_count(), 2);
    assert!(conversation.follow(&tree()).is_empty());
    let grown = Planted::new(8, &[("/", ""), ("/a", "data"), ("/c", "")]);
    let told = conversation.follow(&grown);
    let events: Vec<Event> = frames(&told)
        .iter()
        .map(|frame| Event::decode(&mut Reader::new(&frame[16..])).unwrap().unwrap())
        .collect();
    let event = |kind, path: &str| Event { kind, path: path.to_owned() };
    assert_eq!(events, [event(EventKind::NodeChildrenChanged, "/a"), event(EventKind::NodeCreated, "/c")]);
    assert_eq!(conversation.watch_count(), 0);
    let none = Request::RemoveWatches { path: "/a", kind: 3 };
    assert_eq!(ask(&mut conversation, &none).0.code, Code::NO_WATCHER);
    assert_eq!(ask(&mut conversation, &Request::AddWatch { path: "/a", mode: 0 }).0.code, Code::OK);
    assert_eq!(ask(&mut conversation, &Request::CheckWatches { path: "/a", kind: 4 }).0.code, Code::OK);
    assert_eq!(ask(&mut conversation, &none).0.code, Code::OK);
}

#[test]
fn a_client_that_comes_back_hears_first_and_is_answered_then() {
    let mut writer = Writer::new();
    let known = KnownWatches { relative_zxid: 3, data: vec!["/gone"], ..KnownWatches::default() };
    Request::SetWatches(known).encode(-8, &mut writer);
    let answer = fresh().answer(&tree(), &writer.into_bytes()[4..]).unwrap();
    let frames = frames(&answer.bytes);
    let ids: Vec<i32> =
        frames.iter().map(|frame| ReplyHeader::decode(&mut Reader::new(frame)).unwrap().id).collect();
    assert_eq!(ids, [-1, -8]);
}

#[test]
fn a_client_leaves_by_itself_or_is_left_for_credentials_that_nobody_knows() {
    let then = |request: Request<'_>| {
        let mut writer = Writer::new();
        request.encode(1, &mut writer);
        fresh().answer(&tree(), &writer.into_bytes()[4..]).unwrap().then
    };
    assert_eq!(then(Request::CloseSession), Then::Closes);
    assert_eq!(then(Request::Auth { scheme: "sasl" }), Then::Breaks);
    assert_eq!(then(Request::Auth { scheme: "digest" }), Then::Goes);
    assert_eq!(then(Request::Ping), Then::Goes);
    assert_eq!(code_of(&Request::Auth { scheme: "sasl" }), Code::AUTH_FAILED);
    let (_, who) = ask(&mut fresh(), &Request::WhoAmI);
    assert!(who.ends_with(b"\0\0\0\x02ip\0\0\0\x0810.0.0.1"));
}

proptest! {
    #[test]
    fn any_frame_is_answered_or_refused(operation in prop::sample::select(vec![1, 3, 4, 8, 12, 18, 100, 101, 105, 106]),
                                        bytes in any::<Vec<u8>>()) {
        let mut frame = [9i32.to_be_bytes(), i32::to_be_bytes(operation)].concat();
        frame.extend(bytes);
        let answer = fresh().answer(&tree(), &frame).unwrap();
        prop_assert!(frames(&answer.bytes).len() == 1 || operation > 100);
        prop_assert!(fresh().answer(&tree(), &frame[..7]).is_err());
    }
}
