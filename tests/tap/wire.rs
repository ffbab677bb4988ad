//! WebSocket by hand for tests of the recorder: a server that says what it is told to, and a client.

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::time::Duration;

/// A frame: its first byte, its payload, and whether it is masked.
pub(crate) fn frame(first: u8, payload: &[u8], is_masked: bool) -> Vec<u8> {
    let bit = if is_masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        n @ 0..126 => bytes.push(bit | n as u8),
        n @ 126..65_536 => bytes.extend([&[bit | 126][..], &(n as u16).to_be_bytes()].concat()),
        n => bytes.extend([&[bit | 127][..], &(n as u64).to_be_bytes()].concat()),
    }
    if is_masked {
        let mask = [7, 99, 200, 33];
        bytes.extend(mask);
        bytes.extend(payload.iter().enumerate().map(|(i, b)| b ^ mask[i % 4]));
    } else {
        bytes.extend(payload);
    }
    bytes
}

/// Reads to the end of a head.
pub(crate) fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("a head is text")
}

/// A client that has asked for this path with these headers; the answer's head.
pub(crate) fn ask(to: SocketAddr, path: &str, headers: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(to).expect("the recorder listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {to}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).expect("it is taken");
    let head = head(&mut stream);
    (stream, head)
}

/// A server for one connection: answers `answer`, says `says`, and reads until the client is done; the request's head and what
/// came behind it.
pub(crate) fn server(answer: String, says: Vec<u8>) -> (SocketAddr, std::thread::JoinHandle<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = move || {
        let (mut stream, _) = listener.accept().expect("somebody comes");
        let asked = head(&mut stream);
        stream.write_all(answer.as_bytes()).expect("it is taken");
        let mut got = Vec::new();
        stream.write_all(&says).expect("it is taken");
        stream.read_to_end(&mut got).ok();
        (asked, got)
    };
    (address, std::thread::spawn(serve))
}

/// 101 with further headers.
pub(crate) fn switching(headers: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{headers}\r\n"
    )
}
