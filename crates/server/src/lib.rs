//! Reads settings, wires roles, signals and the HTTP endpoint; no logic of any kind.
