//! Hosts, addresses and amounts on both sides of every line.

use clap::Parser;

use super::*;
use crate::cli::args::Cli;
use crate::cli::args::Command;
use crate::cli::resolve;
use crate::plan::Target;
use crate::profile::load;

fn args(more: &[&str]) -> RunArgs {
    let typed = ["volley", "run", "echo"].iter().chain(more);
    match Cli::try_parse_from(typed).expect("the flags of the test are right").command {
        Command::Run(args) => *args,
        other => panic!("{other:?}"),
    }
}

/// The plan of a shipped profile, or of a text.
fn plan(profile: &str, url: &str, more: &[&str]) -> Plan {
    let args = args(more);
    let profile = match profile.contains('\n') {
        true => load::from_text("test.toml", profile).unwrap_or_else(|why| panic!("{why}")),
        false => resolve::profile(profile, false).expect("a profile"),
    };
    let values = resolve::variables(&profile, None, &args.set).expect("values");
    resolve::plan(&args, profile, values, &Target::parse(url).expect("an address"), 1).expect("a plan")
}

fn said(result: Result<impl std::fmt::Debug, Trouble>) -> String {
    result.map_or_else(|trouble| trouble.text, |ok| format!("{ok:?}"))
}

#[test]
fn vendors_are_found_by_name_and_below_it() {
    for host in ["openshock.app", "DE1-gateway.OpenShock.app", "ws.tryterra.co.", "a.b.zyeta.io..", "BAYIT.TV", "x.livestyler.ai"] {
        assert!(said(judge_name(host, &args(&[]))).contains("--i-own"), "{host}");
        let (own, allow) = (format!("--i-own={host}"), format!("--allow-host={host}"));
        assert!(said(judge_name(host, &args(&[&allow]))).contains(&format!("pass --i-own {host}")), "{host}");
        assert!(said(judge_name(host, &args(&[&own]))).contains(&format!("pass --allow-host {host}")), "{host}");
        assert_eq!(said(judge_name(host, &args(&[&own, &allow]))), "()");
    }
    assert_eq!(said(judge_name("x.openshock.app.", &args(&["--i-own=X.OPENSHOCK.APP", "--allow-host=*.openshock.app"]))), "()");
    for host in ["notopenshock.app", "openshock.app.example.com", "openshock.application"] {
        assert_eq!(said(judge_name(host, &args(&[]))), "()", "{host}");
    }
}

#[test]
fn what_is_no_host_is_refused() {
    for host in ["", ".", "*", "*.", "*.com", "*.1.2.3.4", "ws://h/", "h:80", "a b", "u@h", "a.*.com", "**.a.com"] {
        assert!(said(judge_name("h", &args(&["--allow-host", host]))).contains("no host name"), "{host}");
        assert!(said(judge_name("h", &args(&["--i-own", host]))).contains("no host name"), "{host}");
    }
    assert!(said(judge_name("h", &args(&["--i-own", "*.example.com"]))).contains("no host name"));
    for host in ["h", "a.b.", "*.example.com", "1.2.3.4", "2001:db8::1", "[2001:db8::1]"] {
        assert_eq!(said(judge_name("h", &args(&["--allow-host", host]))), "()", "{host}");
    }
}

#[test]
fn addresses_are_judged_by_their_reach() {
    let judge = |ips: &[&str], host: &str, allowed: &[&str]| {
        let ips: Vec<IpAddr> = ips.iter().map(|ip| ip.parse().expect("an address")).collect();
        let allowed: Vec<String> = allowed.iter().map(|host| (*host).to_owned()).collect();
        said(judge_addresses(host, &ips, &allowed))
    };
    for ip in ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::"] {
        assert_eq!(judge(&[ip], "h", &[]), "Loopback", "{ip}");
    }
    for ip in [
        "10.0.0.0",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "fc00::1",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "::ffff:10.1.2.3",
        "169.254.1.1",
    ] {
        assert_eq!(judge(&[ip], "h", &[]), "Private", "{ip}");
    }
    for ip in [
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "172.15.255.255",
        "172.32.0.1",
        "192.167.1.1",
        "192.169.0.1",
        "100.64.0.1",
        "2001:db8::1",
        "fec0::1",
        "fbff::1",
        "::ffff:8.8.8.8",
        "64:ff9b::a00:1",
        "128.0.0.1",
        "::127.0.0.1",
    ] {
        assert!(judge(&[ip], "h", &[]).contains("--allow-host h"), "{ip}");
        assert_eq!(judge(&[ip], "h.", &["H"]), "Public", "{ip}");
        // One address that is public decides, wherever it stands.
        assert!(
            judge(&["127.0.0.1", ip, "10.0.0.1"], "h", &[]).contains(&format!("h ({})", ip.parse::<IpAddr>().expect("an address"))),
            "{ip}"
        );
    }
    assert_eq!(judge(&["127.0.0.1", "10.0.0.1"], "h", &[]), "Private");
    assert_eq!(judge(&["8.8.8.8"], "a.b.example.com", &["*.Example.com"]), "Public");
    assert!(judge(&["8.8.8.8"], "example.com", &["*.example.com"]).contains("--allow-host"));
    assert!(judge(&["8.8.8.8"], "badexample.com", &["*.example.com"]).contains("--allow-host"));
    assert_eq!(judge(&["2001:db8::1"], "2001:db8:0::1", &["[2001:DB8::1]"]), "Public");
    assert!(judge(&["8.8.8.8"], "8.8.8.8", &["8.8.4.4"]).starts_with("8.8.8.8 is neither"));
}

