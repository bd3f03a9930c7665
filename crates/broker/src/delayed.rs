//! Responses parked until bytes, acknowledgements or a deadline.

mod wait_list;

pub use wait_list::{FetchWait, WaitList};
