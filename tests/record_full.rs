//! A disk that fills up while a run is recorded. Alone in its file, because the limit that stands for
//! the full disk holds for the whole process.

#[path = "record/fabricate.rs"]
mod fabricate;

use fabricate::Fab;
use nix::sys::resource::Resource;
use nix::sys::resource::getrlimit;
use nix::sys::resource::setrlimit;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use volley::record::Writer;
use volley::record::read;

#[test]
fn half_written_lines_are_taken_back_and_the_rest_is_readable() {
    // Blocked, the signal stays pending and the write fails as it does on a full disk.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGXFSZ);
    signals.thread_block().expect("a signal can be blocked");
    let (soft, hard) = getrlimit(Resource::RLIMIT_FSIZE).expect("limits can be read");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let run = dir.path().join("run");
    let fab = Fab::calm();
    let mut writer = Writer::create(&run, &fab.manifest).expect("writable");

    let mut failures = 0;
    for (at, (row, hists)) in fab.rows.iter().zip(&fab.hists).enumerate() {
        let written = std::fs::metadata(run.join("intervals.hlog")).expect("is there").len();
        // From the sixth to the eighth second there is room for 100 bytes only.
        let room = if (5..8).contains(&at) { written + 100 } else { soft };
        setrlimit(Resource::RLIMIT_FSIZE, room, hard).expect("the soft limit can move");
        let hists: Vec<_> = hists.iter().map(|(tag, hist)| (tag.as_str(), hist)).collect();
        failures += u32::from(writer.second(row, &hists).is_err());
    }
    setrlimit(Resource::RLIMIT_FSIZE, soft, hard).expect("the soft limit can move");
    assert_eq!(failures, 1, "only the first failure is told");
    assert_eq!(writer.lost().map(|l| l.appends), Some(3));
    writer.finish(&fab.manifest).expect("closes");

    let back = read(&run).expect("readable");
    assert!(back.missing.iter().any(|m| m.starts_with("3 writes failed during the run")), "{:?}", back.missing);
    assert_eq!(back.totals["echo"].len(), 10_000, "the totals were kept in memory");
    let written: u64 = back.intervals.iter().filter(|i| i.tag == "echo").map(|i| i.hist.len()).sum();
    assert_eq!(written, 7_000, "three seconds found no room");
}
