#!/usr/bin/env python3
"""The truth about echo exchanges, read from packets.

Reads a pcap that tcpdump wrote on `lo` (Ethernet, SLL or SLL2 frames; microseconds or nanoseconds), puts the TCP bytes of
each connection in order, takes the WebSocket frames out of them, and pairs each request `"id":N` of a client with the
answer of the same id on the same connection. The time of an exchange runs from the packet that carried the last byte of
the request to the packet that carried the last byte of the answer, as the kernel stamped them. It shares no code with
volley, on purpose.

    python3 benches/capture.py --pcap FILE --port SERVERPORT [--last SECONDS] [--summary FILE]

Prints one JSON object; times are nanoseconds. `--last` keeps only exchanges whose request was sent within so many seconds
of the last request of all: the measured part, as volley leaves ramp and warm-up out of its own figures. With `--summary` (volley's
summary.json of the same load) both are printed side by side, and the exit code is 1 when there is nothing to compare.
"""

import argparse
import json
import re
import struct
import sys
from collections import Counter, defaultdict

ETHERNET, SLL, SLL2 = 1, 113, 276
# Link type: (bytes before the network packet, where in them the protocol number is).
LINKS = {ETHERNET: (14, 12), SLL: (16, 14), SLL2: (20, 0)}
# Magic number: (byte order, nanoseconds of one fraction of a second).
MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
IPV4, TCP, SYN = 0x0800, 6, 0x02
TEXT, CONTINUED = 0x1, 0x0
ID = re.compile(rb'^\{"id":(\d+)')
HEAD_END = b"\r\n\r\n"
# How far volley may be off: p50 by so much, p99 by so much or by this share.
P50_NS, P99_NS, P99_SHARE = 100_000, 250_000, 0.05


def packets(file):
    """Yields (stamp in ns, link-layer bytes, link type) of a pcap file."""
    header = file.read(24)
    if header[:4] not in MAGICS:
        sys.exit("not a pcap file (pcapng is not read: let tcpdump write it)")
    order, unit = MAGICS[header[:4]]
    link = struct.unpack(order + "I", header[20:24])[0] & 0xFFFF
    if link not in LINKS:
        sys.exit(f"link type {link} is not read")
    record = struct.Struct(order + "IIII")
    while len(head := file.read(16)) == 16:
        seconds, fraction, kept, _ = record.unpack(head)
        yield seconds * 1_000_000_000 + fraction * unit, file.read(kept), link


def segment(data, link):
    """The TCP segment in a packet: (source, destination, sequence, flags, kept payload, true payload length), or None."""
    start, protocol_at = LINKS[link]
    if len(data) < start + 40 or struct.unpack_from("!H", data, protocol_at)[0] != IPV4:
        return None
    ip_len, total_len, protocol = (data[start] & 0x0F) * 4, struct.unpack_from("!H", data, start + 2)[0], data[start + 9]
    if protocol != TCP:
        return None
    tcp = start + ip_len
    source_port, target_port, sequence = struct.unpack_from("!HHI", data, tcp)
    tcp_len, flags = (data[tcp + 12] >> 4) * 4, data[tcp + 13]
    payload_len = total_len - ip_len - tcp_len
    payload = data[tcp + tcp_len : tcp + tcp_len + payload_len]
    source, target = data[start + 12 : start + 16], data[start + 16 : start + 20]
    return (source, source_port), (target, target_port), sequence, flags, payload, payload_len


class Stream:
    """The bytes of one direction in order, and the stamp of each.

    Bytes that the capture cut off are zeros: the lengths stay right. A repeated segment is dropped, one that comes early
    waits. Frames are taken out as they become whole.
    """

    def __init__(self):
        self.next = None
        self.early = {}
        self.bytes = bytearray()
        self.is_upgraded = False
        self.message = None

    def begin(self, sequence):
        """The connection starts: the SYN takes one number."""
        self.__init__()
        self.next = (sequence + 1) & 0xFFFFFFFF

    def add(self, stamp, sequence, payload, length):
        """Takes a segment and yields (stamp, text message) for what it made whole."""
        if self.next is None:
            # The capture began inside the connection, behind the upgrade.
            self.next, self.is_upgraded = sequence, not payload.startswith((b"GET ", b"HTTP/"))
        self.early[sequence] = (stamp, payload, length)
        for sequence in sorted(self.early, key=self.ahead):
            if self.ahead(sequence) > 0:
                return
            stamp, payload, length = self.early.pop(sequence)
            fresh = length + self.ahead(sequence)
            if fresh > 0:
                self.bytes += payload.ljust(length, b"\0")[length - fresh :]
                self.next = (self.next + fresh) & 0xFFFFFFFF
                self.upgrade(len(payload) < length)
                yield from ((stamp, text) for text in self.messages())

    def ahead(self, sequence):
        """How far `sequence` lies ahead of what is expected; below zero for a repeat."""
        return ((sequence - self.next + 0x80000000) & 0xFFFFFFFF) - 0x80000000

    def upgrade(self, was_cut):
        """Drops the HTTP head. When its end was cut off by the capture, the segment held nothing else."""
        if self.is_upgraded:
            return
        end = self.bytes.find(HEAD_END)
        if end >= 0:
            del self.bytes[: end + len(HEAD_END)]
            self.is_upgraded = True
        elif was_cut:
            self.bytes.clear()
            self.is_upgraded = True

    def messages(self):
        """Yields the text messages that are whole, and forgets their bytes."""
        while self.is_upgraded and (frame := self.frame()):
            first, payload = frame
            opcode, is_final = first & 0x0F, first & 0x80
            if opcode == TEXT:
                self.message = payload
            elif opcode == CONTINUED and self.message is not None:
                self.message += payload
            else:
                continue
            if is_final:
                yield self.message
                self.message = None

    def frame(self):
        """The first frame, unmasked, taken out of the bytes; None when it is not whole."""
        data = self.bytes
        if len(data) < 2:
            return None
        length, at = data[1] & 0x7F, 2
        if length >= 126:
            size = 2 if length == 126 else 8
            if len(data) < at + size:
                return None
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        is_masked = data[1] & 0x80
        start = at + 4 if is_masked else at
        if len(data) < start + length:
            return None
        first, payload = data[0], bytes(data[start : start + length])
        if is_masked:
            payload = unmask(payload, bytes(data[at : at + 4]))
        del data[: start + length]
        return first, payload


