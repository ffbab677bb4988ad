//! Any split, any order, any repetition: the same seconds.

use proptest::prelude::*;

use super::*;
use crate::fleet::RunId;
use crate::fleet::bus::Place;
use crate::fleet::snapshot;
use crate::tally::Connections;
use crate::tally::Tally;
use crate::tally::Width;
use crate::units::SECOND;

const WIDTH: Width = Width { series: 1, out_kinds: 1, in_kinds: 1, places: 0 };

fn plan() -> Arc<Plan> {
    let mut plan = crate::plan::tests::plan(Nanos::ZERO, Nanos::ZERO, Nanos::from_secs(2));
    plan.clients = 64;
    Arc::new(plan)
}

fn second(number: u64, values: &[u64]) -> Second {
    let mut tally = Box::new(Tally::new(WIDTH));
    for ns in values {
        tally.phases[1].series[0].response.record(*ns);
        tally.counts.sent += 1;
        tally.counts.planned += 1;
    }
    Second {
        start_ns: number * SECOND,
        end_ns: (number + 1) * SECOND,
        phase: "measure",
        tally,
        connections: Connections { open: 1, ..Connections::default() },
        lane_busy: 0.5,
        cpu_ns: 1,
        rss_bytes: 1,
        longest_gap_ns: number,
        pauses: Vec::new(),
    }
}

fn message(shard: u32, epoch: u32, seq: u64, body: Body) -> Snapshot {
    Snapshot { place: Place { run: RunId::drawn(1), shard, epoch, seq }, body }
}

/// All messages of shards that recorded these values in these seconds.
fn messages(shards: &[Vec<Vec<u64>>]) -> Vec<(u32, u64, Option<Vec<u64>>)> {
    let mut all = Vec::new();
    for (shard, seconds) in (0..).zip(shards) {
        all.extend((0..).zip(seconds).map(|(seq, values)| (shard, seq, Some(values.clone()))));
        all.push((shard, seconds.len() as u64, None));
    }
    all
}

fn sent((shard, seq, values): &(u32, u64, Option<Vec<u64>>), shards: &[Vec<Vec<u64>>]) -> Snapshot {
    let body = match values {
        Some(values) => Body::Seconds(vec![second(*seq, values).into()]),
        None => {
            let own = &shards[*shard as usize];
            let n = own.iter().map(Vec::len).sum::<usize>() as u64;
            Body::Done(Box::new(Done { seconds: own.len() as u64, planned: n, sent: n, ..Done::default() }))
        }
    };
    message(*shard, 1, *seq, body)
}

/// Seconds as bytes, which are the same when all is the same.
fn bytes(seconds: &[Second]) -> Vec<Vec<u8>> {
    let place = Place { run: RunId::drawn(1), shard: 0, epoch: 1, seq: 0 };
    seconds.iter().map(|second| snapshot::of_second(place, second).expect("short")).collect()
}

proptest! {
    #[test]
    fn any_order_and_repetition_give_the_same_bytes(
        shards in prop::collection::vec(prop::collection::vec(prop::collection::vec(1u64..10_000_000_000, 0..20), 3), 1..6),
        order in prop::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
        let all = messages(&shards);
        let merged = |list: &[&(u32, u64, Option<Vec<u64>>)]| {
            let mut merge = Merge::new(plan(), shards.len() as u32);
            (0..shards.len() as u32).for_each(|shard| merge.owned(shard, 1));
            let mut closed = Vec::new();
            for one in list {
                merge.take(sent(one, &shards));
                closed.extend(merge.closed());
            }
            (merge, closed)
        };
        let (_, straight) = merged(&all.iter().collect::<Vec<_>>());
        // Some twice and in disorder, then all of them backwards.
        let mixed: Vec<_> = order.iter().map(|index| index.get(&all)).chain(all.iter().rev()).collect();
        let (merge, closed) = merged(&mixed);
        prop_assert!(merge.is_over() && merge.shards().iter().all(Shard::adds_up));
        prop_assert_eq!(merge.coverage(3 * SECOND), 1.0);
        // Together they are what one would have recorded.
        let whole: Vec<Second> = (0..3).map(|n| {
            let values: Vec<u64> = shards.iter().flat_map(|seconds| seconds[n].clone()).collect();
            let mut one = second(n as u64, &values);
            (one.connections.open, one.cpu_ns, one.rss_bytes) = (shards.len() as u64, shards.len() as u64, shards.len() as u64);
            one.phase = plan().phase_name(Nanos(one.start_ns));
            one
        }).collect();
        prop_assert_eq!(bytes(&closed), bytes(&straight));
        prop_assert_eq!(bytes(&closed), bytes(&whole));
    }
}

