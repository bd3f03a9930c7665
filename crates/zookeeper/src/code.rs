//! ZooKeeper's error codes, as they stand in the header of an answer.

use std::fmt;

/// Why a request was not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub i32);

impl Code {
    /// All went well.
    pub const OK: Code = Code(0);
    /// The connection has gone; never sent by a server.
    pub const CONNECTION_LOSS: Code = Code(-4);
    /// A packet cannot be read.
    pub const MARSHALLING_ERROR: Code = Code(-5);
    /// An operation that this server does not have.
    pub const UNIMPLEMENTED: Code = Code(-6);
    /// There is no such node.
    pub const NO_NODE: Code = Code(-101);
    /// The session has ended.
    pub const SESSION_EXPIRED: Code = Code(-112);
    /// Credentials were not taken.
    pub const AUTH_FAILED: Code = Code(-115);
    /// The session is held by another connection by now.
    pub const SESSION_MOVED: Code = Code(-118);
    /// A write was asked of a server that only reads.
    pub const NOT_READ_ONLY: Code = Code(-119);
    /// There is no such watch.
    pub const NO_WATCHER: Code = Code(-121);
    /// More than this server takes from one client.
    pub const THROTTLED: Code = Code(-127);

    /// The name, as in ZooKeeper's exceptions.
    pub fn name(self) -> Option<&'static str> {
        let name = match self.0 {
            0 => "OK",
            -1 => "SystemError",
            -2 => "RuntimeInconsistency",
            -3 => "DataInconsistency",
            -4 => "ConnectionLoss",
            -5 => "MarshallingError",
            -6 => "Unimplemented",
            -7 => "OperationTimeout",
            -8 => "BadArguments",
            -101 => "NoNode",
            -102 => "NoAuth",
            -103 => "BadVersion",
            -108 => "NoChildrenForEphemerals",
            -110 => "NodeExists",
            -111 => "Directory not empty",
            -112 => "Session expired",
            -114 => "InvalidACL",
            -115 => "AuthFailed",
            -118 => "Session moved",
            -119 => "Not a read-only call",
            -121 => "No such watcher",
            -127 => "Op throttled due to high load",
            _ => return None,
        };
        Some(name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Unknown error {}", self.0),
        }
    }
}
