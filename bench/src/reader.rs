//! A reader of one partition that holds nothing but copies of one batch.

use std::time::Instant;

use crate::client::Client;
use crate::encoded::fetch::{self, FetchSession, HEAD_BYTES, Head};
use crate::encoded::{Produce, batch};
use crate::load::closed_loop;
use crate::process::Server;
use crate::topics;

/// A topic of one partition filled with copies of one batch, behind the record that its creation left.
#[derive(Debug, Clone)]
pub struct Filled {
    topic: String,
    batch_bytes: usize,
    records_per_batch: i64,
    begin_offset: i64,
    end_offset: i64,
}

impl Filled {
    /// Creates the topic and fills it with at least `bytes`.
    pub fn create(
        server: &Server,
        topic: &str,
        bytes: usize,
        batch_bytes: usize,
        record_bytes: usize,
    ) -> Result<Filled, String> {
        topics::create(server, topic)?;
        let begin_offset = topics::end_offset(server, topic)?;
        let batch = batch(batch_bytes, record_bytes);
        let count = bytes.div_ceil(batch.len());
        closed_loop(&mut server.connect()?, &Produce::new(topic, -1, &batch), count, 5)?;
        let end_offset = topics::end_offset(server, topic)? - 1;
        let records = end_offset - begin_offset;
        let filled = Filled {
            topic: topic.to_owned(),
            batch_bytes: batch.len(),
            records_per_batch: records / count as i64,
            begin_offset,
            end_offset,
        };
        if filled.records_per_batch * count as i64 == records {
            Ok(filled)
        } else {
            Err(format!("{count} batches became {records} records"))
        }
    }

    /// Offset behind an answer's last whole batch, from its size alone.
    fn next_offset(&self, offset: i64, head: &Head) -> i64 {
        offset + (head.records_bytes / self.batch_bytes) as i64 * self.records_per_batch
    }

    /// Reads everything, has the kernel drop the records, and returns their bytes.
    ///
    /// That the sizes mean what they are taken for is what [`Filled::verify`] has shown.
    pub fn read(&self, client: &mut Client, bytes_max: i32) -> Result<usize, String> {
        self.read_with(bytes_max, |request, offset| {
            let answered = client.send(request).and_then(|()| client.receive_head(HEAD_BYTES));
            let (head, size) = answered.map_err(|error| format!("no answer to a fetch: {error}"))?;
            let head = fetch::head(head)?;
            if head.records_at + head.records_bytes > size {
                return Err("an answer is shorter than its records".to_owned());
            }
            Ok((head, self.next_offset(offset, &head)))
        })
    }

    /// Reads everything and checks every batch and its checksum.
    pub fn verify(&self, client: &mut Client, bytes_max: i32) -> Result<usize, String> {
        self.read_with(bytes_max, |request, offset| {
            let answer = client.call(request)?;
            let head = fetch::head(answer)?;
            let next_offset = fetch::checked_next_offset(answer, &head)?.unwrap_or(offset);
            let computed = self.next_offset(offset, &head);
            // Behind the last batch one more record may have come along.
            if next_offset != computed && computed != self.end_offset {
                return Err(format!("the answer at {offset} ends at {next_offset}, not {computed}"));
            }
            Ok((head, computed))
        })
    }

    fn read_with(
        &self,
        bytes_max: i32,
        mut fetch: impl FnMut(&[u8], i64) -> Result<(Head, i64), String>,
    ) -> Result<usize, String> {
        let mut session = FetchSession::new(&self.topic, bytes_max);
        let (mut offset, mut bytes_read) = (self.begin_offset, 0);
        while offset < self.end_offset {
            let (head, next_offset) = fetch(session.request_from(offset), offset)?;
            if next_offset <= offset {
                return Err(format!("no whole batch at {offset}, before the end of the topic"));
            }
            session.answered(&head);
            bytes_read += head.records_bytes;
            offset = next_offset;
        }
        Ok(bytes_read)
    }

    /// Reads everything again and again until a time.
    pub fn read_until(&self, client: &mut Client, bytes_max: i32, deadline: Instant) -> Result<(), String> {
        while Instant::now() < deadline {
            self.read(client, bytes_max)?;
        }
        Ok(())
    }
}

/// What one reader takes in MB/s from a server that sends the same records again and again.
pub fn read_alone(client: &mut Client, bytes_max: i32, bytes: usize) -> Result<f64, String> {
    let mut session = FetchSession::new("null", bytes_max);
    let mut bytes_read = 0;
    let begin = Instant::now();
    while bytes_read < bytes {
        let answered = client.send(session.request_from(0)).and_then(|()| client.receive_head(HEAD_BYTES));
        let (head, _) = answered.map_err(|error| format!("no answer to a fetch: {error}"))?;
        bytes_read += fetch::head(head)?.records_bytes;
    }
    Ok(bytes_read as f64 / 1e6 / begin.elapsed().as_secs_f64())
}