#[test]
fn a_silent_shard_holds_back_until_it_is_given_up_and_is_not_merged_afterwards() {
    let mut merge = Merge::new(plan(), 2);
    (0..2).for_each(|shard| merge.owned(shard, 1));
    let of = |n: u64| Body::Seconds(vec![second(n, &[5_000]).into()]);
    (0..3).for_each(|n| assert_eq!(merge.take(message(0, 1, n, of(n))), Taken::New));
    assert_eq!(merge.take(message(1, 1, 0, of(0))), Taken::New);
    assert_eq!(merge.closed().len(), 1);
    assert_eq!(merge.take(message(1, 2, 1, of(1))), Taken::Fenced, "of an owner that is not the shard's");
    merge.lose(1);
    assert_eq!(merge.closed().iter().map(|s| s.tally.counts.sent).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(merge.take(message(1, 1, 1, of(1))), Taken::Fenced);
    assert_eq!((merge.shards()[1].after_fence, merge.shards()[1].cover.gaps(3 * SECOND)), (2, vec![(SECOND, 3 * SECOND)]));
    assert!((merge.coverage(3 * SECOND) - (3.0 + 1.0) / 6.0).abs() < 1e-9, "{}", merge.coverage(3 * SECOND));
    assert_eq!(merge.take(message(9, 1, 0, of(0))), Taken::Strange);
    assert_eq!(merge.take(message(0, 1, 5_000, of(3))), Taken::Strange);
    assert!(!merge.is_over());
}

#[test]
fn a_gap_holds_back_what_comes_behind_it() {
    let mut merge = Merge::new(plan(), 1);
    merge.owned(0, 1);
    let of = |n: u64| Body::Seconds(vec![second(n, &[]).into()]);
    merge.take(message(0, 1, 1, of(1)));
    assert!(merge.closed().is_empty());
    merge.take(message(0, 1, 0, of(0)));
    assert_eq!(merge.closed().len(), 2);
    assert_eq!(merge.take(message(0, 1, 1, of(1))), Taken::Again);
}

/// However an agent packs its seconds, they are merged by the second.
#[test]
fn seconds_that_travel_together_are_merged_apart() {
    let mut merge = Merge::new(plan(), 2);
    (0..2).for_each(|shard| merge.owned(shard, 1));
    let of = |numbers: std::ops::Range<u64>| Body::Seconds(numbers.map(|n| second(n, &[1_000 * (n + 1)]).into()).collect());
    merge.take(message(0, 1, 0, of(0..3)));
    assert!(merge.closed().is_empty());
    merge.take(message(1, 1, 0, of(0..1)));
    assert_eq!(merge.closed().len(), 1);
    merge.take(message(1, 1, 1, of(1..3)));
    let sent: Vec<u64> = merge.closed().iter().map(|second| second.tally.counts.sent).collect();
    assert_eq!(sent, [2, 2]);
    merge.take(message(0, 1, 1, Body::Done(Box::new(Done { seconds: 3, planned: 3, sent: 3, ..Done::default() }))));
    assert!(merge.shards()[0].adds_up() && merge.shards()[0].is_complete());
}

#[test]
fn a_new_owner_counts_from_nothing_and_cannot_say_again_what_was_said() {
    let mut merge = Merge::new(plan(), 1);
    let of = |n: u64| Body::Seconds(vec![second(n, &[5_000]).into()]);
    merge.owned(0, 1);
    assert_eq!(merge.take(message(0, 1, 0, of(0))), Taken::New);
    merge.lose(0);
    assert!(merge.is_over());
    merge.owned(0, 2);
    assert!(!merge.is_over());
    assert_eq!(merge.take(message(0, 1, 1, of(1))), Taken::Fenced, "of the owner before");
    assert_eq!(merge.take(message(0, 2, 0, of(0))), Taken::Strange, "that second is there");
    assert_eq!(merge.take(message(0, 2, 0, of(2))), Taken::New);
    assert_eq!(merge.take(message(0, 2, 1, Body::Done(Box::new(Done { seconds: 1, planned: 1, sent: 1, ..Done::default() })))), Taken::New);
    let shard = &merge.shards()[0];
    assert_eq!(shard.former, [Former { epoch: 1, from_ns: 0, until_ns: SECOND }]);
    assert!(shard.adds_up() && shard.is_complete() && shard.after_fence == 1);
    assert_eq!((shard.began_ns(), shard.cover.gaps(3 * SECOND)), (Some(2 * SECOND), vec![(SECOND, 2 * SECOND)]));
    assert_eq!(merge.closed().iter().map(|s| s.tally.counts.sent).sum::<u64>(), 2);
}

/// An agent that lies, or is wrong, fills neither memory nor the record with seconds that cannot be.
#[test]
fn what_cannot_be_is_not_merged() {
    let mut merge = Merge::new(plan(), 1);
    merge.owned(0, 1);
    merge.it_is(2 * SECOND);
    let of = |numbers: &[u64]| Body::Seconds(numbers.iter().map(|n| second(*n, &[5]).into()).collect());
    assert_eq!(merge.take(message(0, 1, 0, of(&[0]))), Taken::New);
    for (what, body) in [
        ("from the future", of(&[1, 20])),
        ("told a second time", of(&[1, 0])),
        ("out of order", of(&[2, 1])),
        ("twice in one", of(&[1, 1])),
        ("of no length", Body::Seconds(vec![Second { end_ns: SECOND, ..second(1, &[]) }.into()])),
        ("an end that was not yet", Body::Done(Box::new(Done { elapsed_ns: u64::MAX, ..Done::default() }))),
    ] {
        assert_eq!(merge.take(message(0, 1, 1, body)), Taken::Strange, "{what}");
    }
    assert_eq!(
        (merge.take(message(0, 1, 1, of(&[1]))), merge.take(message(0, 1, 1, of(&[1]))), merge.strange()),
        (Taken::New, Taken::Again, 6)
    );
}
