//! How much does volley cost beside the least that a client can cost?
//!
//! Every row runs the floor (a bare epoll loop: no JSON, no accounting, `bare/client.rs`) and volley in turns against
//! the same kind of server, the client pinned to the first core and the server to the last, and compares medians. As root
//! both go before all other work of the machine. Ratios within one run are what counts here: absolute times are those of
//! this machine on this day.
//!
//! | row | question | target |
//! |---|---|---|
//! | open/LAW/N | CPU per exchange, N clients x 10/s | at most 1.15 times the floor from 1,000 clients on |
//! | closed/LAW/N | CPU per exchange, N clients with one exchange each in flight | at most 1.6 times the floor at 1,000 |
//! | flat | growth of CPU per exchange from 1,000 x 18/s to 18,000 x 1/s | at most 1.25 times the floor's growth |
//! | lateness | p99 of sent - due, 5,000 x 10/s | at most 400 us above the floor's |
//! | memory | resident memory of an idle client | at most 12 KiB |
//! | ramp | 10,000 clients in 2 s | all open, 99 % of them by the end of the ramp |
//!
//! LAW is when the server answers: `at-once`, or `2-8ms` for a random delay. CPU is user and system time of the
//! measured part. volley's own account of it is checked against the kernel's, and its counts against the server's; a row
//! where they differ is `doubted` instead of `ok` or `over`. A verdict other than `pass` is a remark: on a busy machine
//! volley may say that it was the limit, and the row should then be run again on a quiet one.
//!
//! `cargo bench --bench end_to_end -- [--quick] [--only NAME]... [--repeats N] [--tries N]`; `VOLLEY_BENCH=quick` is
//! `--quick`, `--only` takes the name of a row or a part of several, `--tries` runs again what the host of a virtual machine disturbed.
//! The whole table takes about 14 minutes. Exits with 1 only when something could not be measured.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its table")]

mod bare;
mod duel;

use std::env;
use std::io;
use std::process::ExitCode;

use bare::Law;
use bare::client::Load;
use duel::Figures;
use duel::Scenario;
use duel::Side;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if let Some(code) = bare::run_child(&args) {
        return code;
    }
    match Options::from_args(&args) {
        Ok(Some(options)) => bench(&options),
        Ok(None) => {
            eprintln!("nothing is measured without `cargo bench`");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Measures every chosen row and prints the table.
fn bench(options: &Options) -> ExitCode {
    match duel::leave_client_core() {
        Ok(true) => {}
        Ok(false) => eprintln!("only one core: server and client share it, and ratios come out closer to 1 than they are"),
        Err(error) => eprintln!("cannot pin to a core ({error}): expect noise"),
    }
    let rows = rows(options.quick);
    let lines: Vec<Line> = options.choose(&rows).into_iter().map(|row| row.measure(options)).collect();
    if lines.is_empty() {
        eprintln!("no such row; there are {}", rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>().join(", "));
        return ExitCode::FAILURE;
    }
    print_table(&lines);
    if lines.iter().any(|line| line.judged == Judged::Failed) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What was asked on the command line.
struct Options {
    quick: bool,
    only: Vec<String>,
    repeats: usize,
    tries: usize,
}

impl Options {
    /// `None` when this is not a benchmark run: `cargo test --benches` starts the program too, without `--bench`.
    fn from_args(args: &[String]) -> Result<Option<Options>, String> {
        let quick = env::var("VOLLEY_BENCH").is_ok_and(|value| value == "quick");
        let mut options = Options { quick, only: Vec::new(), repeats: 0, tries: 1 };
        let mut is_asked = quick;
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            is_asked = true;
            let mut number = || args.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0).ok_or(format!("{arg} needs a number"));
            match arg.as_str() {
                "--bench" => {}
                "--quick" => options.quick = true,
                "--repeats" => options.repeats = number()?,
                "--tries" => options.tries = number()?,
                "--only" => options.only.push(args.next().ok_or("--only needs a part of a row's name")?.clone()),
                other => return Err(format!("{other} is not known; there are --quick, --only NAME, --repeats N and --tries N")),
            }
        }
        if options.repeats == 0 {
            options.repeats = if options.quick { 1 } else { 2 };
        }
        Ok(is_asked.then_some(options))
    }

    /// The rows that were asked for. A whole name means that row, even where it is a part of another name.
    fn choose<'a>(&self, rows: &'a [Row]) -> Vec<&'a Row> {
        let is_name = |only: &str| rows.iter().any(|row| row.name == only);
        let is_meant = |row: &Row, only: &str| if is_name(only) { row.name == only } else { row.name.contains(only) };
        rows.iter().filter(|row| self.only.is_empty() || self.only.iter().any(|only| is_meant(row, only))).collect()
    }

    /// The same with one run a side.
    fn once(&self) -> Options {
        Options { only: Vec::new(), repeats: 1, ..*self }
    }
}

