//! The machines of a fleet in words: one line each, and what is to be known of them.

use super::words;
use crate::record::AgentRecord;
use crate::units::MILLI;
use crate::units::Nanos;
use crate::units::grouped;

/// A start so much later than agreed is told.
const BEGAN_LATE: u64 = 50 * MILLI;
/// Clocks that went apart so far are told.
const DRIFTED: u64 = 5 * MILLI;

/// Names of the columns of a table of agents.
pub(super) const HEADINGS: [&str; 8] = ["#Shard", "Agent", "Host", "#Clients", "State", "#Clock", "#Began", "Not covered"];

/// An agent as the cells of a row.
pub(super) fn cells(agent: &AgentRecord) -> [String; 8] {
    let clock = format!("{} \u{b1} {}", signed(agent.offset_ns), Nanos(agent.half_rtt_ns));
    [
        agent.shard.to_string(),
        or_dash(&agent.agent),
        or_dash(&agent.host),
        grouped(agent.clients),
        state(agent),
        if agent.agent.is_empty() { "-".into() } else { clock },
        agent.began_late_ns.map_or("-".into(), |ns| format!("+{}", Nanos(ns))),
        lost_times(agent),
    ]
}

/// How it ended, and whose place it had taken.
fn state(agent: &AgentRecord) -> String {
    let state = agent.state.replace('_', " ");
    match (agent.former.last(), agent.joined_ns) {
        (Some(former), Some(joined)) => format!("{state}, since {} for {}", Nanos(joined), words::clean_long(&former.agent)),
        (_, Some(joined)) => format!("{state}, since {}", Nanos(joined)),
        _ => state,
    }
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".into() } else { words::clean_long(text) }
}

fn signed(ns: i64) -> String {
    format!("{}{}", if ns < 0 { "-" } else { "+" }, Nanos(ns.unsigned_abs()))
}

/// The stretches that are missing.
fn lost_times(agent: &AgentRecord) -> String {
    match agent.lost.as_slice() {
        [] => "nothing".into(),
        lost => {
            let shown: Vec<String> = lost.iter().take(3).map(|(from, until)| format!("{} to {}", Nanos(*from), Nanos(*until))).collect();
            let more = if lost.len() > 3 { format!(" and {} more", lost.len() - 3) } else { String::new() };
            format!("{}{more}", shown.join(", "))
        }
    }
}

/// Whether some of what a machine was to play is missing, or it did not play to the end.
pub(super) fn is_missing(agent: &AgentRecord) -> bool {
    agent.state != "done" || !agent.lost.is_empty()
}

/// What is missing of it.
pub(super) fn lost(agent: &AgentRecord) -> String {
    let clients = words::counted(agent.clients, "client", "clients");
    let who = if agent.host.is_empty() { String::new() } else { format!(" on {}", words::clean_long(&agent.host)) };
    format!("shard {}{who}, {clients}: {}, not covered {}", agent.shard, state(agent), lost_times(agent))
}

/// What is to be known of a machine without changing the verdict.
pub(super) fn notes(agent: &AgentRecord) -> Vec<String> {
    let shard = agent.shard;
    let late = agent.began_late_ns.filter(|ns| *ns > BEGAN_LATE);
    let drift = agent.drift_ns.filter(|ns| ns.unsigned_abs() > DRIFTED);
    let before: Vec<String> = agent
        .former
        .iter()
        .map(|f| format!("{} from {} to {}", words::clean_long(&f.agent), Nanos(f.from_ns), Nanos(f.until_ns)))
        .collect();
    let joined = agent.joined_ns.filter(|_| !before.is_empty());
    let notes = [
        joined.map(|ns| {
            let (who, before) = (words::clean_long(&agent.agent), before.join(", "));
            format!("shard {shard} was played by {before}, and from {} on by {who}: all its clients connected anew then", Nanos(ns))
        }),
        late.map(|ns| format!("shard {shard} began {} after the agreed instant; its seconds lie so much later", Nanos(ns))),
        drift
            .map(|ns| format!("the clock of shard {shard} went {} from the controller's; round trips are not touched by that", signed(ns))),
        (agent.after_fence > 0)
            .then(|| format!("{} of shard {shard} came after it was given up", words::counted(agent.after_fence, "second", "seconds"))),
        (!agent.adds_up).then(|| format!("the seconds of shard {shard} do not add up to the totals it told")),
    ];
    notes.into_iter().flatten().collect()
}

/// The fleet in a line: how many, and how far their starts lay apart.
pub(super) fn line(agents: &[AgentRecord]) -> String {
    let done = agents.iter().filter(|agent| agent.state == "done").count();
    let began: Vec<u64> = agents.iter().filter_map(|agent| agent.began_late_ns).collect();
    let apart = match (began.iter().min(), began.iter().max()) {
        (Some(first), Some(last)) => format!("; starts lay {} apart", Nanos(last - first)),
        _ => String::new(),
    };
    format!("fleet: {done} of {} agents played to the end{apart}", agents.len())
}
