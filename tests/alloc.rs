//! Once warm, a lane allocates nothing per frame. A counting allocator watches the threads that the
//! kernel knows as `lane-0`; the sink reads its counter at the end of each second, beside the
//! exchanges of that second.

#![expect(clippy::print_stdout, reason = "the test says what it found")]
#![expect(unsafe_code, reason = "an allocator that counts can only be written so; it hands everything to the system's")]

use std::alloc::GlobalAlloc;
use std::alloc::Layout;
use std::alloc::System;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use volley::dialogue::Bounds;
use volley::dialogue::Script;
use volley::dialogue::Values;
use volley::mock;
use volley::plan::Curve;
use volley::plan::Pacing;
use volley::plan::Plan;
use volley::plan::Stamps;
use volley::plan::Target;
use volley::profile::shipped;
use volley::profile::vars;
use volley::swarm;
use volley::tally::Second;
use volley::units::Nanos;
use volley::units::Rate;
use volley::wire::Route;
use volley::wire::Routes;

/// Allocations on lanes since the start of this process.
static ON_LANES: AtomicU64 = AtomicU64::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static IS_LANE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is the lane. The kernel is asked, since asking the library for the name may
/// allocate; a thread that is a lane stays one.
fn is_lane() -> bool {
    // While the thread ends there is nothing left to ask.
    IS_LANE
        .try_with(|known| {
            if !known.get() {
                let mut name = [0u8; 16];
                // SAFETY: PR_GET_NAME (prctl(2)) writes at most 16 bytes, ending in 0, to this address.
                unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
                known.set(name.starts_with(b"lane-0\0"));
            }
            known.get()
        })
        .unwrap_or(false)
}

fn count() {
    if is_lane() {
        ON_LANES.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }
}

/// Allocations and exchanges of each measured second.
struct Watching {
    before: u64,
    seconds: Vec<(u64, u64)>,
}

impl swarm::Sink for Watching {
    fn second(&mut self, second: &Second) {
        let now = ON_LANES.load(Ordering::Relaxed);
        if second.phase == "measure" {
            let counts = &second.tally.counts;
            self.seconds.push((now - self.before, counts.answered + counts.no_answer_expected));
        }
        self.before = now;
    }
}

/// Plays `profile` on one lane against a server in this process; what each measured second took.
fn seconds(profile: &str, dialect: Option<&str>, clients: u64, pacing: Pacing) -> Vec<(u64, u64)> {
    // Answers held for 200 ms warm the rings of waiting sends beyond what a busy machine asks of them.
    let delay = matches!(pacing, Pacing::Open(_)).then(|| "fixed:200ms".into());
    let words = mock::Words { profile: profile.into(), dialect: dialect.map(Into::into), delay, ..mock::Words::default() };
    let server = mock::spawn(mock::Config::new(&words).expect("right words")).expect("a server");
    let profile = shipped::get(profile).expect("it ships");
    let values = vars::resolve(&profile, dialect, &[], |_| None).expect("all have defaults");
    let over = Target::parse(&format!("ws://{}/", server.addr())).expect("an address");
    let plan = Arc::new(Plan {
        dialect: dialect.map(Into::into),
        target: over.clone(),
        http: None,
        over,
        headers: Vec::new(),
        vars: values,
        columns: Vec::new(),
        rows: Vec::new(),
        sound: None,
        presence: None,
        group: 1,
        drops: Vec::new(),
        storm: None,
        trace: None,
        clients,
        pacing,
        count: None,
        poisson: false,
        ramp: Nanos::from_millis(50),
        warmup: Nanos::from_secs(3),
        duration: Nanos::from_secs(5),
        timeout: Nanos::from_secs(5),
        dials: 256,
        seed: 1,
        lanes: 1,
        part: volley::plan::Part::WHOLE,
        precise: false,
        stamps: Stamps::Kernel,
        hops: false,
        message_cap: 256 << 10,
        profile,
    });
    let bounds = Bounds {
        measure_from: plan.measure_from().0,
        measure_until: plan.measure_until().0,
        timeout: plan.timeout.0,
        window: plan.window(),
        seed: plan.seed,
        unix_ms: 0,
    };
    let values = Values { vars: plan.vars.clone(), ..Values::default() };
    let script = Arc::new(Script::compile(&plan.profile, plan.dialect.as_deref(), &values, bounds).expect("it compiles"));
    let mut sink = Watching { before: 0, seconds: Vec::new() };
    let routes = Routes { target: Route::plain(server.addr()), http: None };
    swarm::run(&plan, &script, &routes, volley::wire::Clock::start(), &Arc::default(), &mut sink).expect("it runs");
    assert_eq!(server.stop().expect("an account").violations_total, 0);
    sink.seconds
}

fn rate(per_s: f64) -> Pacing {
    Pacing::Open(Curve::Constant { rate: Rate::new(per_s).expect("above zero") })
}

/// Whether a lane that took this was warm: exchanges in seconds without an allocation, and how many
/// are wanted. A second may cost a block of the channel, a tally when the collector was late with the
/// last one, or a longer list where sends pile up behind a pause of the machine: a number that does
/// not depend on the frames.
fn is_warm(name: &str, seconds: &[(u64, u64)], wanted: u64) -> bool {
    assert_eq!(seconds.len(), 5, "{name}");
    let mut allocations: Vec<u64> = seconds.iter().map(|(n, _)| *n).collect();
    allocations.sort_unstable();
    assert!(allocations[4] <= 1_000, "{name}: {seconds:?}");
    let free: u64 = seconds.iter().filter(|(n, _)| *n == 0).map(|(_, exchanges)| exchanges).sum();
    allocations[2] == 0 && free >= wanted
}

/// One test, since lanes of two runs at once would be counted together.
#[test]
fn a_warm_lane_allocates_nothing_per_frame() {
    for (name, profile, dialect, clients, pacing, wanted) in [
        ("echo, few", "echo", None, 25, rate(20.0), 1_000),
        ("echo, many", "echo", None, 250, rate(20.0), 10_000),
        ("echo, closed loop", "echo", None, 50, Pacing::Closed(2), 10_000),
        ("openshock docs", "openshock-live", Some("docs"), 250, rate(20.0), 10_000),
        ("openshock server", "openshock-live", Some("server"), 250, rate(20.0), 10_000),
    ] {
        // A machine that pauses the lane again and again may take away the quiet seconds.
        let warm = (0..6).any(|_| {
            let seconds = seconds(profile, dialect, clients, pacing);
            println!("{name}: (allocations, exchanges) by second {seconds:?}");
            is_warm(name, &seconds, wanted)
        });
        assert!(ON_LANES.load(Ordering::Relaxed) > 0, "a lane is told by its name");
        assert!(warm, "{name}: in none of six runs did {wanted} exchanges pass without an allocation");
    }
}