/// One line of the table, before it is measured.
struct Row {
    name: String,
    kind: Kind,
}

/// What is compared in a row.
enum Kind {
    /// CPU per exchange, held to so many times the floor's.
    Cost { scenario: Scenario, target: Option<f64> },
    /// Growth of CPU per exchange from the first to the second.
    Flatness { few: Scenario, many: Scenario },
    /// Sent minus due.
    Lateness(Scenario),
    /// Memory by the difference between two runs.
    Memory { few: Scenario, many: Scenario },
    /// Connections opened in time.
    Ramp(Scenario),
}

/// Highest cost in open loop, in times the floor's.
const OPEN_TARGET: f64 = 1.15;
/// Highest cost in closed loop.
const CLOSED_TARGET: f64 = 1.6;
/// Highest growth, in times the floor's.
const FLAT_TARGET: f64 = 1.25;
/// Highest p99 of lag above the floor's.
const LATENESS_TARGET_NS: f64 = 400_000.0;
/// Most memory of an idle client.
const MEMORY_TARGET_BYTES: f64 = 12.0 * 1024.0;
/// Least share of connections open at the end of the ramp.
const RAMP_TARGET: f64 = 0.99;

/// The whole table, or a short one.
fn rows(quick: bool) -> Vec<Row> {
    let mut rows = cost_rows(quick);
    let base = base(quick);
    let idle = |clients| Scenario { clients, load: rate(0.001), ramp_ms: if quick { 500 } else { 3_000 }, measure_ms: 2_000, ..base };
    let ramp = Scenario { load: rate(1.0), warmup_ms: 500, measure_ms: 1_000, ..base };
    let mut add = |name: &str, kind| rows.push(Row { name: name.into(), kind });
    if quick {
        add("lateness", Kind::Lateness(Scenario { clients: 1_000, ..base }));
        add("memory", Kind::Memory { few: idle(500), many: idle(2_500) });
        add("ramp", Kind::Ramp(Scenario { clients: 2_000, ..ramp }));
    } else {
        let many = Scenario { clients: 18_000, load: rate(1.0), ramp_ms: 10_000, warmup_ms: 4_000, ..base };
        add("flat", Kind::Flatness { few: Scenario { clients: 1_000, load: rate(18.0), ..base }, many });
        add("lateness", Kind::Lateness(Scenario { clients: 5_000, ..base }));
        add("memory", Kind::Memory { few: idle(2_000), many: idle(12_000) });
        add("ramp", Kind::Ramp(Scenario { clients: 10_000, ..ramp }));
    }
    rows
}

