//! Lines written by a thread of their own: no other thread waits for a reader or a disk.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Instant;

/// The destination of lines. Its methods may block.
pub(super) trait LineSink: Send {
    /// Writes `count` whole lines.
    fn write(&self, lines: &str, count: u64);

    /// Reports `count` lines lost because the destination took none for too long.
    fn report_lost(&self, count: u64);

    /// Opens the destination again.
    fn reopen(&self);
}

/// A queue of at most [`MOST_BYTES`], and its thread. Lines beyond are counted as lost.
#[derive(Clone)]
pub(super) struct LineQueue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<String>,
    /// The length of all lines.
    bytes: usize,
    /// Lines lost and not reported yet.
    lost: u64,
    wants_reopening: bool,
    /// True while the thread uses the destination.
    is_writing: bool,
}

impl LineQueue {
    /// Starts the thread. It ends with the process only, so that a blocked destination delays no
    /// end.
    pub(super) fn start(sink: Box<dyn LineSink>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        Builder::new().name("drupe-log".to_owned()).stack_size(STACK).spawn(move || own.run(&*sink))?;
        Ok(Self(shared))
    }

    /// Adds `line`, which ends in a line feed, or counts the line as lost.
    pub(super) fn push(&self, line: String) {
        let mut state = self.0.state();
        if state.bytes + line.len() > MOST_BYTES {
            state.lost += 1;
            return;
        }
        state.bytes += line.len();
        state.lines.push_back(line);
        drop(state);
        self.0.changed.notify_all();
    }

    /// Opens the destination again before the next line is written.
    pub(super) fn reopen(&self) {
        self.0.state().wants_reopening = true;
        self.0.changed.notify_all();
    }

    /// Waits until all lines are written, at most until `deadline`.
    pub(super) fn flush(&self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        let wait =
            self.0.changed.wait_timeout_while(self.0.state(), left, |state| state.is_writing || state.has_work());
        drop(wait);
    }
}

impl Shared {
    fn run(&self, sink: &dyn LineSink) {
        loop {
            let waits = |state: &mut Waiting| !state.has_work();
            let mut state = self.changed.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner);
            state.is_writing = true;
            let wants_reopening = std::mem::take(&mut state.wants_reopening);
            let (lines, count) = state.next_lines();
            // The lost lines came after those of the queue.
            let lost = if state.lines.is_empty() { std::mem::take(&mut state.lost) } else { 0 };
            drop(state);
            if wants_reopening {
                sink.reopen();
            }
            if count > 0 {
                sink.write(&lines, count);
            }
            if lost > 0 {
                sink.report_lost(lost);
            }
            self.state().is_writing = false;
            self.changed.notify_all();
        }
    }

    fn state(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn has_work(&self) -> bool {
        self.wants_reopening || self.lost > 0 || !self.lines.is_empty()
    }

    /// Removes the first line, and further ones up to [`AT_ONCE`]. Returns their text and number.
    fn next_lines(&mut self) -> (String, u64) {
        let (mut text, mut count) = (self.lines.pop_front().unwrap_or_default(), 0);
        count += u64::from(!text.is_empty());
        while self.lines.front().is_some_and(|line| text.len() + line.len() <= AT_ONCE) {
            text.push_str(&self.lines.pop_front().unwrap_or_default());
            count += 1;
        }
        self.bytes -= text.len();
        (text, count)
    }
}

/// The maximum length of waiting lines.
const MOST_BYTES: usize = 1 << 20;
/// The length that a pipe takes as a whole, so that lines of several programs are not mixed.
const AT_ONCE: usize = 4096;
const STACK: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver, Sender};
    use std::time::Duration;

    use super::*;

    /// Takes one batch for each permit.
    struct Slow(Mutex<Receiver<()>>, Sender<String>);

    impl LineSink for Slow {
        fn write(&self, lines: &str, count: u64) {
            let _ = self.0.lock().expect("one thread").recv();
            let _ = self.1.send(format!("{count}: {}", lines.len()));
        }

        fn report_lost(&self, count: u64) {
            let _ = self.1.send(format!("lost {count}"));
        }

        fn reopen(&self) {
            let _ = self.1.send("reopened".to_owned());
        }
    }

    #[test]
    fn lines_beyond_the_bound_are_lost_and_counted_once_all_others_are_written() {
        let ((permit, permits), (told, written)) = (mpsc::channel(), mpsc::channel());
        let queue = LineQueue::start(Box::new(Slow(Mutex::new(permits), told))).expect("there are threads");
        let line = format!("{}\n", "x".repeat(1023));
        queue.push(line.clone());
        while !queue.0.state().is_writing {
            std::thread::yield_now();
        }
        for _ in 0..MOST_BYTES / line.len() + 7 {
            queue.push(line.clone());
        }
        // Nothing is taken, so there is nothing to wait for.
        queue.flush(Instant::now() + Duration::from_millis(1));
        queue.reopen();
        drop(permit);
        queue.flush(Instant::now() + Duration::from_secs(60));
        let written: Vec<String> = written.try_iter().collect();
        let batches = MOST_BYTES / AT_ONCE;
        assert_eq!(written[..3], ["1: 1024", "reopened", "4: 4096"]);
        assert!(written[2..2 + batches].iter().all(|batch| batch == "4: 4096"), "{written:?}");
        assert_eq!(written[2 + batches..], ["lost 7"]);
    }
}
