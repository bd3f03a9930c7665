//! Which error codes the cases have drawn from each API, and which they have to.

use std::collections::{BTreeMap, BTreeSet};

use protocol::ApiKey;

use crate::masks::last_name;
use crate::session::Exchange;

/// Error codes that the cases must have drawn from Kafka, by API.
const REQUIRED: &[(ApiKey, &[&str])] = &[];

/// The codes seen.
#[derive(Debug, Default)]
pub struct Codes {
    seen: BTreeMap<ApiKey, BTreeSet<String>>,
}

impl Codes {
    /// Takes note of the codes in some answers.
    pub fn add(&mut self, exchanges: &[Exchange]) {
        for exchange in exchanges {
            let Some(api) = exchange.api else { continue };
            let codes = exchange.fields.iter().filter(|field| last_name(&field.path) == "error_code");
            self.seen.entry(api).or_default().extend(codes.map(|field| field.value.clone()));
        }
    }

    /// Prints a line per API.
    pub fn print(&self) {
        for (api, codes) in &self.seen {
            let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
            println!("{:26} {}", api.name(), codes.join(" "));
        }
    }

    /// Names the required codes that were not seen and returns how many.
    pub fn missing(&self) -> usize {
        let mut count = 0;
        for (api, codes) in REQUIRED {
            let seen = self.seen.get(api);
            for code in codes.iter().filter(|code| seen.is_none_or(|seen| !seen.contains(**code))) {
                println!("NOT SEEN {} {code}", api.name());
                count += 1;
            }
        }
        count
    }
}
