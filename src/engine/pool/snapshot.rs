//! A snapshot of all counters.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Pool;
use crate::address::BindAddr;
use crate::statistics::{Serving, Statistics, Worker};

/// Adds up the counters of all threads of `pool`.
pub(in crate::engine) fn of(pool: &Pool, listening: Vec<BindAddr>, run_time: Duration) -> Statistics {
    let (handles, sum) = pool.threads.accounts();
    let now = Instant::now();
    let rows = handles.iter().map(|handle| {
        let mut row = handle.counters.row(handle.name(), handle.serving().is_some());
        row.serving = handle.task().map(|task| Serving {
            method: task.method.to_string(),
            target: task.target.to_string(),
            peer: task.peer,
            is_answering: task.is_answering,
            time: now.saturating_duration_since(task.since),
        });
        row
    });
    let mut workers: Vec<Worker> = rows.collect();
    let reserved = handles.iter().filter(|handle| handle.is_reserved).count();
    let busy = handles.iter().filter(|handle| !handle.is_reserved && handle.serving().is_some()).count();
    workers.push(sum.row("others".to_owned(), false));
    handles.iter().for_each(|handle| sum.absorb(&handle.counters));
    let timeouts = sum.timeouts();
    Statistics {
        enabled: pool.service().measures(),
        listening,
        run_time,
        accepts: pool.accepted.load(Ordering::Relaxed),
        socket_errors: pool.socket_errors.load(Ordering::Relaxed),
        turned_away: pool.service().turned_away.load(Ordering::Relaxed),
        proxy_refused: sum.proxy_refused.get(),
        handshakes_failed: sum.handshakes_failed.get(),
        connections: pool.open.count(),
        queue: pool.queue.len(),
        queue_wait: pool.queue.oldest().map_or(Duration::ZERO, |oldest| now.saturating_duration_since(oldest)),
        overrun: pool.service().deadlines.overrun.load(Ordering::Relaxed),
        unserved: pool.service().unserved.load(Ordering::Relaxed),
        parked: pool.parking.len(),
        parked_answer_bytes: pool.service().answer_memory.bytes(),
        parked_request_bytes: pool.service().request_memory.bytes(),
        upgraded: pool.upgraded.len() + pool.service().sessions.taken(),
        requests: sum.requests.get(),
        refused: sum.refused.get(),
        overruled: sum.overruled.get(),
        answered: sum.answered.get(),
        broken_off: sum.broken_off.get(),
        panics: sum.panics.get(),
        timed_out: timeouts.head + timeouts.body + timeouts.write,
        timeouts,
        answers: sum.answers(),
        bytes_read: sum.bytes_read.get(),
        bytes_written: sum.bytes_written.get(),
        content_read: sum.content_read.get(),
        content_written: sum.content_written.get(),
        tls_bytes_read: sum.tls_bytes_read.get(),
        tls_bytes_written: sum.tls_bytes_written.get(),
        threads_lost: pool.service().deadlines.lost(),
        threads: handles.len() - reserved,
        threads_idle: handles.len() - reserved - busy,
        work_time: sum.work_time(),
        latency: sum.latency(),
        routes: sum.routes.statistics(&pool.service().routes),
        workers,
    }
}
