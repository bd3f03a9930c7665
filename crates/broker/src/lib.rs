//! Runs the data path: frames in, responses out.