fn cost_rows(quick: bool) -> Vec<Row> {
    let (laws, sizes): (&[Law], &[u64]) =
        if quick { (&[Law::AtOnce], &[1_000]) } else { (&[Law::AtOnce, Law::Random], &[100, 1_000, 5_000, 10_000]) };
    let mut rows = Vec::new();
    for (kind, load) in [("open", rate(10.0)), ("closed", Load::Closed)] {
        for &law in laws {
            for &clients in sizes {
                let scenario = Scenario { clients, load, law, ..base(quick) };
                let target = match load {
                    Load::Open { .. } => (clients >= 1_000).then_some(OPEN_TARGET),
                    Load::Closed => (clients == 1_000).then_some(CLOSED_TARGET),
                };
                rows.push(Row { name: format!("{kind}/{}/{clients}", law.name()), kind: Kind::Cost { scenario, target } });
            }
        }
    }
    rows
}

/// What most rows share.
fn base(quick: bool) -> Scenario {
    let (ramp_ms, warmup_ms, measure_ms) = if quick { (500, 1_000, 2_000) } else { (2_000, 2_000, 6_000) };
    Scenario { clients: 1_000, load: rate(10.0), law: Law::AtOnce, ramp_ms, warmup_ms, measure_ms }
}

fn rate(per_s: f64) -> Load {
    Load::Open { per_1000_s: (per_s * 1000.0).round() as u64 }
}

/// One line of the table.
struct Line {
    name: String,
    floor: String,
    volley: String,
    figure: String,
    target: String,
    judged: Judged,
    remarks: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Judged {
    Ok,
    Over,
    /// The row has no target.
    Shown,
    /// The kernel or the server counted differently.
    Doubted,
    /// It could not be measured.
    Failed,
}

impl Judged {
    fn name(self) -> &'static str {
        match self {
            Judged::Ok => "ok",
            Judged::Over => "over",
            Judged::Shown => "-",
            Judged::Doubted => "doubted",
            Judged::Failed => "FAILED",
        }
    }

    fn from(is_ok: bool) -> Self {
        if is_ok { Judged::Ok } else { Judged::Over }
    }
}

impl Row {
    fn measure(&self, options: &Options) -> Line {
        let line = match &self.kind {
            Kind::Cost { scenario, target } => self.cost(scenario, *target, options),
            Kind::Flatness { few, many } => self.flatness(few, many, options),
            Kind::Lateness(scenario) => self.lateness(scenario, options),
            Kind::Memory { few, many } => self.memory(few, many, &options.once()),
            Kind::Ramp(scenario) => self.ramp(scenario, &options.once()),
        };
        line.unwrap_or_else(|error| {
            eprintln!("{}: {error}", self.name);
            let mut line = self.line(Judged::Failed, &[]);
            line.remarks.push(error.to_string());
            line
        })
    }

    /// A line with the remarks of all `pairs`, each once; doubts about a run outweigh the judgement.
    fn line(&self, judged: Judged, pairs: &[&Pair]) -> Line {
        let judged = if pairs.iter().any(|pair| pair.is_doubtful()) { Judged::Doubted } else { judged };
        let mut remarks: Vec<String> = pairs.iter().flat_map(|pair| pair.remarks()).collect();
        remarks.sort();
        remarks.dedup();
        let empty = || "-".to_owned();
        Line { name: self.name.clone(), floor: empty(), volley: empty(), figure: empty(), target: empty(), judged, remarks }
    }

    fn cost(&self, scenario: &Scenario, target: Option<f64>, options: &Options) -> io::Result<Line> {
        let pair = Pair::run(&self.name, scenario, options, false)?;
        let (floor_ns, volley_ns) = pair.cost_ns()?;
        let ratio = volley_ns / floor_ns;
        let judged = target.map_or(Judged::Shown, |target| Judged::from(ratio <= target));
        let text = |ns: f64, runs: &[Figures]| format!("{:.2} us x {:.0}/s", ns / 1e3, median(runs, |run| Some(run.per_s)).unwrap_or(0.0));
        Ok(Line {
            floor: text(floor_ns, &pair.floor),
            volley: text(volley_ns, &pair.volley),
            figure: format!("{ratio:.2} times"),
            target: target.map_or("-".into(), |target| format!("<= {target}")),
            ..self.line(judged, &[&pair])
        })
    }

