//! Due instants against their integral, and against themselves however they are asked.

use proptest::prelude::*;

use super::*;

fn rate(per_s: f64) -> Rate {
    Rate::new(per_s).expect("above zero")
}

fn curves() -> impl Strategy<Value = Curve> {
    prop_oneof![
        (0.05f64..500.0).prop_map(|r| Curve::Constant { rate: rate(r) }),
        (0.05f64..500.0, 0.05f64..500.0, 1u64..100).prop_map(|(a, b, s)| Curve::Ramp {
            from: rate(a),
            to: rate(b),
            over: Nanos::from_secs(s)
        }),
        prop::collection::vec((0.0f64..300.0, 0.05f64..300.0, 0.5f64..40.0), 1..6)
            .prop_map(|pieces| Curve::Pieces(Pieces::new(&pieces).expect("few"))),
    ]
}

proptest! {
    #[test]
    fn due_times_never_decrease_and_lie_on_the_grid(curve in curves(), clients in 1u64..20_000, ramp_ms in 0u64..20_000, pick in 0.0f64..1.0) {
        let shape = Shape { clients, ramp: Nanos::from_millis(ramp_ms), curve, end: Nanos::from_secs(3_600), count: None, poisson: None, presence: None };
        let client = (clients as f64 * pick) as u64;
        let dues: Vec<_> = (0..200).map_while(|k| shape.due(client, k)).collect();
        prop_assert!(dues.is_sorted());
        prop_assert!(dues.iter().all(|d| d.0.is_multiple_of(MILLI)));
        if let Some(first) = dues.first() {
            prop_assert!(first.0 + MILLI / 2 >= shape.joins_at(client).0);
        }
    }

    #[test]
    fn the_count_up_to_t_is_the_integral(curve in curves(), clients in 1u64..5_000, seconds in 2u64..600, pick in 0.0f64..1.0) {
        let shape = Shape { clients, ramp: Nanos::ZERO, curve, end: Nanos::from_secs(3_600), count: None, poisson: None, presence: None };
        let client = (clients as f64 * pick) as u64;
        let until = Nanos::from_secs(seconds);
        let expected = curve.integral(until.as_secs_f64()) - curve.integral(OPENING.as_secs_f64());
        // One send of rounding at each end, and the half-millisecond grid at the rate of the end.
        let slack = 1.0 + curve.peak().per_s() * 0.001;
        prop_assert!((shape.planned(client, until) as f64 - expected).abs() <= slack + 1e-6);
    }

    /// Who joins under way goes on with the first send that is still to come.
    #[test]
    fn what_goes_on_is_the_first_send_that_is_not_past(
        curve in curves(), clients in 1u64..50, from_ms in 0u64..8_000, poisson in prop::option::of(any::<u64>()), pick in 0.0f64..1.0,
    ) {
        let (from, end) = (Nanos::from_millis(from_ms), Nanos::from_secs(10));
        let shape = Shape { clients, ramp: Nanos::from_secs(1), curve, end, count: None, poisson, presence: None };
        let client = (pick * clients as f64) as u64 % clients;
        let (k, place) = shape.onward(client, from);
        prop_assert_eq!(k, shape.planned(client, from));
        prop_assert_eq!(shape.due_from(place, k), shape.due(client, k));
        prop_assert!(shape.due_from(place, k).is_none_or(|due| due >= from));
    }

    #[test]
    fn the_inverse_inverts(curve in curves(), sends in 0.0f64..100_000.0) {
        let back = curve.integral(curve.instant(sends));
        prop_assert!((back - sends).abs() <= 1e-6 * sends.max(1.0), "{back} {sends}");
    }
}

#[test]
fn start_phases_are_spread_evenly() {
    let shape = Shape {
        clients: 10_000,
        ramp: Nanos::from_secs(2),
        curve: Curve::Constant { rate: rate(10.0) },
        end: Nanos::from_secs(60),
        count: None,
        poisson: None,
        presence: None,
    };
    let mut slots = vec![0u32; 100];
    for client in 0..10_000 {
        let due = shape.due(client, 50).expect("within the run").0 / MILLI;
        slots[(due % 100) as usize] += 1;
    }
    assert!(slots.iter().all(|&n| (99..=101).contains(&n)), "{slots:?}");
}

