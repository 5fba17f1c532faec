//! The layout of the state shared by all threads.

use std::mem::{offset_of, size_of};

use super::*;
use crate::engine::service::counters::Counters;

/// The bytes that processors fetch together: two cache lines.
const LINES: usize = 128;

#[test]
fn parts_of_a_pool_written_for_each_request_share_no_cache_line() {
    let parts = [
        (offset_of!(Pool, parking), size_of::<Parking>()),
        (offset_of!(Pool, ready), size_of::<ReadyConnections>()),
        (offset_of!(Pool, queue), size_of::<Queue>()),
        (offset_of!(Pool, role), size_of::<Role>()),
        (offset_of!(Pool, threads), size_of::<Threads>()),
        (offset_of!(Pool, waiters), size_of::<Waiters>()),
    ];
    for (start, length) in parts {
        assert_eq!((start % LINES, length % LINES), (0, 0));
    }
}

#[test]
fn workers_share_no_cache_line() {
    assert_eq!((align_of::<WorkerHandle>(), align_of::<Counters>()), (LINES, LINES));
}
