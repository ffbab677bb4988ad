//! A WebSocket server that only listens: what each connection said, and the kernel's stamp of each frame. It shares no code with
//! the program.

use std::io::IoSliceMut;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread::JoinHandle;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::sys::socket::ControlMessageOwned;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::recvmsg;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt;
use sha1::Digest;
use sha1::Sha1;

/// A frame as it came.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    pub(crate) at_ns: u64,
    pub(crate) is_binary: bool,
    pub(crate) bytes: Vec<u8>,
}

/// The server.
pub(crate) struct Plain {
    port: u16,
    heard: Arc<Mutex<Vec<Vec<Came>>>>,
    accepting: JoinHandle<()>,
}

impl Plain {
    pub(crate) fn start() -> Plain {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let all = heard.clone();
        let accepting = std::thread::spawn(move || {
            let mut serving = Vec::new();
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                let mut first = [0];
                // A connection that says nothing ends the server.
                if stream.peek(&mut first).unwrap_or(0) == 0 {
                    break;
                }
                let all = all.clone();
                serving.push(std::thread::spawn(move || {
                    let came = serve(stream);
                    all.lock().expect("not poisoned").push(came);
                }));
            }
            serving.into_iter().for_each(|thread| thread.join().expect("served"));
        });
        Plain { port, heard, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/", self.port)
    }

    /// What each connection said, in the order in which they ended.
    pub(crate) fn end(self) -> Vec<Vec<Came>> {
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.accepting.join().expect("it served");
        std::mem::take(&mut *self.heard.lock().expect("not poisoned"))
    }
}

fn serve(mut stream: TcpStream) -> Vec<Came> {
    setsockopt(&stream, sockopt::ReceiveTimestampns, &true).expect("stamps");
    shake_hands(&mut stream);
    let (mut bytes, mut came, mut scratch) = (Vec::new(), Vec::new(), vec![0u8; 65_536]);
    loop {
        let (n, at_ns) = receive(&stream, &mut scratch);
        if n == 0 {
            return came;
        }
        bytes.extend_from_slice(&scratch[..n]);
        while let Some((opcode, payload, length)) = frame(&bytes) {
            bytes.drain(..length);
            match opcode {
                1 | 2 => came.push(Came { at_ns, is_binary: opcode == 2, bytes: payload }),
                8 => {
                    let mut close = vec![0x88, payload.len() as u8];
                    close.extend(payload);
                    let _ = stream.write_all(&close);
                    let _ = stream.shutdown(std::net::Shutdown::Write);
                }
                _ => {}
            }
        }
    }
}

fn receive(stream: &TcpStream, scratch: &mut [u8]) -> (usize, u64) {
    let mut parts = [IoSliceMut::new(scratch)];
    let mut space = nix::cmsg_space!(nix::sys::time::TimeSpec);
    let Ok(got) = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty()) else { return (0, 0) };
    let stamp = got.cmsgs().into_iter().flatten().find_map(|message| match message {
        ControlMessageOwned::ScmTimestampns(at) => Some(at.tv_sec() as u64 * 1_000_000_000 + at.tv_nsec() as u64),
        _ => None,
    });
    (got.bytes, stamp.unwrap_or_default())
}

fn shake_hands(stream: &mut TcpStream) {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a request");
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).expect("text");
    let key = request.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
    });
    let accept = STANDARD.encode(Sha1::digest(format!("{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key.expect("a key"))));
    let answer =
        format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
    stream.write_all(answer.as_bytes()).expect("answered");
}

/// The first whole frame: opcode, payload unmasked, length of all of it.
fn frame(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let short = usize::from(*bytes.get(1)? & 0x7f);
    let (length, from) = match short {
        126 => (usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize, 10),
        short => (short, 2),
    };
    let mask = bytes.get(from..from + 4)?;
    let payload = bytes.get(from + 4..from + 4 + length)?;
    let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some((bytes[0] & 0x0f, payload, from + 4 + length))
}