#[test]
fn public_hosts_are_capped_and_connects_paced() {
    let judge = |reach: Reach, more: &[&str]| said(judge_amount(&plan("echo", "ws://h/", more), reach, &args(more)));
    for (more, words) in [
        (&["--clients", "101", "--rate", "1/s"][..], &["101 connections", "--clients 100", "--over-limit"][..]),
        (&["--rate", "10.1/s"], &["1,010 messages/s", "--rate 10/s"]),
        (&["--rate", "1/s..11/s:60s"], &["1,100 messages/s"]),
        (&["--clients", "1", "--rate", "1001/s"], &["--rate 1000/s"]),
        (&["--clients", "1", "--closed", "1"], &["closed loop", "--rate", "--over-limit"]),
    ] {
        let refused = judge(Reach::Public, more);
        words.iter().for_each(|word| assert!(refused.contains(word), "{more:?}: {refused}"));
        assert_eq!(judge(Reach::Public, &[more, &["--over-limit"]].concat()), "None");
        assert!(judge(Reach::Private, more).contains("Nanos") || more.contains(&"1"), "{more:?}: paced, not capped");
        assert_eq!(judge(Reach::Loopback, more), "None");
    }
    let paced = |clients: &str, ramp: &str| judge(Reach::Private, &["--clients", clients, "--ramp", ramp]);
    assert_eq!(paced("1000", "1999ms"), "Some(Nanos(2000000000))");
    assert_eq!(paced("1000", "2s"), "None");
    assert_eq!(paced("1", "0"), "None");
    assert_eq!(judge(Reach::Public, &[]), "Some(Nanos(200000000))", "the default amount is allowed, with a slower ramp");
}

#[test]
fn secrets_do_not_go_in_the_open() {
    let (own, far) = (plan("echo", "ws://h/", &[]), plan("echo", "wss://h/", &[]));
    let carriers = ["variable `token`".to_owned()];
    let refused = said(judge_secrets(&own.target, Reach::Private, &carriers, &args(&[])));
    ["variable `token`", "wss://", "--plaintext-secrets"].iter().for_each(|word| assert!(refused.contains(word), "{refused}"));
    for (plan, reach, carriers, more) in [
        (&own, Reach::Loopback, &carriers[..], &[][..]),
        (&own, Reach::Public, &[], &[]),
        (&own, Reach::Public, &carriers, &["--plaintext-secrets"]),
        (&far, Reach::Public, &carriers, &[]),
    ] {
        assert_eq!(said(judge_secrets(&plan.target, reach, carriers, &args(more))), "()");
    }
}

const HARMFUL: &str = "name = \"mine\"\nabout = \"x\"\nharm = \"it hurts\"\n[endpoint]\nurl = \"ws://h/\"\n\
    [vars.level]\nabout = \"x\"\ndefault = \"0\"\n[load]\nname = \"go\"\ntext = 'go {level}'\n";

#[test]
fn harm_is_done_only_when_allowed() {
    let judge = |profile: &str, more: &[&str]| said(judge_harm(&plan(profile, "ws://h/", more), false));
    assert_eq!(judge("echo", &[]), "()");
    assert_eq!(judge("openshock-live", &["--set", "intensity=0", "--set", "control=Stop"]), "()");
    for set in ["control=Shock", "control=stop", "control=", "intensity=1", "intensity=00", "shocker=x\",\"type\":\"Shock", "shocker=\\"] {
        let refused = judge("openshock-live", &["--set", set]);
        assert!(refused.contains("--allow-harm") && refused.contains("electric shocks"), "{set}: {refused}");
        assert_eq!(said(judge_harm(&plan("openshock-live", "ws://h/", &["--set", set]), true)), "()");
    }
    assert!(judge(HARMFUL, &[]).contains("may do harm as they stand"));
    let guarded = HARMFUL.replace("default = \"0\"", "default = \"0\"\nharmless = \"0\"");
    assert_eq!(judge(&guarded, &[]), "()");
    assert!(judge(&guarded, &["--set", "level=1"]).contains("`level` is harmless only as `0`"));
    let unused = guarded.replace("go {level}", "go");
    assert!(judge(&unused, &[]).contains("as they stand"), "a variable that is not sent guards nothing");
}
