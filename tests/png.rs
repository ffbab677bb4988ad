//! The plots decode, have their size, show something, and nothing is cut at an edge, in both themes and at more than one scale.
//! They are left in `target/tmp/plots` to be looked at.

mod fabricate;

use image::RgbImage;
use volley::report::Drawing;
use volley::report::Format;
use volley::report::Theme;
use volley::report::formats;
use volley::report::view::View;

/// Grounds of the themes.
const GROUNDS: [(Theme, &str, [u8; 3]); 2] = [(Theme::Light, "light", [0xFF; 3]), (Theme::Dark, "dark", [0x14, 0x17, 0x1C])];
/// Free room at every edge, in pixels of scale 1.
const FREE: u32 = 8;

fn size(plot: &Format) -> (u32, u32) {
    match plot.file {
        "summary.png" => (1200, 630),
        "percentiles.png" | "recovery.png" | "hops.png" => (1280, 720),
        "fanout.png" => (1280, 900),
        _ => (1600, 900),
    }
}

fn plots(view: &View) -> impl Iterator<Item = &'static Format> {
    formats("png").filter(|plot| (plot.fits)(view))
}

fn decode(bytes: &[u8]) -> RgbImage {
    image::load_from_memory_with_format(bytes, image::ImageFormat::Png).expect("the plot is a PNG").to_rgb8()
}

/// The outermost pixels, `width` deep.
fn border(image: &RgbImage, width: u32) -> impl Iterator<Item = &image::Rgb<u8>> {
    let (w, h) = image.dimensions();
    let rows = (0..width).chain(h - width..h).flat_map(move |y| (0..w).map(move |x| (x, y)));
    let sides = (0..width).chain(w - width..w).flat_map(move |x| (width..h - width).map(move |y| (x, y)));
    rows.chain(sides).map(|(x, y)| image.get_pixel(x, y))
}

/// Draws and checks; the bytes.
fn check(name: &str, view: &View, plot: &Format, drawing: Drawing) -> Vec<u8> {
    let name = format!("{name} {} {drawing:?}", plot.file);
    let bytes = (plot.draw)(view, drawing).expect("the plot is drawn");
    let (image, scale) = (decode(&bytes), drawing.png_scale);
    let (w, h) = size(plot);
    assert_eq!(image.dimensions(), (w * scale, h * scale), "{name}");
    let ground = GROUNDS.iter().find(|(theme, ..)| *theme == drawing.theme).map_or([0; 3], |(.., ground)| *ground);
    // One pixel in seven tells enough.
    let ink = image.as_raw().chunks_exact(3).step_by(7).filter(|p| p.iter().zip(ground).any(|(c, g)| c.abs_diff(g) > 95)).count();
    assert!(7 * ink > 2_000 * scale.pow(2) as usize, "{name} is blank: {ink} pixels of ink in a seventh of it");
    assert!(border(&image, FREE * scale).all(|p| p.0 == ground), "{name}: something reaches the edge");
    bytes
}

#[test]
fn plots_are_whole() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("plots");
    std::fs::create_dir_all(&folder).expect("the folder of test files can be made");
    let one = |(name, view): (&str, View)| {
        for plot in plots(&view) {
            for (theme, word, _) in GROUNDS {
                let bytes = check(name, &view, plot, Drawing { png_scale: 1, theme });
                assert!(bytes.len() < 600_000, "{name} {}: {} bytes", plot.file, bytes.len());
                std::fs::write(folder.join(format!("{name}-{word}-{}", plot.file)), bytes).expect("a test plot can be written");
            }
        }
    };
    std::thread::scope(|scope| {
        let one = &one;
        fabricate::all().into_iter().for_each(|view| drop(scope.spawn(move || one(view))));
    });
}

#[test]
fn plots_are_whole_at_twice_the_size() {
    for (name, view) in [("storm", fabricate::storm()), ("fan-out", fabricate::fan_out()), ("hostile", fabricate::hostile())] {
        for plot in plots(&view) {
            check(name, &view, plot, Drawing { png_scale: 2, theme: Theme::Light });
        }
    }
}

#[test]
fn a_scale_beyond_the_bounds_is_the_nearest_one() {
    let view = fabricate::one_second();
    let plot = formats("png").find(|plot| plot.file == "summary.png").expect("it is a plot");
    let of = |png_scale| decode(&(plot.draw)(&view, Drawing { png_scale, theme: Theme::Dark }).expect("drawn")).dimensions();
    assert_eq!((of(0), of(4), of(u32::MAX)), ((1200, 630), (4800, 2520), (4800, 2520)));
}

#[test]
fn the_same_view_gives_the_same_bytes() {
    for plot in formats("png").chain(formats("svg")) {
        let draw = || (plot.draw)(&fabricate::storm(), Drawing::default());
        assert_eq!(draw(), draw(), "{}", plot.file);
    }
}

#[test]
fn endless_names_stay_inside() {
    let mut view = fabricate::storm();
    let long = "endless_name_".repeat(30);
    view.summary.run.profile = long.clone();
    view.summary.run.target = long.clone();
    view.summary.reasons = vec![long.clone()];
    view.summary.series[0].name = long.clone();
    view.summary.storm.iter_mut().for_each(|storm| storm.what = long.clone());
    view.heats[0].series = long.clone();
    view.timeline.series = long.clone();
    view.timeline.phases = vec![(long.clone(), 0.0, 1.0), (long.clone(), 1.0, 2.0)];
    view.curves.iter_mut().for_each(|c| c.series = long.clone());
    plots(&view).for_each(|plot| drop(check("endless names", &view, plot, Drawing::default())));
}

#[test]
fn endless_numbers_stay_inside() {
    let mut view = fabricate::storm();
    let counts = &mut view.summary.counts;
    (counts.planned, counts.answered, counts.unanswered) = (u64::MAX, u64::MAX, u64::MAX);
    view.summary.connections.peak = u64::MAX;
    view.summary.series[0].rate_per_s = 1e19;
    view.summary.series[0].response.values_mut().for_each(|ns| *ns = Some(u64::MAX));
    view.timeline.planned[7] = 1e15;
    view.timeline.open[7] = u64::MAX;
    plots(&view).for_each(|plot| drop(check("endless numbers", &view, plot, Drawing::default())));
}

#[test]
fn odd_views_are_drawn() {
    let mut view = fabricate::one_second();
    view.heats[0].edges_ns.clear();
    view.timeline.p50.clear();
    view.timeline.phases.clear();
    view.curves[0].points = vec![(0.0, 0), (1.0, u64::MAX)];
    plots(&view).for_each(|plot| drop(check("odd", &view, plot, Drawing::default())));
}
