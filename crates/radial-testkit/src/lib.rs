//! Starts hubs and reads their streams, for tests only
