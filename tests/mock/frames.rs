//! Faults of framing, byte by byte, and of the order of frames.

use super::faults::echoes;
use super::message;
use super::peer::*;

/// What follows the answers when the client says Close 1000.
const CLOSE_1000: &[u8] = b"\x88\x02\x03\xe8";

/// The bytes of one bare frame of less than 126 bytes.
fn bare(first: u8, body: &[u8]) -> Vec<u8> {
    [&[first, body.len() as u8], body].concat()
}

#[test]
fn frames_that_should_not_be() {
    let text = message(0);
    let body = text.as_bytes();
    let (head, tail) = body.split_at(body.len() / 2);
    let single: Vec<u8> = {
        let last = body.len() - 1;
        let first = |at| if at == 0 { 0x01 } else { 0x00 };
        let bytes = body.iter().enumerate();
        bytes.flat_map(|(at, byte)| bare(first(at) | if at == last { 0x80 } else { 0 }, &[*byte])).collect()
    };
    let inside = [bare(0x01, head), bare(0x89, b"inside"), bare(0x80, tail)].concat();
    for (fault, wire, kind, pings) in [
        ("one_byte_fragments", single, "echo", 0),
        ("interleaved_control", inside, "echo", 1),
        ("data_inside_fragments", [bare(0x01, head), bare(0x81, body)].concat(), "faulty", 0),
        ("lone_continuation", bare(0x80, body), "faulty", 0),
        ("reserved_bits", bare(0xc1, body), "faulty", 0),
        ("unknown_opcode", bare(0x83, body), "faulty", 0),
        ("oversize_control", [&b"\x89\x7e\x00\x7e"[..], &[b'p'; 126]].concat(), "faulty", 0),
        ("fragmented_control", bare(0x09, b"part"), "faulty", 0),
    ] {
        let server = server(with_fault(echo(), fault));
        let mut client = Client::echo(server.addr());
        client.say(&text);
        client.send(CLOSE, 1000u16.to_be_bytes());
        assert_eq!(client.bytes(), [&wire[..], CLOSE_1000].concat(), "{fault}");
        let account = server.stop().expect("an account");
        assert_eq!((sent(&account, kind), sent(&account, "ws_ping"), struck(&account, fault)), (1, pings, 1), "{fault}");
        assert_eq!(account.bytes_out as usize, wire.len() + CLOSE_1000.len(), "{fault}");
    }
}

#[test]
fn masked_frames() {
    let (heard, account) = echoes(with_fault(echo(), "masked"), 2);
    assert_eq!(heard.iter().map(|f| f.masked).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!((texts(&heard), struck(&account, "masked")), ([0, 1].map(message).to_vec(), 2));
}

#[test]
fn a_length_that_never_comes() {
    let server = server(with_fault(echo(), "huge_length=1099511627776:50%"));
    let mut client = Client::echo(server.addr());
    (0..3).for_each(|id| client.say(&message(id)));
    assert_eq!(client.text(), message(0));
    let mut header = [0; 10];
    std::io::Read::read_exact(&mut client.stream, &mut header).expect("a header");
    assert_eq!(header, *b"\x81\x7f\x00\x00\x01\x00\x00\x00\x00\x00");
    client.send(CLOSE, b"");
    assert!(client.hears_nothing());
    drop(client);
    let account = server.stop().expect("an account");
    assert_eq!((sent(&account, "echo"), sent(&account, "faulty"), struck(&account, "huge_length")), (1, 1, 1));
    assert_eq!((account.dropped.get("muted"), sent(&account, "close")), (Some(&1), 0));
}

#[test]
fn shares_hold_for_frames_too() {
    let (heard, account) = echoes(with_fault(echo(), "reserved_bits:20%"), 10);
    let struck_at: Vec<usize> = (0..10).filter(|at| heard[*at].opcode == 0x41).collect();
    assert_eq!((struck_at, struck(&account, "reserved_bits")), (vec![4, 9], 2));
}
