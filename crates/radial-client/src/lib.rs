//! The Rust client: publish, subscribe, resume
