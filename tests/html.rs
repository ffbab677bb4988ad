//! The page.
mod fabricate;
#[test]
fn pages() {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    std::fs::create_dir_all(&dir).unwrap();
    for (name, view) in fabricate::all() {
        let t = std::time::Instant::now();
        let page = volley::report::html::render(&view);
        eprintln!("{name} {} bytes {:?}", page.len(), t.elapsed());
        std::fs::write(dir.join(format!("{name}.html")), page).unwrap();
    }
    let l = volley::report::html::render(&fabricate::largest());
    eprintln!("largest {}", l.len());
    std::fs::write(dir.join("largest.html"), l).unwrap();
}
