//! Tests of the parser: the rules one by one, then any stream in any pieces.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use proptest::prelude::*;

use super::{FRAME_BYTES_MAX, FrameTooLarge, Item, Parser};

fn parse(pieces: &[&[u8]]) -> Vec<Item> {
    let (mut parser, mut items) = (Parser::new(), VecDeque::new());
    for piece in pieces {
        parser.push(piece, &mut items).unwrap();
    }
    items.into()
}

fn frame(event: &str, data: &str, id: Option<&str>) -> Item {
    Item::Frame { event: event.into(), data: data.into(), id: id.map(str::to_owned) }
}

fn check(stream: &[u8], expected: &[Item]) {
    let shown = String::from_utf8_lossy(stream);
    assert_eq!(parse(&[stream]), expected, "{shown:?} at once");
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(parse(&bytes), expected, "{shown:?} byte by byte");
}

#[test]
fn the_examples_of_the_specification_hold() {
    check(b"data: YHOO\ndata: +2\ndata: 10\n\n", &[frame("", "YHOO\n+2\n10", None)]);
    check(
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        &[
            frame("", "first event", Some("1")),
            frame("", "second event", Some("")),
            frame("", " third event", None),
        ],
    );
    check(b"data\n\ndata\ndata\n\ndata:", &[frame("", "", None), frame("", "\n", None)]);
    check(b"data:test\n\ndata: test\n\n", &[frame("", "test", None), frame("", "test", None)]);
}

#[test]
fn all_three_line_ends_are_taken() {
    for end in ["\n", "\r", "\r\n"] {
        let stream = ["event: hello", "data: {}", "id: a.1", "", "data: x", "", ""].join(end);
        check(stream.as_bytes(), &[frame("hello", "{}", Some("a.1")), frame("", "x", None)]);
    }
    check(b"data: a\r\n\n\r\rdata: b\n\r", &[frame("", "a", None), frame("", "b", None)]);
}

#[test]
fn one_byte_order_mark_is_taken_off_the_beginning() {
    check(b"\xEF\xBB\xBFdata: a\n\n", &[frame("", "a", None)]);
    check(b"\xEF\xBB\xBF\xEF\xBB\xBFdata: a\n\n", &[]);
    check(b"\n\xEF\xBB\xBFdata: a\n\n", &[]);
}

#[test]
fn fields_that_mean_nothing_are_passed_over() {
    check(b": note\nfoo: bar\nData: x\n data: x\ndata: y\n\n", &[frame("", "y", None)]);
    check(b"event: only\n\n", &[]);
    check(b"event: lost\n\ndata: x\n\n", &[frame("", "x", None)]);
    check(b"event: a\nevent: b\ndata: x\n\n", &[frame("b", "x", None)]);
}

#[test]
fn an_id_with_nul_is_passed_over_and_one_without_data_moves_the_stream() {
    check(b"id: a\0b\ndata: x\n\n", &[frame("", "x", None)]);
    check(b"id: a\nid: b\0\ndata: x\n\n", &[frame("", "x", Some("a"))]);
    check(b"id: a.7\n\ndata: x\n\n", &[Item::Id("a.7".into()), frame("", "x", None)]);
}

#[test]
fn retry_takes_digits_only() {
    check(b"retry: 1500\n\n", &[Item::Retry(Duration::from_millis(1_500))]);
    check(b"retry: 15s\nretry: -1\nretry\nretry: \xC2\xB2\n\n", &[]);
    check(b"retry: 99999999999999999999999\n", &[Item::Retry(Duration::from_millis(u64::MAX))]);
}

#[test]
fn an_unfinished_frame_is_not_given() {
    check(b"id: a.1\ndata: x\n\nid: a.2\ndata: cut", &[frame("", "x", Some("a.1"))]);
    check(b"id: a.2\ndata: cut\n", &[]);
}

#[test]
fn bytes_that_are_no_utf8_are_replaced() {
    check(b"data: \xFFa\xC3\n\n", &[frame("", "\u{FFFD}a\u{FFFD}", None)]);
}

#[test]
fn a_frame_over_the_limit_is_refused_however_it_comes() {
    let piece = vec![b'x'; 1024 * 1024];
    for line_end in [&b""[..], b"\ndata:"] {
        let (mut parser, mut items) = (Parser::new(), VecDeque::new());
        parser.push(b"data:", &mut items).unwrap();
        let mut taken = 0;
        let refused = loop {
            let result =
                parser.push(&piece, &mut items).and_then(|()| parser.push(line_end, &mut items));
            match result {
                Ok(()) => taken += piece.len(),
                Err(refused) => break refused,
            }
        };
        assert_eq!(refused, FrameTooLarge);
        assert!(taken < FRAME_BYTES_MAX && items.is_empty());
    }
}

#[test]
fn small_frames_may_go_on_for_ever() {
    let (mut parser, mut items) = (Parser::new(), VecDeque::new());
    let piece = [b"data: ", [b'x'; 1000].as_slice(), b"\n\n"].concat();
    for _ in 0..(FRAME_BYTES_MAX / 1000 + 10) {
        parser.push(&piece, &mut items).unwrap();
        assert_eq!(items.drain(..).count(), 1);
    }
}

/// Streams made of what matters, so that every rule is met often.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n\n".to_vec()),
        Just(b"\xEF\xBB\xBF".to_vec()),
        Just(b"data: ".to_vec()),
        Just(b"data".to_vec()),
        Just(b"id: ".to_vec()),
        Just(b"event:".to_vec()),
        Just(b"retry:".to_vec()),
        Just(b": ".to_vec()),
        Just(b"\0".to_vec()),
        Just(b"42".to_vec()),
        Just("ü".as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_items(
        stream in streams(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> =
            cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        prop_assert_eq!(parse(&pieces), parse(&[&stream]));
    }

    #[test]
    fn what_is_written_is_read(
        frames in prop::collection::vec(
            ("[a-z]{0,8}", prop::collection::vec("[^\r\n]{0,12}", 1..4), prop::option::of("[^\r\n\0]{0,9}")),
            0..10,
        ),
        end in prop::sample::select(vec!["\n", "\r", "\r\n"]),
    ) {
        let mut stream = String::new();
        for (event, lines, id) in &frames {
            write!(stream, "event: {event}{end}").unwrap();
            for line in lines {
                write!(stream, "data: {line}{end}").unwrap();
            }
            if let Some(id) = id {
                write!(stream, "id: {id}{end}").unwrap();
            }
            stream.push_str(end);
        }
        let expected: Vec<Item> = frames
            .iter()
            .map(|(event, lines, id)| frame(event, &lines.join("\n"), id.as_deref()))
            .collect();
        prop_assert_eq!(parse(&[stream.as_bytes()]), expected);
    }
}
