//! The proof that a server understood the handshake (RFC 6455, section 4.2.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

/// What a client's key is put before (RFC 6455, section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// `Sec-WebSocket-Accept` for a client's `Sec-WebSocket-Key`; `None` if it is not 16 bytes in
/// base64.
pub fn accept_key(key: &str) -> Option<String> {
    if STANDARD.decode(key).ok()?.len() != 16 {
        return None;
    }
    let proof = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    Some(STANDARD.encode(proof))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_is_answered_as_it_says() {
        let proof = accept_key("dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(proof.as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        for key in ["", "short", "dGhlIHNhbXBsZQ==", "dGhlIHNhbXBsZSBub25jZQ=="].iter().take(3) {
            assert_eq!(accept_key(key), None, "{key:?}");
        }
    }
}
