//! Every request decoder: the first two bytes choose the API and the version. What was read is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::views::{FetchView, ProduceView};
use protocol::{Message, Reader, Request, Writer, messages};

/// Reads a request and writes it again; `None` where it cannot be read.
fn rewritten<'a, M: Message<'a> + Request>(version: u8, body: &'a [u8]) -> Option<Vec<u8>> {
    let range = M::VERSIONS;
    if range.is_empty() {
        return None;
    }
    let version = range.min + i16::from(version) % (range.max - range.min + 1);
    let message = M::decode(&mut Reader::new(body), version).ok()?;
    let mut writer = Writer::new();
    message.encode(&mut writer, version).expect("what was read can be written in the same version");
    Some(writer.into_vec())
}

macro_rules! dispatch {
    ($($request:ident $response:ident,)+) => {
        #[allow(elided_lifetimes_in_paths, reason = "some of the names have a lifetime, some do not")]
        fn dispatch(key: u8, version: u8, body: &[u8]) {
            $(if key == messages::$request::KEY as u8 {
                let Some(written) = rewritten::<messages::$request>(version, body) else { return };
                // Unknown tags and needless bytes are gone now: the second time nothing changes.
                assert_eq!(rewritten::<messages::$request>(version, &written), Some(written));
                return;
            })+
        }
    };
}

protocol::for_each_request!(dispatch);

fuzz_target!(|input: &[u8]| {
    let [key, version, body @ ..] = input else { return };
    match key {
        0 => drop(ProduceView::parse(body, 3 + i16::from(*version) % 11, |_| ())),
        1 => drop(FetchView::parse(body, 4 + i16::from(*version) % 15)),
        _ => {}
    }
    dispatch(*key, *version, body);
});
