//! Sockets, framing and connection limits.
