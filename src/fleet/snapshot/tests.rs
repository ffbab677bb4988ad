//! What comes back is what was sent, and nothing that comes in harms.

use proptest::prelude::*;

use super::*;
use crate::tally::Connections;
use crate::tally::Gap;
use crate::tally::Tally;

pub(super) const WIDTH: Width = Width { series: 3, out_kinds: 2, in_kinds: 4, places: 2 };

fn place() -> Place {
    Place { run: RunId::drawn(7), shard: 3, epoch: 1, seq: 41 }
}

fn second(values: &[(usize, u64)], n: u64) -> Second {
    let mut tally = Box::new(Tally::new(WIDTH));
    for (place, ns) in values {
        let hist = tally.phases[place % 2].each_mut().nth(place % 9);
        hist.expect("there are nine").record(*ns);
    }
    let counts = &mut tally.counts;
    (counts.planned, counts.sent, counts.answered, counts.unstamped) = (n, n / 2, n / 3, n / 7);
    (counts.waited, counts.unasked) = (n / 8, n / 9);
    counts.faults[4] = n / 5;
    counts.outcomes[11] = n;
    counts.messages_in[3] = n;
    counts.close(4_000);
    Second {
        start_ns: n,
        end_ns: n + 1_000_000_000,
        phase: "measure",
        tally,
        connections: Connections { open: 5, opened: n, ..Connections::default() },
        lane_busy: 0.25,
        cpu_ns: n,
        rss_bytes: n,
        longest_gap_ns: 77,
        pauses: vec![Gap { at_ns: 1, length_ns: 2 }],
    }
}

/// Everything that a second says, to be compared.
fn told(second: &Second) -> String {
    let hists = second.tally.phases.iter().flat_map(|phase| phase.each()).map(|h| (h.exact(), h.buckets().collect::<Vec<_>>()));
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?}",
        (second.start_ns, second.end_ns, second.phase),
        second.connections,
        (second.lane_busy, second.cpu_ns, second.rss_bytes, second.longest_gap_ns),
        second.pauses,
        second.tally.counts,
        hists.collect::<Vec<_>>()
    )
}

proptest! {
    #[test]
    fn a_second_comes_back_whole(values in prop::collection::vec((0usize..18, 0u64..4_000_000_000_000), 0..300), n in 0u64..1 << 40) {
        let second = second(&values, n);
        let bytes = of_second(place(), &second).expect("short");
        let back = Snapshot::decode(&bytes, WIDTH).expect("good");
        prop_assert_eq!(back.place, place());
        let Body::Seconds(back) = back.body else { panic!("a second") };
        let back: Vec<Second> = back.into_iter().map(Sent::whole).collect();
        prop_assert_eq!(back.iter().map(told).collect::<Vec<_>>(), vec![told(&second)]);
        prop_assert_eq!(of_second(place(), &back[0]).expect("short"), bytes);
    }

    #[test]
    fn any_bytes_are_refused_with_a_reason(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Snapshot::decode(&bytes, WIDTH).is_err());
    }

    /// A stranger can mend the checksum. What is behind it is read within bounds, or refused.
    #[test]
    fn a_message_that_was_changed_is_read_within_bounds(at in 0usize..2_000, byte: u8, body_at in 0usize..2_000, body_byte: u8) {
        let bytes = of_second(place(), &second(&[(1, 5_000), (4, 1 << 40), (17, 99)], 12_345)).expect("short");
        let mut broken = bytes.clone();
        let at = at % broken.len();
        let is_same = broken[at] == byte;
        broken[at] = byte;
        prop_assert!(is_same || Snapshot::decode(&broken, WIDTH).is_err());
        let mut body = inflate(&bytes[HEAD..bytes.len() - 4]).expect("good");
        let body_at = body_at % body.len();
        body[body_at] = body_byte;
        let _ = Snapshot::decode(&sealed(place(), 0, &body).expect("short"), WIDTH);
        body.truncate(body_at);
        prop_assert!(Snapshot::decode(&sealed(place(), 0, &body).expect("short"), WIDTH).is_err());
    }

    #[test]
    fn bodies_of_any_bytes_are_refused(body in prop::collection::vec(any::<u8>(), 0..500), kind in 0u8..4) {
        let _ = Snapshot::decode(&sealed(place(), kind, &body).expect("short"), WIDTH);
    }
}

#[test]
fn several_seconds_come_back_in_their_order() {
    let seconds: Vec<Second> = (0..SECONDS_MOST as u64).map(|n| second(&[(n as usize, n * 1_000)], n)).collect();
    let bytes = of_seconds(place(), &seconds.iter().map(encoded).collect::<Vec<_>>()).expect("short");
    let Body::Seconds(back) = Snapshot::decode(&bytes, WIDTH).expect("good").body else { panic!("seconds") };
    let back: Vec<Second> = back.into_iter().map(Sent::whole).collect();
    assert_eq!(back.iter().map(told).collect::<Vec<_>>(), seconds.iter().map(told).collect::<Vec<_>>());
    let large = vec![0; INFLATED_MOST as usize];
    assert!(of_seconds(place(), &[large]).expect_err("too large").contains("before they are deflated"));
}

#[test]
fn the_last_word_comes_back_and_has_bounds() {
    let done = Done { seconds: 3, fault_texts: [("a".to_owned(), 2)].into(), drift_ns: Some(-5), ..Done::default() };
    let back = Snapshot::decode(&of_done(place(), &done).expect("short"), WIDTH).expect("good");
    assert!(matches!(back.body, Body::Done(back) if *back == done));
    let many = Done { fault_texts: (0..101).map(|n| (n.to_string(), 1)).collect(), ..done.clone() };
    let long = Done { ended_early: Some("x".repeat(TEXT_MOST + 1)), ..done };
    for done in [many, long] {
        let error = Snapshot::decode(&of_done(place(), &done).expect("short"), WIDTH).expect_err("too much");
        assert!(error.contains("too many") || error.contains("out of bounds"), "{error}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let good = of_second(place(), &second(&[], 1)).expect("short");
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let bomb = sealed(place(), 0, &vec![0; INFLATED_MOST as usize + 1]).expect("it deflates well");
    for (bytes, why) in [
        (Vec::new(), "cut short"),
        (good[..20].to_vec(), "cut short"),
        (with(0, b'X'), "no snapshot"),
        (with(3, 9), "speaks protocol 9"),
        (with(30, good[30] ^ 1), "checksum"),
        (vec![0; MOST + 1], "at most"),
        (bomb, "inflates to more"),
        (sealed(place(), 0, &[0]).expect("short"), "no second"),
        (of_seconds(place(), &vec![encoded(&second(&[], 1)); SECONDS_MOST + 1]).expect("short"), "seconds: 11, at most 10"),
        (sealed(place(), 9, b"").expect("short"), "kind 9"),
        (sealed(place(), 1, b"{\"seconds\":-1}").expect("short"), "last word"),
    ] {
        let error = Snapshot::decode(&bytes, WIDTH).expect_err(why);
        assert!(error.contains(why), "{error}, expected {why}");
    }
    let error = Snapshot::decode(&good, Width { series: 4, ..WIDTH }).expect_err("another plan");
    assert!(error.contains("where the plan has"), "{error}");
}
