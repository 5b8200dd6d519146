//! Bytes as text that people can select with a double click and read out: base 32 in lower case,
//! without `i`, `l`, `o` and `u`.

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Writes bytes, five bits a character; the last character is filled up with zeros.
pub(crate) fn write(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut bits, mut held) = (0_u32, 0);
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            text.push(character(bits >> held));
        }
    }
    if held > 0 {
        text.push(character(bits << (5 - held)));
    }
    text
}

/// Whether every character is one of those that are written.
pub(crate) fn is_written(text: &str) -> bool {
    text.bytes().all(|byte| ALPHABET.contains(&byte))
}

fn character(bits: u32) -> char {
    let index = usize::try_from(bits & 31).expect("five bits are an index");
    char::from(*ALPHABET.get(index).expect("five bits are within 32 characters"))
}
