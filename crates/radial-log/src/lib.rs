//! The EventLog trait and the embedded log: append, group commit, read, idempotency
