//! `volley run --metrics`: figures for collectors while the run goes on, which rise and end at those of the summary; nothing that
//! readers do touches the run.

mod kit;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use kit::shown::Shown;
use kit::*;
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::Histogram;
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::MetricFamily;
use prost::Message;
use serde_json::Value;
use volley::export::BUCKETS_MOST;
use volley::export::Form;

/// Figures by name and labels.
type Figures = BTreeMap<String, f64>;

fn asked(shown: &Shown, form: Form) -> String {
    let request = shown.get("/metrics");
    format!("{}\r\nAccept: {}\r\n\r\n", request.trim_end(), form.media_type())
}

/// A scrape in the form asked for; `None` once the run is over.
fn scrape(shown: &Shown, form: Form) -> Option<Figures> {
    let (head, body) = shown.fetch(&asked(shown, form))?;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains(&format!("content-type: {}", form.media_type())), "{form:?}: {head}");
    Some(if form == Form::Protobuf { of_protobuf(&body) } else { of_text(&body) })
}

fn of_text(body: &[u8]) -> Figures {
    let text = std::str::from_utf8(body).expect("text");
    let figures = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let (name, labels) = name.trim_end_matches('}').split_once('{').unwrap_or_else(|| panic!("no labels: {line}"));
        (key(name, labels.split(',').map(|label| label.replace('"', ""))), value.parse().expect("a number"))
    });
    figures.collect()
}

fn key(name: &str, labels: impl Iterator<Item = String>) -> String {
    let mut labels: Vec<String> = labels.filter(|label| !label.starts_with("run_id=")).collect();
    labels.sort();
    format!("{name}{{{}}}", labels.join(","))
}

fn families(mut body: &[u8]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    while !body.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut body).expect("a family"));
    }
    families
}

fn of_protobuf(body: &[u8]) -> Figures {
    let mut figures = Figures::new();
    for family in families(body) {
        for metric in &family.metric {
            let labels = || metric.label.iter().map(|pair| format!("{}={}", pair.name, pair.value));
            if let Some(counter) = &metric.counter {
                figures.insert(key(&family.name, labels()), counter.value);
            }
            if let Some(times) = &metric.histogram {
                is_sound(times);
                figures.insert(key(&format!("{}_count", family.name), labels()), times.sample_count as f64);
            }
        }
    }
    figures
}

/// Both grids of a histogram hold what it counts.
fn is_sound(times: &Histogram) {
    assert_eq!(times.bucket.last().map(|bucket| (bucket.upper_bound, bucket.cumulative_count)), Some((f64::INFINITY, times.sample_count)));
    assert!((-4..=5).contains(&times.schema) && times.positive_delta.len() <= BUCKETS_MOST, "{times:?}");
    assert_eq!(times.positive_span.iter().map(|span| span.length as usize).sum::<usize>(), times.positive_delta.len());
    let counts = times.positive_delta.iter().scan(0, |count, delta| {
        *count += delta;
        Some(*count)
    });
    assert_eq!(counts.inspect(|count| assert!(*count > 0)).sum::<i64>() as u64, times.sample_count);
}

#[track_caller]
fn has_not_fallen(before: &Figures, after: &Figures) {
    for (name, value) in after.iter().filter(|(name, _)| ["_total{", "_count{", "_bucket{"].iter().any(|end| name.contains(end))) {
        let earlier = before.get(name).copied().unwrap_or_default();
        assert!(*value >= earlier, "{name} fell from {earlier} to {value}");
    }
}

#[track_caller]
fn is_within(figures: &Figures, name: &str, most: &Value) {
    let figure = figures.get(name).unwrap_or_else(|| panic!("{name} is not in {figures:#?}"));
    let most = most.as_u64().expect("a count") as f64;
    assert!((1.0..=most).contains(figure), "{name}: {figure} of {most}");
}

