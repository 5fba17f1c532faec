//! A round of the reactor: wait for events, advance the ready connections, look after the queue.

use std::time::{Duration, Instant};

use super::lone::Lone;
use super::standby::BATCH;
use super::{Reactor, Round, Step};
use crate::engine::connection::ClientConnection;
use crate::engine::pool::TICK;
use crate::net::poll::WAKE;

impl Reactor<'_> {
    /// Polls, then advances the ready connections.
    pub(super) fn round(&mut self) -> Round {
        let lone = self.poll();
        if self.pool.is_over() {
            self.pool.give_up_role(self.number);
            return Round::Over;
        }
        if !self.is_holder() {
            lone.into_iter().for_each(|(_, connection)| self.pool.ready.push(connection));
            if self.batch.len() > 0 {
                self.pool.call_reactor();
            }
            return Round::Over;
        }
        let now = Instant::now();
        self.context.renew();
        self.expire(now);
        if let Some((token, connection)) = lone {
            let is_lone = self.lone.note(token, &connection, now, self.context.config.keep_alive_grace);
            if is_lone && !self.is_guard() {
                return Round::Lone(connection);
            }
            let step = self.step(connection, now);
            return self.end(step, Instant::now());
        }
        self.lone = Lone::default();
        self.advance_all(now).map_or_else(|round| round, |ended| self.end(Step::Held, ended))
    }

    /// Advances the ready connections, then those whose answers were put off, then streams with new
    /// content and upgraded connections. Returns the time of the end.
    ///
    /// # Errors
    /// The thread leaves the round early.
    fn advance_all(&mut self, now: Instant) -> Result<Instant, Round> {
        let (mut before, mut later) = (now, 0);
        while let Some((connection, is_later)) =
            self.pool.ready.pop(later == 0 || (later < LATER && before - now < SHARE))
        {
            later += u32::from(is_later);
            self.context.duty.puts_off = !self.pool.ready.is_empty();
            let step = self.step(connection, before);
            self.context.duty.puts_off = false;
            before = self.go_on(step)?;
            if before - now > TICK {
                break;
            }
        }
        while let Some(connection) = self.pool.ready.pop_unsent() {
            let step = self.step(connection, before);
            before = self.go_on(step)?;
        }
        let begun = before;
        while before - begun < SHARE {
            let Some(connection) = self.pool.ready.pop_woken() else { break };
            let step = self.step(connection, before);
            before = self.go_on(step)?;
        }
        Ok(before)
    }

    /// Returns the present time, or as `Err` the end of the round if the thread no longer holds the
    /// role.
    fn go_on(&mut self, step: Step) -> Result<Instant, Round> {
        let now = Instant::now();
        if let Step::Held = step { Ok(now) } else { Err(self.end(step, now)) }
    }

    /// Waits for events. Returns the connection if exactly one event has come and no other
    /// connection is ready.
    fn poll(&mut self) -> Option<(u64, Box<ClientConnection>)> {
        let is_busy = !self.pool.ready.is_empty();
        let timeout = if is_busy { Some(Duration::ZERO) } else { self.patience() };
        if timeout != Some(Duration::ZERO) {
            if std::mem::take(&mut self.is_alarm_idle) {
                self.pool.dismiss_guard();
            }
            self.context.tidy();
            self.context.meter.rest();
        }
        let found = match self.wait(timeout) {
            Ok(found) => found,
            Err(error) => {
                log::error!("waiting for connections failed: {error}; retrying in 100 ms");
                // Not expected; the pause prevents a busy loop if the error persists.
                self.pool.stops_within(PAUSE);
                return None;
            }
        };
        let is_called = self.batch.tokens().any(|(token, _)| token == WAKE);
        if is_called {
            self.pool.notice_call(self.number);
        }
        // The alarm calls the guard, without a `WAKE`.
        if is_called || self.is_guard() {
            self.look_at_queue(Instant::now());
        }
        let mut tokens = self.batch.tokens().filter(|(token, _)| *token != WAKE);
        if found == 1 && !is_busy && !is_called {
            let (token, is_ended) = tokens.next()?;
            return self.pool.parking.fetch(token, is_ended).map(|connection| (token, connection));
        }
        self.pool.ready.extend(self.pool.parking.fetch_events(tokens));
        None
    }

    fn wait(&mut self, timeout: Option<Duration>) -> std::io::Result<usize> {
        if !self.is_guard() {
            return self.pool.parking.wait(&mut self.batch, BATCH, timeout);
        }
        let found = self.standby.wait(self.pool, &mut self.batch, timeout)?;
        if let Some(since) = self.standby.short_since().filter(|_| found > 0) {
            self.shortage.began(since);
        }
        Ok(found)
    }

    /// Returns the time until the next deadline or look at the queue; `None`: there is neither.
    fn patience(&self) -> Option<Duration> {
        let next = [self.pool.parking.next_due(), self.shortage.next()].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Ends a round: refuses unwanted and overdue clients, and looks after queued requests.
    fn end(&mut self, step: Step, now: Instant) -> Round {
        self.ended = now;
        if let Step::Passed(connection) = step {
            return Round::Serve(connection);
        }
        if let Step::Lost = step {
            self.pool.hand_over();
            return Round::Over;
        }
        for connection in self.pool.ready.take_unwanted() {
            self.turn_away(connection);
        }
        while let Some(connection) = self.shortage.look(self.pool, &self.context, now) {
            self.leave_unserved(connection);
        }
        if !self.is_guard() && self.shortage.wants_holder() {
            self.pool.give_up_role(self.number);
            return Round::Over;
        }
        Round::On
    }
}

/// The limit of second-rank connections in a round, by number (`LATER`) and by time (`SHARE`).
const LATER: u32 = 8;
const SHARE: Duration = Duration::from_micros(250);
/// The pause after an error of the poller.
const PAUSE: Duration = Duration::from_millis(100);
