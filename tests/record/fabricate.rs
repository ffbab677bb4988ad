//! Runs made up in code, so that every figure of a record or a report is known beforehand.
//!
//! A [`Fab`] has a plan of 1 s ramp, 1 s warm-up and `seconds` of measuring; [`Fab::second`] appends
//! one second of samples. The same figures become a [`Run`] in memory or a record on disk.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::path::Path;

use volley::profile::Class;
use volley::record::CounterRow;
use volley::record::Event;
use volley::record::Finish;
use volley::record::Interval;
use volley::record::Machine;
use volley::record::Manifest;
use volley::record::PlanRecord;
use volley::record::RUN_SCHEMA;
use volley::record::Run;
use volley::record::SeriesRecord;
use volley::record::State;
use volley::record::Writer;
use volley::tally::Hist;
use volley::tally::Sparse;
use volley::units::MILLI;
use volley::units::SECOND;

/// A made-up run.
#[derive(Clone)]
pub struct Fab {
    pub manifest: Manifest,
    pub rows: Vec<CounterRow>,
    pub hists: Vec<BTreeMap<String, Hist>>,
    pub events: Vec<Event>,
}

impl Fab {
    /// A plan of `seconds` measured seconds, without any sample yet.
    pub fn new(seconds: u64) -> Fab {
        let mut manifest = manifest();
        manifest.plan.duration_ns = seconds * SECOND;
        Fab { manifest, rows: Vec::new(), hists: Vec::new(), events: Vec::new() }
    }

    /// An undisturbed run: 1,000 answers a second for ten seconds, from 1 ms up in steps of 10 us
    /// (p50 near 6 ms, p99 near 10.9 ms), lag of 100 us, one connection set up in the ramp.
    pub fn calm() -> Fab {
        let mut fab = Fab::new(10);
        fab.second(&[("warmup/tcp_connect", &[300_000])]).connections.opened = 10;
        fab.second(&[]);
        let response: Vec<u64> = (0..1_000).map(|i| MILLI + i * 10_000).collect();
        let service: Vec<u64> = response.iter().map(|r| r - 100_000).collect();
        for _ in 0..10 {
            fab.second(&[("echo", &response), ("echo/service", &service), ("lag", &[100_000; 1_000]), ("read_delay", &[20_000; 1_000])]);
        }
        fab.finish();
        fab
    }

    /// Appends a second; samples of `echo` also count as planned, sent and answered.
    pub fn second(&mut self, samples: &[(&str, &[u64])]) -> &mut CounterRow {
        let t_ns = self.rows.len() as u64 * SECOND;
        let plan = &self.manifest.plan;
        let phase = match t_ns {
            t if t < plan.ramp_ns => "ramp",
            t if t < plan.measure_from_ns() => "warmup",
            t if t < plan.measure_until_ns() => "measure",
            _ => "drain",
        };
        let mut row =
            CounterRow { t_ns, span_ns: SECOND, phase: phase.into(), cpu_ns: 50 * MILLI, rss_bytes: 40 << 20, ..Default::default() };
        let mut hists: BTreeMap<String, Hist> = BTreeMap::new();
        for (tag, values) in samples {
            let hist = hists.entry((*tag).to_owned()).or_default();
            values.iter().for_each(|&v| hist.record(v));
            if *tag == "echo" || *tag == "warmup/echo" {
                let n = values.len() as u64;
                (row.planned, row.sent, row.answered) = (n, n, n);
                (row.bytes_out, row.bytes_in) = (100 * n, 90 * n);
                row.messages_out.insert("echo".into(), n);
                row.messages_in.insert("echo".into(), n);
                row.outcomes.entry("echo".into()).or_default().insert("echo".into(), n);
            }
        }
        row.exact = hists.iter().map(|(tag, hist)| (tag.clone(), hist.exact())).collect();
        row.connections.open = 10;
        row.lane_busy = 0.2;
        self.rows.push(row);
        self.hists.push(hists);
        self.rows.last_mut().expect("a row was pushed")
    }

