#!/usr/bin/env python3
"""Holds the record of a fleet against the sum of what its agents kept, and shares no code with volley.

    sum.py MERGED KEPT..      every histogram of every second and of the whole, byte by byte, and their exact figures
    sum.py --spoil KEPT       changes one byte of one histogram, for a check that this is seen

Histograms are those of HdrHistogram's log, V2: a header of 40 bytes, then the counts from the lowest bucket on as ZigZag
LEB128, where a number below zero stands for so many empty buckets. Seconds are known by the boundary at their end.
"""
import base64
import json
import pathlib
import struct
import sys
import zlib

NS = 10**9
HEADER = struct.Struct(">IIIIQQd")


def nanoseconds(text):
    whole, part = text.split(".")
    return int(whole) * NS + int(part.ljust(9, "0"))


def payload(text):
    """The plain bytes of a histogram."""
    packed = base64.b64decode(text, validate=True)
    return zlib.decompress(packed[8:])


def counts(plain):
    """The counts of a histogram, from its lowest bucket on, and what of its header says how it was made."""
    cookie, length, offset, *rest = HEADER.unpack_from(plain)
    assert length == len(plain) - HEADER.size, "a length is wrong"
    at, out = HEADER.size, []
    while at < len(plain):
        raw = shift = 0
        while True:
            byte = plain[at]
            at += 1
            if shift == 56:
                raw |= byte << shift
                break
            raw |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        number = (raw >> 1) ^ -(raw & 1)
        out += [number] if number >= 0 else [0] * -number
    return out, (cookie, offset, *rest)


def plain(numbers, how):
    """The bytes of a histogram with these counts."""
    while numbers and numbers[-1] == 0:
        numbers = numbers[:-1]
    body, at = bytearray(), 0
    while at < len(numbers):
        number = numbers[at]
        at += 1
        if number == 0:
            empty = 1
            while numbers[at] == 0:
                empty, at = empty + 1, at + 1
            number = -empty if empty > 1 else 0
        raw = number << 1 if number >= 0 else (-number << 1) - 1
        while raw >= 0x80:
            body.append(raw & 0x7F | 0x80)
            raw >>= 7
        body.append(raw)
    cookie, offset, *rest = how
    return HEADER.pack(cookie, len(body), offset, *rest) + body


def lines(path):
    """Tag, end in nanoseconds and histogram of each line."""
    for line in path.read_text().splitlines():
        if line.startswith("Tag="):
            tag, start, length, _, text = line.split(",")
            yield tag[4:], nanoseconds(start) + nanoseconds(length), text


def seconds(record):
    out = {}
    for tag, end, text in lines(record / "intervals.hlog"):
        out.setdefault((-(-end // NS), tag), []).append(payload(text))
    return out


def totals(record):
    return {("whole", tag): [payload(text)] for tag, _, text in lines(record / "totals.hlog")}


def exact(record):
    """The exact figures of each second: count, sum, minimum, maximum."""
    out = {}
    for line in (record / "counters.ndjson").read_text().splitlines():
        row = json.loads(line)
        for tag, figures in row["exact"].items():
            out.setdefault((-(-(row["t_ns"] + row["span_ns"]) // NS), tag), []).append(figures)
    return out


def added(figures):
    fold = {"min": min, "max": max}
    return {name: fold.get(name, sum)(each[name] for each in figures) for name in figures[0]}


def summed(plains):
    each = [counts(one) for one in plains]
    assert all(how == each[0][1] for _, how in each), "histograms of different makes"
    longest = max(len(numbers) for numbers, _ in each)
    return plain([sum(numbers[i] for numbers, _ in each if i < len(numbers)) for i in range(longest)], each[0][1])


def compare(merged, kept):
    found = 0
    for read, add in [(seconds, summed), (totals, summed), (exact, added)]:
        whole, parts = read(merged), {}
        for record in kept:
            for key, each in read(record).items():
                parts.setdefault(key, []).extend(each)
        assert whole and whole.keys() == parts.keys(), f"{read.__name__}: {sorted(map(str, whole.keys() ^ parts.keys()))}"
        for key, each in whole.items():
            # A tag may have two lines of one boundary: the last seconds of a run.
            ours, theirs = add(each) if len(each) > 1 else each[0], add(parts[key])
            assert ours == theirs, f"{read.__name__} {key}: the merged one is not the sum of {len(parts[key])}"
            found += 1
    values = sum(row["count"] for rows in exact(merged).values() for row in rows)
    print(f"{found} histograms and figures of {values} values are byte by byte the sum of {len(kept)} agents' own")


def spoil(record):
    path = record / "intervals.hlog"
    rows = path.read_text().splitlines(keepends=True)
    number = next(i for i, row in enumerate(rows) if row.startswith("Tag="))
    head, text = rows[number].rsplit(",", 1)
    packed = base64.b64decode(text)
    bytes_ = bytearray(zlib.decompress(packed[8:]))
    # Another count in the last bucket.
    bytes_[-1] ^= 0x02
    body = zlib.compress(bytes(bytes_))
    packed = packed[:4] + struct.pack(">I", len(body)) + body
    rows[number] = f"{head},{base64.b64encode(packed).decode()}\n"
    path.write_text("".join(rows))


if __name__ == "__main__":
    if sys.argv[1] == "--spoil":
        spoil(pathlib.Path(sys.argv[2]))
    else:
        try:
            compare(pathlib.Path(sys.argv[1]), [pathlib.Path(name) for name in sys.argv[2:]])
        except AssertionError as wrong:
            sys.exit(f"not the sum: {wrong}")
