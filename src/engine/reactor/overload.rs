//! The overload warning: requests wait, and all workers are in handlers.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, Instant};

use crate::engine::pool::threads::Threads;
use crate::engine::service::handle::Task;
use crate::message::named::Bounded;

/// Warns that `waiting` requests wait, the first since `oldest`, and that `threads` can have no
/// more workers.
pub(super) fn warn(threads: &Threads, waiting: usize, oldest: Instant, now: Instant) {
    let mut tasks = threads.tasks();
    bring_forward(&mut tasks);
    let first = Seconds(now.saturating_duration_since(oldest));
    log::warn!(
        "all {} workers are busy (thread_pool_max): {waiting} requests wait, the first for {first} s; longest running: {}",
        threads.len(),
        Longest { tasks: &tasks, now }
    );
}

/// Moves the tasks running for longest to the front, as many as are shown.
fn bring_forward(tasks: &mut [Task]) {
    for place in 0..tasks.len().min(SHOWN) {
        let longest = (place..tasks.len()).min_by_key(|at| tasks[*at].since);
        tasks.swap(place, longest.unwrap_or(place));
    }
}

/// Shows the first tasks, which run for longest.
struct Longest<'t> {
    tasks: &'t [Task],
    now: Instant,
}

impl Display for Longest<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.tasks.is_empty() {
            return f.write_str("none in a handler");
        }
        for (at, task) in self.tasks.iter().take(SHOWN).enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            // A query may hold secrets, which do not belong in a log of errors.
            let seconds = Seconds(self.now.saturating_duration_since(task.since));
            write!(f, "{separator}{} {} ({seconds} s)", task.method, Bounded(task.target.path()))?;
        }
        match self.tasks.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// Shows seconds with one decimal.
struct Seconds(Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.as_secs(), self.0.subsec_millis() / 100)
    }
}

/// Tasks named in a warning.
const SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn the_longest_are_named_without_their_query() {
        let now = Instant::now();
        let task = |target: &str, millis| Task {
            method: Method::GET,
            target: target.parse().unwrap(),
            since: now - Duration::from_millis(millis),
        };
        let shown = |tasks: &[Task]| {
            let mut tasks = tasks.to_vec();
            bring_forward(&mut tasks);
            Longest { tasks: &tasks, now }.to_string()
        };
        assert_eq!(shown(&[]), "none in a handler");
        assert_eq!(shown(&[task("/b", 20), task("/a?key=secret", 1500)]), "GET /a (1.5 s), GET /b (0.0 s)");
        let many = shown(&vec![task(&format!("/{}", "x".repeat(200)), 0); 7]);
        assert!(many.ends_with("x... (0.0 s) and 2 more") && many.len() < 700, "{many}");
    }
}