#[test]
fn rates_hold_exactly_over_a_long_run() {
    let shape = Shape {
        clients: 7,
        ramp: Nanos::ZERO,
        curve: Curve::Constant { rate: rate(3.0) },
        end: Nanos::from_secs(100_000),
        count: None,
        poisson: None,
        presence: None,
    };
    let (a, b) = (shape.due(3, 0).expect("due"), shape.due(3, 270_000).expect("due"));
    assert!((b.0 - a.0).abs_diff(90_000 * SECOND) <= MILLI, "{a} {b}");
}

#[test]
fn poisson_gaps_are_exponential_and_the_same_however_they_are_asked() {
    let curve = Curve::Constant { rate: rate(20.0) };
    let shape =
        Shape { clients: 50, ramp: Nanos::ZERO, curve, end: Nanos::from_secs(100_000), count: None, poisson: Some(7), presence: None };
    let gaps: Vec<f64> = (0..50).flat_map(|client| (0..400).map(move |k| gap(7, client, k))).collect();
    let n = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / n;
    let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / n;
    assert!((mean - 1.0).abs() < 0.03 && (variance - 1.0).abs() < 0.06, "{mean} {variance}");
    // Kolmogorov-Smirnov against 1 - exp(-x); 1.63 / sqrt(n) is its bound at 1 %.
    let mut sorted = gaps;
    sorted.sort_by(f64::total_cmp);
    let distance = (0..).zip(&sorted).map(|(i, g)| ((1.0 - (-g).exp()) - i as f64 / n).abs()).fold(0.0, f64::max);
    assert!(distance < 1.63 / n.sqrt(), "{distance}");
    let (mut place, mut dues) = (shape.first(3), Vec::new());
    for k in 0..100 {
        dues.push(shape.due_from(place, k));
        place = shape.next(3, place, k);
    }
    assert_eq!(dues, (0..100).map(|k| shape.due(3, k)).collect::<Vec<_>>());
    assert_eq!(shape.planned(3, dues[60].expect("in time")), dues.iter().filter(|due| **due < dues[60]).count() as u64);
}

#[test]
fn who_is_away_sends_nothing_and_goes_on_in_its_phase() {
    let seconds = Nanos::from_secs;
    let presence = Presence::new(&[(2.0, 2.0, 10.0), (0.0, 0.0, 5.0), (4.0, 4.0, 10.0)], seconds(1), Nanos::ZERO).expect("good");
    let curve = Curve::Constant { rate: rate(10.0) };
    let shape = Shape { clients: 4, ramp: Nanos::ZERO, curve, end: seconds(26), count: None, poisson: None, presence: Some(presence) };
    // There from 0 to 11 s and from 16 s on; a client sends from a second after it has joined.
    for (client, spans) in [(1, &[(1, 11), (17, 26)][..]), (3, &[(17, 26)])] {
        let dues: Vec<u64> = (0..).map_while(|k| shape.due(client, k)).map(|due| due.0 / MILLI).collect();
        let wanted: Vec<u64> =
            spans.iter().flat_map(|&(from, until)| (from * 10..until * 10).map(|tenth| tenth * 100 + client * 25)).collect();
        assert_eq!(dues, wanted, "client {client}");
        assert_eq!(shape.planned(client, seconds(26)), dues.len() as u64);
    }
    let random = Shape { poisson: Some(3), ..shape };
    let dues: Vec<Nanos> = (0..).map_while(|k| random.due(1, k)).collect();
    assert!(dues.is_sorted() && (120..260).contains(&dues.len()), "{}", dues.len());
    assert!(dues.iter().all(|due| *due < seconds(11) || *due >= seconds(17)));
}

#[test]
fn a_count_is_the_end_of_the_timetable() {
    let curve = Curve::Constant { rate: rate(3.0) };
    let shape = Shape { clients: 4, ramp: Nanos::ZERO, curve, end: Nanos::from_secs(1_000), count: Some(5), poisson: None, presence: None };
    assert_eq!((0..10).filter(|k| shape.due(2, *k).is_some()).count(), 5);
    assert_eq!(shape.planned(2, Nanos::from_secs(900)), 5);
    let needed = curve.time_for(Nanos::from_secs(1), 6.0);
    assert!((0..4).all(|client| shape.due(client, 4).is_some_and(|due| due < needed.plus(Nanos::from_secs(1)))));
}
