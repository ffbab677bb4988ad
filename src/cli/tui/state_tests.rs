use super::*;
use crate::record::Machine;
use crate::record::PlanRecord;
use crate::record::State as Stand;
use crate::tally::Sample;
use crate::tally::Tally;
use crate::tally::Width;
use crate::units::MILLI;

const WIDTH: Width = Width { series: 2, out_kinds: 1, in_kinds: 1, places: 0 };

fn manifest() -> Manifest {
    let plan: PlanRecord = serde_json::from_value(serde_json::json!({
        "profile": "echo", "dialect": null, "target": "ws://127.0.0.1:9001/", "reference_server": false, "clients": 100,
        "rate": "10/s", "closed": null, "ramp_ns": SECOND, "warmup_ns": 2 * SECOND, "duration_ns": 20 * SECOND,
        "timeout_ns": 10 * SECOND, "seed": 1, "lanes": 1, "stamps": "kernel", "harm": null, "vars": {}, "limits": []
    }))
    .expect("a plan");
    Manifest {
        schema: crate::record::RUN_SCHEMA.into(),
        version: "0".into(),
        id: "0".into(),
        state: Stand::Running,
        started: "2026-01-01T00:00:00Z".into(),
        pid: 1,
        command: Vec::new(),
        plan,
        machine: Machine::default(),
        profile_text: String::new(),
        series: Vec::new(),
        error_kinds: Vec::new(),
        finish: None,
        shards: 1,
        coverage: 1.0,
        agents: Vec::new(),
        fleet: None,
    }
}

/// A second from `from`: `sent` sends answered after `ms` each, one fault.
fn second(from: u64, phase: &'static str, sent: u64, ms: u64) -> Second {
    let mut tally = Box::new(Tally::new(WIDTH));
    let own = if phase == "measure" { Phase::Measure } else { Phase::Warmup };
    for i in 0..sent {
        let due = i * 1_000;
        tally.answered(own, 0, 0, Sample { due, sent: due + 50_000, done: due + ms * MILLI });
        tally.phase(own).lag.record(50_000);
    }
    (tally.counts.planned, tally.counts.sent, tally.counts.answered) = (sent, sent, sent);
    tally.fault(Fault::Closed);
    Second {
        start_ns: from * SECOND,
        end_ns: (from + 1) * SECOND,
        phase,
        tally,
        connections: Connections { open: 99, opened: 1, reconnects: 1, failed: 0, struck: 0, ended: 1 },
        lane_busy: 0.25,
        cpu_ns: 0,
        rss_bytes: 0,
        longest_gap_ns: 0,
        pauses: Vec::new(),
    }
}

fn row() -> CounterRow {
    CounterRow::default()
}

