//! A run travels inside its page and becomes a record again: the same figures, and nothing that a page says is believed unseen.

mod kit;

use std::fs;
use std::io::Read;
use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use kit::*;
use volley::mock::Words;

/// What a page carries, as text.
fn inflated(data: &str) -> String {
    let bytes = STANDARD.decode(data).expect("base64");
    let mut text = String::new();
    ZlibDecoder::new(bytes.as_slice()).read_to_string(&mut text).expect("it inflates");
    text
}

fn deflated(text: &str) -> String {
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(text.as_bytes()).expect("memory takes everything");
    STANDARD.encode(deflate.finish().expect("memory takes everything"))
}

/// A run with its page.
fn ran(out: &Path) -> Ended {
    let server = mock(Words { profile: "echo".into(), delay: Some("fixed:5ms".into()), ..Words::default() });
    let target = format!("ws://{}/", server.addr());
    let load = ["--clients", "20", "--rate", "20/s", "--duration", "4s", "--warmup", "1s", "--lanes", "1"];
    let limits = ["--limit", "echo p(50) < 1s", "--limit", "echo p(50) < 1s over=1s", "--report", "html", "--format", "json"];
    let ended = call(&[&["run", "echo", "--target", &target, "--out", text(out), "--progress", "none"], &load[..], &limits].concat());
    ended.ran();
    ended
}

#[test]
fn a_page_gives_its_run_back() {
    let dir = folder();
    let (out, again) = (dir.path().join("out"), dir.path().join("again"));
    let first = ran(&out);
    let page = out.join("report.html");
    let imported = call(&["import", text(&page), "--out", text(&again)]);
    assert_eq!((imported.code, imported.out.trim()), (Some(0), text(&again)), "{imported:#?}");
    let second = call(&["report", text(&again), "--report", "html,csv", "--format", "json"]);
    assert_eq!(first.json(), second.json());
    for name in ["run.json", "counters.ndjson", "intervals.hlog", "totals.hlog", "events.ndjson", "latency.csv"] {
        assert!(again.join(name).exists(), "{name}");
    }
    // The run that the second page carries is the same again.
    let third = dir.path().join("third");
    assert_eq!(call(&["import", text(&again.join("report.html")), "--out", text(&third)]).code, Some(0));
    for name in ["counters.ndjson", "intervals.hlog", "totals.hlog"] {
        assert!(fs::read(again.join(name)).expect("a file") == fs::read(third.join(name)).expect("a file"), "{name}");
    }
    call(&["import", text(&page), "--out", text(&again)]).refuses(2, &["holds a record already"]);
}

#[test]
fn what_is_no_page_is_refused_and_leaves_nothing() {
    let dir = folder();
    let out = dir.path().join("out");
    ran(&out);
    let page = fs::read_to_string(out.join("report.html")).expect("a page");
    let opens = "id=\"volley-run\">";
    let at = page.find(opens).expect("a page carries its run") + opens.len();
    let end = at + page[at..].find('<').expect("the block ends");
    let with = |data: &str| format!("{}{data}{}", &page[..at], &page[end..]);
    let data = &page[at..end];
    let packed = inflated(data);
    let ramp = packed.find("\"ramp_ns\":").expect("a plan") + 10;
    let digits = packed[ramp..].find(',').expect("more of it");
    let altered = |from: &str, to: &str| with(&deflated(&packed.replacen(from, to, 1)));
    let at_once = format!("{}99999999999999999999{}", &packed[..ramp], &packed[ramp + digits..]);
    let far = format!("{}18446744073709551615{}", &packed[..ramp], &packed[ramp + digits..]);
    for (name, text_of, why) in [
        ("far", with(&deflated(&far)), "30 years"),
        ("farther", with(&deflated(&at_once)), ""),
        ("newer", altered("volley.packed/1", "volley.packed/9"), "`volley.packed/9`"),
        ("newer-run", altered("volley.run/1", "volley.run/9"), "`volley.run/9`"),
        ("lies", altered("\"count\":", "\"count\":1"), "its figures say"),
        ("strange", with(&deflated("[]")), ""),
        ("empty", String::new(), "no report of volley"),
        ("other", "<html><body>hello</body></html>".into(), "no report of volley"),
        ("cut", page[..at + 100].to_owned(), "cut short"),
        ("signs", with("*** no base64 ***"), "damaged"),
        ("half", with(&data[..data.len() / 2 / 4 * 4]), ""),
        ("nothing", with(""), ""),
        ("words", with("aGVsbG8="), "does not inflate"),
    ] {
        let (file, target) = (dir.path().join(format!("{name}.html")), dir.path().join(name));
        fs::write(&file, text_of).expect("written");
        let refused = call(&["import", text(&file), "--out", text(&target)]);
        refused.refuses(2, &["cannot be imported", why]);
        assert!(!target.exists(), "{name}");
    }
    call(&["import", "/nowhere/report.html"]).refuses(2, &["/nowhere/report.html", "No such file"]);
}
