//! Tests that look at the whole process: each runs again alone in one of its own.

use std::process::Command;

/// Runs the test of this name again, alone in a process of its own; true in there.
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
    let output = command.args([name, "--exact", "--nocapture"]).env(ALONE, "yes").output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    false
}

const ALONE: &str = "DRUPE_TEST_ALONE";

pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Threads of any server of this process.
pub(crate) fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("drupe-")).collect()
}
