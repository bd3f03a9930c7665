//! Produce and Fetch without allocation: requests read in place, responses written straight into a buffer.
//!
//! A view checks its whole request once, when it is parsed; its iterators then walk the same bytes again and
//! cannot fail. A response writer is told each count before the elements, and refuses to end short of it.

mod fetch;
mod fetch_response;
mod produce;
mod produce_response;
mod topic_key;

pub use fetch::{FetchPartition, FetchTopic, FetchView, ForgottenTopic};
pub use fetch_response::{Cut, FetchResponseHead, FetchResponseWriter};
pub use produce::{ProducePartition, ProduceTopic, ProduceView};
pub use produce_response::ProduceResponseWriter;
pub use topic_key::TopicKey;

use crate::{DecodeError, Reader};

/// A checked run of elements of one kind, still in wire form.
#[derive(Debug, Clone)]
pub struct Elements<'a, T> {
    reader: Reader<'a>,
    left: usize,
    version: i16,
    read: fn(&mut Reader<'a>, i16) -> Result<T, DecodeError>,
}

impl<'a, T> Elements<'a, T> {
    /// Walks over `left` elements, which `reader` is left behind.
    fn check(
        reader: &mut Reader<'a>,
        left: usize,
        version: i16,
        read: fn(&mut Reader<'a>, i16) -> Result<T, DecodeError>,
    ) -> Result<Elements<'a, T>, DecodeError> {
        let elements = Elements { reader: reader.clone(), left, version, read };
        for _ in 0..left {
            read(reader, version)?;
        }
        Ok(elements)
    }
}

impl<T> Iterator for Elements<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        // The same bytes were read without an error when the view was parsed.
        (self.read)(&mut self.reader, self.version).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for Elements<'_, T> {}
