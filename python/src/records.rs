//! Log records on their way to Python's `logging`.
//!
//! A thread of the server only appends to a queue. A Python thread takes the records, because the
//! threads that serve all clients must not wait for the interpreter.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use log::{Level, LevelFilter, Log, Metadata};
use pyo3::prelude::*;

use crate::input::locked;

/// Sends the records of the process here.
pub(crate) fn install() {
    // A logger of an earlier import stays.
    if log::set_logger(&QUEUE).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// Takes the waiting records, each as level, logger and text; waits for the first for at most
/// `seconds`. Access records are `drupe.access`.
#[pyfunction]
pub(crate) fn next_records(py: Python<'_>, seconds: f64) -> Vec<(u8, String, String)> {
    let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    py.detach(|| {
        let waiting = locked(&QUEUE.waiting);
        let waited =
            QUEUE.came.wait_timeout_while(waiting, time, |waiting| waiting.records.is_empty() && !waiting.is_woken);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        waiting.is_woken = false;
        let lost = mem::take(&mut waiting.lost);
        let mut records: Vec<_> = mem::take(&mut waiting.records).into();
        if lost > 0 {
            records.push((WARNING, "drupe".to_owned(), format!("{lost} log records were dropped; the queue was full")));
        }
        records
    })
}

/// Ends a wait in `next_records`, under way or to come.
#[pyfunction]
pub(crate) fn wake_records() {
    locked(&QUEUE.waiting).is_woken = true;
    QUEUE.came.notify_all();
}

/// Makes access records, or none; none is the default.
#[pyfunction]
pub(crate) fn log_access(is_wanted: bool) {
    QUEUE.is_access_wanted.store(is_wanted, Ordering::Relaxed);
}

struct RecordQueue {
    waiting: Mutex<Waiting>,
    came: Condvar,
    is_access_wanted: AtomicBool,
}

struct Waiting {
    records: VecDeque<(u8, String, String)>,
    /// The number of records dropped since the last look.
    lost: u64,
    is_woken: bool,
}

impl Log for RecordQueue {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Info
            && (metadata.target() != "drupe::access" || self.is_access_wanted.load(Ordering::Relaxed))
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = match record.level() {
            Level::Error => ERROR,
            Level::Warn => WARNING,
            _ => INFO,
        };
        let text = record.args().to_string();
        // Modules are no business of a Python program: `drupe::engine::pool` is `drupe`.
        let name = match record.target() {
            "drupe::access" => "drupe.access",
            "drupe::wsgi" => "drupe.wsgi",
            _ => "drupe",
        };
        let mut waiting = locked(&self.waiting);
        if waiting.records.len() < MOST_WAITING {
            waiting.records.push_back((level, name.to_owned(), text));
        } else {
            waiting.lost += 1;
        }
        drop(waiting);
        self.came.notify_one();
    }

    fn flush(&self) {}
}

static QUEUE: RecordQueue = RecordQueue {
    waiting: Mutex::new(Waiting { records: VecDeque::new(), lost: 0, is_woken: false }),
    came: Condvar::new(),
    is_access_wanted: AtomicBool::new(false),
};

/// The levels of `logging`.
const ERROR: u8 = 40;
const WARNING: u8 = 30;
const INFO: u8 = 20;
/// The most records that wait; further ones are counted and dropped.
const MOST_WAITING: usize = 4096;
