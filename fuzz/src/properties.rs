//! Properties files: what was read is written, and that reads the same.
#![no_main]

use config::Properties;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(properties) = Properties::parse(input) else { return };
    let text = properties.to_text("a comment");
    let again = Properties::parse(text.as_bytes()).expect("what was written can be read");
    assert_eq!(again, properties);
});
