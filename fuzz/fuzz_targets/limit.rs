//! Limit expressions: nothing written on a command line or in a record makes the parser panic, and a
//! limit that is understood is understood again from its own text and can be judged.

#![no_main]

use std::slice;

use libfuzzer_sys::fuzz_target;
use volley::report::limit;
use volley::report::limit::LimitFigures;

fuzz_target!(|text: &str| {
    let known = ["echo", "frame_ack", "ws_ping"];
    let Ok(parsed) = limit::parse(text, &known) else { return };
    assert!(!parsed.is_empty());
    let some =
        || LimitFigures { planned: 1_000, sent: 900, answered: 800, per_s: [100.0, 90.0, 80.0], timeout_ns: 1, ..Default::default() };
    for limit in &parsed {
        assert_eq!(limit::parse(limit.text(), &known).as_deref(), Ok(slice::from_ref(limit)));
        for figures in [LimitFigures::default(), some()] {
            let judged = limit.evaluate(&figures);
            assert_eq!(judged.expr, limit.text());
            assert!(judged.ok.is_none() || judged.value.is_some(), "{judged:?}");
        }
    }
});