    fn flatness(&self, few: &Scenario, many: &Scenario, options: &Options) -> io::Result<Line> {
        let few = Pair::run(&self.name, few, options, false)?;
        let many = Pair::run(&self.name, many, options, false)?;
        let ((floor_few, volley_few), (floor_many, volley_many)) = (few.cost_ns()?, many.cost_ns()?);
        let growth = (volley_many / volley_few) / (floor_many / floor_few);
        let text = |few: f64, many: f64| format!("{:.2} -> {:.2} us", few / 1e3, many / 1e3);
        Ok(Line {
            floor: text(floor_few, floor_many),
            volley: text(volley_few, volley_many),
            figure: format!("{growth:.2} times"),
            target: format!("<= {FLAT_TARGET}"),
            ..self.line(Judged::from(growth <= FLAT_TARGET), &[&few, &many])
        })
    }

    fn lateness(&self, scenario: &Scenario, options: &Options) -> io::Result<Line> {
        let pair = Pair::run(&self.name, scenario, options, true)?;
        let (floor_ns, volley_ns) = pair.both("lag", |run| run.lag.p99_ns.map(|ns| ns as f64))?;
        let excess_ns = volley_ns - floor_ns;
        let text = |p99_ns: f64, runs: &[Figures]| {
            let us = |of: fn(&Figures) -> Option<u64>| median(runs, |run| of(run).map(|ns| ns as f64 / 1e3)).unwrap_or(0.0);
            let (p50, service) = (us(|run| run.lag.p50_ns), (us(|run| run.service.p50_ns), us(|run| run.service.p99_ns)));
            format!("{p50:.0}/{:.0} us, service {:.0}/{:.0}", p99_ns / 1e3, service.0, service.1)
        };
        Ok(Line {
            floor: text(floor_ns, &pair.floor),
            volley: text(volley_ns, &pair.volley),
            figure: format!("{:+.0} us", excess_ns / 1e3),
            target: format!("<= +{:.0} us", LATENESS_TARGET_NS / 1e3),
            ..self.line(Judged::from(excess_ns <= LATENESS_TARGET_NS), &[&pair])
        })
    }

    fn memory(&self, few: &Scenario, many: &Scenario, options: &Options) -> io::Result<Line> {
        let clients = (many.clients - few.clients) as f64;
        let few = Pair::run(&self.name, few, options, false)?;
        let many = Pair::run(&self.name, many, options, false)?;
        let rss = |run: &Figures| run.rss_bytes.map(|bytes| bytes as f64);
        let ((floor_few, volley_few), (floor_many, volley_many)) = (few.both("memory", rss)?, many.both("memory", rss)?);
        let each = (volley_many - volley_few) / clients;
        let text = |few: f64, many: f64| format!("{:.1} -> {:.1} MiB", few / 1024.0 / 1024.0, many / 1024.0 / 1024.0);
        Ok(Line {
            floor: text(floor_few, floor_many),
            volley: text(volley_few, volley_many),
            figure: format!("{:.2} KiB", each / 1024.0),
            target: format!("<= {:.0} KiB", MEMORY_TARGET_BYTES / 1024.0),
            ..self.line(Judged::from(each <= MEMORY_TARGET_BYTES), &[&few, &many])
        })
    }

    fn ramp(&self, scenario: &Scenario, options: &Options) -> io::Result<Line> {
        let pair = Pair::run(&self.name, scenario, options, false)?;
        let text = |runs: &[Figures]| format!("{} open, {} in ramp", runs[0].opened, runs[0].opened_in_ramp);
        let share = pair.volley[0].opened_in_ramp as f64 / scenario.clients as f64;
        let is_ok = pair.volley[0].opened == scenario.clients && share >= RAMP_TARGET;
        Ok(Line {
            floor: text(&pair.floor),
            volley: text(&pair.volley),
            figure: format!("{:.2} %", share * 100.0),
            target: format!(">= {:.0} %", RAMP_TARGET * 100.0),
            ..self.line(Judged::from(is_ok), &[&pair])
        })
    }
}

