//! What a process took at most.

use std::fs;

/// The peak of a process's resident memory, in bytes (`VmHWM` of proc(5)); 0 where the system does not tell.
pub(crate) fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes: u64 = line.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
    kibibytes << 10
}