    /// Ends the run as planned.
    pub fn finish(&mut self) -> &mut Finish {
        self.manifest.state = State::Complete;
        let elapsed_ns = self.rows.len() as u64 * SECOND;
        let mut finish = Finish { elapsed_ns, peak_connections: 10, ..Default::default() };
        finish.generator.cpu_ns = 500 * MILLI;
        finish.generator.rss_peak_bytes = 48 << 20;
        finish.generator.lane_busy_max = 0.2;
        self.manifest.finish.insert(finish)
    }

    /// The run in memory, as the reader would give it back.
    pub fn run(&self) -> Run {
        let mut run = Run {
            manifest: self.manifest.clone(),
            rows: self.rows.clone(),
            intervals: Vec::new(),
            totals: BTreeMap::new(),
            sections: BTreeMap::new(),
            events: self.events.clone(),
            missing: Vec::new(),
        };
        for (row, hists) in self.rows.iter().zip(&self.hists) {
            for (tag, hist) in hists {
                run.totals.entry(tag.clone()).or_default().merge(hist);
                run.intervals.push(Interval { t_ns: row.t_ns, span_ns: row.span_ns, tag: tag.clone(), hist: Sparse::of(hist) });
            }
        }
        run
    }

    /// Writes the seconds without closing the record.
    pub fn write_open(&self, dir: &Path) -> Writer {
        let mut running = self.manifest.clone();
        running.state = State::Running;
        running.finish = None;
        let mut writer = Writer::create(dir, &running).expect("the folder is writable");
        for (row, hists) in self.rows.iter().zip(&self.hists) {
            let hists: Vec<_> = hists.iter().map(|(tag, hist)| (tag.as_str(), hist)).collect();
            writer.second(row, &hists).expect("the disk has room");
        }
        self.events.iter().for_each(|event| writer.event(event).expect("the disk has room"));
        writer
    }

    /// Writes the whole record.
    pub fn write(&self, dir: &Path) {
        self.write_open(dir).finish(&self.manifest).expect("the record closes");
    }
}

fn manifest() -> Manifest {
    let series = |name: &str, class, about: &str, load| SeriesRecord {
        name: name.into(),
        class,
        about: about.into(),
        role: "client".into(),
        receivers: 0,
        load,
    };
    Manifest {
        schema: RUN_SCHEMA.into(),
        version: "0.1.0".into(),
        id: "7f3a".into(),
        state: State::Running,
        started: "2026-01-02T03:04:05Z".into(),
        pid: u32::MAX,
        command: ["volley", "run", "echo", "--target", "ws://127.0.0.1:9000/a b", "--seed", "7"].map(String::from).into(),
        plan: plan(),
        machine: Machine {
            kernel: "Linux 6.12 x86_64".into(),
            cpu: "Fast CPU".into(),
            cpus: 4,
            memory_bytes: 8 << 30,
            files: 20_000,
            cgroup_cpus: Some(2.0),
            clock: "tsc".into(),
        },
        profile_text: "name = \"echo\"\n".into(),
        series: vec![
            series("echo", Class::Keyed, "one message there and back", true),
            series("ws_ping", Class::Keyed, "WebSocket ping", false),
            series("tcp_connect", Class::Single, "TCP connection", false),
        ],
        error_kinds: vec!["refusal".into()],
        finish: None,
        shards: 1,
        coverage: 1.0,
        agents: Vec::new(),
        fleet: None,
    }
}

fn plan() -> PlanRecord {
    PlanRecord {
        trace: None,
        profile: "echo".into(),
        dialect: Some("docs".into()),
        target: "ws://127.0.0.1:9000/".into(),
        reference_server: false,
        address: "127.0.0.1:9000".into(),
        http: None,
        sources: Vec::new(),
        insecure: false,
        clients: 10,
        presence: None,
        rate: Some("100/s".into()),
        closed: None,
        ramp_ns: SECOND,
        warmup_ns: SECOND,
        duration_ns: 10 * SECOND,
        timeout_ns: 10 * SECOND,
        seed: 7,
        lanes: 2,
        storm: None,
        precise: false,
        stamps: "kernel".into(),
        hops: None,
        harm: None,
        vars: [("payload_bytes".to_owned(), "100".to_owned())].into(),
        limits: Vec::new(),
    }
}
