//! Messages however they are cut, and what is refused; frames are masked here as a client does it.

use super::*;
use crate::deflate::deflate;

const MAX: usize = 1_000;

/// A frame as a client sends it.
fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match u8::try_from(payload.len()) {
        Ok(short) if short < 126 => bytes.push(0x80 | short),
        _ => {
            bytes.push(0xfe);
            bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// Feeds the bytes in pieces and returns every message, up to an error.
fn decode(bytes: &[u8], piece: usize) -> Result<Vec<Message>, Violation> {
    let mut decoder = Decoder::new(MAX, true);
    let (mut buffer, mut messages) = (BytesMut::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        buffer.extend_from_slice(piece);
        while let Some(message) = decoder.next(&mut buffer)? {
            messages.push(message);
        }
    }
    Ok(messages)
}

/// The same messages, or the same violation, in pieces of every size.
fn check(frames: &[Vec<u8>], expected: &Result<Vec<Message>, Violation>) {
    let bytes = frames.concat();
    for piece in (1..=9).chain([bytes.len().max(1)]) {
        assert_eq!(decode(&bytes, piece), *expected, "in pieces of {piece}");
    }
}

fn text(text: &str) -> Message {
    Message::Text(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn messages_come_whole_however_they_are_cut() {
    check(
        &[
            client_frame(0x81, "grüezi".as_bytes()),
            client_frame(0x01, "gr\u{fc}".as_bytes().split_at(3).0),
            client_frame(0x89, b"between"),
            client_frame(0x80, &"gr\u{fc}".as_bytes()[3..]),
            client_frame(0x82, &[0xff, 0x00]),
            client_frame(0x81, b""),
            client_frame(0x8a, b""),
        ],
        &Ok(vec![
            text("grüezi"),
            Message::Ping(Bytes::from_static(b"between")),
            text("grü"),
            Message::Binary(Bytes::from_static(&[0xff, 0x00])),
            text(""),
            Message::Pong(Bytes::new()),
        ]),
    );
}

#[test]
fn compressed_messages_are_unpacked_also_in_fragments() {
    let long = "a long text, a long text, a long text".repeat(20);
    let packed = deflate(long.as_bytes());
    let (first, second) = packed.split_at(packed.len() / 2);
    check(
        &[
            client_frame(0xc1, &packed),
            client_frame(0x41, first),
            client_frame(0x80, second),
            client_frame(0xc1, &[0x00]),
        ],
        &Ok(vec![text(&long), text(&long), text("")]),
    );
    check(&[client_frame(0xc1, &deflate(&[b'x'; MAX + 1]))], &Err(Violation::TooLarge(MAX)));
    check(&[client_frame(0xc1, &deflate(&[0xff, 0xfe]))], &Err(Violation::NotUtf8));
    check(&[client_frame(0xc1, &[0xff; 30])], &Err(Violation::NotDeflate));
}

#[test]
fn close_frames_say_why_in_codes_that_may_be_sent() {
    check(&[client_frame(0x88, b"")], &Ok(vec![Message::Close(None)]));
    let reason = CloseReason { code: CloseCode::NORMAL, text: "bye".to_owned() };
    check(&[client_frame(0x88, b"\x03\xe8bye")], &Ok(vec![Message::Close(Some(reason))]));
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        let expected = Err(Violation::Protocol("the close code may not be sent"));
        check(&[client_frame(0x88, &code.to_be_bytes())], &expected);
    }
    check(&[client_frame(0x88, b"\x03")], &Err(Violation::Protocol("a close code has two bytes")));
    check(&[client_frame(0x88, b"\x03\xe8\xff")], &Err(Violation::NotUtf8));
}

#[test]
fn what_may_not_come_now_is_refused() {
    let inside = Err(Violation::Protocol("a message begins inside another one"));
    check(&[client_frame(0x01, b"a"), client_frame(0x81, b"b")], &inside);
    check(&[client_frame(0x80, b"a")], &Err(Violation::Protocol("a continuation of nothing")));
    let rsv1 = Err(Violation::Protocol("RSV1 is set where it has no meaning"));
    check(&[client_frame(0xc9, b"a")], &rsv1);
    check(&[client_frame(0x01, b"a"), client_frame(0xc0, b"b")], &rsv1);
}

#[test]
fn text_that_is_not_utf8_is_refused_before_its_message_ends() {
    check(&[client_frame(0x01, b"ok \xc3\x28")], &Err(Violation::NotUtf8));
    check(&[client_frame(0x01, b"cut \xc3"), client_frame(0x80, b"")], &Err(Violation::NotUtf8));
    check(&[client_frame(0x01, b"surrogate \xed\xa0\x80")], &Err(Violation::NotUtf8));
}

#[test]
fn a_message_over_the_limit_is_refused_by_its_head() {
    let mut decoder = Decoder::new(MAX, false);
    let mut head = BytesMut::from(&client_frame(0x82, &[0; MAX + 1])[..8]);
    assert_eq!(decoder.next(&mut head), Err(Violation::TooLarge(MAX)));
    let fragments = [client_frame(0x02, &[0; 600]), client_frame(0x80, &[0; 600])];
    check(&fragments, &Err(Violation::TooLarge(MAX)));
}

#[test]
fn no_bytes_whatever_make_it_panic_or_hold_more_than_its_limit() {
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..2_000 {
        let mut decoder = Decoder::new(MAX, true);
        let mut buffer = BytesMut::new();
        for _ in 0..random.usize(1..20) {
            let first = random.choice([0x01, 0x02, 0x00, 0x80, 0x81, 0xc1, 0x41, 0x89, 0x88]);
            let payload: Vec<u8> = (0..random.usize(0..300)).map(|_| random.u8(..)).collect();
            let mut bytes = client_frame(first.unwrap_or(0), &payload);
            if random.u8(..) < 30 {
                let place = random.usize(..bytes.len());
                bytes[place] = random.u8(..);
            }
            buffer.extend_from_slice(&bytes);
            while let Ok(Some(_)) = decoder.next(&mut buffer) {}
            let held = decoder.message.as_ref().map_or(0, |message| message.bytes.len());
            assert!(held <= MAX + 16 * 1024, "{held} bytes are held, seed {seed}");
        }
    }
}
