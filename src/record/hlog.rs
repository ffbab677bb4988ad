//! Lines of the HdrHistogram interval log (V2 payload, deflate, base64): to text, from text.
//!
//! The only file of the record that knows the format. Stamps are written with nine decimals, so that
//! an instant comes back to the nanosecond; other readers take them as seconds. Knows nothing of
//! files. The exact figures of a histogram do not fit this format and travel beside it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::Serializer as _;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogIterator;
use hdrhistogram::serialization::interval_log::LogEntry;

use crate::tally::Exact;
use crate::tally::Hist;
use crate::units::MILLI;
use crate::units::SECOND;

/// Divisor of the readable maximum: histograms are in nanoseconds, the column reads milliseconds.
const MAX_DIVISOR: u64 = MILLI;

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

/// Counts as the log holds them, without exact figures.
pub(super) type Counts = Histogram<u64>;

/// One line of a log, read.
pub(super) struct Line {
    /// Tag; empty when the line has none.
    pub(super) tag: String,
    /// Start in nanoseconds.
    pub(super) t_ns: u64,
    /// Counts.
    pub(super) counts: Counts,
}

/// Counts and exact figures as one.
///
/// # Errors
/// In words, when the two disagree or the counts do not fit the range of this program.
pub(super) fn join(counts: &Counts, exact: Exact) -> Result<Hist, String> {
    if counts.len() != exact.count {
        return Err(format!("holds {} values, its counters say {}", counts.len(), exact.count));
    }
    Hist::from_parts(counts, exact)
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

    /// Appends one line to `out`.
    ///
    /// # Errors
    /// In words, when the histogram cannot be encoded (a count above what the format holds).
    pub(super) fn line(&mut self, out: &mut String, tag: &str, t_ns: u64, span_ns: u64, hist: &Hist) -> Result<(), String> {
        self.bytes.clear();
        self.serializer.serialize(hist.counts(), &mut self.bytes).map_err(|e| format!("histogram `{tag}`: {e}"))?;
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
    deserializer: Deserializer,
    bytes: Vec<u8>,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Decoder { deserializer: Deserializer::new(), bytes: Vec::new() }
    }

    /// Reads one line that ends with a newline; `None` for a comment or the legend.
    ///
    /// # Errors
    /// In words, when the line is not one of this format.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<Option<Line>, String> {
        let entry = match IntervalLogIterator::new(line).next() {
            None | Some(Ok(LogEntry::StartTime(_) | LogEntry::BaseTime(_))) => return Ok(None),
            Some(Ok(LogEntry::Interval(entry))) => entry,
            Some(Err(_)) => return Err("not a line of an HdrHistogram log".into()),
        };
        let tag = entry.tag().map(|t| t.as_str().to_owned()).unwrap_or_default();
        self.bytes.clear();
        STANDARD.decode_vec(entry.encoded_histogram(), &mut self.bytes).map_err(|e| format!("base64: {e}"))?;
        let counts = self.deserializer.deserialize(&mut self.bytes.as_slice()).map_err(|e| format!("histogram: {e}"))?;
        let ns = |d: std::time::Duration| u64::try_from(d.as_nanos()).map_err(|_| "a time beyond 500 years".to_owned());
        Ok(Some(Line { tag, t_ns: ns(entry.start_timestamp())?, counts }))
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(&back.counts, hist.counts());
    }

    #[test]
    fn tags_that_break_the_format_do_not_fit() {
        for (tag, ok) in [("echo", true), ("warmup/echo/service", true), ("a b", false), ("a,b", false), ("", false), ("a#1", false)] {
            assert_eq!(fits(tag), ok, "{tag}");
        }
    }
}
