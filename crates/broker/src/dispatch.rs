//! From a frame to the handler of its API. The table here is also what ApiVersions answers from.

use std::rc::Rc;

use protocol::{ApiKey, Reader, VersionRange, decode_request_header};
use telemetry::RequestKind;
use transport::Outbound;

use crate::broker::Core;
use crate::connection_loop::CloseConnection;
use crate::handlers;
use crate::quotas::Timed;
use crate::request::{ConnectionFacts, Handled, Outcome, Request, ResponseHead, Served};

/// One API that the broker serves.
#[derive(Debug)]
pub struct Api {
    /// Its key.
    pub key: ApiKey,
    /// Versions the handler takes.
    pub versions: VersionRange,
    /// The handler: body of the request in, answer out.
    pub serve: fn(&mut Request<'_>, &mut [u8], &mut Outbound) -> Served,
}

/// Every API that works, by key.
const APIS: [Option<&Api>; ApiKey::ALL.len()] = {
    let mut table = [None; ApiKey::ALL.len()];
    let mut at = 0;
    while at < handlers::ALL.len() {
        table[handlers::ALL[at].key as usize] = Some(handlers::ALL[at]);
        at += 1;
    }
    table
};

/// The APIs served, ascending by key.
pub fn apis() -> impl Iterator<Item = &'static Api> {
    APIS.iter().copied().flatten()
}

/// Name of an API that is served here.
pub fn api_name(key: i16) -> Option<&'static str> {
    ApiKey::from_i16(key).map(ApiKey::name)
}

/// Handles one frame (without its size prefix): answers into `out`, parks, or asks for the connection to be closed.
pub fn handle(core: &Rc<Core>, facts: &mut ConnectionFacts, frame: &mut [u8], out: &mut Outbound) -> Handled {
    let mut reader = Reader::new(frame);
    let (head, header_size) = match decode_request_header(&mut reader) {
        Ok((api_key, header)) => {
            let (version, correlation_id) = (header.request_api_version, header.correlation_id);
            (ResponseHead { api_key, version, correlation_id }, reader.position())
        }
        Err(error) => return close(None, format!("malformed request header: {error}")),
    };
    let kind = RequestKind::of_api(head.api_key as i16);
    let Some(api) = APIS[head.api_key as usize] else {
        return close(kind, format!("the API {:?} is not served here", head.api_key));
    };
    let (header_bytes, body) = frame.split_at_mut(header_size);
    let mut request = Request { core, facts, head, kind, header_bytes };
    if !api.versions.contains(head.version) {
        if head.api_key == ApiKey::ApiVersions {
            let served = handlers::api_versions::serve_unsupported_version(&mut request, out);
            return handled(kind, served);
        }
        let (api_key, version) = (head.api_key, head.version);
        return close(
            kind,
            format!("{api_key:?} version {version} is not supported, only {:?}", api.versions),
        );
    }
    let timed = Timed::begin(&mut request, out);
    let served = (api.serve)(&mut request, body, out);
    match timed {
        None => handled(request.kind, served),
        Some(timed) => handled(request.kind, timed.end(&request, served, out)),
    }
}

fn handled(kind: Option<RequestKind>, served: Served) -> Handled {
    match served {
        Ok(outcome) => Handled { kind, outcome },
        Err(CloseConnection(reason)) => close(kind, reason),
    }
}

fn close(kind: Option<RequestKind>, reason: String) -> Handled {
    Handled { kind, outcome: Outcome::Close(reason) }
}
