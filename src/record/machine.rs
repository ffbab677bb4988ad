//! The machine a run is made on: kernel, CPUs, memory, limits, clock.
//!
//! Reads `/proc` and `/sys` and asks the system; what cannot be found out is left empty or zero,
//! because a run must not fail for want of a description. Says nothing about load.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use nix::sched::CpuSet;
use nix::sched::sched_getaffinity;
use nix::sys::resource::Resource;
use nix::sys::resource::getrlimit;
use nix::sys::utsname::uname;
use nix::unistd::Pid;

use super::Machine;

/// Describes this machine as this process sees it.
pub fn here() -> Machine {
    Machine {
        kernel: kernel(),
        cpu: cpu_model(&read("/proc/cpuinfo")),
        cpus: cpus(),
        memory_bytes: memory_bytes(&read("/proc/meminfo")),
        files: getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft),
        cgroup_cpus: cgroup_cpus(Path::new("/sys/fs/cgroup"), &read("/proc/self/cgroup")),
        clock: read("/sys/devices/system/clocksource/clocksource0/current_clocksource").trim().to_owned(),
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn kernel() -> String {
    let Ok(name) = uname() else { return String::new() };
    format!("{} {} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy(), name.machine().to_string_lossy())
}

/// The first `model name`; ARM kernels print none, there the implementer and part stand for it.
fn cpu_model(cpuinfo: &str) -> String {
    let value = |key: &str| {
        let line = cpuinfo.lines().find(|l| l.split(':').next().is_some_and(|k| k.trim() == key))?;
        line.split_once(':').map(|(_, v)| v.trim().to_owned())
    };
    value("model name").unwrap_or_else(|| match (value("CPU implementer"), value("CPU part")) {
        (Some(implementer), Some(part)) => format!("{} implementer {implementer} part {part}", std::env::consts::ARCH),
        _ => std::env::consts::ARCH.to_owned(),
    })
}

fn cpus() -> u32 {
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return 0 };
    (0..CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).count() as u32
}

fn memory_bytes(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|l| l.strip_prefix("MemTotal:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0).saturating_mul(1024)
}

/// The tightest `cpu.max` from this process's group up to the root, in CPUs.
fn cgroup_cpus(root: &Path, own: &str) -> Option<f64> {
    let path = own.lines().find_map(|l| l.strip_prefix("0::"))?;
    let group: PathBuf = root.join(path.trim_start_matches('/'));
    group
        .ancestors()
        .take_while(|dir| dir.starts_with(root))
        .filter_map(|dir| quota(&fs::read_to_string(dir.join("cpu.max")).ok()?))
        .min_by(f64::total_cmp)
}

/// `200000 100000` is two CPUs; `max 100000` is no limit.
fn quota(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    let quota: f64 = words.next()?.parse().ok()?;
    let period: f64 = words.next()?.parse().ok()?;
    (period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described() {
        let machine = here();
        assert!(machine.kernel.starts_with("Linux "), "{machine:?}");
        assert!(machine.cpus > 0 && machine.memory_bytes > 1 << 20 && machine.files > 0, "{machine:?}");
        assert!(!machine.cpu.is_empty(), "{machine:?}");
    }

    #[test]
    fn quotas() {
        for (text, cpus) in [("200000 100000\n", Some(2.0)), ("max 100000\n", None), ("50000 100000", Some(0.5)), ("", None), ("1 0", None)]
        {
            assert_eq!(quota(text), cpus, "{text}");
        }
    }

    #[test]
    fn the_tightest_quota_of_the_ancestors_counts() {
        let root = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir_all(root.path().join("a/b")).expect("folders");
        fs::write(root.path().join("a/cpu.max"), "150000 100000").expect("written");
        fs::write(root.path().join("a/b/cpu.max"), "max 100000").expect("written");
        assert_eq!(cgroup_cpus(root.path(), "9:x:/\n0::/a/b\n"), Some(1.5));
        assert_eq!(cgroup_cpus(root.path(), "9:x:/\n"), None);
    }

    #[test]
    fn processors_without_a_model_name() {
        assert_eq!(cpu_model("processor\t: 0\nmodel name\t: Fast CPU\n"), "Fast CPU");
        assert!(cpu_model("CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n").ends_with("implementer 0x41 part 0xd0c"));
    }
}
