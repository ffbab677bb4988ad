//! `volley serve`: the reference server on a socket, until a signal; and the list of its faults.

use std::net::TcpListener;

use super::Trouble;
use super::args::ServeArgs;
use super::preflight;
use super::say;
use super::signals;
use crate::mock;

/// Serves; prints the address when ready and the account at the end.
pub(super) fn serve(args: &ServeArgs) -> Result<u8, Trouble> {
    if args.list_faults {
        return list_faults(args.profile.as_deref());
    }
    let profile = args.profile.clone().unwrap_or_default();
    let words = mock::Words {
        profile: profile.clone(),
        dialect: args.dialect.clone(),
        set: args.set.clone(),
        seed: args.seed,
        delay: args.delay.clone(),
        stall: args.stall.clone(),
        faults: args.fault.clone(),
        lanes: Some(args.lanes as usize),
        message_cap: args.message_cap.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
        capacity: args.capacity,
        knee: args.knee,
        accept_rate: args.accept_rate,
    };
    let config = mock::Config::new(&words).map_err(mistakes)?;
    preflight::raise_files();
    let failed = |e: std::io::Error| Trouble::internal(format!("the server ended: {e}"));
    let listener = TcpListener::bind(args.listen).map_err(|e| Trouble::usage(format!("{} cannot be listened on: {e}", args.listen)))?;
    let address = listener.local_addr().map_err(failed)?;
    let stop = mock::StopSignal::new().map_err(failed)?;
    let by_signal = stop.clone();
    signals::on_stop(move |_| by_signal.give())?;
    if args.with_parent {
        let by_parent = stop.clone();
        std::thread::spawn(move || {
            // The end of standard input and an error in reading it both mean that the parent is gone.
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            by_parent.give();
        });
    }
    say!(
        "{}",
        serde_json::json!({ "listening": address.to_string(), "url": format!("ws://{address}/"), "profile": profile, "dialect": config.dialect_name() })
    );
    let account = mock::serve(config, listener, &stop).map_err(failed)?;
    say!("{}", serde_json::to_string(&account).map_err(|e| Trouble::internal(e.to_string()))?);
    Ok(0)
}

/// Prints the faults that `profile` can show, or all.
fn list_faults(profile: Option<&str>) -> Result<u8, Trouble> {
    let protocol = match profile {
        None => None,
        Some(name) => Some(mock::Config::new(&mock::Words { profile: name.into(), ..mock::Words::default() }).map_err(mistakes)?.profile),
    };
    let shown = |row: &mock::FaultRow| protocol.is_none() || row.only.is_none() || row.only == protocol;
    for (heading, rows) in mock::FAULTS {
        say!("{heading}:");
        for row in rows.iter().filter(|row| shown(row)) {
            let only = row.only.filter(|_| protocol.is_none()).map(|only| format!(" ({})", only.name())).unwrap_or_default();
            say!("  {:30} {}{only}", row.spelling(), row.about);
        }
        say!("");
    }
    say!("Write --fault NAME[=ARG][:SHARE], for example --fault no_ack:5%; repeat it for more.");
    Ok(0)
}

fn mistakes(mistakes: Vec<String>) -> Trouble {
    Trouble::usage(mistakes.join("\nerror: "))
}
