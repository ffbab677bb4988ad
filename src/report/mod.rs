//! Reports: a run becomes a [`view::View`], each format is a function from a view to bytes.

mod chart;
mod escape;
pub mod html;
pub mod png;
mod scale;
mod scene;
mod svg;
pub mod view;
mod words;

pub mod limit {
    pub struct Limit(String);
    impl Limit {
        pub fn text(&self) -> &str {
            &self.0
        }
    }
    pub fn parse_all(t: &[String], _: &[String]) -> Result<Vec<Limit>, Vec<String>> {
        Ok(t.iter().cloned().map(Limit).collect())
    }
}
pub const GROUPS: [&str; 2] = ["html", "png"];
pub struct Format {
    pub group: &'static str,
    pub file: &'static str,
    pub render: fn(&view::View) -> Vec<u8>,
}
pub const FORMATS: [Format; 0] = [];
pub mod json {
    pub fn render(_: &super::view::View) -> Vec<u8> {
        vec![]
    }
}
pub mod text {
    pub fn render(_: &super::view::View, _: ()) -> String {
        String::new()
    }
}
pub fn view_and_code(run: &crate::record::Run) -> Result<(view::View, u8), String> {
    for (t, h) in &run.totals {
        if t.contains('#') {
            continue;
        }
        println!("{t}: n={} p50={:?} p99={:?} max={}", h.len(), h.quantile(0.5), h.quantile(0.99), h.exact().max);
    }
    let s = |f: fn(&crate::record::CounterRow) -> u64| run.rows.iter().map(f).sum::<u64>();
    println!(
        "planned {} sent {} answered {} late {} unans {} noexp {} unsol {} dup {}",
        s(|r| r.planned),
        s(|r| r.sent),
        s(|r| r.answered),
        s(|r| r.late),
        s(|r| r.unanswered),
        s(|r| r.no_answer_expected),
        s(|r| r.unsolicited),
        s(|r| r.duplicate)
    );
    for r in &run.rows {
        println!(
            "{} {} planned {} sent {} ans {} no {:?} out {:?} in {:?} faults {:?} closes {:?} conn {:?} busy {:.2} cpu {} late {} gap {}",
            r.t_ns / 1000000,
            r.phase,
            r.planned,
            r.sent,
            r.answered,
            r.not_offered,
            r.messages_out,
            r.messages_in,
            r.faults,
            r.closes,
            r.connections,
            r.lane_busy,
            r.cpu_ns,
            r.late_wakeups,
            r.longest_gap_ns
        );
    }
    println!("{}", serde_json::to_string(&run.manifest.finish).unwrap());
    Err("stub".into())
}
