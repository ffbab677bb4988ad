//! Times, rates and sizes: from text, to text.
//!
//! Knows nothing of profiles, plans or files. Times are nanoseconds in a `u64` newtype; a rate is
//! events a second. Every parser says what it wanted when it refuses.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

/// A span of time, or an instant on the run clock, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nanos(pub u64);

/// One microsecond in nanoseconds.
pub const MICRO: u64 = 1_000;
/// One millisecond in nanoseconds.
pub const MILLI: u64 = 1_000_000;
/// One second in nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

impl Nanos {
    /// Zero.
    pub const ZERO: Nanos = Nanos(0);

    /// `n` milliseconds.
    pub const fn from_millis(n: u64) -> Self {
        Nanos(n * MILLI)
    }

    /// `n` seconds.
    pub const fn from_secs(n: u64) -> Self {
        Nanos(n * SECOND)
    }

    /// As seconds, for arithmetic with rates.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / SECOND as f64
    }

    /// As a standard duration.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0)
    }

    /// The difference, zero when `earlier` is later.
    pub fn since(self, earlier: Nanos) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }

    /// The sum, held at the largest value instead of wrapping.
    pub fn plus(self, span: Nanos) -> Nanos {
        Nanos(self.0.saturating_add(span.0))
    }
}

impl fmt::Display for Nanos {
    /// Three significant digits with the unit that keeps them readable: `1.92ms`, `18.9ms`, `60s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&three_digits(self.0))
    }
}

fn three_digits(ns: u64) -> String {
    let (value, unit) = match ns {
        0 => return "0s".into(),
        1..MICRO => return format!("{ns}ns"),
        MICRO..MILLI => (ns as f64 / MICRO as f64, "us"),
        MILLI..SECOND => (ns as f64 / MILLI as f64, "ms"),
        _ => (ns as f64 / SECOND as f64, "s"),
    };
    // Rounding may carry into the next unit: 999.6us is 1ms.
    if value >= 999.5 && unit != "s" {
        return three_digits(match unit {
            "us" => MILLI,
            _ => SECOND,
        });
    }
    let places = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    let text = format!("{value:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

impl FromStr for Nanos {
    type Err = String;

    /// `250us`, `10ms`, `30s`, `1.5m`, `1h`; a bare `0` is allowed, any other number needs its unit.
    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        if trimmed == "0" {
            return Ok(Nanos::ZERO);
        }
        let split = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(split);
        let factor = match unit.trim() {
            "ns" => 1,
            "us" | "µs" => MICRO,
            "ms" => MILLI,
            "s" => SECOND,
            "m" | "min" => 60 * SECOND,
            "h" => 3_600 * SECOND,
            "" => return Err(format!("`{text}` has no unit; write for example `{text}ms` or `{text}s`")),
            other => return Err(format!("`{other}` is not a unit of time; use ns, us, ms, s, m or h")),
        };
        let number: f64 = number.parse().map_err(|_| format!("`{text}` is not a time; write for example `10ms` or `30s`"))?;
        let ns = number * factor as f64;
        if !ns.is_finite() || ns > 1e18 {
            return Err(format!("`{text}` is too long; the longest time is 30 years"));
        }
        Ok(Nanos(ns.round() as u64))
    }
}

/// Events a second. Always finite and above zero.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(f64);

impl Rate {
    /// A rate of `per_s` events a second; `None` unless finite and above zero.
    pub fn new(per_s: f64) -> Option<Self> {
        (per_s.is_finite() && per_s > 0.0).then_some(Rate(per_s))
    }

    /// Events a second.
    pub fn per_s(self) -> f64 {
        self.0
    }

    /// The time between two events, in nanoseconds, not rounded.
    pub fn period_ns(self) -> f64 {
        SECOND as f64 / self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/s", self.0))
    }
}

impl FromStr for Rate {
    type Err = String;

    /// `10/s`, `0.5/s`, `600/m`, `30/h`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) =
            text.trim().split_once('/').ok_or_else(|| format!("`{text}` is not a rate; write for example `10/s` or `30/m`"))?;
        let per_s = match unit.trim() {
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            other => return Err(format!("`/{other}` is not a unit of rate; use /s, /m or /h")),
        };
        let number: f64 = number.trim().parse().map_err(|_| format!("`{text}` is not a rate; write for example `10/s` or `30/m`"))?;
        Rate::new(number / per_s).ok_or_else(|| format!("`{text}` is not above zero"))
    }
}

