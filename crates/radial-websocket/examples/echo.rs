//! Sends every message back: what the Autobahn cases are run against (`cargo xtask autobahn`).
//!
//! Prints its address as the first line and serves until it is killed.

#![allow(clippy::print_stdout, reason = "the address is its output")]

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use bytes::{Bytes, BytesMut};
use radial_websocket::{
    CloseCode, Decoder, Deflate, Message, Opcode, accept_key, close_frame, deflate_within, frame,
};

/// The longest message that the cases send is 16 MiB.
const MESSAGE_BYTES_MAX: usize = 17 * 1024 * 1024;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    for socket in listener.incoming() {
        let socket = socket?;
        // A client that goes away in the middle is what some cases are about.
        std::thread::spawn(move || drop(serve(socket)));
    }
    Ok(())
}

fn serve(mut socket: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(socket.try_clone()?);
    let deflate = shake_hands(&mut reader, &mut socket)?;
    let mut decoder = Decoder::new(MESSAGE_BYTES_MAX, deflate.is_some());
    let (mut buffer, mut chunk) = (BytesMut::new(), vec![0; 64 * 1024]);
    loop {
        loop {
            let (answer, ends) = match decoder.next(&mut buffer) {
                Ok(None) => break,
                Ok(Some(message)) => answer(message, deflate),
                Err(violation) => {
                    (Some(close_frame(violation.close_code(), &violation.to_string())), true)
                }
            };
            if let Some(answer) = answer {
                socket.write_all(&answer)?;
            }
            if ends {
                return Ok(());
            }
        }
        let read = reader.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        buffer.extend_from_slice(chunk.get(..read).unwrap_or_default());
    }
}

/// What goes back, and whether the connection ends with it.
fn answer(message: Message, deflate: Option<Deflate>) -> (Option<Bytes>, bool) {
    let echo = |opcode, payload: &[u8]| match deflate {
        Some(deflate) => frame(opcode, true, &deflate_within(payload, deflate.server_window_bits)),
        None => frame(opcode, false, payload),
    };
    match message {
        Message::Text(text) => (Some(echo(Opcode::Text, &text)), false),
        Message::Binary(bytes) => (Some(echo(Opcode::Binary, &bytes)), false),
        Message::Ping(payload) => (Some(frame(Opcode::Pong, false, &payload)), false),
        Message::Pong(_) => (None, false),
        Message::Close(reason) => {
            let code = reason.map_or(CloseCode::NORMAL, |reason| reason.code);
            (Some(close_frame(code, "")), true)
        }
    }
}

/// Reads the request and answers it; gives what was agreed about compression.
fn shake_hands(
    reader: &mut BufReader<TcpStream>,
    socket: &mut TcpStream,
) -> io::Result<Option<Deflate>> {
    let (mut key, mut offers) = (String::new(), Vec::new());
    for line in reader.by_ref().lines() {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else {
            if line.is_empty() {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "sec-websocket-key" => value.trim().clone_into(&mut key),
            "sec-websocket-extensions" => offers.push(value.trim().to_owned()),
            _ => {}
        }
    }
    let proof = accept_key(&key).ok_or(io::ErrorKind::InvalidData)?;
    let deflate = Deflate::agree(&offers.join(","));
    let extensions = deflate.map_or(String::new(), |deflate| {
        format!("Sec-WebSocket-Extensions: {}\r\n", deflate.answer())
    });
    write!(
        socket,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {proof}\r\n{extensions}\r\n"
    )?;
    Ok(deflate)
}
