//! Figures of a process as seen by the system: threads, descriptors, memory, processor time,
//! wake-ups.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// A process, by its folder in `/proc`.
#[derive(Clone, Debug)]
pub(crate) struct Figures(PathBuf);

impl Figures {
    /// Those of process `id`.
    pub(crate) fn of(id: u32) -> Self {
        Self(PathBuf::from(format!("/proc/{id}")))
    }

    /// Those of the test itself.
    pub(crate) fn own() -> Self {
        Self(PathBuf::from("/proc/self"))
    }

    /// Names of the threads that belong to a server.
    pub(crate) fn threads(&self) -> Vec<String> {
        self.of_each_task("comm").into_iter().filter(|name| name.starts_with("drupe-")).collect()
    }

    /// The number of threads of servers that wait for signals; from one on, signals are caught.
    #[cfg(feature = "signals")]
    pub(crate) fn listeners_for_signals(&self) -> usize {
        self.threads().into_iter().filter(|name| name.trim_end() == "drupe-signals").count()
    }

    /// True if the signal of this number is caught.
    #[cfg(feature = "signals")]
    pub(crate) fn catches(&self, signal: u32) -> bool {
        let status = fs::read_to_string(self.0.join("status")).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap() & (1 << (signal - 1)) != 0
    }

    /// The number of open descriptors.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(self.0.join("fd")).unwrap().count()
    }

    /// Resident memory in bytes, exactly: the value in `status` lags behind by some pages for each
    /// thread.
    pub(crate) fn resident(&self) -> u64 {
        let rollup = fs::read_to_string(self.0.join("smaps_rollup")).unwrap();
        1024 * number(&rollup, "Rss:")
    }

    /// Address space in bytes, which `ulimit -v` limits.
    pub(crate) fn reserved(&self) -> u64 {
        1024 * number(&fs::read_to_string(self.0.join("status")).unwrap(), "VmSize:")
    }

    /// The most memory in bytes that was ever resident.
    pub(crate) fn peak(&self) -> u64 {
        1024 * number(&fs::read_to_string(self.0.join("status")).unwrap(), "VmHWM:")
    }

    /// Processor time used by all threads that there are.
    pub(crate) fn processor_time(&self) -> Duration {
        let used = self.of_each_task("schedstat").into_iter().map(|text| number(&text, "")).sum();
        Duration::from_nanos(used)
    }

    /// The number of times that a thread slept or lost its processor: a thread that is not woken
    /// does neither.
    pub(crate) fn switches(&self) -> u64 {
        let names = ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"];
        self.of_each_task("status")
            .into_iter()
            .map(|text| names.map(|name| number(&text, name)).iter().sum::<u64>())
            .sum()
    }

    /// A file of each thread; one that has ended meanwhile has none.
    fn of_each_task(&self, file: &str) -> Vec<String> {
        let tasks = fs::read_dir(self.0.join("task")).unwrap();
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join(file)).ok()).collect()
    }
}

/// The first number of the line that begins with `name`.
fn number(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
    line.split_whitespace().next().unwrap().parse().unwrap()
}
