//! A second of one shard as bytes. Histograms are told by their buckets, as a page tells them: `u` for the bucket that ends
//! at `(u + 1) * 512 - 1` ns, each but the first as the step from the one before.

use super::bytes::In;
use super::bytes::Out;
use crate::tally::Connections;
use crate::tally::Counts;
use crate::tally::Exact;
use crate::tally::Gap;
use crate::tally::Hist;
use crate::tally::Second;
use crate::tally::Tally;
use crate::tally::Width;

/// Width of the finest bucket in nanoseconds.
const UNIT: u64 = 512;
/// Most buckets that a histogram of this range and precision has.
const BUCKETS_MOST: u64 = 32 << 10;
/// No count of one second is larger, so that sums of many never wrap.
const COUNT_MOST: u64 = 1 << 44;
/// No instant is later than ten years.
const INSTANT_MOST: u64 = 1 << 58;
/// Most close codes told apart.
const CLOSES_MOST: u64 = 65;
/// Most pauses told of.
const PAUSES_MOST: u64 = 4_096;
/// Names of phases by number.
const PHASES: [&str; 4] = ["ramp", "warmup", "measure", "drain"];

/// A second as it came: its histograms are buckets still. A controller has many of these for each second of the run, and one
/// whole histogram is larger than all buckets of most of them.
#[derive(Debug)]
pub struct Sent {
    second: Second,
    hists: Vec<Place>,
    /// The buckets of all of them: highest equivalent value in nanoseconds and count.
    buckets: Vec<(u64, u64)>,
}

/// Where the buckets of a histogram belong.
#[derive(Debug)]
struct Place {
    phase: usize,
    /// Its number among those of the phase.
    number: usize,
    exact: Exact,
    /// Where its buckets end, which begin where those before it end.
    until: usize,
}

impl From<Second> for Sent {
    fn from(second: Second) -> Sent {
        Sent { second, hists: Vec::new(), buckets: Vec::new() }
    }
}

impl Sent {
    /// The second; its histograms may lack what [`Sent::whole`] has.
    pub fn bare(&self) -> &Second {
        &self.second
    }

    /// The whole second.
    pub fn whole(self) -> Second {
        let Sent { mut second, hists, buckets } = self;
        add(&hists, &buckets, &mut second.tally);
        second
    }

    /// Takes its counts and values into a tally of the same width.
    pub(super) fn join(&self, tally: &mut Tally) {
        tally.merge(&self.second.tally);
        add(&self.hists, &self.buckets, tally);
    }
}

fn add(hists: &[Place], buckets: &[(u64, u64)], tally: &mut Tally) {
    let mut from = 0;
    for place in hists {
        if let Some(hist) = tally.phases[place.phase].each_mut().nth(place.number) {
            hist.merge_buckets(buckets[from..place.until].iter().copied(), &place.exact);
        }
        from = place.until;
    }
}

/// Writes a second down.
pub(super) fn write(out: &mut Out, second: &Second) {
    out.number(second.start_ns);
    out.number(second.end_ns.saturating_sub(second.start_ns));
    out.number(PHASES.iter().position(|name| *name == second.phase).unwrap_or(0) as u64);
    let c = &second.connections;
    [c.open, c.opened, c.reconnects, c.failed, c.struck, c.ended].into_iter().for_each(|n| out.number(n));
    out.share(second.lane_busy);
    [second.cpu_ns, second.rss_bytes, second.longest_gap_ns].into_iter().for_each(|n| out.number(n));
    out.number(second.pauses.len().min(PAUSES_MOST as usize) as u64);
    for gap in second.pauses.iter().take(PAUSES_MOST as usize) {
        out.number(gap.at_ns);
        out.number(gap.length_ns);
    }
    counts(out, &second.tally.counts);
    for phase in &second.tally.phases {
        phase.each().for_each(|hist| histogram(out, hist));
    }
}

fn counts(out: &mut Out, counts: &Counts) {
    singles(counts).into_iter().for_each(|n| out.number(n));
    out.numbers(&counts.not_offered);
    out.numbers(&counts.faults);
    [&counts.messages_out, &counts.messages_in, &counts.outcomes, &counts.series_unanswered].into_iter().for_each(|n| out.numbers(n));
    out.number(counts.receivers.len() as u64);
    for r in &counts.receivers {
        [r.seen, r.missed, r.behind_ns, r.last].into_iter().for_each(|n| out.number(n));
    }
    out.number(counts.closes.len() as u64);
    for (code, n) in &counts.closes {
        out.number(u64::from(*code));
        out.number(*n);
    }
}

/// The counts that stand alone.
fn singles(c: &Counts) -> [u64; 17] {
    [
        c.planned,
        c.sent,
        c.answered,
        c.late,
        c.no_answer_expected,
        c.unanswered,
        c.duplicate,
        c.unsolicited,
        c.replayed,
        c.recovered,
        c.fallbacks,
        c.waited,
        c.unasked,
        c.bytes_out,
        c.bytes_in,
        c.late_wakeups,
        c.unstamped,
    ]
}

fn histogram(out: &mut Out, hist: &Hist) {
    let exact = hist.exact();
    out.number(exact.count);
    if exact.count == 0 {
        return;
    }
    [exact.min, exact.max, exact.sum, exact.clipped].into_iter().for_each(|n| out.number(n));
    let buckets: Vec<(u64, u64)> = hist.buckets().collect();
    out.number(buckets.len() as u64);
    let mut last = 0;
    for (ns, n) in buckets {
        let u = ns / UNIT;
        out.number(u - last);
        out.number(n);
        last = u;
    }
}

