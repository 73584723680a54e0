//! What a process took: memory at most, and time of processors.

use std::fs;

/// The peak of a process's resident memory, in bytes (`VmHWM` of proc(5)); 0 where the system does not tell.
pub(crate) fn peak(process: u32) -> u64 {
    status(process, "VmHWM:")
}

/// A process's resident memory now, in bytes (`VmRSS` of proc(5)); 0 where the system does not tell.
pub(crate) fn now(process: u32) -> u64 {
    status(process, "VmRSS:")
}

/// Has the peak of a process begin anew, at what it has now (`clear_refs` of proc(5)).
pub(crate) fn forget_peak(process: u32) {
    // Where that cannot be done the peak is too large, never too small.
    let _ = fs::write(format!("/proc/{process}/clear_refs"), "5");
}

fn status(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes: u64 = line.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
    kibibytes << 10
}

/// The processor time that a process has used, in seconds (fields 14 and 15 of `/proc/PID/stat`, in hundredths); 0 where the system
/// does not tell.
pub(crate) fn processor_seconds(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u32 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    f64::from(ticks) / 100.0
}
