//! A plan as it travels: in one message, or with its rows of data kept beside it where they are too many for one. What comes back is
//! checked: sizes, the hash of what was kept, and that it is the plan that was asked for.

use std::sync::Arc;

use super::RunId;
use super::bus::Bus;
use super::bus::Failed;
use super::bus::Key;
use super::controller::patiently;
use super::message::BLOB_MOST;
use super::message::Blob;
use super::message::Message;
use super::message::PLAN_MOST;
use super::message::PlanMessage;

/// Makes a plan one that fits into a message, if it can be.
///
/// # Errors
/// When it is too large, in words.
pub fn fitted(plan: PlanMessage) -> Result<PlanMessage, String> {
    let is_short = plan.encode().is_ok_and(|bytes| bytes.len() + ROOM <= PLAN_MOST);
    if is_short || plan.rows.is_empty() {
        return plan.encode().map(|_| plan);
    }
    let bytes = rows(&plan)?;
    if bytes.len() as u64 > BLOB_MOST {
        return Err(format!("the rows of data are {} bytes, at most {BLOB_MOST}", bytes.len()));
    }
    let plan = PlanMessage { rows_at: Some(Blob::of(&bytes)), ..plan };
    bare(&plan).encode().map(|_| plan)
}

/// Room for what is written into a plan after it was fitted.
const ROOM: usize = 1 << 10;

/// The plan without what is kept elsewhere: what is published, and what a fingerprint is of.
pub fn bare(plan: &PlanMessage) -> PlanMessage {
    match plan.rows_at {
        Some(_) => PlanMessage { rows: Vec::new(), ..plan.clone() },
        None => plan.clone(),
    }
}

fn rows(plan: &PlanMessage) -> Result<Vec<u8>, String> {
    serde_json::to_vec(&plan.rows).map_err(|e| e.to_string())
}

/// Has what is large in a plan kept on the bus; the bytes to publish.
///
/// # Errors
/// When it cannot be kept, or the plan is too large.
pub(super) fn keep(bus: &dyn Bus, plan: &PlanMessage) -> Result<Vec<u8>, String> {
    let put = |what: &str, blob: &Blob, bytes: &[u8]| {
        blob.check()
            .and_then(|()| patiently(|| bus.keep(blob, bytes)).map_err(|e| e.to_string()))
            .map_err(|e| format!("{what} cannot be kept for agents: {e}"))
    };
    if let Some(blob) = &plan.rows_at {
        put("the rows of data", blob, &rows(plan)?)?;
    }
    if let (Some(blob), Some(sound)) = (&plan.sound_at, &plan.sound) {
        put("the sound", blob, sound)?;
    }
    if let (Some(trace), Some(tape)) = (&plan.trace, &plan.tape) {
        put("the trace", &trace.at, tape)?;
    }
    bare(plan).encode().map_err(|e| format!("the plan is too large to be sent to agents: {e}"))
}

/// The plan of a run, whole.
///
/// # Errors
/// [`Failed::Refused`] when there is none, or it is not what it should be.
pub fn read(bus: &dyn Bus, run: RunId) -> Result<PlanMessage, Failed> {
    let refused = |why: String| Failed::Refused(format!("the plan: {why}"));
    let entry = bus.get(&Key::Plan(run))?.ok_or_else(|| Failed::Refused("the run has no plan".into()))?;
    let mut plan = PlanMessage::decode(&entry.value).map_err(refused)?;
    if plan.run != run {
        return Err(Failed::Refused("the plan is of another run".into()));
    }
    plan.check().map_err(refused)?;
    if let Some(bytes) = kept(bus, "rows of data", plan.rows_at.as_ref())? {
        plan.rows = serde_json::from_slice(&bytes).map_err(|e| refused(format!("its rows of data: {e}")))?;
    }
    plan.sound = kept(bus, "sound", plan.sound_at.as_ref())?.map(Arc::from);
    plan.tape = kept(bus, "trace", plan.trace.as_ref().map(|trace| &trace.at))?.map(Arc::from);
    Ok(plan)
}

/// What a plan refers to, if it does, and only if it is what it refers to.
fn kept(bus: &dyn Bus, what: &str, blob: Option<&Blob>) -> Result<Option<Vec<u8>>, Failed> {
    let Some(blob) = blob else { return Ok(None) };
    let bytes = bus.kept(blob)?;
    if blob.is(&bytes) {
        return Ok(Some(bytes));
    }
    Err(Failed::Refused(format!("the plan: its {what} was changed since it was made: the SHA-256 is another")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::controller::tests::plan_message;
    use crate::fleet::local::LocalBus;

    #[test]
    fn many_rows_travel_beside_the_plan_and_are_checked() {
        let run = RunId::drawn(5);
        let small = fitted(plan_message(run)).expect("short");
        assert_eq!(small.rows_at, None);
        let many = PlanMessage { rows: vec![vec!["x".repeat(100)]; 9_000], columns: vec!["c".into()], ..plan_message(run) };
        let many = fitted(many).expect("it fits with its rows elsewhere");
        let bus = LocalBus::default();
        let bytes = keep(&bus, &many).expect("there is room");
        assert!(bytes.len() < 10_000);
        bus.create(&Key::Plan(run), &bytes).expect("new");
        assert_eq!(read(&bus, run), Ok(many.clone()));
        // The right name with other bytes, too many bytes, and a name that is none.
        let blob = many.rows_at.clone().expect("it has one");
        let of = |blob: Blob, kept: &[u8]| {
            let bus = LocalBus::default();
            bus.keep(&blob, kept).expect("there is room");
            let plan = PlanMessage { rows: Vec::new(), rows_at: Some(blob), ..many.clone() };
            bus.create(&Key::Plan(run), &plan.encode().expect("short")).expect("new");
            read(&bus, run).expect_err("it is not what it should be").to_string()
        };
        assert!(of(blob.clone(), b"[]").contains("the SHA-256 is another"));
        assert!(of(Blob { bytes: BLOB_MOST + 1, ..blob.clone() }, b"[]").contains("at most"));
        assert!(of(Blob { sha256: "../x".into(), ..blob }, b"[]").contains("not named by a SHA-256"));
        assert!(of(Blob::of(b"{}"), b"{}").contains("its rows of data"));
        // Sound goes the same way.
        let sound: Arc<[u8]> = vec![7u8; 100_000].into();
        let loud = PlanMessage { sound_at: Some(Blob::of(&sound)), sound: Some(sound), ..plan_message(RunId::drawn(6)) };
        let bytes = keep(&bus, &loud).expect("there is room");
        assert!(bytes.len() < 10_000);
        bus.create(&Key::Plan(loud.run), &bytes).expect("new");
        assert_eq!(read(&bus, loud.run), Ok(loud));
        let huge = PlanMessage { rows: vec![vec!["x".repeat(1 << 20)]; 65], ..plan_message(run) };
        assert!(fitted(huge).expect_err("too large").contains("at most"));
        let wordy = PlanMessage { profile_text: "x".repeat(PLAN_MOST), ..plan_message(run) };
        assert!(fitted(wordy).expect_err("too large").contains("at most"));
    }
}
