//! Profiles of strangers: a text is a profile or a list of mistakes that can be shown, and a profile
//! can be made ready for play in every dialect, or says why not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use volley::dialogue::Bounds;
use volley::dialogue::Script;
use volley::dialogue::Values;
use volley::profile::load;
use volley::profile::vars;

const BOUNDS: Bounds = Bounds { measure_from: 0, measure_until: u64::MAX, timeout: 1_000_000_000, window: 8, seed: 1, unix_ms: 0 };

fuzz_target!(|text: &str| {
    let profile = match load::from_text("fuzz.toml", text) {
        Ok(profile) => profile,
        Err(mistakes) => return assert!(!mistakes.to_string().is_empty()),
    };
    let values = match vars::resolve(&profile, None, &[], |name| Some(format!("value of {name}"))) {
        Ok(values) => values,
        Err(problems) => return assert!(!problems.is_empty()),
    };
    let values = Values { vars: values, ..Values::default() };
    for dialect in profile.dialects.iter().map(Some).chain([None]) {
        let script = Script::compile(&profile, dialect.map(String::as_str), &values, BOUNDS);
        assert!(script.is_ok_and(|script| script.series.len() >= profile.series.len()));
    }
});
