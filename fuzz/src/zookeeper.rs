//! Packets of a ZooKeeper client, in a row: each is answered in whole frames or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zookeeper::connect::ConnectRequest;
use zookeeper::conversation::Conversation;
use zookeeper::tree::TreeSize;
use zookeeper::{Role, Stat, Tree, Znode};

/// Every path of up to two letters is a node with a child.
struct Letters;

impl Tree for Letters {
    fn node(&self, path: &str) -> Option<Znode> {
        let children = vec!["a".to_owned()];
        (path.len() < 4).then(|| Znode { data: Some(path.into()), children, marks: Stat::default() })
    }

    fn zxid(&self) -> i64 {
        1
    }

    fn role(&self) -> Role {
        Role::Standalone
    }

    fn size(&self) -> TreeSize {
        TreeSize::default()
    }
}

fuzz_target!(|input: &[u8]| {
    let _ = ConnectRequest::decode(input);
    let mut conversation = Conversation::new("fuzz".to_owned());
    let mut rest = input;
    while let Some((length, bytes)) = rest.split_first() {
        let (frame, after) = bytes.split_at(usize::from(*length).min(bytes.len()));
        rest = after;
        let Ok(answer) = conversation.answer(&Letters, frame) else { continue };
        let mut frames = answer.bytes.as_slice();
        while let Some((length, bytes)) = frames.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            assert!(length >= 16, "an answer has a header");
            frames = &bytes[length..];
        }
        assert!(frames.is_empty());
    }
    conversation.follow(&Letters);
});
