//! The page keeps its promises: it loads nothing, nothing foreign gets out of its place, the same
//! view gives the same bytes, and what it shows is what the summary says. Pages are left in
//! `target/tmp/pages` for `tests/browser/run.sh`.

mod fabricate;
#[path = "record/fabricate.rs"]
mod made_up;

use base64::Engine;
use made_up::Fab;
use sha2::Digest;
use volley::report::build;
use volley::report::html::render;
use volley::report::view::View;
use volley::units::Nanos;

const VOID: [&str; 4] = ["meta", "link", "br", "!doctype"];

fn page(view: &View) -> String {
    String::from_utf8(render(view)).expect("the page is UTF-8")
}

/// The text between the first `from` and the next `to`.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap_or_else(|| panic!("no {from}")) + from.len();
    let length = text[start..].find(to).unwrap_or_else(|| panic!("no {to} after {from}"));
    &text[start..start + length]
}

/// The page without the contents of style and scripts.
fn markup(page: &str) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some(at) = [rest.find("<style>"), rest.find("<script")].into_iter().flatten().min() {
        let body = at + rest[at..].find('>').expect("a tag ends") + 1;
        let end = body + rest[body..].find("</s").expect("style and script end");
        out.push_str(&rest[..body]);
        rest = &rest[end..];
    }
    out + rest
}

/// Tags of the page as (name, attributes), closing tags with a leading slash.
fn tags(page: &str) -> Vec<(String, String)> {
    let markup = markup(page);
    let parts = markup.split('<').skip(1);
    let tag = |part: &str| {
        let inside = part.split('>').next().unwrap_or_default();
        let (name, rest) = inside.split_once([' ', '\n']).unwrap_or((inside, ""));
        (name.trim_end_matches('/').to_lowercase(), format!("{rest}{}", if inside.ends_with('/') { "/" } else { "" }))
    };
    parts.map(tag).collect()
}

/// The text of some markup, tags replaced by a bar.
fn words(markup: &str) -> Vec<String> {
    let text: String = markup.split('<').map(|p| p.split_once('>').map_or(p, |(_, text)| text)).collect::<Vec<_>>().join("|");
    let text = text.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&");
    text.split('|').map(str::trim).filter(|w| !w.is_empty()).map(String::from).collect()
}

#[test]
fn pages_for_the_browser() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    std::fs::create_dir_all(&folder).expect("the folder of test files can be made");
    let carried = build::with_data(&Fab::calm().run());
    for (name, view) in fabricate::all().into_iter().chain([("largest", fabricate::largest()), ("carried", carried)]) {
        std::fs::write(folder.join(format!("{name}.html")), render(&view)).expect("a test page can be written");
        let summary = serde_json::to_vec(&view.summary).expect("a summary is JSON");
        std::fs::write(folder.join(format!("{name}.json")), summary).expect("a test summary can be written");
    }
}

#[test]
fn nothing_foreign_gets_out_of_its_place() {
    let page = page(&fabricate::hostile());
    assert_eq!(page.matches("</script").count(), 3, "two blocks of data and the script");
    for hidden in ['\u{202e}', '\u{2028}', '\u{2029}', '\u{7}'] {
        assert!(!page.contains(hidden), "U+{:04X}", hidden as u32);
    }
    for name in ["img", "svg/onload", "iframe", "object", "base", "form"] {
        assert!(!tags(&page).iter().any(|(tag, _)| tag == name), "<{name}>");
    }
    assert!(page.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;[U+202E]"), "the text is shown");
    assert!(!page.contains(&"x".repeat(300)), "long texts are cut");
}

#[test]
fn no_tag_carries_style_handlers_or_addresses() {
    for (name, view) in fabricate::all() {
        for (tag, attributes) in tags(&page(&view)) {
            let has = |what: &str| attributes.starts_with(what) || attributes.contains(&format!(" {what}"));
            assert!(!has("style="), "{name}: <{tag} {attributes}>");
            assert!(!has("on"), "{name}: <{tag} {attributes}>");
            for link in ["href=\"", "src=\""] {
                let Some((_, rest)) = attributes.split_once(link) else { continue };
                assert!(rest.starts_with('#') || rest.starts_with("data:,"), "{name}: <{tag} {attributes}>");
            }
        }
    }
    let page = page(&fabricate::healthy());
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("@import") && !page.contains("url("));
}

#[test]
fn the_policy_names_the_hashes_of_style_and_script() {
    let page = page(&fabricate::healthy());
    let hash = |text: &str| format!("'sha256-{}'", base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(text.as_bytes())));
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    let expected = format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hash(between(&page, "<script>", "</script>")),
        hash(between(&page, "<style>", "</style>"))
    );
    assert_eq!(policy, expected);
    assert_eq!(page.matches("<style").count(), 1);
}

#[test]
fn the_same_view_gives_the_same_bytes() {
    assert_eq!(render(&fabricate::healthy()), render(&fabricate::healthy()));
    assert_eq!(render(&fabricate::hostile()), render(&fabricate::hostile()));
}

