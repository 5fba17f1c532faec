//! Content of a request in memory, under the limits of a connection.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;

use crate::h1::error::ProtocolError;
use crate::message::body::IncomingContent;
use crate::message::content_error::RefusedContent;
use crate::sync::Mutex;

/// Content with a known length.
#[derive(Debug, Default)]
pub(super) struct MemoryContent {
    unread: Mutex<io::Cursor<Vec<u8>>>,
    /// The most bytes of content; `None`: no limit.
    limit: Mutex<Option<u64>>,
    /// True if the handler has given the limit.
    has_own_limit: AtomicBool,
}

impl MemoryContent {
    pub(super) fn new(content: Vec<u8>) -> Self {
        Self {
            unread: Mutex::new(io::Cursor::new(content)),
            limit: Mutex::default(),
            has_own_limit: AtomicBool::new(false),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.remaining() == Some(0)
    }

    /// Lowers the limit.
    pub(super) fn limit(&self, bytes: u64) {
        let mut limit = self.limit.lock();
        *limit = Some(limit.map_or(bytes, |limit| limit.min(bytes)));
    }
}

impl IncomingContent for MemoryContent {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut unread = self.unread.lock();
        if self.limit.lock().is_some_and(|limit| unread.get_ref().len() as u64 > limit) {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, RefusedContent(ProtocolError::ContentTooLarge)));
        }
        unread.read(buffer)
    }

    fn remaining(&self) -> Option<u64> {
        let unread = self.unread.lock();
        Some(unread.get_ref().len() as u64 - unread.position())
    }

    fn trailers(&self) -> Option<HeaderMap> {
        None
    }

    fn set_limit(&self, bytes: u64) {
        self.has_own_limit.store(true, Ordering::Relaxed);
        self.limit(bytes);
    }

    fn set_default_limit(&self, bytes: u64) -> bool {
        let is_lower = self.limit.lock().is_none_or(|limit| bytes < limit);
        let is_due = is_lower && !self.has_own_limit.load(Ordering::Relaxed);
        if is_due {
            self.limit(bytes);
        }
        is_due
    }
}
