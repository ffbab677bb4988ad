//! Profiles with known mistakes: each is found where it is, with advice.

use volley::profile::load;
use volley::profile::shipped;

#[test]
fn every_shipped_profile_loads() {
    for name in shipped::names() {
        let profile = shipped::get(name).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(profile.name, name, "the name is that of the file");
    }
}
#[test]
fn x() {
    let t = "nam = 'X y'\nabout=''\ndialects=['a','a','B']\nping = 3\n[endpoint]\nurl='ws://ü/{id}/{tocken}'\n[endpoint.headers]\n'a b'='{pad}'\nHost='x'\nA='1'\na='ä'\n[vars.token]\nenv='1'\n[vars.id]\nabout='x'\n[series.ready]\nclass='fofi'\nabout='x'\n[series.e]\nclass='keyed'\nabout='x'\ndialects=['c']\n[[message]]\nname='close'\ntag=[1,'a']\nanswers='f'\n[load]\nname='x'\ntext='{pad} a{id}'\nexpects='e'\nextra=1\n";
    let m = load::from_text("p.toml", t).unwrap_err();
    println!("{}\n{}", m.plain(), m.snippets(false));
    let m =
        load::from_text("p.toml", "url = ws://x\nclass = fifo\nevery = 10s\n[[message]\nname='x'\nb=\n[load]\nt=3\nname=5").unwrap_err();
    println!("{}\n{}", m.plain(), m.snippets(true));
}
