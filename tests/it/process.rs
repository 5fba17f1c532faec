//! Tests of a whole process: each runs again, alone in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::client::wait_until;
use crate::figures::Figures;
use crate::place::Place;

/// Runs the test of this name again, alone in a new process. Returns true in the new process.
pub(crate) fn is_alone(name: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    is_alone_in(Command::new(std::env::current_exe().unwrap()), name)
}

/// As [`is_alone`], with `descriptors` as the limit of the process.
pub(crate) fn is_alone_with(descriptors: u32, name: &str) -> bool {
    is_alone_after(&format!("ulimit -n {descriptors} && exec \"$0\" \"$@\""), name)
}

/// As [`is_alone`], run by the shell `script`, whose `$0` and `$@` are the program and its arguments.
pub(crate) fn is_alone_after(script: &str, name: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", script]);
    shell.arg(std::env::current_exe().unwrap());
    is_alone_in(shell, name)
}

fn is_alone_in(mut command: Command, name: &str) -> bool {
    // It may be unable to clean up, as another user for example.
    let place = Place::new();
    command.args([name, "--exact", "--nocapture", "--include-ignored"]).env(ALONE, "yes").env("TMPDIR", place.path(""));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut wrong = child.stderr.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut told = Vec::new();
        wrong.read_to_end(&mut told).map(|_| String::from_utf8_lossy(&told).into_owned())
    });
    let mut has_passed = false;
    // The output appears while the process runs.
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        has_passed |= line.contains("1 passed");
        println!("{line}");
    }
    let (status, told) = (child.wait().unwrap(), reading.join().unwrap().unwrap());
    assert!(status.success() && has_passed, "{status}\n{told}");
    false
}

const ALONE: &str = "DRUPE_TEST_ALONE";

pub(crate) fn descriptors() -> usize {
    Figures::own().descriptors()
}

/// Threads of any server of this process.
pub(crate) fn threads() -> Vec<String> {
    Figures::own().threads()
}

/// Checks that as many descriptors are open as `before`, and that no thread of a server is left; `when` is for the message.
pub(crate) fn assert_nothing_left(before: usize, when: &str) {
    // Those that have been joined leave the system's list a little later.
    wait_until(&format!("the threads have left the list {when}"), || threads().is_empty());
    assert_eq!(descriptors(), before, "{when}");
}

/// True unless the message comes from the coverage runtime (`.ci/coverage`), which may lack rights
/// or a descriptor for its file.
#[cfg(feature = "cli")]
pub(crate) fn is_of_the_program(line: &str) -> bool {
    !line.starts_with("LLVM Profile Error")
}

/// The error of the system's C library if a process has no descriptor left.
pub(crate) fn no_descriptors() -> String {
    std::io::Error::from_raw_os_error(24).to_string()
}

/// The largest number of descriptors allowed to a process here.
pub(crate) fn most_descriptors() -> u32 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    // Soft, hard, unit; a hard limit that is none is larger than any number we ask for.
    line.split_whitespace().nth(1).unwrap().parse().unwrap_or(u32::MAX)
}

/// Processor time that this process has used, in hundredths of a second.
pub(crate) fn processor_time() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name of the program may have blanks in it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Waits until each thread of the process with this number is stopped. Until then, a thread may still
/// take what comes after the signal.
pub(crate) fn wait_until_stopped(number: u32) {
    let tasks = format!("/proc/{number}/task");
    let state = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
    wait_until("it stands still", || {
        let stats = std::fs::read_dir(&tasks).unwrap().flatten().map(state);
        stats.into_iter().all(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
    });
}