/// The runs of both sides.
struct Pair {
    floor: Vec<Figures>,
    volley: Vec<Figures>,
}

impl Pair {
    /// Runs floor, volley, floor, volley, so that a machine that changes its mood changes it for both.
    fn run(row: &str, scenario: &Scenario, options: &Options, keep_times: bool) -> io::Result<Pair> {
        let mut pair = Pair { floor: Vec::new(), volley: Vec::new() };
        let repeats = options.repeats;
        for repeat in 1..=repeats {
            for side in [Side::Floor { keep_times }, Side::Volley] {
                let figures = duel::run(side, scenario, options.tries)?;
                let cpu_us = figures.cpu_ns.unwrap_or(0.0) / 1e3;
                let remarks = figures.remarks.join("; ");
                let (side_name, per_s, stolen) = (side.name(), figures.per_s, figures.stolen * 100.0);
                eprintln!("{row} {repeat}/{repeats} {side_name}: {cpu_us:.2} us x {per_s:.0}/s, {stolen:.0} % stolen  {remarks}");
                if side == Side::Volley { pair.volley.push(figures) } else { pair.floor.push(figures) }
            }
        }
        Ok(pair)
    }

    fn cost_ns(&self) -> io::Result<(f64, f64)> {
        self.both("CPU", |run| run.cpu_ns)
    }

    /// The medians of one figure on both sides.
    fn both(&self, what: &str, of: impl Fn(&Figures) -> Option<f64> + Copy) -> io::Result<(f64, f64)> {
        let lacks = |side: Side| io::Error::other(format!("{} gave no figure of {what}", side.name()));
        let floor = median(&self.floor, of).ok_or_else(|| lacks(Side::Floor { keep_times: false }))?;
        let volley = median(&self.volley, of).ok_or_else(|| lacks(Side::Volley))?;
        Ok((floor, volley))
    }

    fn is_doubtful(&self) -> bool {
        self.floor.iter().chain(&self.volley).any(|run| run.is_doubtful)
    }

    fn remarks(&self) -> Vec<String> {
        let named = |side: &str, runs: &[Figures]| -> Vec<String> {
            runs.iter().flat_map(|run| &run.remarks).map(|remark| format!("{side} {remark}")).collect()
        };
        let stolen = self.floor.iter().chain(&self.volley).map(|run| run.stolen).fold(0.0, f64::max);
        let disturbed = (stolen > duel::STOLEN).then(|| format!("the host took up to {:.0} % of the machine", stolen * 100.0));
        [named("floor", &self.floor), named("volley", &self.volley), disturbed.into_iter().collect()].concat()
    }
}

/// The median of a figure; the mean of the middle two of an even number.
fn median(runs: &[Figures], of: impl Fn(&Figures) -> Option<f64>) -> Option<f64> {
    let mut values: Vec<f64> = runs.iter().filter_map(of).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(values[middle - 1], upper) })
}

fn print_table(lines: &[Line]) {
    let head = ["row", "floor", "volley", "figure", "target", "judged", "remarks"].map(str::to_owned);
    let cells = lines.iter().map(|line| {
        let [name, floor, volley] = [&line.name, &line.floor, &line.volley].map(String::clone);
        [name, floor, volley, line.figure.clone(), line.target.clone(), line.judged.name().into(), line.remarks.join("; ")]
    });
    let table: Vec<[String; 7]> = std::iter::once(head).chain(cells).collect();
    let widths: [usize; 7] = std::array::from_fn(|column| table.iter().map(|row| row[column].len()).max().unwrap_or(0));
    for row in &table {
        let padded: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        println!("{}", padded.join("  ").trim_end());
    }
}
