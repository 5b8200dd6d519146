//! The sizes at which input is refused (protocol §2, default limits).

/// What one request may hold. Every limit has a named problem code at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest `eventData`, in bytes after white space is taken out. Default 256 KiB.
    pub event_bytes: usize,
    /// The largest request body, in bytes, after decoding. Default 4 MiB.
    pub body_bytes: usize,
    /// The most events in one batch. Default 1,000.
    pub batch_events: usize,
    /// The deepest nesting of `eventData`. Default 64.
    pub nesting: usize,
    /// The most patterns that one connection may name. Default 100.
    pub filters: usize,
    /// The most users, sessions and roles that one audience may name together. Default 1,000.
    pub audience: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes: 256 * 1024,
            body_bytes: 4 * 1024 * 1024,
            batch_events: 1_000,
            nesting: 64,
            filters: 100,
            audience: 1_000,
        }
    }
}