#[test]
fn figures_rise_and_end_within_the_summary() {
    let dir = folder();
    let out = dir.path().join("run");
    let shown = Shown::start(&out, "metrics", "3s");
    let forms = [Form::Text, Form::OpenMetrics, Form::Protobuf];
    let mut last: [Figures; 3] = Default::default();
    let mut figures = Figures::new();
    let mut scrapes = 0;
    for (turn, form) in forms.iter().enumerate().cycle() {
        let Some(now) = scrape(&shown, *form) else { break };
        has_not_fallen(&last[turn], &now);
        has_not_fallen(&figures.into_iter().filter(|(name, _)| now.contains_key(name)).collect(), &now);
        assert!(!now.keys().any(|name| name.contains("client=")), "{now:?}");
        last[turn].clone_from(&now);
        figures = now;
        scrapes += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(scrapes > 6, "{scrapes} scrapes in three seconds");
    shown.ends_well(&out);
    let summary: Value = serde_json::from_str(&read(&out, "summary.json")).expect("JSON");
    let echo = summary["series"].as_array().and_then(|all| all.iter().find(|series| series["name"] == "echo")).expect("a series");
    for figures in &last {
        for name in ["planned", "sent", "answered"] {
            is_within(figures, &format!("volley_{name}_total{{profile=echo}}"), &summary["counts"][name]);
        }
        is_within(figures, "volley_response_seconds_count{phase=measure,profile=echo,series=echo}", &echo["count"]);
    }
}

#[test]
fn a_form_for_each_and_nothing_else() {
    let dir = folder();
    let out = dir.path().join("run");
    let shown = Shown::start(&out, "metrics", "2s");
    let plain = shown.answer(&shown.get("/metrics"));
    for what in [
        "HTTP/1.1 200",
        "content-type: text/plain; version=0.0.4",
        "cache-control: no-store",
        "# TYPE volley_response_seconds histogram",
        "volley_phase{",
    ] {
        assert!(plain.contains(what), "{what} is not in {}", &plain[..plain.len().min(2_000)]);
    }
    assert!(shown.answer(&shown.get("/")).contains("/metrics"));
    for (request, status) in [
        (shown.get("/events"), "404"),
        (shown.get("/metrics/../run.json"), "404"),
        ("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n".into(), "403"),
        ("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".into(), "405"),
        ("\0\x01\x02nonsense\r\n\r\n".into(), "400"),
    ] {
        let answer = shown.answer(&request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
    }
    shown.ends_well(&out);
}

#[test]
fn hostile_readers_do_not_touch_the_run() {
    let dir = folder();
    let out = dir.path().join("run");
    let shown = Shown::start(&out, "metrics", "4s");
    // Silent ones, half a request, endless headers, and requests whose answer nobody reads.
    let mut crowd = Vec::new();
    for i in 0..100 {
        let mut stream = shown.connect();
        let said = match i % 4 {
            0 => String::new(),
            1 => "GET /met".to_owned(),
            2 => format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(64 << 10)),
            _ => shown.get("/metrics"),
        };
        // Who is one too many is cut off.
        stream.write_all(said.as_bytes()).ok();
        crowd.push(stream);
    }
    std::thread::sleep(Duration::from_millis(500));
    drop(crowd);
    std::thread::sleep(Duration::from_millis(1_500));
    let figures = scrape(&shown, Form::Text).expect("there is room again");
    let crowded = figures["volley_readers_dropped_total{cause=crowded,profile=echo}"];
    assert!(crowded > 0.0, "{figures:?}");
    assert!(figures["volley_sent_total{profile=echo}"] > 0.0, "{figures:?}");
    // They stay until the run is over, too.
    let _crowd: Vec<_> = (0..100).map(|_| shown.connect()).collect();
    shown.ends_well(&out);
    let summary: Value = serde_json::from_str(&read(&out, "summary.json")).expect("JSON");
    assert_eq!(summary["counts"]["unanswered"], 0, "{summary:#}");
}

#[test]
fn an_address_is_refused_before_the_run() {
    call(&["run", "echo", "--metrics", "0.0.0.0:0"]).refuses(2, &["--metrics 0.0.0.0:0", "--listen-anywhere", "127.0.0.1:0"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    call(&["run", "echo", "--metrics", &address]).refuses(2, &["--metrics", &address, "cannot be listened at", "Port 0"]);
    call(&["run", "echo", "--metrics", "here"]).refuses(2, &["--metrics", "here"]);
    call(&["run", "echo", "--listen-anywhere"]).refuses(2, &["--live", "--metrics"]);
}
