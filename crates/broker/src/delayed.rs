//! Responses parked until bytes, acknowledgements, stable storage or a deadline.

mod flusher;
mod wait_list;

pub use flusher::{FlushRequests, FlushTicket, Flusher};
pub use wait_list::{FetchWait, WaitList};
