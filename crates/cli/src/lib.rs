//! The drop-in command-line tools.
