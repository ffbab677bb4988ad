//! Lines of the HdrHistogram interval log (V2 payload, deflate, base64): to text, from text.
//!
//! The only file of the record that knows the format. Stamps are written with nine decimals, so that
//! an instant comes back to the nanosecond; other readers take them as seconds. Knows nothing of
//! files. The exact figures of a histogram do not fit this format and travel beside it.
//!
//! What comes from a file is inflated up to a bound, only a header that this program writes is taken, and counts
//! become buckets at once: hdrhistogram would reserve what a header claims, and lay out the whole range for each line.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Decompress;
use flate2::FlushDecompress;
use flate2::Status;
use hdrhistogram::serialization::Serializer as _;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogIterator;
use hdrhistogram::serialization::interval_log::LogEntry;

use crate::tally::BUCKETS;
use crate::tally::Buckets;
use crate::tally::DIGITS;
use crate::tally::Exact;
use crate::tally::HIGHEST_NS;
use crate::tally::Hist;
use crate::tally::LOWEST_NS;
use crate::tally::Sparse;
use crate::units::MILLI;
use crate::units::SECOND;

/// Divisor of the readable maximum: histograms are in nanoseconds, the column reads milliseconds.
const MAX_DIVISOR: u64 = MILLI;
/// First bytes of a deflated histogram.
const DEFLATED_COOKIE: u32 = 0x1c84_9314;
/// First bytes of a plain histogram.
const PLAIN_COOKIE: u32 = 0x1c84_9313;
/// Cookie, length of the counts, offset, digits, lowest, highest, ratio.
const HEADER: usize = 40;
/// Most bytes of a plain histogram: the range has 24,576 counts, each at most 9 bytes long.
const PLAIN_MAX: usize = HEADER + BUCKETS as usize * 9;

/// The head of a log. `started` is RFC 3339; a text that is not leaves the start out.
pub(super) fn head(started: &str) -> String {
    let mut head = String::from("#[Histogram log format version 1.3]\n");
    if let Ok(stamp) = started.parse::<jiff::Timestamp>() {
        let seconds = stamp.as_millisecond() as f64 / 1e3;
        let _ = writeln!(head, "#[StartTime: {seconds:.3} (seconds since epoch), {started}]");
    }
    let _ = writeln!(head, "#[MaxValueDivisor: {MAX_DIVISOR}.0]");
    head.push_str("\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n");
    head
}

/// One line of a log, read.
pub(super) struct Line {
    /// Tag; empty when the line has none.
    pub(super) tag: String,
    /// Start in nanoseconds.
    pub(super) t_ns: u64,
    /// Length in nanoseconds.
    pub(super) span_ns: u64,
    /// Its buckets.
    pub(super) buckets: Buckets,
}

/// Buckets and exact figures as one.
///
/// # Errors
/// In words, when the two disagree.
pub(super) fn join(buckets: &Buckets, exact: Exact) -> Result<Sparse, String> {
    if buckets.count() != exact.count {
        return Err(format!("holds {} values, its counters say {}", buckets.count(), exact.count));
    }
    Ok(Sparse::new(buckets, exact))
}

/// Whether the log can carry this tag.
pub(super) fn fits(tag: &str) -> bool {
    !tag.is_empty() && !tag.contains([',', ' ', '\r', '\n', '#'])
}

/// Writes lines, reusing its memory.
pub(super) struct Encoder {
    serializer: V2DeflateSerializer,
    bytes: Vec<u8>,
}

impl Encoder {
    pub(super) fn new() -> Self {
        Encoder { serializer: V2DeflateSerializer::new(), bytes: Vec::new() }
    }

    /// Appends one line to `out`, none for a histogram without values.
    ///
    /// # Errors
    /// In words, when the histogram cannot be encoded (a count above what the format holds).
    pub(super) fn line(&mut self, out: &mut String, tag: &str, t_ns: u64, span_ns: u64, hist: &Hist) -> Result<(), String> {
        let Some(counts) = hist.counts() else { return Ok(()) };
        self.bytes.clear();
        self.serializer.serialize(counts, &mut self.bytes).map_err(|e| format!("histogram `{tag}`: {e}"))?;
        let max = hist.exact().max as f64 / MAX_DIVISOR as f64;
        let _ = write!(out, "Tag={tag},{},{},{max:.6},", stamp(t_ns), stamp(span_ns));
        STANDARD.encode_string(&self.bytes, out);
        out.push('\n');
        Ok(())
    }
}

