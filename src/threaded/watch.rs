//! The thread that keeps the time: deadlines of what is parked, the patience of what found no room, and handlers that block.
//!
//! It waits for no peer, and while nobody works and nothing is due it does not wake at all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connection::{Connection, Verdict};
use super::desk::Desk;
use super::overdue::Overdue;
use super::pool::Pool;
use super::shortage::{Shortage, Sight};
use super::worker;

/// Watches until the server stops.
pub(super) fn run(pool: &Arc<Pool>, processors: usize) {
    pool.begin_watch();
    let mut desk = Desk::new(Arc::clone(pool.service()), Arc::clone(&pool.staff.others));
    // The first workers may still be on their way.
    let mut hire_after = Instant::now() + HIRE_PAUSE;
    let mut told = None;
    let mut shortage = Shortage::new(processors, Instant::now());
    let (mut quiet, mut short) = (0, 0);
    while !pool.is_over() {
        pool.staff.join_gone();
        let now = Instant::now();
        let (due, mut next) = pool.parking.fetch_due(now);
        for connection in due {
            expire(pool, connection, &desk);
        }
        desk.renew();
        for connection in pool.queue.take_overdue(now) {
            turn_away(pool, connection, &mut desk);
        }
        next = earlier(next, pool.queue.next_overdue());

        let held_up = pool.write_off();
        let sight =
            Sight { now, progress: pool.queue.progress(), working: pool.running(), is_led: !pool.is_lead_vacant() };
        let blocks = shortage.look(&sight, || pool.staff.sleeps_at_work());
        pool.set_eager(shortage.is_eager());
        let is_short = blocks || is_short_of_workers(pool, processors);
        let mut in_want = 0;
        short = if is_short { short + 1 } else { 0 };
        if is_short {
            // Those who sleep cost nothing; more are added only if that was not enough, and twice as many each time.
            let most = if blocks { pool.staff.len() / 2 } else { held_up };
            let wanted = pool.queue.len().clamp(1, most.max(1));
            let called = (0..wanted).take_while(|_| pool.call()).count();
            let is_enough = called == wanted || (called == 0 && pool.call_leader());
            if !is_enough && short >= HIRE_AFTER && now >= hire_after && !hire(pool, wanted - called, now, &mut told) {
                hire_after = now + HIRE_PAUSE;
            }
            if now < hire_after {
                in_want = pool.queue.len();
            }
        }
        pool.service().pressure.set(in_want);
        // Work comes in bursts: a few more looks are cheaper than being woken for the next.
        quiet = if pool.running() > 0 { 0 } else { quiet + 1 };
        let ticks = quiet < QUIET_TICKS;
        if ticks {
            next = earlier(next, Some(now + TICK));
        } else {
            shortage.rest();
            pool.set_eager(false);
            if is_short {
                next = earlier(next, Some(hire_after.max(now + TICK)));
            }
        }
        pool.doze(next, ticks);
    }
}

/// Adds workers; false if there can be no more for now. That the system refuses is logged at most once a second, by when it was `told`.
fn hire(pool: &Arc<Pool>, count: usize, now: Instant, told: &mut Option<Instant>) -> bool {
    for _ in 0..count {
        match pool.hire(worker::work) {
            Ok(true) => {}
            // As many as there may be: one of them will be back.
            Ok(false) => return false,
            Err(error) => {
                if told.is_none_or(|told| now - told >= Duration::from_secs(1)) {
                    *told = Some(now);
                    log::warn!("cannot start another worker for now: {error}");
                }
                return false;
            }
        }
    }
    true
}

/// Whether something waits that nobody will reach soon.
fn is_short_of_workers(pool: &Pool, processors: usize) -> bool {
    let running = pool.running();
    (running == 0 && pool.is_lead_vacant()) || (running < processors && !pool.queue.is_empty())
}

/// A parked connection's time is over.
fn expire(pool: &Pool, mut connection: Box<Connection>, desk: &Desk) {
    // What is to be written is a worker's to write: this thread waits for no peer.
    match connection.overdue() {
        Overdue::Close => {
            desk.counters.count_late(connection.late());
            pool.parking.close_one(connection);
        }
        Overdue::LastLook => {
            if let Err(connection) = pool.queue.offer(connection) {
                pool.queue.put_back(connection);
            }
            pool.rouse();
        }
    }
}

/// There was no room in the queue for a new connection, and its patience is over. Nothing was ever written to it, so there is room
/// for the answer, and writing it does not wait.
fn turn_away(pool: &Pool, mut connection: Box<Connection>, desk: &mut Desk) {
    match connection.turn_away(desk) {
        Verdict::Park | Verdict::Again => {
            if let Some(ready) = pool.park(connection, &desk.config) {
                // What it has sent already is dropped by whoever has time.
                if let Err(connection) = pool.queue.offer(ready) {
                    pool.parking.close_one(connection);
                }
            }
        }
        Verdict::Close | Verdict::Upgrade(_) => pool.parking.close_one(connection),
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (some, None) | (None, some) => some,
    }
}

/// How often those who work are looked at.
const TICK: Duration = Duration::from_millis(1);
/// After so many looks without anybody at work the watch dozes.
const QUIET_TICKS: u32 = 4;
/// How many looks in a row must find too few workers before there are more: a worker that lost its processor for a moment looks
/// like one that is held up.
const HIRE_AFTER: u32 = 3;
/// How long to do with the workers there are, once there can be no more.
const HIRE_PAUSE: Duration = Duration::from_millis(100);