fn gather(state: &mut State, seconds: impl Iterator<Item = (u64, &'static str, u64, u64)>) {
    seconds.for_each(|(from, phase, sent, ms)| state.second(&second(from, phase, sent, ms), &row()));
}

/// A second of ramp, two of warm-up, then twelve measured, of which the last two were slow.
pub(in crate::cli::tui) fn filled() -> State {
    let names = ["echo", "ws_ping"].map(str::to_owned).into_iter();
    let mut state = State::new(manifest(), names, Some(0));
    let phase = |at| match at {
        0 => "ramp",
        1 | 2 => "warmup",
        _ => "measure",
    };
    let of = |at| match at {
        0 => 0,
        1..13 => 1_000,
        _ => 600,
    };
    gather(&mut state, (0..15).map(|at| (at, phase(at), of(at), if at < 13 { 2 } else { 40 })));
    state
}

#[test]
fn window_and_run_are_merged_apart() {
    let mut state = filled();
    let about =
        |shown: Shown, ms: u64| assert!(shown.value().is_some_and(|ns| ns.abs_diff(ms * MILLI) < MILLI / 20), "{shown:?} is not {ms}ms");
    let picture = state.picture();
    let row = &picture.rows[0];
    // 10 s: 8,000 of 2 ms and 1,200 of 40 ms; the run has 10,000 and 1,200, none of the warm-up.
    about(row.window[0], 2);
    about(row.window[1], 40);
    assert_eq!(row.per_s, 920.0);
    assert_eq!(state.series[0].whole.len(), 11_200);
    assert_eq!(row.window[2], Shown::TooFew(9));
    about(row.whole[2], 40);
    state.press(Key::Shorter);
    // 5 s: 3,000 and 1,200.
    assert_eq!(state.picture().rows[0].per_s, 840.0);
}

#[test]
fn fewer_than_ten_samples_beyond_are_no_figure() {
    let mut state = State::new(manifest(), ["echo".to_owned(), "x".to_owned()].into_iter(), Some(0));
    gather(&mut state, [(0, "measure", 999, 2)].into_iter());
    let row = state.picture().rows.remove(0);
    assert!(matches!(row.whole, [Shown::Value(_), Shown::TooFew(_), Shown::TooFew(_)]), "{row:?}");
    gather(&mut state, [(1, "measure", 1, 2)].into_iter());
    let row = state.picture().rows.remove(0);
    assert!(matches!(row.whole, [Shown::Value(_), Shown::Value(_), Shown::TooFew(_)]), "{row:?}");
}

#[test]
fn what_stays_unanswered_stands_behind_every_answer() {
    let mut state = State::new(manifest(), ["echo".to_owned(), "x".to_owned()].into_iter(), Some(0));
    let mut lost = second(0, "measure", 1_000, 2);
    lost.tally.counts.unanswered = 200;
    state.second(&lost, &row());
    let row = state.picture().rows.remove(0);
    assert!(matches!(row.whole, [Shown::Value(_), Shown::Censored, _]), "{row:?}");
}

#[test]
fn a_pause_of_ours_is_a_doubt() {
    let mut state = filled();
    assert_eq!(state.picture().doubts, Vec::<String>::new());
    let mut paused = second(15, "measure", 10, 2);
    paused.pauses.push(crate::tally::Gap { at_ns: 15 * SECOND, length_ns: 300 * MILLI });
    state.second(&paused, &row());
    let doubts = state.picture().doubts;
    assert!(doubts.iter().any(|why| why.contains("300ms")), "{doubts:?}");
}

#[test]
fn memory_is_bounded() {
    let mut state = State::new(manifest(), ["echo".to_owned(), "x".to_owned()].into_iter(), Some(0));
    gather(&mut state, (0..300).map(|at| (at, "measure", 3, 2)));
    let picture = state.picture();
    assert_eq!((picture.flows.len(), picture.heat.len()), (STRIP, STRIP));
    assert_eq!(picture.faults, [("closed", 300)]);
}

#[test]
fn keys_turn_through_windows_and_series() {
    let mut state = filled();
    let mut other = second(15, "measure", 0, 0);
    other.tally.answered(Phase::Measure, 1, 0, Sample { due: 0, sent: 0, done: MILLI });
    state.second(&other, &row());
    state.press(Key::Next);
    assert_eq!(state.picture().chosen, 1);
    state.press(Key::Next);
    assert_eq!(state.picture().chosen, 0);
    state.press(Key::Before);
    assert_eq!(state.picture().chosen, 1);
    (0..9).for_each(|_| state.press(Key::Longer));
    assert_eq!(state.looking.window, WINDOWS.len() - 1);
    (0..9).for_each(|_| state.press(Key::Shorter));
    assert_eq!(state.looking.window, 0);
}

#[test]
fn cells_are_thirds_of_octaves() {
    assert_eq!((cell(0), cell(1_000), cell(2_000), cell(u64::MAX)), (0, 0, CELLS_PER_OCTAVE, CELLS - 1));
    for at in 1..CELLS {
        assert!(cell(cell_ns(at) + cell_ns(at) / 100) == at, "{at}");
    }
}
