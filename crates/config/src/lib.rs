//! One table of every setting: key, aliases, type, default, validator, scope, how it may change.
