//! Transports: how frames of a subscription become bytes of a connection. They only encode.

pub(crate) mod sse;
