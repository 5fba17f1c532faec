//! Log lines that name the requests in handlers, when other requests wait or a stop is over.

use std::fmt::{self, Display, Formatter};
use std::time::Instant;

use crate::engine::pool::threads::Threads;
use crate::engine::service::handle::Task;
use crate::message::named::{OneDecimal, RequestName};

/// Warns that `waiting` requests wait, the first since `oldest`, and that `threads` can have no
/// more workers.
pub(super) fn warn(threads: &Threads, waiting: usize, oldest: Instant, now: Instant) {
    let tasks = threads.tasks();
    let first = OneDecimal(now.saturating_duration_since(oldest));
    let (requests, wait) = if waiting == 1 { ("request", "waits") } else { ("requests", "wait") };
    log::warn!(
        "all {} workers are busy (thread_pool_max): {waiting} {requests} {wait}, the first for {first} s; \
         longest running: {}",
        threads.len(),
        Longest { groups: groups(tasks), now }
    );
}

/// Logs the handlers that have not returned at the end of a stop.
pub(in crate::engine) fn left_running(threads: &Threads) {
    let tasks = threads.tasks();
    let (handlers, connections, own) = match tasks.len() {
        0 => return log::error!("a thread of the server did not end after the stop; it was left running"),
        1 => ("a handler".to_owned(), "its connection was", "its thread"),
        many => (format!("{many} handlers"), "their connections were", "their threads"),
    };
    let longest = Longest { groups: groups(tasks), now: Instant::now() };
    log::error!("{handlers} did not return after the stop; {connections} cut, {own} left running: {longest}");
}

/// Tasks of the same method and path: the one running for longest, and the number of the others.
struct Group {
    longest: Task,
    others: usize,
}

/// Returns the groups of `tasks`, the one running for longest first.
fn groups(tasks: Vec<Task>) -> Vec<Group> {
    // Sorted by insertion, which needs far less code than `sort_by_key`.
    let mut sorted = Vec::with_capacity(tasks.len());
    for task in tasks {
        sorted.insert(sorted.partition_point(|other: &Task| other.since <= task.since), task);
    }
    let mut groups: Vec<Group> = Vec::new();
    for task in sorted {
        let is_alike = |group: &&mut Group| {
            group.longest.method == task.method && group.longest.target.path() == task.target.path()
        };
        match groups.iter_mut().find(is_alike) {
            Some(group) => group.others += 1,
            None => groups.push(Group { longest: task, others: 0 }),
        }
    }
    groups
}

/// Shows the tasks running for longest.
struct Longest {
    groups: Vec<Group>,
    now: Instant,
}

impl Display for Longest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.groups.is_empty() {
            return f.write_str("none in a handler");
        }
        for (at, Group { longest, others }) in self.groups.iter().take(SHOWN).enumerate() {
            f.write_str(if at == 0 { "" } else { ", " })?;
            // A query may hold secrets, which do not belong in a log of errors.
            let Task { method, target, peer, since, is_answering } = longest;
            write!(f, "{}", RequestName { method, target, peer: peer.as_ref(), id: None })?;
            write!(f, " ({} s", OneDecimal(self.now.saturating_duration_since(*since)))?;
            f.write_str(if *is_answering { ", sending" } else { "" })?;
            if *others > 0 {
                write!(f, ", and {others} more of this path")?;
            }
            f.write_str(")")?;
        }
        match self.groups.iter().skip(SHOWN).map(|group| 1 + group.others).sum::<usize>() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// Groups of tasks named in a warning.
const SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Method;

    use super::*;
    use crate::address::Peer;

    #[test]
    fn the_longest_are_named_once_a_path_and_without_their_query() {
        let now = Instant::now();
        let task = |target: &str, millis| Task {
            method: Method::GET,
            target: target.parse().unwrap(),
            peer: Some(Peer::Tcp(([127, 0, 0, 1], 9).into())),
            since: now - Duration::from_millis(millis),
            is_answering: target == "/stream",
        };
        let shown = |tasks: Vec<Task>| Longest { groups: groups(tasks), now }.to_string();
        assert_eq!(shown(Vec::new()), "none in a handler");
        assert_eq!(
            shown(vec![task("/b", 20), task("/a?key=secret", 1500), task("/a", 10), task("/stream", 1000)]),
            "GET /a from 127.0.0.1:9 (1.5 s, and 1 more of this path), \
             GET /stream from 127.0.0.1:9 (1.0 s, sending), GET /b from 127.0.0.1:9 (0.0 s)"
        );
        let many = shown((0..7).map(|number| task(&format!("/{number}{}", "x".repeat(200)), 0)).collect());
        assert!(many.ends_with("x... from 127.0.0.1:9 (0.0 s) and 2 more") && many.len() < 900, "{many}");
    }
}