def unmask(payload, key):
    """XOR with the key repeated, as one large number."""
    length = len(payload)
    repeated = (key * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(length, "big")


class Pairing:
    """Requests that wait for their answer, and the times of those that got it."""

    def __init__(self):
        self.waiting = defaultdict(dict)
        self.exchanges = []
        self.counts = Counter()

    def request(self, client, stamp, text):
        """A client's message."""
        if not (found := ID.match(text)):
            self.counts["requests_without_id"] += 1
        elif (key := found[1]) in self.waiting[client]:
            self.counts["requests_repeated"] += 1
        else:
            self.waiting[client][key] = stamp

    def answer(self, client, stamp, text):
        """A server's message."""
        if not (found := ID.match(text)):
            self.counts["answers_without_id"] += 1
        elif (sent := self.waiting[client].pop(found[1], None)) is None:
            self.counts["answers_unmatched"] += 1
        else:
            self.exchanges.append((sent, stamp - sent))


def read(file, port):
    """The pairing of all packets of the server at `port`."""
    pairing, streams = Pairing(), defaultdict(Stream)
    for stamp, data, link in packets(file):
        parsed = segment(data, link)
        if parsed is None or port not in (parsed[0][1], parsed[1][1]):
            continue
        source, target, sequence, flags, payload, length = parsed
        stream = streams[source, target]
        if flags & SYN:
            stream.begin(sequence)
        if length <= 0:
            continue
        if len(payload) < length:
            pairing.counts["segments_cut"] += 1
        is_request = target[1] == port
        client, note = ((source, target), pairing.request) if is_request else ((target, source), pairing.answer)
        for at, text in stream.add(stamp, sequence, payload, length):
            note(client, at, text)
    return pairing


def quantile(ordered, share):
    """The smallest value that at least this share lies at or below, by nearest rank."""
    rank = -(-share * len(ordered) // 1)
    return ordered[max(int(rank), 1) - 1] if ordered else None


def summary(pairing, last_s):
    """What is printed."""
    last = max((sent for sent, _ in pairing.exchanges), default=0)
    lowest = last - last_s * 1e9 if last_s is not None else 0
    times = sorted(time for sent, time in pairing.exchanges if sent > lowest)
    counts = ["requests_without_id", "requests_repeated", "answers_without_id", "answers_unmatched", "segments_cut"]
    return {
        "count": len(times),
        "connections": len(pairing.waiting),
        "p50": quantile(times, 0.5),
        "p99": quantile(times, 0.99),
        "p99.9": quantile(times, 0.999),
        "max": times[-1] if times else None,
        "requests_unmatched": sum(len(waiting) for waiting in pairing.waiting.values()),
        **{name: pairing.counts[name] for name in counts},
    }


def compare(truth, path):
    """Prints volley's service times beside those of the capture; false when one of them is missing."""
    with open(path, encoding="utf-8") as file:
        said = json.load(file)
    echo = next((series for series in said["series"] if series["name"] == "echo"), {"count": 0, "service": {}})
    print(f"volley says: verdict {said['verdict']}, {echo['count']} exchanges; captured: {truth['count']} exchanges")
    print(f"{'service':8} {'volley us':>12} {'capture us':>12} {'difference us':>14}  within")
    is_complete = True
    for name, allowed in (("p50", lambda _: P50_NS), ("p99", lambda ns: max(P99_NS, P99_SHARE * ns))):
        ours, true = echo["service"].get(name), truth[name]
        if ours is None or true is None:
            print(f"{name:8} {ours!s:>12} {true!s:>12}  not measured")
            is_complete = False
            continue
        limit = allowed(true)
        judged = "ok" if abs(ours - true) <= limit else "over"
        print(f"{name:8} {ours / 1e3:12.1f} {true / 1e3:12.1f} {(ours - true) / 1e3:+14.1f}  {limit / 1e3:.0f} us: {judged}")
    return is_complete


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description="Echo times from a packet capture.")
    parser.add_argument("--pcap", required=True, help="file that tcpdump wrote")
    parser.add_argument("--port", required=True, type=int, help="port of the server")
    parser.add_argument("--last", type=float, help="keep only what was sent in so many seconds before the last request")
    parser.add_argument("--summary", help="volley's summary.json of the same load, to compare with")
    options = parser.parse_args()
    with open(options.pcap, "rb") as file:
        pairing = read(file, options.port)
    truth = summary(pairing, options.last)
    print(json.dumps(truth))
    if options.summary and not compare(truth, options.summary):
        sys.exit(1)


if __name__ == "__main__":
    main()
