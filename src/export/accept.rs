//! Which form a collector asks for.

/// A form of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Prometheus text, version 0.0.4: what everybody reads.
    Text,
    /// OpenMetrics text, version 1.0.0.
    OpenMetrics,
    /// Prometheus protobuf, each family behind its length; the only one with native histograms.
    Protobuf,
}

impl Form {
    /// All forms, the one that holds most first: it is taken where a collector likes several equally well.
    pub const ALL: [Form; 3] = [Form::Protobuf, Form::OpenMetrics, Form::Text];

    /// What the page calls itself.
    pub const fn media_type(self) -> &'static str {
        match self {
            Form::Text => "text/plain; version=0.0.4; charset=utf-8",
            Form::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Form::Protobuf => "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
        }
    }

    /// The form that an `Accept` header likes best; plain text where it names none that there is.
    pub fn asked(accept: Option<&str>) -> Form {
        let mut best = (Form::Text, 0.0);
        let ranges = accept.unwrap_or_default().split(',');
        for (form, weight) in ranges.filter_map(range) {
            let is_fuller = |other: Form| Form::ALL.iter().position(|f| *f == form) < Form::ALL.iter().position(|f| *f == other);
            if weight > best.1 || (weight == best.1 && weight > 0.0 && is_fuller(best.0)) {
                best = (form, weight);
            }
        }
        best.0
    }
}

/// A form with its weight, if it is one of ours.
fn range(text: &str) -> Option<(Form, f64)> {
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next()?.to_ascii_lowercase();
    let parameters: Vec<(String, &str)> = parts.filter_map(parameter).collect();
    let value = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
    let is = |name: &str, wanted: &str| value(name).is_none_or(|value| value.eq_ignore_ascii_case(wanted));
    let form = match kind.as_str() {
        "application/vnd.google.protobuf"
            if value("proto").is_some() && is("proto", "io.prometheus.client.MetricFamily") && is("encoding", "delimited") =>
        {
            Form::Protobuf
        }
        "application/openmetrics-text" if is("version", "1.0.0") || is("version", "0.0.1") => Form::OpenMetrics,
        "text/plain" if is("version", "0.0.4") => Form::Text,
        "text/*" | "*/*" => Form::Text,
        _ => return None,
    };
    let weight = value("q").map_or(Some(1.0), |q| q.parse().ok().filter(|q| (0.0..=1.0).contains(q)))?;
    Some((form, weight))
}

fn parameter(text: &str) -> Option<(String, &str)> {
    let (name, value) = text.split_once('=')?;
    Some((name.trim().to_ascii_lowercase(), value.trim().trim_matches('"')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_what_is_asked_for() {
        const PROTO: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        const OPEN: &str = "application/openmetrics-text;version=1.0.0";
        for (accept, form) in [
            (None, Form::Text),
            (Some(String::new()), Form::Text),
            (Some("*/*".into()), Form::Text),
            (Some("text/html,application/xhtml+xml,*/*;q=0.8".into()), Form::Text),
            (Some(OPEN.into()), Form::OpenMetrics),
            // Prometheus with native histograms, and without.
            (
                Some(format!(
                    "{PROTO},{OPEN};q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
                )),
                Form::Protobuf,
            ),
            (
                Some(format!("{OPEN};q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2")),
                Form::OpenMetrics,
            ),
            (Some(format!("{OPEN};escaping=allow-utf-8;q=0.5,{PROTO};q=0.6,*/*;q=0.1")), Form::Protobuf),
            (Some(format!("text/plain;version=0.0.4, {PROTO}")), Form::Protobuf),
            (Some(format!("text/plain;version=0.0.4;q=0.7, {PROTO};q=0.2")), Form::Text),
            (Some(format!("{PROTO};q=0")), Form::Text),
            (Some(format!("{PROTO};q=much, {OPEN};q=0.1")), Form::OpenMetrics),
            (Some("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text".into()), Form::Text),
            (Some("application/vnd.google.protobuf".into()), Form::Text),
            (Some(";;=,,q=1;".into()), Form::Text),
        ] {
            assert_eq!(Form::asked(accept.as_deref()), form, "{accept:?}");
        }
    }
}
