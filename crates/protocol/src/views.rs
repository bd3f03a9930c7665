//! Produce and Fetch without allocation: requests read in place, responses written straight into a buffer.
//!
//! A Fetch is checked whole when it is parsed, and its iterators then walk the same bytes again and cannot fail. A
//! Produce is read once, and what it holds is handed over on the way. A response writer is told each count before the
//! elements, and refuses to end short of it.

mod fetch;
mod fetch_response;
mod produce;
mod produce_response;
mod topic_key;

pub use fetch::{FetchPartition, FetchTopic, FetchView, ForgottenTopic};
pub use fetch_response::{Cut, FetchResponseHead, FetchResponseWriter};
pub use produce::{ProducePart, ProducePartition, ProduceTopic, ProduceView};
pub use produce_response::ProduceResponseWriter;
pub use topic_key::TopicKey;

use std::marker::PhantomData;

use crate::{DecodeError, Reader};

/// What a run of elements consists of. Reading it costs no allocation.
pub(crate) mod element {
    use crate::{DecodeError, Reader};

    /// Something that can be read again and again from the same bytes.
    pub trait Element<'a>: Sized {
        /// Reads one element in the wire form of `version`.
        fn read(reader: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError>;
    }
}

use element::Element;

/// A checked run of elements of one kind, still in wire form.
#[derive(Debug, Clone)]
pub struct Elements<'a, T> {
    reader: Reader<'a>,
    left: usize,
    version: i16,
    kind: PhantomData<T>,
}

impl<'a, T: Element<'a>> Elements<'a, T> {
    /// Walks over `left` elements, which `reader` is left behind.
    #[inline]
    fn check(reader: &mut Reader<'a>, left: usize, version: i16) -> Result<Elements<'a, T>, DecodeError> {
        let elements = Elements { reader: reader.clone(), left, version, kind: PhantomData };
        for _ in 0..left {
            T::read(reader, version)?;
        }
        Ok(elements)
    }
}

impl<'a, T: Element<'a>> Iterator for Elements<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        // The same bytes were read without an error when the view was parsed.
        T::read(&mut self.reader, self.version).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a> Element<'a> for i32 {
    fn read(reader: &mut Reader<'a>, _version: i16) -> Result<i32, DecodeError> {
        reader.i32()
    }
}
