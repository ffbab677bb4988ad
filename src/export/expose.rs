//! Figures as a page of metrics.

use std::fmt::Error;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::MetricEncoder;
use prometheus_client::encoding::NativeHistogram;
use prometheus_client::encoding::NativeHistogramBuckets;
use prometheus_client::encoding::NoLabelSet;
use prometheus_client::encoding::prometheus_protobuf;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::encoding::text;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::metrics::histogram::DEFAULT_NATIVE_HISTOGRAM_ZERO_THRESHOLD;
use prometheus_client::registry::Registry;
use prometheus_client::registry::Unit;

use super::accept::Form;
use super::figures::BOUNDS_NS;
use super::figures::Figures;
use super::figures::SeriesTimes;
use super::figures::Times;
use crate::tally::Fault;
use crate::tally::NotOffered;
use crate::tally::Phase;
use crate::units::SECOND;

/// No example stands beside a count.
const NO_EXEMPLAR: Option<&Exemplar<NoLabelSet, f64>> = None;
/// Stretches of a run; one of them is now.
const PHASES: [&str; 4] = ["ramp", "warmup", "measure", "drain"];

type Labels<'a> = &'a [(&'static str, &'a str)];

/// The page in the form `form`. `dropped` are readers that were not served, by cause.
///
/// # Errors
/// When the figures cannot be written so, which only a mistake in this program can cause.
pub fn render(figures: &Arc<Figures>, dropped: &[(&'static str, u64)], form: Form) -> Result<Vec<u8>, String> {
    let subject = &figures.subject;
    let labels = [("run_id", &subject.run_id), ("profile", &subject.profile)];
    let mut registry = Registry::with_labels(labels.into_iter().map(|(name, value)| (name.into(), value.clone().into())));
    registry.register_collector(Box::new(Page { figures: figures.clone(), dropped: dropped.to_vec() }));
    let mut page = String::new();
    match form {
        Form::Text => prometheus_text::encode(&mut page, &registry).map_err(|e| e.to_string())?,
        Form::OpenMetrics => text::encode(&mut page, &registry).map_err(|e| e.to_string())?,
        Form::Protobuf => return prometheus_protobuf::encode_to_vec(&registry).map_err(|e| e.to_string()),
    }
    Ok(page.into_bytes())
}

#[derive(Debug)]
struct Page {
    figures: Arc<Figures>,
    dropped: Vec<(&'static str, u64)>,
}

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut sheet = Sheet(encoder);
        self.exchanges(&mut sheet)?;
        self.connections(&mut sheet)?;
        self.generator(&mut sheet)?;
        let help = "From the instant a send was due to its answer, by series and phase";
        self.times(&mut sheet, "volley_response", help, |series| &series.response)?;
        let help = "From the instant a send was made to its answer, by series and phase";
        self.times(&mut sheet, "volley_service", help, |series| &series.service)?;
        let dropped = self.dropped.iter().copied();
        sheet.counters("volley_readers_dropped", "Readers of these figures that were not served, by cause", "cause", dropped)
    }
}

impl Page {
    fn exchanges(&self, sheet: &mut Sheet<'_>) -> Result<(), Error> {
        let counts = &self.figures.counts;
        sheet.counter("volley_planned", "Sends of the load that fell due", counts.planned)?;
        sheet.counter("volley_sent", "Sends of the load that were written whole", counts.sent)?;
        sheet.counter("volley_answered", "Sends of the load answered within the timeout", counts.answered)?;
        sheet.counter("volley_late", "Sends of the load answered after the timeout", counts.late)?;
        sheet.counter("volley_unanswered", "Sends of the load whose answer was given up", counts.unanswered)?;
        let causes = NotOffered::ALL.iter().map(|cause| cause.name()).zip(counts.not_offered);
        sheet.counters("volley_not_offered", "Sends of the load that did not happen, by cause", "cause", causes)?;
        let kinds = Fault::ALL.iter().map(|fault| fault.name()).zip(counts.faults);
        sheet.counters("volley_faults", "What went wrong for clients, by kind", "kind", kinds)?;
        let bytes = [("out", counts.bytes_out), ("in", counts.bytes_in)].into_iter();
        sheet.counters("volley_socket_bytes", "Bytes of frames on the wire, by direction", "direction", bytes)
    }

    fn connections(&self, sheet: &mut Sheet<'_>) -> Result<(), Error> {
        let now = &self.figures.connections;
        let rest = self.figures.subject.clients.saturating_sub(now.open);
        let states = [("open", now.open as f64), ("none", rest as f64)];
        sheet.gauges("volley_connections", "Clients by the state of their connection", None, "state", states.into_iter())?;
        let happened =
            [("opened", now.opened), ("reopened", now.reconnects), ("failed", now.failed), ("struck", now.struck), ("ended", now.ended)];
        sheet.counters("volley_connection_events", "What happened to connections", "event", happened.into_iter())?;
        let phases = PHASES.into_iter().map(|phase| (phase, f64::from(u8::from(self.figures.phase == Some(phase)))));
        sheet.gauges("volley_phase", "1 for the phase that the run is in", None, "phase", phases)
    }

    fn generator(&self, sheet: &mut Sheet<'_>) -> Result<(), Error> {
        let lag = self.figures.lag.iter().map(|(quantile, ns)| (*quantile, seconds(*ns)));
        let help = "How late sends were in the last ten seconds; absent with fewer than ten samples beyond it";
        sheet.gauges("volley_lag", help, Some(&Unit::Seconds), "quantile", lag)?;
        sheet.counter("volley_late_wakeups", "Wake-ups of lanes that came late", self.figures.counts.late_wakeups)?;
        let mut metric = sheet.family("volley_lane_busy_ratio", "Share of a core that the busiest lane used", None, MetricType::Gauge)?;
        metric.encode_gauge(&self.figures.lane_busy)?;
        sheet.counter("volley_seconds", "Seconds of the run that these figures hold", self.figures.seconds)
    }

    fn times(&self, sheet: &mut Sheet<'_>, name: &str, help: &str, of: impl Fn(&SeriesTimes) -> &Times) -> Result<(), Error> {
        let mut family = sheet.family(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (series, phases) in self.figures.subject.series.iter().zip(&self.figures.series) {
            for phase in Phase::ALL {
                let labels: Labels<'_> = &[("series", series), ("phase", phase.name())];
                histogram(family.encode_family(&labels)?, of(&phases[*phase as usize]))?;
            }
        }
        Ok(())
    }
}

fn histogram(mut metric: MetricEncoder<'_>, times: &Times) -> Result<(), Error> {
    let bounds = BOUNDS_NS.into_iter().map(seconds).chain([f64::INFINITY]);
    let classic: Vec<(f64, u64)> = bounds.zip(times.classic).collect();
    let (spans, deltas) = times.native.spans();
    let native = NativeHistogram {
        schema: times.native.schema(),
        zero_threshold: DEFAULT_NATIVE_HISTOGRAM_ZERO_THRESHOLD,
        zero_count: 0,
        negative: NativeHistogramBuckets { spans: &[], deltas: &[] },
        positive: NativeHistogramBuckets { spans: &spans, deltas: &deltas },
        created: None,
    };
    metric.encode_histogram_with_native::<NoLabelSet>(times.native.sum(), times.native.count(), &classic, None, native)
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / SECOND as f64
}

/// What families are written to.
struct Sheet<'a>(DescriptorEncoder<'a>);

impl Sheet<'_> {
    fn family<'s>(&'s mut self, name: &'s str, help: &str, unit: Option<&'s Unit>, kind: MetricType) -> Result<MetricEncoder<'s>, Error> {
        self.0.encode_descriptor(name, help, unit, kind)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> Result<(), Error> {
        self.family(name, help, None, MetricType::Counter)?.encode_counter(&value, NO_EXEMPLAR)
    }

    /// A counter for each value of one label.
    fn counters<'v>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl Iterator<Item = (&'v str, u64)>,
    ) -> Result<(), Error> {
        let mut family = self.family(name, help, None, MetricType::Counter)?;
        for (value, count) in values {
            let labels: Labels<'_> = &[(label, value)];
            family.encode_family(&labels)?.encode_counter(&count, NO_EXEMPLAR)?;
        }
        Ok(())
    }

    /// A gauge for each value of one label.
    fn gauges<'v>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        label: &'static str,
        values: impl Iterator<Item = (&'v str, f64)>,
    ) -> Result<(), Error> {
        let mut family = self.family(name, help, unit, MetricType::Gauge)?;
        for (value, figure) in values {
            let labels: Labels<'_> = &[(label, value)];
            family.encode_family(&labels)?.encode_gauge(&figure)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::kept;
    use super::*;

    fn page(form: Form) -> String {
        let figures = Arc::new(kept(2).figures().clone());
        String::from_utf8_lossy(&render(&figures, &[("crowded", 3)], form).expect("figures can be written")).into_owned()
    }

    #[test]
    fn both_texts_say_the_same() {
        let (text, open) = (page(Form::Text), page(Form::OpenMetrics));
        let run = "run_id=\"7f3a\",profile=\"echo\"";
        for line in [
            format!("volley_planned_total{{{run}}} 202"),
            format!("volley_faults_total{{kind=\"closed\",{run}}} 2"),
            format!("volley_not_offered_total{{cause=\"{}\",{run}}} 2", NotOffered::ALL[0].name()),
            format!("volley_connections{{state=\"open\",{run}}} 7.0"),
            format!("volley_connections{{state=\"none\",{run}}} 3.0"),
            format!("volley_phase{{phase=\"measure\",{run}}} 1.0"),
            format!("volley_phase{{phase=\"ramp\",{run}}} 0.0"),
            format!("volley_readers_dropped_total{{cause=\"crowded\",{run}}} 3"),
            format!("volley_response_seconds_count{{series=\"echo\",phase=\"measure\",{run}}} 200"),
            format!("volley_response_seconds_sum{{series=\"echo\",phase=\"measure\",{run}}} 9.999"),
            format!("volley_response_seconds_bucket{{le=\"0.001\",series=\"echo\",phase=\"measure\",{run}}} 2"),
            format!("volley_response_seconds_bucket{{le=\"0.1\",series=\"echo\",phase=\"measure\",{run}}} 200"),
            format!("volley_response_seconds_bucket{{le=\"+Inf\",series=\"echo\",phase=\"measure\",{run}}} 200"),
            format!("volley_service_seconds_count{{series=\"ping \\\"\\\\\\n\",phase=\"warmup\",{run}}} 0"),
        ] {
            assert!(text.lines().any(|l| same(l, &line)), "{line} is not in\n{text}");
            assert!(open.lines().any(|l| same(l, &line)), "{line} is not in\n{open}");
        }
        assert!(open.ends_with("# EOF\n") && !text.contains("# EOF"));
    }

    /// Whether two lines are the same but for the order of labels.
    fn same(a: &str, b: &str) -> bool {
        let parts = |line: &str| {
            let (name, rest) = line.split_once('{').unwrap_or((line, "}"));
            let (labels, value) = rest.rsplit_once('}').unwrap_or((rest, ""));
            let mut labels: Vec<String> = labels.split(',').map(str::to_owned).collect();
            labels.sort();
            (name.to_owned(), labels, value.to_owned())
        };
        parts(a) == parts(b)
    }

    #[test]
    fn no_family_is_there_twice() {
        let open = page(Form::OpenMetrics);
        let mut names: Vec<_> = open.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(|rest| rest.split(' ').next()).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "{open}");
    }
}
