//! Third-party packages: each has a licence that is allowed here and comes from the public registry, and
//! the list in LICENSES-THIRD-PARTY.md is that of Cargo.lock. `scripts/licences.sh` writes the list anew.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Licences that ask for no more than their text.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// The only place packages come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The list, below the folder of the package.
const LIST: &str = "LICENSES-THIRD-PARTY.md";

/// What packages are used for; the first that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// Linked into the program.
    Program,
    /// Runs when the program is built.
    Build,
    /// Runs in tests and benches.
    Tests,
}

#[derive(Debug)]
struct Package {
    name: String,
    version: String,
    licence: String,
    source: String,
    purpose: Use,
}

/// The packages that Cargo.lock holds for Linux on x86-64, without our own.
fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, as it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let purposes = purposes(&metadata["resolve"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let package = |p: &Value| {
        let purpose = *purposes.get(p["id"].as_str()?)?;
        Some(Package {
            name: text(&p["name"]),
            version: text(&p["version"]),
            licence: text(&p["license"]),
            source: text(&p["source"]),
            purpose,
        })
    };
    let mut packages: Vec<Package> = list(&metadata["packages"]).iter().filter_map(package).collect();
    packages.retain(|p| p.name != env!("CARGO_PKG_NAME"));
    packages.sort_by(|a, b| (a.purpose, &a.name, &a.version).cmp(&(b.purpose, &b.name, &b.version)));
    packages
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// What each package reachable from ours is used for, by its id.
fn purposes(resolve: &Value) -> BTreeMap<String, Use> {
    let nodes: BTreeMap<&str, &Value> = list(&resolve["nodes"]).iter().filter_map(|n| Some((n["id"].as_str()?, n))).collect();
    let root = resolve["root"].as_str().expect("the package has a root");
    let mut found: BTreeMap<String, Use> = BTreeMap::new();
    let mut open = vec![(root, Use::Program)];
    while let Some((id, purpose)) = open.pop() {
        if found.get(id).is_some_and(|known| *known <= purpose) {
            continue;
        }
        found.insert(id.to_owned(), purpose);
        for dep in list(&nodes[id]["deps"]) {
            let of_kind = |kind: &Value| match kind["kind"].as_str() {
                None => purpose,
                Some("build") => purpose.max(Use::Build),
                Some(_) => Use::Tests,
            };
            let purpose = list(&dep["dep_kinds"]).iter().map(of_kind).min();
            open.extend(dep["pkg"].as_str().zip(purpose));
        }
    }
    found
}

/// Whether `expression` (SPDX, and the older `/` for `OR`) can be met with allowed licences alone; one
/// that is not understood cannot.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().collect::<Vec<_>>().into_iter().peekable();
    any(&mut words) == Some(true) && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::vec::IntoIter<&'a str>>;

/// `a OR b`
fn any(words: &mut Words<'_>) -> Option<bool> {
    let mut allowed = all(words)?;
    while words.next_if_eq(&"OR").is_some() {
        allowed |= all(words)?;
    }
    Some(allowed)
}

/// `a AND b`
fn all(words: &mut Words<'_>) -> Option<bool> {
    let mut allowed = one(words)?;
    while words.next_if_eq(&"AND").is_some() {
        allowed &= one(words)?;
    }
    Some(allowed)
}

/// A licence, one WITH an exception, or an expression in parentheses.
fn one(words: &mut Words<'_>) -> Option<bool> {
    if words.next_if_eq(&"(").is_some() {
        let allowed = any(words);
        return words.next_if_eq(&")").and(allowed);
    }
    let name = words.next()?;
    match words.next_if_eq(&"WITH") {
        Some(_) => Some(ALLOWED.contains(&format!("{name} WITH {}", words.next()?).as_str())),
        None => Some(ALLOWED.contains(&name)),
    }
}

/// The list as it must be.
fn written(packages: &[Package]) -> String {
    let mut text = String::from("# Licences of third-party packages\n\nWritten by `scripts/licences.sh`; a test holds it to Cargo.lock.\n");
    for (purpose, title) in [(Use::Program, "In the program"), (Use::Build, "When it is built"), (Use::Tests, "In tests and benches")] {
        let _ = write!(text, "\n## {title}\n\n| package | version | licence |\n|---|---|---|\n");
        for p in packages.iter().filter(|p| p.purpose == purpose) {
            let _ = writeln!(text, "| {} | {} | {} |", p.name, p.version, p.licence);
        }
    }
    text
}

#[test]
fn every_licence_is_allowed_and_every_package_of_the_registry() {
    let packages = packages();
    let refused: Vec<_> = packages.iter().filter(|p| !is_allowed(&p.licence)).collect();
    assert!(refused.is_empty(), "no licence, or one that is not in ALLOWED: {refused:#?}");
    let strange: BTreeSet<_> = packages.iter().filter(|p| p.source != REGISTRY).map(|p| &p.name).collect();
    assert!(strange.is_empty(), "not from the public registry: {strange:?}");
    for (name, purpose) in [("hdrhistogram", Use::Program), ("proptest", Use::Tests)] {
        assert_eq!(packages.iter().find(|p| p.name == name).map(|p| p.purpose), Some(purpose), "{name}");
    }
}

#[test]
fn the_list_is_that_of_the_lock_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(LIST);
    let wanted = written(&packages());
    if std::env::var_os("WRITE").is_some() {
        std::fs::write(&path, &wanted).expect("the list can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let rows = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (lacking, gone): (Vec<_>, Vec<_>) =
        (rows(&wanted).difference(&rows(&found)).cloned().collect(), rows(&found).difference(&rows(&wanted)).cloned().collect());
    assert!(found == wanted, "{LIST} is out of date; run scripts/licences.sh\nlacking: {lacking:#?}\ntoo much: {gone:#?}");
}

#[test]
fn expressions() {
    for (expression, allowed) in [
        ("MIT", true),
        ("MIT OR GPL-3.0-only", true),
        ("GPL-3.0-only", false),
        ("MIT AND GPL-3.0-only", false),
        ("MIT/Apache-2.0", true),
        ("(MIT OR GPL-2.0-only) AND Unicode-3.0", true),
        ("(MIT OR ISC) AND GPL-2.0-only", false),
        ("GPL-2.0-only OR MIT AND Zlib", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("GPL-2.0-only WITH Classpath-exception-2.0", false),
        ("(MIT", false),
        ("MIT ISC", false),
        ("MIT OR", false),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression), allowed, "{expression}");
    }
}
