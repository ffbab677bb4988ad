//! `volley record`: a proxy between clients and their server that writes a trace without secrets, until a signal.

use std::fs::File;
use std::fs::OpenOptions;
use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use tokio::sync::Notify;

use super::Trouble;
use super::args::RecordArgs;
use super::preflight;
use super::proxy::Proxy;
use super::redact;
use super::redact::Redactor;
use super::redact::SHORTEST;
use super::redact::Veil;
use super::route;
use super::say;
use super::signals;
use super::tell;
use crate::plan::Target;
use crate::tap;
use crate::tap::Notice;
use crate::trace::FRAME_MOST;
use crate::trace::Head;
use crate::units::bytes_text;
use crate::wire::Clock;
use crate::wire::Opening;

/// Most notices that are told.
const NOTICES_MOST: usize = 20;

/// Records; prints the address when ready and what was seen in the end.
pub(super) fn record(args: &RecordArgs) -> Result<u8, Trouble> {
    let secrets = secrets(args)?;
    let redactor = redact::install(redactor(args, &secrets));
    let target = Target::parse(&args.target).map_err(Trouble::usage)?;
    let message_cap = usize::try_from(args.message_cap).ok().filter(|cap| (1..=FRAME_MOST).contains(cap));
    let message_cap = message_cap
        .ok_or_else(|| Trouble::usage(format!("--message-cap: a frame of a trace has 1 B to {}", bytes_text(FRAME_MOST as u64))))?;
    let route = route::alone(&target, "--target", &args.as_run())?;
    let listener = listen(args)?;
    let address = listener.local_addr().map_err(|e| Trouble::internal(format!("the listener: {e}")))?;
    preflight::raise_files();
    let mut veil = Veil::new(&secrets, &args.secret_name);
    let (path, file) = create(args)?;
    let stop = Arc::new(Notify::new());
    let by_signal = stop.clone();
    signals::on_stop(move |_| by_signal.notify_one())?;
    let origin = target.origin();
    let shown =
        format!("{}://{}{}", if target.tls { "wss" } else { "ws" }, target.authority(), tap::Veil::path(&mut veil, &target.path_and_query));
    let config = tap::Config {
        target: tap::Target { authority: target.authority(), origin, path_and_query: target.path_and_query.clone() },
        opening: Opening { route, stamps: false, clock: Clock::start(), timeout: args.timeout.to_std() },
        head: Head { target: Some(shown), profile: args.profile.clone(), ..Head::new("record") },
        message_cap,
        veil: Box::new(veil),
        tell: teller(redactor),
    };
    let ready = serde_json::json!({
        "listening": address.to_string(), "url": format!("ws://{address}/"), "target": target.to_string(), "trace": path.display().to_string()
    });
    say!("{ready}");
    let account = tap::serve(config, listener, file, &stop).map_err(|e| {
        Trouble::internal(format!("recording into {} ended: {e}. Make room, or choose another file with --out", path.display()))
    })?;
    ended(&account, &path, address)
}

/// Says what was seen.
fn ended(account: &tap::Account, path: &Path, address: std::net::SocketAddr) -> Result<u8, Trouble> {
    let mut shown = serde_json::to_value(account).map_err(|e| Trouble::internal(e.to_string()))?;
    shown["trace"] = path.display().to_string().into();
    say!("{shown}");
    tell!("{} holds {account}", path.display());
    if account.connections + account.refused + account.failed == 0 && account.stopped.is_none() {
        tell!("warning: nobody connected; give the client ws://{address}/.. in the place of the target");
    }
    match &account.stopped {
        None => Ok(0),
        Some(why) => Err(Trouble::internal(format!(
            "the recording stopped before the traffic did: {why}. What is in {} is whole up to there; make room, or choose another disk with --out",
            path.display()
        ))),
    }
}

/// Values of --secret-env, each under its name.
fn secrets(args: &RecordArgs) -> Result<Vec<(String, String)>, Trouble> {
    let value = |name: &String| match std::env::var(name) {
        Ok(value) if value.len() >= SHORTEST => Ok((name.clone(), value)),
        Ok(_) => Err(Trouble::usage(format!(
            "--secret-env {name}: its value has fewer than {SHORTEST} characters, which are in every text. Use a longer secret"
        ))),
        Err(_) => {
            Err(Trouble::usage(format!("--secret-env {name}: there is no such variable; set it to the secret, and give its name here")))
        }
    };
    args.secret_env.iter().map(value).collect()
}

/// Finds them, and the password of a proxy, in what is told to people.
fn redactor(args: &RecordArgs, secrets: &[(String, String)]) -> Redactor {
    let proxy = args.proxy.as_ref().map(Proxy::secrets).unwrap_or_default();
    Redactor::new(secrets.iter().map(|(_, value)| value.as_str()).chain(proxy.iter().map(String::as_str)))
}

fn listen(args: &RecordArgs) -> Result<TcpListener, Trouble> {
    let asked = args.listen;
    if !asked.ip().is_loopback() && !args.listen_anywhere {
        return Err(Trouble::usage(format!(
            "--listen {asked} would let others than this machine reach the target through here. Take 127.0.0.1:0, or add --listen-anywhere"
        )));
    }
    let wrong = |e: std::io::Error| Trouble::usage(format!("--listen {asked} cannot be listened at: {e}. Port 0 takes any that is free"));
    let listener = TcpListener::bind(asked).map_err(wrong)?;
    listener.set_nonblocking(true).map_err(wrong)?;
    Ok(listener)
}

/// The file of the trace, for its owner's eyes.
fn create(args: &RecordArgs) -> Result<(PathBuf, File), Trouble> {
    let path = args.out.clone().unwrap_or_else(|| {
        let stamp: String = jiff::Timestamp::now().to_string().chars().filter(char::is_ascii_alphanumeric).take(15).collect();
        PathBuf::from(format!("{stamp}Z.trace.ndjson"))
    });
    let file = new_file(&path, args.force)?;
    Ok((path, file))
}

/// A file of ours, for its owner's eyes: a new one, or with `force` in the place of one that is there.
pub(super) fn new_file(path: &Path, force: bool) -> Result<File, Trouble> {
    let opened = opened(path, force).and_then(|file| {
        // One that was there may be open to others; what is no file stays as it is.
        if file.metadata()?.is_file() {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(file)
    });
    opened.map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Trouble::usage(format!("{} is there already; choose another place with --out, or write over it with --force", path.display()))
        }
        _ => Trouble::usage(format!("{} cannot be written: {e}. Choose another place with --out", path.display())),
    })
}

fn opened(path: &Path, force: bool) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    let options = if force { options.create(true).truncate(true) } else { options.create_new(true) };
    options.open(path)
}

/// Tells the first notices; the account counts all.
fn teller(redactor: &'static Redactor) -> Arc<dyn Fn(Notice) + Send + Sync> {
    let told = AtomicUsize::new(0);
    Arc::new(move |notice: Notice| {
        let is_end = matches!(notice, Notice::Stopped(_));
        match told.fetch_add(1, Ordering::Relaxed) {
            n if n < NOTICES_MOST || is_end => tell!("warning: {}", redactor.theirs(&crate::units::printable(&notice.to_string(), 600))),
            NOTICES_MOST => tell!("warning: there is more of this; it is counted, not told"),
            _ => {}
        }
    })
}
