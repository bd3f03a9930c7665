//! What a server speaks, found out by a few bytes: Kafka, TLS, HTTP or something else.

use std::time::Duration;

use client::HostPort;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::reach::{self, Unreachable};

/// How long a server may take to say its first word.
const FIRST_WORD_MAX: Duration = Duration::from_secs(3);
/// Bytes of an answer that are looked at.
const ANSWER_BYTES_MAX: usize = 4096;
/// How the answers to our requests begin.
const CORRELATION_ID: i32 = 0x6e61_7275;
const API_VERSIONS: i16 = 18;
const SASL_HANDSHAKE: i16 = 17;
/// A listener without SASL answers so.
const ILLEGAL_SASL_STATE: i16 = 34;

/// What is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Speaks {
    /// The Kafka protocol, in plain bytes.
    Kafka,
    /// The same, once a client has logged in by one of these mechanisms.
    KafkaWithSasl(Vec<String>),
    /// TLS; what is within is not seen.
    Tls,
    /// HTTP.
    Http,
    /// Something that begins so.
    Other(String),
    /// Nothing at all.
    Nothing,
}

/// What a server speaks.
pub(super) async fn speaks(server: &HostPort, timeout: Duration) -> Result<Speaks, Unreachable> {
    let wait = timeout.min(FIRST_WORD_MAX);
    let answer = exchange(server, &request(API_VERSIONS, 0, &[]), timeout, wait).await?;
    match judge(&answer) {
        Some(Speaks::Kafka) => {}
        Some(speaks) => return Ok(speaks),
        None => {
            // Servers of TLS close without a word where the first bytes are none of theirs.
            if is_tls(&exchange(server, &client_hello(), timeout, wait).await?) {
                return Ok(Speaks::Tls);
            }
            // Servers of HTTP wait for the end of the line.
            let answer = exchange(server, b"GET / HTTP/1.0\r\n\r\n", timeout, wait).await?;
            return Ok(judge(&answer).filter(|speaks| *speaks != Speaks::Kafka).unwrap_or(Speaks::Nothing));
        }
    }
    // Handshake of version 1 by a mechanism that nobody has: a listener with SASL lists those that it has.
    let answer = exchange(server, &request(SASL_HANDSHAKE, 1, &[0, 0]), timeout, wait).await?;
    Ok(mechanisms(&answer).map_or(Speaks::Kafka, Speaks::KafkaWithSasl))
}

/// Sends bytes over a connection of their own and takes the first that come back; none where it is closed or silent.
async fn exchange(
    server: &HostPort,
    bytes: &[u8],
    timeout: Duration,
    wait: Duration,
) -> Result<Vec<u8>, Unreachable> {
    let mut stream = reach::connect(server, timeout).await?;
    let until = Instant::now() + wait;
    let mut answer = Vec::new();
    if !matches!(timeout_at(until, stream.write_all(bytes)).await, Ok(Ok(()))) {
        return Ok(answer);
    }
    read_answer(&mut stream, &mut answer, until).await;
    Ok(answer)
}

async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>, until: Instant) {
    let mut buffer = [0; 1024];
    while answer.len() < ANSWER_BYTES_MAX {
        let Ok(Ok(count)) = timeout_at(until, stream.read(&mut buffer)).await else { return };
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { return };
        answer.extend_from_slice(read);
        if judge(answer) != Some(Speaks::Kafka) && answer.len() >= 8 {
            return;
        }
        if frame_of(answer).is_some() {
            return;
        }
    }
}

/// What the first bytes of an answer are; `None` where there are none.
fn judge(answer: &[u8]) -> Option<Speaks> {
    let correlation_id =
        answer.get(4..).and_then(<[u8]>::first_chunk).map(|bytes| i32::from_be_bytes(*bytes));
    match answer {
        [] => None,
        _ if correlation_id == Some(CORRELATION_ID) => Some(Speaks::Kafka),
        _ if answer.starts_with(b"HTTP/") => Some(Speaks::Http),
        _ if is_tls(answer) => Some(Speaks::Tls),
        _ => {
            let first = answer.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
            let shown = first.get(..first.len().min(40)).unwrap_or_default();
            Some(Speaks::Other(shown.escape_ascii().to_string()))
        }
    }
}

/// A record of TLS: an alert or a handshake, of any version 3.x.
fn is_tls(answer: &[u8]) -> bool {
    matches!(answer, [0x15 | 0x16, 3, 0..=4, ..])
}

/// The answer behind length and correlation id, as soon as all of it is there.
fn frame_of(answer: &[u8]) -> Option<&[u8]> {
    let length = usize::try_from(i32::from_be_bytes(*answer.first_chunk()?)).ok()?;
    answer.get(8..length.checked_add(4)?)
}

