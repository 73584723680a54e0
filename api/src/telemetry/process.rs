//! What a process takes, as proc(5) tells it.

use std::fs;

/// Ticks of a second in `/proc/PID/stat`: the same on every Linux that Postlens runs on.
const TICKS: f64 = 100.0;

/// What a process takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usage {
    /// Its resident memory.
    pub(super) resident_bytes: u64,
    /// The processor time that it has used since its start.
    pub(super) cpu_seconds: f64,
}

impl Usage {
    /// Of a process; `None` when there is none, or the system does not tell.
    pub(super) fn of(process: u32) -> Option<Self> {
        let read = |file: &str| fs::read_to_string(format!("/proc/{process}/{file}")).ok();
        Self::parse(&read("status")?, &read("stat")?)
    }

    fn parse(status: &str, stat: &str) -> Option<Self> {
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: u64 = resident.trim().strip_suffix(" kB")?.parse().ok()?;
        // The name of the program, in parentheses, may hold anything. Fields 14 and 15 are the times in user and system mode.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut ticks = fields.split(' ').skip(11).map(str::parse::<u64>);
        let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
        Some(Self { resident_bytes: kibibytes << 10, cpu_seconds: (user + system) as f64 / TICKS })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_processor_time_are_read_whatever_the_program_is_called() {
        let status = "Name:\ta) b\nVmHWM:\t   99 kB\nVmRSS:\t   12 kB\nThreads:\t1\n";
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 150 25 0 0 20 0 1 0 5 6 7";
        assert_eq!(Usage::parse(status, stat), Some(Usage { resident_bytes: 12 << 10, cpu_seconds: 1.75 }));
    }

    #[test]
    fn this_process_takes_memory_and_one_that_is_not_there_takes_none() {
        assert!(Usage::of(std::process::id()).is_some_and(|usage| usage.resident_bytes > 0));
        assert_eq!(Usage::of(u32::MAX), None);
    }
}