/// Seconds with nine decimals.
fn stamp(ns: u64) -> String {
    format!("{}.{:09}", ns / SECOND, ns % SECOND)
}

/// Reads lines, reusing its memory.
pub(super) struct Decoder {
    bytes: Vec<u8>,
    inflate: Decompress,
    plain: Vec<u8>,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Decoder { bytes: Vec::new(), inflate: Decompress::new(true), plain: Vec::new() }
    }

    /// Reads one line that ends with a newline; `None` for a comment or the legend.
    ///
    /// # Errors
    /// In words, when the line is not one of this format.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<Option<Line>, String> {
        self.line_of(line, |_| true)
    }

    /// As [`Decoder::line`]; `None` also for a tag that is not wanted, whose histogram is not looked at.
    ///
    /// # Errors
    /// As [`Decoder::line`].
    pub(super) fn line_of(&mut self, line: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Option<Line>, String> {
        if quick_tag(line).is_some_and(|tag| !wanted(tag)) {
            return Ok(None);
        }
        let entry = match IntervalLogIterator::new(line).next() {
            None | Some(Ok(LogEntry::StartTime(_) | LogEntry::BaseTime(_))) => return Ok(None),
            Some(Ok(LogEntry::Interval(entry))) => entry,
            Some(Err(_)) => return Err("not a line of an HdrHistogram log".into()),
        };
        let tag = entry.tag().map(|t| t.as_str().to_owned()).unwrap_or_default();
        self.bytes.clear();
        STANDARD.decode_vec(entry.encoded_histogram(), &mut self.bytes).map_err(|e| format!("base64: {e}"))?;
        let buckets = self.buckets().map_err(|e| format!("histogram: {e}"))?;
        let ns = |d: std::time::Duration| u64::try_from(d.as_nanos()).map_err(|_| "a time beyond 500 years".to_owned());
        Ok(Some(Line { tag, t_ns: ns(entry.start_timestamp())?, span_ns: ns(entry.duration())?, buckets }))
    }

    /// The buckets in `bytes`.
    fn buckets(&mut self) -> Result<Buckets, String> {
        let deflated = match self.bytes.split_first_chunk::<8>() {
            Some((head, rest)) if *head == deflated_head(rest.len()) => rest,
            _ => return Err("not deflated, or not of the length it claims".into()),
        };
        self.plain.clear();
        self.plain.reserve_exact(PLAIN_MAX + 1);
        self.inflate.reset(true);
        match self.inflate.decompress_vec(deflated, &mut self.plain, FlushDecompress::Finish) {
            Ok(Status::StreamEnd) => {}
            Ok(_) if self.plain.len() > PLAIN_MAX => return Err(format!("inflates to more than {PLAIN_MAX} bytes")),
            Ok(_) => return Err("deflated data that ends too early".into()),
            Err(e) => return Err(e.to_string()),
        }
        let Some((head, counts)) = self.plain.split_first_chunk::<HEADER>() else { return Err("shorter than its header".into()) };
        if *head != header(counts.len()) {
            return Err("its header is not that of 1 us to 1 h at 3 digits".into());
        }
        let mut found = Buckets::default();
        buckets(counts, &mut found)?;
        Ok(found)
    }
}

/// The tag of a line that begins with one.
fn quick_tag(line: &[u8]) -> Option<&str> {
    let rest = line.strip_prefix(b"Tag=")?;
    std::str::from_utf8(&rest[..rest.iter().position(|byte| *byte == b',')?]).ok()
}

/// The buckets in the counts of a plain histogram: numbers in order of the buckets, a negative one for so many empty ones.
fn buckets(mut counts: &[u8], out: &mut Buckets) -> Result<(), String> {
    let mut index = 0u64;
    while !counts.is_empty() {
        match number(&mut counts)? {
            empty @ ..=0 => index = index.saturating_add(empty.unsigned_abs().max(1)),
            n => {
                if index < BUCKETS {
                    out.push(index, n.unsigned_abs());
                }
                index += 1;
            }
        }
        if index > BUCKETS {
            return Err("more buckets than there are".into());
        }
    }
    Ok(())
}