/// The mechanisms of an answer to SaslHandshake; `None` where the listener has no SASL.
fn mechanisms(answer: &[u8]) -> Option<Vec<String>> {
    let frame = frame_of(answer)?;
    if i16::from_be_bytes(*frame.first_chunk()?) == ILLEGAL_SASL_STATE {
        return None;
    }
    let mut rest = frame.get(6..)?;
    let mut mechanisms = Vec::new();
    while let Some(length) = rest.first_chunk().map(|bytes| i16::from_be_bytes(*bytes)) {
        let end = usize::try_from(length).ok()?.checked_add(2)?;
        mechanisms.push(rest.get(2..end)?.escape_ascii().to_string());
        rest = rest.get(end..)?;
    }
    Some(mechanisms).filter(|mechanisms| !mechanisms.is_empty())
}

/// A request with a header of version 1.
fn request(api: i16, version: i16, body: &[u8]) -> Vec<u8> {
    const CLIENT_ID: &[u8] = b"naru-doctor";
    let mut frame = Vec::new();
    frame.extend_from_slice(&api.to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(&CORRELATION_ID.to_be_bytes());
    frame.extend_from_slice(&(CLIENT_ID.len() as i16).to_be_bytes());
    frame.extend_from_slice(CLIENT_ID);
    frame.extend_from_slice(body);
    let mut framed = (frame.len() as i32).to_be_bytes().to_vec();
    framed.append(&mut frame);
    framed
}

/// The first words of a client of TLS 1.2 (RFC 5246, 7.4.1.2). Any server of TLS answers them, be it with an alert.
fn client_hello() -> Vec<u8> {
    let mut hello = vec![3, 3];
    // It never comes to keys, so that nothing has to be random.
    hello.extend_from_slice(&[0x6e; 32]);
    // No session; four suites; no compression.
    hello.extend_from_slice(&[0, 0, 8, 0xc0, 0x2f, 0xc0, 0x2b, 0xc0, 0x30, 0x00, 0x9c, 1, 0]);
    // Extensions: groups x25519 and secp256r1, their points uncompressed, three signature algorithms.
    let extensions =
        [0, 10, 0, 6, 0, 4, 0, 0x1d, 0, 0x17, 0, 11, 0, 2, 1, 0, 0, 13, 0, 8, 0, 6, 4, 3, 8, 4, 4, 1];
    hello.extend_from_slice(&[0, extensions.len() as u8]);
    hello.extend_from_slice(&extensions);
    let mut handshake = vec![1, 0, 0, hello.len() as u8];
    handshake.append(&mut hello);
    let mut record = vec![0x16, 3, 1, 0, handshake.len() as u8];
    record.append(&mut handshake);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_what_is_spoken() {
        for (answer, expected) in [
            (&b""[..], None),
            (b"\0\0\0\x0anaru\0\0", Some(Speaks::Kafka)),
            (b"HTTP/1.1 400 Bad Request\r\n", Some(Speaks::Http)),
            (b"\x15\x03\x03\0\x02\x02\x50", Some(Speaks::Tls)),
            (b"\x16\x03\x03\0\x7a", Some(Speaks::Tls)),
            (b"SSH-2.0-OpenSSH\r\nmore", Some(Speaks::Other("SSH-2.0-OpenSSH".to_owned()))),
            (b"\xff\x00", Some(Speaks::Other("\\xff\\x00".to_owned()))),
        ] {
            assert_eq!(judge(answer), expected, "{answer:?}");
        }
    }

    #[test]
    fn mechanisms_are_read_and_never_beyond_the_answer() {
        let answer = b"\0\0\0\x17naru\0\x21\0\0\0\x02\0\x05PLAIN\0\x04SCRA";
        let framed = [&(answer.len() as i32 - 4).to_be_bytes()[..], &answer[4..]].concat();
        assert_eq!(mechanisms(&framed), Some(vec!["PLAIN".to_owned(), "SCRA".to_owned()]));
        assert_eq!(mechanisms(b"\0\0\0\x0anaru\0\x22\0\0\0\0"), None, "no SASL there");
        for cut in 0..framed.len() {
            assert_eq!(mechanisms(&framed[..cut]), None);
        }
        assert_eq!(mechanisms(b"\x7f\xff\xff\xffnaru\0\x21"), None);
    }

    #[test]
    fn lengths_within_the_hello_are_right() {
        let hello = client_hello();
        assert_eq!(usize::from(hello[4]), hello.len() - 5);
        assert_eq!(usize::from(hello[8]), hello.len() - 9);
        let extensions = 9 + 2 + 32 + 13;
        assert_eq!(usize::from(hello[extensions + 1]), hello.len() - extensions - 2);
    }
}
