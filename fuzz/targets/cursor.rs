//! A cursor's text is strict: what parses is written back as the same text, and the same cursor.

#![no_main]

use libfuzzer_sys::fuzz_target;
use radial_protocol::{Cursor, Epoch, Offset};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(cursor) = text.parse::<Cursor>()
    {
        assert_eq!(cursor.to_string(), text, "a cursor has one text");
    }
    if let Some((epoch, rest)) = bytes.split_first_chunk()
        && let Some(offset) = rest.first_chunk()
        && let Some(offset) = Offset::new(u64::from_le_bytes(*offset))
    {
        let cursor = Cursor { epoch: Epoch::new(u64::from_le_bytes(*epoch)), offset };
        assert_eq!(cursor.to_string().parse(), Ok(cursor), "every cursor survives its text");
    }
});