/// Takes a number from the front: zigzag, in groups of seven bits, the ninth byte whole (LEB128-64b9B of HdrHistogram V2).
fn number(bytes: &mut &[u8]) -> Result<i64, String> {
    if let Some((&byte @ ..0x80, rest)) = bytes.split_first() {
        *bytes = rest;
        return Ok(i64::from(byte >> 1) ^ -i64::from(byte & 1));
    }
    let mut value = 0u64;
    for at in 0..=8 {
        let (byte, rest) = bytes.split_first().ok_or("ends inside a count")?;
        *bytes = rest;
        value |= if at == 8 { u64::from(*byte) << 56 } else { u64::from(byte & 0x7f) << (7 * at) };
        if byte & 0x80 == 0 {
            break;
        }
    }
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

/// What a deflated histogram of `len` bytes begins with.
fn deflated_head(len: usize) -> [u8; 8] {
    let mut head = [0; 8];
    head[..4].copy_from_slice(&DEFLATED_COOKIE.to_be_bytes());
    head[4..].copy_from_slice(&(len as u32).to_be_bytes());
    head
}

/// The header of a plain histogram of this program with `len` bytes of counts.
fn header(len: usize) -> [u8; HEADER] {
    let mut head = [0; HEADER];
    head[..4].copy_from_slice(&PLAIN_COOKIE.to_be_bytes());
    head[4..8].copy_from_slice(&(len as u32).to_be_bytes());
    head[12..16].copy_from_slice(&u32::from(DIGITS).to_be_bytes());
    head[16..24].copy_from_slice(&LOWEST_NS.to_be_bytes());
    head[24..32].copy_from_slice(&HIGHEST_NS.to_be_bytes());
    head[32..].copy_from_slice(&1f64.to_be_bytes());
    head
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_log_is_what_hdrhistogram_reads() {
        let mut hist = Hist::new();
        [1_000, 2_000_000, 31_200_000].iter().for_each(|&v| hist.record(v));
        let mut log = head("2026-01-02T03:04:05.250Z");
        let mut encoder = Encoder::new();
        encoder.line(&mut log, "echo/service", 1_000_000_007, 999_999_999, &hist).expect("encodes");
        let entries: Vec<_> = IntervalLogIterator::new(log.as_bytes()).map(|e| e.expect("every line is of the format")).collect();
        let [LogEntry::StartTime(start), LogEntry::Interval(line)] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!(start.as_secs_f64(), 1_767_323_045.25);
        assert_eq!(line.tag().map(|t| t.as_str().to_owned()), Some("echo/service".into()));
        assert_eq!(line.start_timestamp().as_nanos(), 1_000_000_007);
        assert_eq!(line.max(), 31.2);
        let last = log.lines().last().map(|l| format!("{l}\n")).expect("has lines");
        let back = Decoder::new().line(last.as_bytes()).expect("reads").expect("is a histogram");
        assert_eq!(back.t_ns, 1_000_000_007);
        assert_eq!(join(&back.buckets, hist.exact()), Ok(Sparse::of(&hist)));
    }

    proptest! {
        #[test]
        fn buckets_are_those_of_hdrhistogram(values in prop::collection::vec(1u64..HIGHEST_NS, 1..300), n in 1u32..5) {
            let mut hist = Hist::new();
            values.iter().for_each(|&v| (0..n).for_each(|_| hist.record(v)));
            let mut line = String::new();
            Encoder::new().line(&mut line, "echo", 0, SECOND, &hist).expect("encodes");
            let back = Decoder::new().line(line.as_bytes()).expect("reads").expect("is a histogram");
            prop_assert_eq!(join(&back.buckets, hist.exact()), Ok(Sparse::of(&hist)));
        }
    }

    #[test]
    fn numbers_of_every_length() {
        for (bytes, value) in [
            (&[0][..], 0i64),
            (&[1], -1),
            (&[2], 1),
            (&[0x80, 1], 64),
            (&[0xff; 9], i64::MIN),
            (&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], i64::MAX),
        ] {
            let mut rest = bytes;
            assert_eq!((number(&mut rest), rest.len()), (Ok(value), 0), "{bytes:?}");
        }
    }

    /// A line whose histogram inflates to `plain`.
    fn crafted(plain: &[u8]) -> String {
        let mut deflate = flate2::read::ZlibEncoder::new(plain, flate2::Compression::fast());
        let mut deflated = Vec::new();
        deflate.read_to_end(&mut deflated).expect("a slice can be read");
        let bytes = [&deflated_head(deflated.len())[..], &deflated].concat();
        format!("Tag=echo,0.0,1.0,0.0,{}\n", STANDARD.encode(bytes))
    }

    /// A plain histogram with these bytes of counts.
    fn plain(counts: &[u8]) -> Vec<u8> {
        [&header(counts.len())[..], counts].concat()
    }

    #[test]
    fn a_crafted_histogram_is_refused_before_anything_is_reserved() {
        let with = |at: usize, bytes: &[u8]| {
            let mut plain = plain(&[2, 2]);
            plain[at..at + bytes.len()].copy_from_slice(bytes);
            plain
        };
        for (bytes, why) in [
            (with(4, &u32::MAX.to_be_bytes()), "its header is not"),
            (with(4, &1u32.to_be_bytes()), "its header is not"),
            (with(8, &[1]), "its header is not"),
            (with(15, &[5]), "its header is not"),
            (with(16, &1u64.to_be_bytes()), "its header is not"),
            (with(24, &u64::MAX.to_be_bytes()), "its header is not"),
            (with(32, &f64::NAN.to_be_bytes()), "its header is not"),
            (plain(&vec![0; 64 << 20]), "inflates to more than 221224 bytes"),
            (plain(&vec![0; PLAIN_MAX]), "inflates to more than 221224 bytes"),
            (plain(&[&[2][..], &[0xff; 9]].concat()), "more buckets than there are"),
            (plain(&[0x80]), "ends inside a count"),
            (plain(&[2; 24_577]), "more buckets than there are"),
            (header(0)[..39].to_vec(), "shorter than its header"),
            (Vec::new(), "shorter than its header"),
        ] {
            let mut decoder = Decoder::new();
            let error = decoder.line(crafted(&bytes).as_bytes()).err().unwrap_or_default();
            assert!(error.contains(why), "{why}: {error}");
            assert!(decoder.plain.capacity() <= 1 << 20, "{why}: {} bytes reserved", decoder.plain.capacity());
        }
        let good = Decoder::new().line(crafted(&plain(&[2, 2])).as_bytes()).expect("reads").expect("is a histogram");
        let exact = Exact { count: 2, min: 1, max: 1_000, sum: 1_001, clipped: 0 };
        assert!(join(&good.buckets, exact).expect("two values").buckets().eq([(511, 1), (1_023, 1)]));
        assert!(join(&good.buckets, Exact { count: 3, ..exact }).is_err());
    }

    #[test]
    fn a_histogram_must_have_the_length_it_claims() {
        let bytes = [&deflated_head(9)[..], &[0; 8]].concat();
        for text in [STANDARD.encode(bytes), STANDARD.encode(deflated_head(0).split_at(4).0), String::new()] {
            let error = Decoder::new().line(format!("0.0,1.0,0.0,{text}\n").as_bytes()).err().unwrap_or_default();
            assert!(error.contains("not of the length it claims"), "{error}");
        }
    }

    #[test]
    fn the_largest_histogram_there_can_be_is_read() {
        let mut hist = Hist::new();
        let step = |at: u64| at + (at >> 11).max(500);
        std::iter::successors(Some(0), |&at| Some(step(at))).take_while(|&at| at <= HIGHEST_NS).for_each(|at| hist.record(at));
        let mut line = String::new();
        Encoder::new().line(&mut line, "echo", 0, SECOND, &hist).expect("encodes");
        let back = Decoder::new().line(line.as_bytes()).expect("reads").expect("is a histogram");
        assert_eq!(join(&back.buckets, hist.exact()), Ok(Sparse::of(&hist)));
    }

    #[test]
    fn tags_that_break_the_format_do_not_fit() {
        for (tag, ok) in [("echo", true), ("warmup/echo/service", true), ("a b", false), ("a,b", false), ("", false), ("a#1", false)] {
            assert_eq!(fits(tag), ok, "{tag}");
        }
    }
}
