//! The plots decode, have their size, show something, and nothing is cut at an edge. They are left
//! in `target/tmp/plots` to be looked at.

mod fabricate;

use image::RgbImage;
use volley::report::png;
use volley::report::view::View;

/// How a plot is drawn.
type Draw = fn(&View) -> Result<Vec<u8>, String>;

const PLOTS: [(&str, Draw, (u32, u32)); 3] =
    [("percentiles", png::percentiles, (1280, 720)), ("heatmap", png::heatmap, (1600, 900)), ("timeline", png::timeline, (1600, 900))];

fn decode(bytes: &[u8]) -> RgbImage {
    image::load_from_memory_with_format(bytes, image::ImageFormat::Png).expect("the plot is a PNG").to_rgb8()
}

/// The outermost pixels, `width` deep.
fn border(image: &RgbImage, width: u32) -> impl Iterator<Item = &image::Rgb<u8>> {
    let (w, h) = image.dimensions();
    let edge = move |x: u32, y: u32| x < width || y < width || x >= w - width || y >= h - width;
    image.enumerate_pixels().filter(move |(x, y, _)| edge(*x, *y)).map(|(_, _, pixel)| pixel)
}

fn check(name: &str, image: &RgbImage, size: (u32, u32)) {
    assert_eq!(image.dimensions(), size, "{name}");
    let ink = image.pixels().filter(|p| p.0.iter().any(|c| *c < 160)).count();
    assert!(ink > 2_000, "{name} is blank: {ink} dark pixels");
    assert!(border(image, 4).all(|p| p.0 == [255, 255, 255]), "{name}: something reaches the edge");
}

#[test]
fn plots_are_whole() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("plots");
    std::fs::create_dir_all(&folder).expect("the folder of test files can be made");
    for (name, view) in fabricate::all() {
        for (plot, draw, size) in PLOTS {
            let bytes = draw(&view).expect("the plot is drawn");
            check(&format!("{name} {plot}"), &decode(&bytes), size);
            assert!(bytes.len() < 600_000, "{name} {plot}: {} bytes", bytes.len());
            std::fs::write(folder.join(format!("{name}-{plot}.png")), bytes).expect("a test plot can be written");
        }
    }
}

#[test]
fn the_same_view_gives_the_same_bytes() {
    for (plot, draw, _) in PLOTS {
        assert_eq!(draw(&fabricate::one_second()), draw(&fabricate::one_second()), "{plot}");
    }
}

#[test]
fn endless_names_stay_inside() {
    let mut view = fabricate::one_second();
    let long = "endless_name_".repeat(30);
    view.summary.run.profile = long.clone();
    view.summary.series[0].name = long.clone();
    view.heats[0].series = long.clone();
    view.timeline.series = long.clone();
    view.timeline.phases = vec![(long.clone(), 0.0, 1.0), (long.clone(), 1.0, 2.0)];
    view.curves.iter_mut().for_each(|c| c.series = long.clone());
    for (plot, draw, size) in PLOTS {
        check(plot, &decode(&draw(&view).expect("the plot is drawn")), size);
    }
}

#[test]
fn odd_views_are_drawn() {
    let mut view = fabricate::one_second();
    view.heats[0].edges_ns.clear();
    view.timeline.p50.clear();
    view.timeline.phases.clear();
    view.curves[0].points = vec![(0.0, 0), (1.0, u64::MAX)];
    for (plot, draw, size) in PLOTS {
        check(plot, &decode(&draw(&view).expect("the plot is drawn")), size);
    }
}