/// A whole number with thousands separators: `600,012`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A size in binary units with three significant digits: `12.3 KiB`.
pub fn bytes_text(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{n} B") } else { format!("{value:.*} {unit}", usize::from(value < 100.0)) };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// A size in bytes from `512`, `64KiB`, `16MiB` or `1GiB`; a bare number is bytes.
///
/// # Errors
/// A sentence that says how sizes are written.
pub fn bytes_from(text: &str) -> Result<u64, String> {
    let units = [("KiB", 1u64 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)];
    let found = units.iter().find_map(|(unit, factor)| text.strip_suffix(unit).map(|number| (number.trim_end(), *factor)));
    let (number, factor) = found.unwrap_or((text, 1));
    let bytes = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor));
    bytes.ok_or_else(|| format!("`{text}` is not a size; write for example `512`, `64KiB` or `16MiB`"))
}

/// What a peer said, safe to print: control, hidden and bidirectional characters (Unicode TR9) are
/// left out, and so are line separators; it is cut at `most` characters, which `..` behind it shows.
pub fn printable(text: &str, most: usize) -> String {
    let mut kept = text.chars().filter(|&c| !c.is_control() && !is_hidden(c));
    let mut out: String = kept.by_ref().take(most).collect();
    if kept.next().is_some() {
        out.push_str("..");
    }
    out
}

/// Whether a character shows nothing itself, or changes how others are shown: soft hyphen, joiners,
/// fillers, marks and overrides of direction, separators, variation selectors, tags.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// A number made of another so that neighbours have nothing in common: the output of SplitMix64 (Steele, Lea, Flood 2014).
pub fn mix(x: u64) -> u64 {
    let z = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Bits as a number from 0 up to, not including, 1.
pub fn share_of(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_from_text() {
        for (text, ns) in
            [("10ms", 10 * MILLI), ("1.5s", 1_500 * MILLI), ("250us", 250 * MICRO), ("2m", 120 * SECOND), ("0", 0), ("7ns", 7)]
        {
            assert_eq!(text.parse::<Nanos>(), Ok(Nanos(ns)), "{text}");
        }
        for text in ["10", "ms", "-1s", "1x", "1e30s", "", "99999999999h"] {
            assert!(text.parse::<Nanos>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_from_text() {
        for (text, bytes) in [("512", 512), ("0", 0), ("7B", 7), ("64KiB", 64 << 10), ("16 MiB", 16 << 20), ("1GiB", 1 << 30)] {
            assert_eq!(bytes_from(text), Ok(bytes), "{text}");
        }
        for text in ["", "KiB", "-1", "1.5KiB", "32MB", "99999999999GiB"] {
            assert!(bytes_from(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_to_text() {
        for (ns, text) in [
            (0, "0s"),
            (999, "999ns"),
            (1_920_000, "1.92ms"),
            (18_900_000, "18.9ms"),
            (999_600, "1ms"),
            (60 * SECOND, "60s"),
            (9_996_000, "10ms"),
            (123_456_789, "123ms"),
        ] {
            assert_eq!(Nanos(ns).to_string(), text, "{ns}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!("600/m".parse::<Rate>().map(Rate::per_s), Ok(10.0));
        for text in ["10", "0/s", "-1/s", "1/d", "x/s", "inf/s", "nan/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn hostile_text_is_tamed() {
        assert_eq!(printable("a\u{1b}[31mb\u{202e}c\n", 200), "a[31mbc");
        assert_eq!(printable(&"x".repeat(300), 200).len(), 202);
    }

    proptest! {
        #[test]
        fn whatever_is_said_can_be_printed(text in "(\\PC|[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]|.){0,300}", most in 0usize..250) {
            let out = printable(&text, most);
            let shown = out.strip_suffix("..").filter(|_| out.chars().count() > most).unwrap_or(&out);
            prop_assert!(shown.chars().count() <= most);
            prop_assert!(!out.chars().any(|c| c.is_control() || "\u{202e}\u{2066}\u{200f}\u{61c}\u{200b}\u{2028}\u{2029}\u{feff}".contains(c)), "{:?}", out);
            // What can be seen stays, in its order.
            let seen: String = text.chars().filter(|c| c.is_alphanumeric() && !is_hidden(*c)).take(most).collect();
            let kept: String = shown.chars().filter(|c| c.is_alphanumeric()).collect();
            prop_assert!(seen.starts_with(&kept), "{kept:?} of {seen:?}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(grouped(600_012), "600,012");
        assert_eq!(grouped(12), "12");
        assert_eq!(bytes_text(12_595), "12.3 KiB");
    }
}
