//! What must not happen: load where it is not wanted, harm, secrets on their way out, results lost
//! when the machine gives out.

#![expect(clippy::print_stdout, reason = "a skipped check is said")]

mod kit;

#[path = "safety/exhausted.rs"]
mod exhausted;
#[path = "safety/guard.rs"]
mod guard;
#[path = "safety/secrets.rs"]
mod secrets;

use std::process::Command;

use nix::sched::CloneFlags;
use nix::sched::unshare;

/// Runs `test` with a network and mounts of its own, which also the programs it starts have; says so
/// where that is not permitted.
fn in_a_network_of_its_own(test: impl FnOnce() + Send + 'static) {
    let apart = || {
        if let Err(e) = unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS) {
            println!("skipped: a network of its own is not permitted here (needs root): {e}");
            return;
        }
        if done("ip", &["link", "set", "lo", "up"]) && done("mount", &["--make-rprivate", "/"]) {
            test();
        } else {
            println!("skipped: a network of its own cannot be set up here");
        }
    };
    if let Err(panic) = std::thread::spawn(apart).join() {
        std::panic::resume_unwind(panic);
    }
}

/// Whether a command of the system did what it was asked.
fn done(program: &str, args: &[&str]) -> bool {
    Command::new(program).args(args).status().is_ok_and(|status| status.success())
}
