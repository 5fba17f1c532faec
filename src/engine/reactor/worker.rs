//! The life of a worker, from the first request to the last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::share::Share;
use super::{Reactor, Round, reserve};
use crate::engine::connection::overrun::limit_here;
use crate::engine::connection::{ClientConnection, Verdict};
use crate::engine::pool::Pool;
use crate::engine::service::context::WorkerContext;
use crate::engine::service::costs::Runs;
use crate::engine::service::handle::WorkerHandle;
use crate::net::poll::WAKE;
use crate::sync::catch;

/// Works until the worker is dismissed or the server is over.
pub(in crate::engine) fn work(pool: &Arc<Pool>, handle: &Arc<WorkerHandle>) {
    limit_here(pool.service(), handle);
    if handle.is_reserved {
        return reserve::work(pool, handle);
    }
    let mut worker = Worker::new(pool, handle);
    loop {
        // A bug in the engine must not cost a worker, nor pass broken memory on to the next
        // connection.
        match catch(|| worker.run()) {
            Ok(()) => return,
            Err(_) => {
                log::error!("a worker thread panicked; its connection was closed, the thread continues");
                handle.rest();
                pool.parking.give_up(worker.reactor.context.slot);
                pool.give_up_role(handle.number);
                worker = Worker::new(pool, handle);
            }
        }
    }
}

struct Worker<'p> {
    pool: &'p Arc<Pool>,
    handle: &'p Arc<WorkerHandle>,
    reactor: Reactor<'p>,
    share: Share,
}

/// The outcome of waiting at the poller.
enum Attended {
    /// The worker looks for work again.
    Again,
    /// The worker has to sleep.
    Sleeps,
    /// The worker leaves: surplus, and idle for `thread_idle_timeout`.
    Leaves,
}

impl<'p> Worker<'p> {
    fn new(pool: &'p Arc<Pool>, handle: &'p Arc<WorkerHandle>) -> Self {
        let mut context = WorkerContext::new(Arc::clone(pool.service()), Arc::clone(&handle.counters));
        context.handle = Some(Arc::clone(handle));
        Self { pool, handle, reactor: Reactor::new(pool, handle.number, context), share: Share::new() }
    }

    fn run(&mut self) {
        loop {
            self.reactor.context.duty.runs = Runs::All;
            while let Some(connection) = self.pool.queue.take() {
                self.pool.waiters.turn();
                self.serve(connection);
            }
            if self.pool.is_over() {
                return;
            }
            if self.takes_role() {
                // The guard stops polling and starts watching.
                self.pool.call_guard(Duration::ZERO);
                self.react();
                continue;
            }
            match self.attend() {
                Attended::Again => continue,
                Attended::Leaves => return,
                Attended::Sleeps => {}
            }
            let context = &mut self.reactor.context;
            context.tidy();
            context.meter.rest();
            context.renew();
            if !self.pool.sleep(self.handle, &context.config) {
                return;
            }
        }
    }

    /// Takes the reactor role from the guard if the last handler was short: this worker is then
    /// likely to run the next one as well.
    fn takes_role(&self) -> bool {
        let is_guards = self.pool.role.is_held_by(0);
        is_guards && self.reactor.context.duty.was_short() && self.pool.role.take(self.handle.number)
    }

    /// Waits at the poller for one arrival, if the guard holds the role, and advances the
    /// connection.
    fn attend(&mut self) -> Attended {
        let pool = self.pool;
        if !pool.role.is_held_by(0) || !pool.come_to_poller() {
            return Attended::Sleeps;
        }
        let context = &mut self.reactor.context;
        context.tidy();
        context.meter.rest();
        context.renew();
        let least = pool.least_workers(&context.config);
        let timeout = (pool.threads.len() > least).then_some(context.config.thread_idle_timeout);
        let begun = Instant::now();
        let waited = pool.parking.wait(&mut self.reactor.batch, 1, timeout);
        // A signal may end a wait as well.
        let is_idle = timeout.is_some_and(|timeout| begun.elapsed() >= timeout);
        pool.leave_poller();
        if let Err(error) = waited {
            log::error!("waiting for a connection failed: {error}; the worker sleeps until it is woken");
            return Attended::Sleeps;
        }
        let first = self.reactor.batch.tokens().next();
        match first {
            _ if pool.is_over() => Attended::Again,
            None if is_idle && pool.threads.dismiss_awake(self.handle, least) => Attended::Leaves,
            None => Attended::Again,
            Some((WAKE, _)) => self.heed_call(),
            Some((token, is_ended)) => {
                if let Some(connection) = pool.parking.fetch(token, is_ended) {
                    self.serve(connection);
                }
                Attended::Again
            }
        }
    }

