//! `volley serve`: the reference server on a socket, until a signal.

use std::net::TcpListener;

use super::Trouble;
use super::args::ServeArgs;
use super::preflight;
use super::say;
use super::signals;
use crate::mock;

/// Serves; prints the address when ready and the account at the end.
pub(super) fn serve(args: &ServeArgs) -> Result<u8, Trouble> {
    if args.fault.iter().any(|f| f == "list") {
        mock::FAULTS.iter().for_each(|row| say!("{:18} {}", row.name, row.about));
        return Ok(0);
    }
    let words = mock::Words {
        profile: args.profile.clone(),
        dialect: args.dialect.clone(),
        set: args.set.clone(),
        seed: args.seed,
        delay: args.delay.clone(),
        stall: args.stall.clone(),
        faults: args.fault.clone(),
        lanes: Some(args.lanes as usize),
        ..mock::Words::default()
    };
    let config = mock::Config::new(&words).map_err(|mistakes| Trouble::usage(mistakes.join("\nerror: ")))?;
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
        serde_json::json!({ "listening": address.to_string(), "url": format!("ws://{address}/"), "profile": args.profile, "dialect": config.dialect_name() })
    );
    let account = mock::serve(config, listener, &stop).map_err(failed)?;
    say!("{}", serde_json::to_string(&account).map_err(|e| Trouble::internal(e.to_string()))?);
    Ok(0)
}