#[test]
fn pages_stay_small() {
    assert!(render(&fabricate::healthy()).len() < 400_000);
    assert!(render(&fabricate::ten_minutes()).len() < 700_000);
    assert!(render(&fabricate::empty()).len() < 120_000);
    assert!(render(&fabricate::largest()).len() < 2_000_000, "six series of 1,000 columns and 60 full rows");
}

#[test]
fn the_summary_inside_is_the_summary() {
    for (name, view) in fabricate::all() {
        let page = page(&view);
        let inside = between(&page, "id=\"volley-summary\">", "</script>");
        let found: serde_json::Value = serde_json::from_str(inside).expect("the data block is JSON");
        assert_eq!(found, serde_json::to_value(&view.summary).expect("a summary is JSON"), "{name}");
    }
}

#[test]
fn the_headline_table_says_what_the_summary_says() {
    for view in [fabricate::healthy(), fabricate::ten_minutes(), fabricate::one_second()] {
        let page = page(&view);
        let table = between(&page, "<table class=\"headline\">", "</table>");
        let shown = words(between(table, "<tbody>", "</tbody>"));
        let mut rest = shown.iter();
        for series in &view.summary.series {
            for (time, figures) in [("response", &series.response), ("service", &series.service)] {
                rest.find(|w| *w == time).unwrap_or_else(|| panic!("{} {time}", series.name));
                for key in ["p50", "p90", "p99", "p99.9", "p99.99", "max"] {
                    let expected = figures[key].map_or("n/a".into(), |ns| Nanos(ns).to_string());
                    assert!(rest.any(|w| *w == expected), "{} {time} {key}: {expected}", series.name);
                }
            }
        }
    }
}

#[test]
fn the_structure_is_sound() {
    for (name, view) in fabricate::all() {
        let page = page(&view);
        let tags = tags(&page);
        let count = |tag: &str| tags.iter().filter(|(t, _)| t == tag).count();
        assert_eq!((count("h1"), count("main"), count("header"), count("nav")), (1, 1, 1, 1), "{name}");
        assert_eq!(count("figure"), count("figcaption"), "{name}");
        assert_eq!(tags.iter().filter(|(t, a)| t == "svg" && a.contains("role=\"img\"")).count(), count("title") - 1, "{name}");
        let mut open = Vec::new();
        for (tag, attributes) in &tags {
            match tag.strip_prefix('/') {
                Some(closing) => assert_eq!(open.pop(), Some(closing), "{name}"),
                None if VOID.contains(&tag.as_str()) || attributes.ends_with('/') => {}
                None => open.push(tag.as_str()),
            }
        }
        assert!(open.is_empty(), "{name}: {open:?}");
        named(name, &tags);
    }
}

/// Ids are unique and whatever is referred to exists.
fn named(page: &str, tags: &[(String, String)]) {
    let of = |what: &str| -> Vec<String> {
        let prefix = format!("{what}=\"");
        let values = tags
            .iter()
            .flat_map(|(_, a)| a.split(' ').filter_map(|p| p.trim_end_matches('/').strip_prefix(prefix.as_str()).map(String::from)));
        values.map(|v| v.trim_end_matches('"').to_string()).collect()
    };
    let ids = of("id");
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "{page}: ids are unique");
    for name in of("aria-labelledby").into_iter().chain(of("href").into_iter().filter_map(|h| h.strip_prefix('#').map(String::from))) {
        assert!(ids.contains(&name), "{page}: #{name}");
    }
}

#[test]
fn a_censored_quantile_is_more_than_the_timeout() {
    let page = page(&fabricate::hostile());
    assert!(page.contains("&gt; 10s"));
}

#[test]
fn a_day_does_not_explode() {
    let mut view = fabricate::one_second();
    let seconds = 86_400;
    let timeline = &mut view.timeline;
    timeline.t_s = (0..seconds).map(|s| f64::from(s) + 0.5).collect();
    timeline.planned = (0..seconds).map(|s| f64::from(s % 1000)).collect();
    timeline.sent = timeline.planned.clone();
    timeline.answered = timeline.planned.clone();
    timeline.open = vec![7; seconds as usize];
    timeline.p50 = (0..seconds).map(|s| Some(1_000_000 + s as u64 * 37 % 900_000)).collect();
    timeline.p99 = timeline.p50.clone();
    let heat = &mut view.heats[0];
    heat.columns = vec![heat.columns[0].clone(); seconds as usize];
    heat.p50 = view.timeline.p50.clone();
    heat.p99 = heat.p50.clone();
    heat.max = heat.p50.clone();
    heat.errors = vec![0; seconds as usize];
    assert!(render(&view).len() < 900_000, "{}", render(&view).len());
}

#[test]
fn odd_views_are_drawn() {
    let mut view = fabricate::one_second();
    view.heats[0].edges_ns.clear();
    view.heats[0].columns = vec![vec![3; 500]; 2];
    view.timeline.p50.clear();
    view.timeline.phases.clear();
    view.curves[0].points = vec![(0.0, 0), (1.0, u64::MAX)];
    view.summary.series[0].name = "s".repeat(300);
    view.summary.run.duration_ns = 0;
    assert!(render(&view).len() > 10_000);
}