    /// Handles a call from the poller.
    fn heed_call(&mut self) -> Attended {
        let pool = self.pool;
        if pool.waiters.is_barred() || !pool.role.is_held_by(0) {
            // The call is for all workers at the poller, or for the holder of the role, and stays
            // pending.
            return Attended::Sleeps;
        }
        pool.notice_call(self.handle.number);
        if let Some(connection) = pool.queue.take() {
            if !pool.queue.is_empty() {
                pool.call_worker();
            }
            self.serve(connection);
        }
        Attended::Again
    }

    /// Holds the reactor role until another thread takes it, or this worker is needed elsewhere.
    fn react(&mut self) {
        self.reactor.begin();
        loop {
            match self.reactor.round() {
                Round::On => {}
                Round::Lone(connection) => {
                    self.pool.give_up_role(self.handle.number);
                    self.reactor.context.duty.runs = Runs::All;
                    return self.stay(connection);
                }
                Round::Serve(connection) => {
                    self.reactor.context.duty.runs = Runs::All;
                    return self.serve(connection);
                }
                Round::Over => return,
            }
        }
    }

    /// Stays with a connection that keeps one worker busy alone, now that the guard holds the role.
    /// A request then costs only a blocking read and a write.
    fn stay(&mut self, mut connection: Box<ClientConnection>) {
        self.pool.parking.detach(&mut connection);
        let context = &mut self.reactor.context;
        context.take_up(&connection.transport.stream, connection.client.peer.as_ref(), connection.slot, Instant::now());
        let verdict = loop {
            let answered = connection.answered;
            context.renew();
            context.duty.turn();
            context.begin_turn(Instant::now());
            connection.expect_input();
            let verdict = connection.advance(context);
            let stays = matches!(verdict, Verdict::Park) && connection.answered > answered;
            if !stays || !self.pool.queue.is_empty() || self.pool.is_stopping() {
                break verdict;
            }
        };
        context.lay_down();
        self.settle(connection, verdict);
    }

    /// Runs the handlers of a connection's request and of pipelined ones.
    fn serve(&mut self, mut connection: Box<ClientConnection>) {
        if self.pool.is_over() {
            // A stop has cut this request.
            return self.pool.part_with(connection);
        }
        let context = &mut self.reactor.context;
        context.renew();
        context.duty.turn();
        context.take_up(&connection.transport.stream, connection.client.peer.as_ref(), connection.slot, Instant::now());
        let verdict = connection.advance(context);
        // From here on another thread may take the connection.
        context.lay_down();
        self.settle(connection, verdict);
        self.share.end(Instant::now());
    }

    fn settle(&mut self, connection: Box<ClientConnection>, verdict: Verdict) {
        match verdict {
            Verdict::Park => {
                if let Some(connection) = self.pool.park_unless_ready(connection, &self.reactor.context.config) {
                    self.line_up(connection);
                }
            }
            Verdict::Again | Verdict::Unsent | Verdict::Work => self.line_up(connection),
            Verdict::Close => self.pool.parking.close_one(connection),
            Verdict::Upgrade(serve) => self.pool.upgrade(connection, serve),
        }
    }

    /// Continues with a connection that has input, after those in the queue.
    fn line_up(&self, connection: Box<ClientConnection>) {
        if connection.has_begun_answer() || connection.awaits_content() {
            // In the queue the connection could be refused, in the middle of the answer. A request
            // without a permit to wait for content is watched by the reactor.
            return self.pool.resume(connection);
        }
        // This worker looks at the queue next, so no thread is woken. If other connections are
        // queued, the reactor reads the next request, which may be prompt.
        if let Some(connection) = self.pool.queue.push_alone(connection, Instant::now()) {
            self.pool.resume(connection);
        }
    }
}
