//! Whether threads run or sleep, as the system sees it.

use std::fs;

use nix::unistd::gettid;

/// A thread of this process, by the number that the system knows it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Task(i32);

impl Task {
    /// The calling thread.
    pub(crate) fn current() -> Self {
        Self(gettid().as_raw())
    }

    /// Whether it sleeps, and does not merely wait for a processor; `None` where the system does not say.
    pub(crate) fn sleeps(self) -> Option<bool> {
        let stat = fs::read_to_string(format!("/proc/self/task/{}/stat", self.0)).ok()?;
        // The state is the first after the name, which may have anything in it (proc(5)).
        let state = stat.rsplit_once(')')?.1.trim_start().chars().next()?;
        Some(matches!(state, 'S' | 'D'))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn who_waits_sleeps_and_who_asks_does_not() {
        assert_eq!(Task::current().sleeps(), Some(false));
        let (told, tells) = mpsc::channel();
        let (release, held) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            told.send(Task::current()).unwrap();
            held.recv().unwrap();
        });
        let task = tells.recv().unwrap();
        while task.sleeps() == Some(false) {
            thread::yield_now();
        }
        assert_eq!(task.sleeps(), Some(true));
        release.send(()).unwrap();
        thread.join().unwrap();
        while task.sleeps().is_some() {
            thread::yield_now();
        }
    }
}
