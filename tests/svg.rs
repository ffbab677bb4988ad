//! Plots as SVG files stand alone: no script, no style, no reference to anything outside; their colours are those of the theme and
//! their text cannot get out.

mod fabricate;

use volley::report::Drawing;
use volley::report::Theme;
use volley::report::formats;
use volley::report::view::View;

fn files(view: &View, theme: Theme) -> Vec<(&'static str, String)> {
    let drawing = Drawing { theme, ..Drawing::default() };
    let text = |plot: &volley::report::Format| String::from_utf8((plot.draw)(view, drawing).expect("drawn")).expect("it is UTF-8");
    formats("svg").filter(|plot| (plot.fits)(view)).map(|plot| (plot.file, text(plot))).collect()
}

/// Names of elements in order, closing ones with a slash in front; those that close themselves are left out.
fn elements(file: &str) -> Vec<String> {
    let tags = file.split('<').skip(1).map(|part| part.split('>').next().unwrap_or_default());
    let open = tags.filter(|tag| !tag.starts_with('?') && !tag.ends_with('/'));
    open.map(|tag| tag.split([' ', '\n']).next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn files_are_well_formed_and_alone() {
    for (name, view) in fabricate::all() {
        for (plot, file) in files(&view, Theme::Light) {
            assert!(file.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "), "{plot}");
            let mut open = Vec::new();
            for element in elements(&file) {
                match element.strip_prefix('/') {
                    Some(closing) => assert_eq!(open.pop().as_deref(), Some(closing), "{name} {plot}"),
                    None => open.push(element),
                }
            }
            assert!(open.is_empty(), "{name} {plot}: {open:?}");
            for foreign in
                ["<script", "<style", "<image", "<use", "<img", "<svg/", "href", "url(", "style=", "class=", "currentColor", "NaN"]
            {
                assert!(!file.contains(foreign), "{name} {plot}: {foreign}");
            }
            let [title, desc] = ["title", "desc"].map(|tag| file.split(&format!("<{tag} ")).nth(1).expect("it has one"));
            assert!(title.contains("openshock-live") && desc.len() > 40, "{name} {plot}");
            assert!(file.len() < 400_000, "{name} {plot}: {} bytes", file.len());
        }
    }
}

#[test]
fn a_theme_changes_colours_and_nothing_else() {
    let view = fabricate::storm();
    let (light, dark) = (files(&view, Theme::Light), files(&view, Theme::Dark));
    assert_eq!(
        light.iter().map(|(plot, _)| *plot).collect::<Vec<_>>(),
        ["percentiles.svg", "heatmap.svg", "timeline.svg", "recovery.svg", "summary.svg"]
    );
    let colourless = |file: &str| file.split("\"#").map(|part| part.get(6..).unwrap_or(part).to_owned()).collect::<Vec<_>>()[1..].to_vec();
    for ((plot, light), (_, dark)) in light.iter().zip(&dark) {
        assert!(light.contains("<rect fill=\"#ffffff\" width=") && dark.contains("<rect fill=\"#14171c\" width="), "{plot}");
        assert_eq!(colourless(light), colourless(dark), "{plot}");
    }
}
