//! The sockets of upgraded connections: their number, and their end at a stop.

use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Weak};
use std::thread::{self, ThreadId};

use crate::net::poll::Bell;
use crate::net::stream::Stream;
use crate::sync::Mutex;

/// The sockets of upgraded connections, for a stop and the statistics.
pub(in crate::engine) struct Sockets {
    /// Rung when a stop is announced.
    pub(super) bell: Arc<Bell>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last_number: u64,
    by_number: HashMap<u64, Entry>,
}

struct Entry {
    /// Owned by the serving thread, which closes the stream by dropping it.
    stream: Weak<Stream>,
    /// The serving thread, once started.
    thread: Option<ThreadId>,
}

impl Sockets {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { bell: Arc::new(Bell::new()?), open: Mutex::default() })
    }

    /// The number of upgraded connections.
    pub(super) fn len(&self) -> usize {
        self.open.lock().by_number.len()
    }

    /// Wakes waiting reads, because a stop was announced.
    pub(in crate::engine) fn announce_stop(&self) {
        if let Err(error) = self.bell.ring() {
            log::error!("cannot announce the stop to upgraded connections: {error}");
        }
    }

    /// Shuts down the remaining sockets, including the calling thread's. Returns the number of the
    /// others.
    pub(in crate::engine) fn end(&self) -> usize {
        let own = thread::current().id();
        let left: Vec<(Option<ThreadId>, Arc<Stream>)> = self
            .open
            .lock()
            .by_number
            .values()
            .filter_map(|entry| Some((entry.thread, entry.stream.upgrade()?)))
            .collect();
        for (_, stream) in &left {
            // The thread notices; an error means that the socket has ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        left.iter().filter(|(thread, _)| *thread != Some(own)).count()
    }

    /// Registers a socket, and returns its number.
    pub(super) fn enter(&self, stream: &Arc<Stream>) -> u64 {
        let mut open = self.open.lock();
        open.last_number += 1;
        let number = open.last_number;
        open.by_number.insert(number, Entry { stream: Arc::downgrade(stream), thread: None });
        number
    }

    /// Notes the calling thread as the serving one of the socket `number`.
    pub(super) fn begin(&self, number: u64) {
        if let Some(entry) = self.open.lock().by_number.get_mut(&number) {
            entry.thread = Some(thread::current().id());
        }
    }

    pub(super) fn leave(&self, number: u64) {
        self.open.lock().by_number.remove(&number);
    }
}
