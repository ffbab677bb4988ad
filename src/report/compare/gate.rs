//! Gates: what a comparison may fail on, as `base: echo p(99) <= +10%`. Knows no runs.

/// Margin of quantiles up to p(90), as a share.
const BODY: f64 = 0.05;
/// Margin of quantiles above p(90), as a share.
const TAIL: f64 = 0.10;

/// One metric with its margin.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// Series.
    pub series: String,
    /// Whether it is the service time, not the response.
    pub service: bool,
    /// Quantile, 0 to 1.
    pub q: f64,
    /// How much slower is still fine, as a share.
    pub margin: f64,
}

impl Gate {
    /// The gate on a quantile of a series with its usual margin.
    pub fn usual(series: &str, q: f64) -> Gate {
        Gate { series: series.to_owned(), service: false, q, margin: if q > 0.9 { TAIL } else { BODY } }
    }

    /// `echo p(99)`.
    pub fn name(&self) -> String {
        let percent = (self.q * 1e9).round() / 1e7;
        format!("{}{} p({percent})", self.series, if self.service { "/service" } else { "" })
    }
}

/// Reads a gate; `known` are the series that both sides have. Without a bound the usual margin holds.
///
/// # Errors
/// In words, with what is possible and an example.
pub fn parse(text: &str, known: &[&str]) -> Result<Gate, String> {
    let example = format!("base: {} p(50) <= +5%", known.first().unwrap_or(&"echo"));
    let wrong = |why: String| format!("limit `{}`: {why}; write for example `{example}`", text.trim());
    let rest = text.trim().strip_prefix("base:").ok_or_else(|| wrong("a comparison has limits against its base".into()))?;
    let (left, bound) = match rest.split_once("<=") {
        Some((left, bound)) => (left, Some(bound)),
        None => (rest, None),
    };
    let mut words = left.split_whitespace();
    let (Some(subject), Some(stat), None) = (words.next(), words.next(), words.next()) else {
        return Err(wrong("wants a series, p(X), `<=` and a margin".into()));
    };
    let (series, service) = subject.strip_suffix("/service").map_or((subject, false), |name| (name, true));
    if !known.contains(&series) {
        return Err(wrong(format!("there is no series `{series}` on both sides; series here: {}", known.join(", "))));
    }
    let q = quantile(stat).ok_or_else(|| wrong(format!("`{stat}` is not a quantile from p(1) to p(99.999)")))?;
    let mut gate = Gate { service, ..Gate::usual(series, q) };
    if let Some(bound) = bound {
        gate.margin = margin(bound).ok_or_else(|| wrong(format!("`{}` is not a margin above 0 % and up to 1000 %", bound.trim())))?;
    }
    Ok(gate)
}

fn quantile(text: &str) -> Option<f64> {
    let percent: f64 = if text == "med" { 50.0 } else { text.strip_prefix("p(")?.strip_suffix(')')?.trim().parse().ok()? };
    (1.0..=99.999).contains(&percent).then_some(percent / 100.0)
}

fn margin(text: &str) -> Option<f64> {
    let percent: f64 = text.trim().trim_start_matches('+').strip_suffix('%')?.trim().parse().ok()?;
    (percent > 0.0 && percent <= 1000.0).then_some(percent / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences() {
        for (text, service, q, margin) in [
            ("base: echo p(50) <= +5%", false, 0.5, 0.05),
            ("base:echo/service p(99.9)<=12.5 %", true, 0.999, 0.125),
            ("base: echo med", false, 0.5, 0.05),
            ("base: echo p(99)", false, 0.99, 0.10),
        ] {
            let gate = parse(text, &["echo"]).expect(text);
            assert_eq!((gate.service, gate.margin), (service, margin), "{text}");
            assert!((gate.q - q).abs() < 1e-12, "{text}");
        }
        assert_eq!(Gate::usual("echo", 0.999).name(), "echo p(99.9)");
    }

    #[test]
    fn mistakes_are_named() {
        for (text, why) in [
            ("echo p(99) < 10ms", "against its base"),
            ("base: ecco p(50) <= +5%", "no series `ecco`"),
            ("base: echo p(0) <= +5%", "not a quantile"),
            ("base: echo p(50) <= 5ms", "not a margin"),
            ("base: echo p(50) <= -5%", "not a margin"),
            ("base: echo p(50) <= nan%", "not a margin"),
            ("base: echo", "wants a series"),
        ] {
            let error = parse(text, &["echo"]).expect_err(text);
            assert!(error.contains(why) && error.contains("for example"), "{text}: {error}");
        }
    }
}
