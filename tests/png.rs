//! The plots.
mod fabricate;
#[test]
fn plots() {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("plots");
    std::fs::create_dir_all(&dir).unwrap();
    for (name, view) in fabricate::all() {
        for (file, draw) in [
            ("percentiles", volley::report::png::percentiles as fn(&_) -> _),
            ("heatmap", volley::report::png::heatmap),
            ("timeline", volley::report::png::timeline),
        ] {
            let t = std::time::Instant::now();
            let bytes: Vec<u8> = draw(&view).unwrap();
            eprintln!("{name} {file} {} bytes {:?}", bytes.len(), t.elapsed());
            std::fs::write(dir.join(format!("{name}-{file}.png")), bytes).unwrap();
        }
    }
}