/// Reads a second back.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read(input: &mut In<'_>, width: Width) -> Result<Sent, String> {
    let start_ns = input.up_to(INSTANT_MOST, "start")?;
    let end_ns = start_ns + input.up_to(INSTANT_MOST, "length")?;
    let phase = PHASES[input.up_to(PHASES.len() as u64 - 1, "phase")? as usize];
    let mut count = |what| input.up_to(COUNT_MOST, what);
    let connections = Connections {
        open: count("connections")?,
        opened: count("connections")?,
        reconnects: count("connections")?,
        failed: count("connections")?,
        struck: count("connections")?,
        ended: count("connections")?,
    };
    let lane_busy = input.share()?;
    let mut count = |what| input.up_to(INSTANT_MOST, what);
    let (cpu_ns, rss_bytes, longest_gap_ns) = (count("processor time")?, count("memory")?, count("longest gap")?);
    let mut pauses = Vec::new();
    for _ in 0..input.up_to(PAUSES_MOST, "pauses")? {
        pauses.push(Gap { at_ns: input.up_to(INSTANT_MOST, "pause")?, length_ns: input.up_to(INSTANT_MOST, "pause")? });
    }
    let mut tally = Box::new(Tally::new(width));
    read_counts(input, &mut tally.counts)?;
    let (mut hists, mut buckets) = (Vec::new(), Vec::new());
    for (phase, its) in tally.phases.iter().enumerate() {
        for number in 0..its.each().count() {
            if let Some(exact) = read_histogram(input, &mut buckets)? {
                hists.push(Place { phase, number, exact, until: buckets.len() });
            }
        }
    }
    let second = Second { start_ns, end_ns, phase, tally, connections, lane_busy, cpu_ns, rss_bytes, longest_gap_ns, pauses };
    Ok(Sent { second, hists, buckets })
}

fn read_counts(input: &mut In<'_>, counts: &mut Counts) -> Result<(), String> {
    let c = &mut *counts;
    for place in [
        &mut c.planned,
        &mut c.sent,
        &mut c.answered,
        &mut c.late,
        &mut c.no_answer_expected,
        &mut c.unanswered,
        &mut c.duplicate,
        &mut c.unsolicited,
        &mut c.replayed,
        &mut c.recovered,
        &mut c.fallbacks,
        &mut c.waited,
        &mut c.unasked,
        &mut c.bytes_out,
        &mut c.bytes_in,
        &mut c.late_wakeups,
        &mut c.unstamped,
    ] {
        *place = input.up_to(COUNT_MOST, "count")?;
    }
    let lists: [&mut [u64]; 6] = [
        &mut counts.not_offered,
        &mut counts.faults,
        &mut counts.messages_out,
        &mut counts.messages_in,
        &mut counts.outcomes,
        &mut counts.series_unanswered,
    ];
    for list in lists {
        let n = input.number()?;
        if n != list.len() as u64 {
            return Err(format!("{n} counts where the plan has {}", list.len()));
        }
        for place in list {
            *place = input.up_to(COUNT_MOST, "count")?;
        }
    }
    let n = input.number()?;
    if n != counts.receivers.len() as u64 {
        return Err(format!("{n} receivers where the plan has {}", counts.receivers.len()));
    }
    for r in &mut counts.receivers {
        for place in [&mut r.seen, &mut r.missed, &mut r.behind_ns, &mut r.last] {
            *place = input.up_to(INSTANT_MOST, "figure of a receiver")?;
        }
    }
    for _ in 0..input.up_to(CLOSES_MOST, "close codes")? {
        let code = input.up_to(u64::from(u16::MAX), "close code")? as u16;
        counts.closes.push((code, input.up_to(COUNT_MOST, "closes")?));
    }
    Ok(())
}

/// Appends the buckets of a histogram; `None` when it is empty.
fn read_histogram(input: &mut In<'_>, buckets: &mut Vec<(u64, u64)>) -> Result<Option<Exact>, String> {
    let count = input.up_to(COUNT_MOST, "values")?;
    if count == 0 {
        return Ok(None);
    }
    let mut exact = Exact { count, ..Exact::default() };
    for place in [&mut exact.min, &mut exact.max, &mut exact.sum, &mut exact.clipped] {
        *place = input.number()?;
    }
    if exact.min > exact.max || exact.clipped > count || exact.sum < exact.max {
        return Err("the extremes of a histogram contradict each other".into());
    }
    let (mut u, mut sum) = (0u64, 0u64);
    for i in 0..input.up_to(BUCKETS_MOST, "buckets")? {
        let step = input.up_to(INSTANT_MOST / UNIT, "bucket")?;
        if i > 0 && step == 0 {
            return Err("a bucket comes twice".into());
        }
        u = u.saturating_add(step).min(INSTANT_MOST / UNIT);
        let n = input.up_to(COUNT_MOST, "values of a bucket")?;
        sum = sum.saturating_add(n);
        buckets.push(((u + 1) * UNIT - 1, n));
    }
    if sum != count {
        return Err(format!("{sum} values in the buckets of a histogram of {count}"));
    }
    Ok(Some(exact))
}
