//! Answers made by the server itself: errors of clients, and lack of room.

use std::sync::atomic::Ordering;

use http::StatusCode;

use super::access_log::Line;
use super::client::Client;
use crate::engine::service::context::WorkerContext;
use crate::h1::encode;
use crate::h1::error::ProtocolError;

/// A request to be refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) error: ProtocolError,
    /// True if the method is `HEAD`.
    pub(super) is_head: bool,
    /// The record of the request.
    pub(super) line: Line,
}

impl Refusal {
    /// Gathers the answer, and counts and logs the refusal.
    pub(super) fn answer(self, client: &Client, context: &mut WorkerContext) {
        let Self { error, is_head, line } = self;
        context.counters.refused.add(1);
        context.counters.count_answer(error.status());
        log::debug!("refused a request of {client}: {error} ({})", error.section());
        gather(error, is_head, context);
        line.end(Some((error.status(), 0)));
    }
}

/// Gathers the answer to an error.
pub(super) fn gather(error: ProtocolError, is_head: bool, context: &mut WorkerContext) {
    gather_as(error.status(), &error.to_string(), None, is_head, context);
}

/// Gathers a 503 for lack of room, and counts and logs the refusal.
pub(super) fn turn_away(line: Line, is_head: bool, context: &mut WorkerContext) {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    gather_as(status, "the server is busy", Some(RETRY_AFTER_SECS), is_head, context);
    context.counters.count_answer(status);
    line.end(Some((status, 0)));
}

/// Counts a client turned away for lack of room.
pub(super) fn count_turned_away(context: &WorkerContext) {
    context.service.turned_away.fetch_add(1, Ordering::Relaxed);
}

fn gather_as(status: StatusCode, reason: &str, retry_after: Option<u64>, is_head: bool, context: &mut WorkerContext) {
    let config = &context.config;
    let stamp = context.clock.stamp(config.software.as_ref(), config.keep_alive_timeout.as_secs());
    let version = config.protocol_version;
    let length = encode::refusal(&mut context.gathered, version, status, reason, retry_after, is_head, &stamp);
    context.counters.content_written.add(length);
}

/// The `Retry-After` seconds for a client turned away.
const RETRY_AFTER_SECS: u64 = 1;
