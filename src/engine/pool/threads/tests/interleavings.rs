//! All interleavings of sleeping workers, the holder of the reactor role, a reload and a stop.
//!
//! `Threads` is the real one. A step is a call under its lock, or one access to the words of the
//! queue or to the channel. Between two steps the threads act as in `pool/mod.rs`,
//! `reactor/worker.rs`, `reactor/shortage.rs`, `pool/queue.rs` and `engine/mod.rs`. The guard holds
//! the role. Handlers may run for ever: a request may wait for a handler only if the holder is due
//! to look at the queue.

use super::super::*;
use crate::engine::orders::{self, Tried};

/// A variant of the code without one of its measures: the search has to find an order that breaks a
/// rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Without {
    #[default]
    Nothing,
    /// A called worker is counted after the lock is released.
    CountUnderLock,
    /// The queue is checked without the lock, beginning with the channel.
    LockOfQueue,
    /// Requests beside an empty channel are ignored.
    Beside,
    /// A worker falling asleep does not look at the queue once more.
    LookAtQueue,
    /// A worker falling asleep does not look for a stop once more.
    LookForStop,
    /// A worker leaves after a long wait although called.
    Dismissal,
    /// The holder does not note a request for which no worker was woken.
    Note,
    /// A worker waking by itself misses the call.
    Come,
    /// A stop does not look at the queue after all threads have left.
    LastDrain,
}

/// The limits of one search.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// The existing workers, about to look at the queue, and those that may be hired.
    workers: usize,
    most: usize,
    /// The number of requests, and the room in the queue.
    requests: u8,
    room: u8,
    looks: u8,
    time_outs: u8,
    reloads: u8,
    may_stop: bool,
}

/// The next step of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum WorkerStep {
    Absent,
    Arrive,
    Come,
    /// `Queue::take`.
    Take(Take),
    Handler,
    LookForStop,
    FallAsleep,
    LookAtQueue,
    LookOutside,
    LookForStopAgain,
    GetUp,
    /// Looks at the list, and then waits; `true`: the worker may leave.
    IsAsleep(bool),
    Park(bool),
    Dismiss,
    Leave,
    Gone,
}

/// The next step of taking from the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Take {
    Outside,
    Channel,
    Lock,
    /// Moves requests into the channel; `true`: one was taken.
    Refill(bool),
}

/// The next step of the holder of the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum HolderStep {
    Rest,
    PushOutside,
    PushSend,
    PushLock,
    PushRefill,
    Call,
    Count(u8),
    Unpark(u8),
    Oldest,
    OldestRefill,
    Overdue,
    OverdueRefill(bool),
    Len,
    Coming(u8),
    /// Calls a number of workers; the second number is that of waiting requests, or of a worker.
    LookCall(u8, u8),
    LookCount(u8, u8, u8),
    LookUnpark(u8, u8, u8),
    Grow(u8),
    GrowComing(u8),
    Hire(u8),
    Hired(u8, u8),
    Gone,
}

/// The next step of a reload or a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum RingStep {
    Rest,
    Store,
    Drain(Take),
    Ring,
    Count(u8),
    Unpark(u8),
    LastDrain(Take),
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World {
    without: Without,
    room: u8,
    most: u8,
    // The queue.
    channel: u8,
    first: bool,
    last: u8,
    outside: u8,
    is_locked: bool,
    // The state of `Threads`.
    idle: [u8; 2],
    handles: [bool; 2],
    coming: usize,
    is_over: bool,
    // The threads.
    workers: [WorkerStep; 2],
    unparked: [bool; 2],
    holder: HolderStep,
    is_noted: bool,
    ring: RingStep,
    // Events still to come.
    requests: u8,
    looks: u8,
    time_outs: u8,
    reloads: u8,
    may_stop: bool,
}

/// A step of a worker by number, of the holder, of a reload or of a stop.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "a test that fails prints them")]
enum Step {
    Worker(usize, WorkerStep),
    Holder(HolderStep),
    Ring(RingStep),
}

impl World {
    fn new(without: Without, plan: Plan) -> Self {
        let present = [plan.workers > 0, plan.workers > 1];
        let step = |present: bool| if present { WorkerStep::Take(Take::Outside) } else { WorkerStep::Absent };
        Self {
            without,
            room: plan.room,
            most: u8::try_from(plan.most).unwrap(),
            channel: 0,
            first: false,
            last: 0,
            outside: 0,
            is_locked: false,
            idle: [0; 2],
            handles: present,
            coming: 0,
            is_over: false,
            workers: present.map(step),
            unparked: [false; 2],
            holder: HolderStep::Rest,
            is_noted: false,
            ring: RingStep::Rest,
            requests: plan.requests,
            looks: plan.looks,
            time_outs: plan.time_outs,
            reloads: plan.reloads,
            may_stop: plan.may_stop,
        }
    }

    /// Does one step with the real threads.
    fn threads<T>(&mut self, act: impl FnOnce(&Threads, &[Arc<WorkerHandle>]) -> T) -> T {
        let handles = [1, 2].map(|number| Arc::new(WorkerHandle::new(number)));
        let threads = Threads::default();
        let handle = |number: u8| Arc::clone(&handles[usize::from(number) - 1]);
        {
            let mut roster = threads.roster.lock();
            roster.handles =
                [1, 2].into_iter().filter(|number| self.handles[usize::from(*number) - 1]).map(handle).collect();
            roster.idle = self.idle.into_iter().filter(|number| *number > 0).map(handle).collect();
        }
        threads.coming.store(self.coming, Ordering::SeqCst);
        let result = act(&threads, &handles);
        let number = |handle: &Arc<WorkerHandle>| u8::try_from(handle.number).unwrap();
        let roster = threads.roster.lock();
        self.idle = [0, 1].map(|at| roster.idle.get(at).map_or(0, number));
        self.handles = [1, 2].map(|of| roster.handles.iter().any(|handle| handle.number == of));
        drop(roster);
        self.coming = threads.coming();
        result
    }

    fn last_idle(&self) -> u8 {
        self.idle.into_iter().rev().find(|number| *number > 0).unwrap_or(0)
    }

    fn waiting(&self) -> u8 {
        self.channel + u8::from(self.first) + self.last
    }

    /// Goes on with `refill`. Returns true once done, with the lock released.
    fn refill(&mut self) -> bool {
        if self.last > 0 && self.channel < self.room {
            (self.last, self.channel) = (self.last - 1, self.channel + 1);
            return false;
        }
        self.outside = u8::from(self.first) + self.last;
        self.is_locked = false;
        true
    }

    fn receive(&mut self) -> bool {
        let is_one = self.channel > 0;
        self.channel -= u8::from(is_one);
        is_one
    }

    /// Receives the next request under the lock.
    fn receive_next(&mut self) -> bool {
        let is_beside = self.channel == 0 && self.last > 0 && self.without != Without::Beside;
        self.last -= u8::from(is_beside);
        is_beside || self.receive()
    }

    /// Goes on to take from the queue; `Ok(true)` if a request was taken.
    fn take(&mut self, step: Take) -> Result<bool, Take> {
        match step {
            Take::Outside if self.outside > 0 => Err(Take::Lock),
            Take::Outside => Err(Take::Channel),
            Take::Channel => Ok(self.receive()),
            Take::Lock => {
                self.is_locked = true;
                let is_one = std::mem::take(&mut self.first) || self.receive_next();
                Err(Take::Refill(is_one))
            }
            Take::Refill(is_one) => {
                if self.refill() {
                    Ok(is_one)
                } else {
                    Err(step)
                }
            }
        }
    }

    /// Adds the steps of a worker. Returns true if one will be taken soon.
    fn worker(&self, at: usize, steps: &mut Vec<(Step, Self)>) -> bool {
        use WorkerStep as W;
        let step = self.workers[at];
        let mut add = |act: &dyn Fn(&mut Self) -> W| {
            let mut next = *self;
            next.workers[at] = act(&mut next);
            steps.push((Step::Worker(at + 1, step), next));
        };
        match step {
            W::Absent | W::Gone => return false,
            // The worker waits for the registration.
            W::Arrive if !self.handles[at] => return false,
            W::Arrive => add(&|_| W::Come),
            W::Come => add(&|next| {
                next.threads(|threads, _| threads.come());
                W::Take(Take::Outside)
            }),
            W::Take(Take::Lock) if self.is_locked => return false,
            W::Take(take) => add(&|next| match next.take(take) {
                Ok(true) if next.is_over => W::Take(Take::Outside),
                Ok(true) => W::Handler,
                Ok(false) => W::LookForStop,
                Err(take) => W::Take(take),
            }),
            W::Handler => {
                add(&|_| W::Take(Take::Outside));
                return false;
            }
            W::LookForStop => add(&|next| if next.is_over { W::Leave } else { W::FallAsleep }),
            W::FallAsleep => add(&|next| {
                let may_leave = next.threads(|threads, handles| threads.fall_asleep(&handles[at], LEAST));
                if self.without == Without::LookAtQueue { W::IsAsleep(may_leave) } else { W::LookAtQueue }
            }),
            W::LookAtQueue if self.without == Without::LockOfQueue => {
                add(&|next| if next.channel > 0 { W::GetUp } else { W::LookOutside });
            }
            W::LookAtQueue if self.is_locked => return false,
            W::LookAtQueue => add(&|next| if next.waiting() > 0 { W::GetUp } else { W::LookForStopAgain }),
            W::LookOutside => add(&|next| if next.outside > 0 { W::GetUp } else { W::LookForStopAgain }),
            W::LookForStopAgain => add(&|next| {
                // The surplus was determined on falling asleep, and changes here only if a worker
                // leaves.
                let may_leave = next.handles == [true; 2];
                if next.is_over && self.without != Without::LookForStop { W::GetUp } else { W::IsAsleep(may_leave) }
            }),
            W::GetUp => add(&|next| {
                let is_up = next.threads(|threads, handles| threads.get_up(&handles[at]));
                if is_up || self.without == Without::Come { W::Take(Take::Outside) } else { W::Come }
            }),
            W::IsAsleep(may_leave) => add(&|next| {
                if next.threads(|threads, handles| threads.is_asleep(&handles[at])) {
                    W::Park(may_leave)
                } else {
                    W::Come
                }
            }),
            W::Park(may_leave) => {
                if self.unparked[at] {
                    add(&|next| {
                        next.unparked[at] = false;
                        W::IsAsleep(may_leave)
                    });
                }
                if self.time_outs > 0 {
                    // The idle time is over, or the wake-up is spurious.
                    add(&|next| {
                        next.time_outs -= 1;
                        W::IsAsleep(may_leave)
                    });
                    if may_leave {
                        add(&|next| {
                            next.time_outs -= 1;
                            W::Dismiss
                        });
                    }
                }
                return self.unparked[at];
            }
            W::Dismiss => add(&|next| match next.threads(|threads, handles| threads.dismiss(&handles[at], LEAST)) {
                Dismissed::Goes => W::Leave,
                Dismissed::Stays => W::Take(Take::Outside),
                Dismissed::Called if self.without == Without::Dismissal => W::Leave,
                Dismissed::Called => W::Come,
            }),
            W::Leave => add(&|next| {
                next.threads(|threads, handles| threads.leave(Some(&handles[at])));
                W::Gone
            }),
        }
        true
    }

    /// Adds the steps of the holder. Returns true if one will be taken soon.
    fn holder(&self, steps: &mut Vec<(Step, Self)>) -> bool {
        use HolderStep as H;
        let step = self.holder;
        let mut add = |act: &dyn Fn(&mut Self) -> H| {
            let mut next = *self;
            next.holder = act(&mut next);
            steps.push((Step::Holder(step), next));
        };
        match step {
            H::Gone => return false,
            H::Rest if self.is_over => add(&|_| H::Gone),
            H::Rest => {
                if self.requests > 0 {
                    add(&|next| {
                        next.requests -= 1;
                        H::PushOutside
                    });
                }
                if self.is_noted && self.looks > 0 {
                    add(&|next| {
                        next.looks -= 1;
                        H::Oldest
                    });
                }
                return false;
            }
            H::PushOutside => add(&|next| if next.outside == 0 { H::PushSend } else { H::PushLock }),
            H::PushSend => add(&|next| {
                if next.channel == next.room {
                    return H::PushLock;
                }
                next.channel += 1;
                H::Call
            }),
            H::PushLock | H::Oldest | H::Overdue | H::Len if self.is_locked => return false,
            H::PushLock => add(&|next| {
                next.is_locked = true;
                next.last += 1;
                H::PushRefill
            }),
            H::PushRefill => add(&|next| if next.refill() { H::Call } else { H::PushRefill }),
            H::Call => add(&|next| match next.call() {
                0 => {
                    next.is_noted = self.without != Without::Note;
                    H::Rest
                }
                called if self.without == Without::CountUnderLock => H::Count(called),
                called => H::Unpark(called),
            }),
            H::Count(called) => add(&|next| {
                next.coming = next.coming.wrapping_add(1);
                H::Unpark(called)
            }),
            H::Unpark(called) => add(&|next| {
                next.unpark(called);
                H::Rest
            }),
            H::Oldest => add(&|next| {
                if next.first {
                    return H::Len;
                }
                next.is_locked = true;
                next.first = next.receive_next();
                H::OldestRefill
            }),
            H::OldestRefill => {
                let is_done = |next: &mut Self| {
                    let is_done = next.refill();
                    next.is_noted = !is_done || next.first;
                    is_done
                };
                add(&|next| match is_done(next) {
                    true if next.first => H::Len,
                    true => H::Rest,
                    false => H::OldestRefill,
                });
                if self.requests == 0 {
                    // The request has waited for too long.
                    add(&|next| if is_done(next) { H::Overdue } else { H::OldestRefill });
                }
            }
            H::Overdue => add(&|next| {
                next.is_locked = true;
                H::OverdueRefill(std::mem::take(&mut next.first))
            }),
            H::OverdueRefill(is_one) => add(&|next| match next.refill() {
                // The request is answered with 503; then the rest is looked at.
                true if is_one => H::Oldest,
                true => H::Len,
                false => H::OverdueRefill(is_one),
            }),
            H::Len => add(&|next| H::Coming(next.waiting())),
            H::Coming(waiting) => add(&|next| H::LookCall(missing(waiting, next.coming), waiting)),
            H::LookCall(0, waiting) => add(&|next| {
                let is_full = next.handles.iter().filter(|handle| **handle).count() >= usize::from(next.most);
                if is_full { H::Rest } else { H::Grow(waiting) }
            }),
            H::LookCall(left, waiting) => add(&|next| match next.call() {
                0 => H::LookCall(0, waiting),
                called if self.without == Without::CountUnderLock => H::LookCount(left - 1, waiting, called),
                called => H::LookUnpark(left - 1, waiting, called),
            }),
            H::LookCount(left, waiting, called) => add(&|next| {
                next.coming = next.coming.wrapping_add(1);
                H::LookUnpark(left, waiting, called)
            }),
            H::LookUnpark(left, waiting, called) => add(&|next| {
                next.unpark(called);
                H::LookCall(left, waiting)
            }),
            // A tick has passed, or not yet.
            H::Grow(waiting) => {
                add(&|_| H::GrowComing(waiting));
                add(&|_| H::Rest);
            }
            H::GrowComing(waiting) => add(&|next| H::Hire(missing(waiting, next.coming).div_ceil(2))),
            H::Hire(left) => add(&|next| {
                let absent = (0..2).find(|at| matches!(next.workers[*at], WorkerStep::Absent));
                match absent {
                    Some(at) if left > 0 && !next.is_over => {
                        next.coming = next.coming.wrapping_add(1);
                        next.workers[at] = WorkerStep::Arrive;
                        H::Hired(left - 1, u8::try_from(at).unwrap())
                    }
                    _ => H::Rest,
                }
            }),
            H::Hired(left, at) => add(&|next| {
                next.handles[usize::from(at)] = true;
                H::Hire(left)
            }),
        }
        true
    }

    /// Adds the steps of a reload and a stop. Returns true if one will be taken soon.
    fn ring(&self, steps: &mut Vec<(Step, Self)>) -> bool {
        use RingStep as R;
        let step = self.ring;
        let mut add = |act: &dyn Fn(&mut Self) -> R| {
            let mut next = *self;
            next.ring = act(&mut next);
            steps.push((Step::Ring(step), next));
        };
        let drained = |next: &mut Self, take: Take, then: R, again: fn(Take) -> R| match next.take(take) {
            Ok(true) => again(Take::Outside),
            Ok(false) => then,
            Err(take) => again(take),
        };
        match step {
            R::Gone => return false,
            R::Rest => {
                if self.reloads > 0 {
                    add(&|next| {
                        next.reloads -= 1;
                        R::Ring
                    });
                }
                if self.may_stop {
                    add(&|_| R::Store);
                }
                return false;
            }
            R::Store => add(&|next| {
                next.is_over = true;
                R::Drain(Take::Outside)
            }),
            R::Drain(Take::Lock) | R::LastDrain(Take::Lock) if self.is_locked => return false,
            R::Drain(take) => add(&|next| drained(next, take, R::Ring, R::Drain)),
            R::Ring => add(&|next| {
                let idle = next.idle;
                let called = idle.into_iter().filter(|number| *number > 0).fold(0, |called, number| called | number);
                if self.without == Without::CountUnderLock {
                    next.idle = [0; 2];
                    return R::Count(called);
                }
                next.threads(|threads, _| threads.ring());
                R::Unpark(called)
            }),
            R::Count(called) => add(&|next| {
                next.coming = next.coming.wrapping_add(usize::from(called & 1) + usize::from(called >> 1));
                R::Unpark(called)
            }),
            R::Unpark(called) => add(&|next| {
                let number = if called & 1 != 0 { 1 } else { called };
                if number != 0 {
                    next.unpark(number);
                }
                match called & !number {
                    0 if !next.is_over => R::Rest,
                    0 => R::LastDrain(Take::Outside),
                    left => R::Unpark(left),
                }
            }),
            // The stop waits until all threads have left.
            R::LastDrain(_) if !self.have_all_left() => return false,
            R::LastDrain(_) if self.without == Without::LastDrain => add(&|_| R::Gone),
            R::LastDrain(take) => add(&|next| drained(next, take, R::Gone, R::LastDrain)),
        }
        true
    }

    fn have_all_left(&self) -> bool {
        let left = self.workers.iter().all(|step| matches!(step, WorkerStep::Absent | WorkerStep::Gone));
        left && self.holder == HolderStep::Gone
    }

    /// Calls a worker. Returns the worker's number, or 0.
    fn call(&mut self) -> u8 {
        let called = self.last_idle();
        if self.without == Without::CountUnderLock {
            let coming = self.coming;
            self.threads(|threads, _| threads.call());
            self.coming = coming;
        } else {
            self.threads(|threads, _| threads.call());
        }
        called
    }

    fn unpark(&mut self, number: u8) {
        let at = usize::from(number) - 1;
        // The token of a thread that has left has no effect.
        self.unparked[at] = self.workers[at] != WorkerStep::Gone;
    }

    /// The possible next steps; true if any will be taken soon, regardless of handlers and clients.
    fn steps(&self) -> (Vec<(Step, Self)>, bool) {
        let mut steps = Vec::new();
        let soon =
            [self.worker(0, &mut steps), self.worker(1, &mut steps), self.holder(&mut steps), self.ring(&mut steps)];
        (steps, soon.contains(&true))
    }
}

/// The number of workers missing for the waiting requests.
fn missing(waiting: u8, coming: usize) -> u8 {
    u8::try_from(usize::from(waiting).saturating_sub(coming)).unwrap()
}

impl orders::World for World {
    type Step = Step;

    fn next(&self) -> Vec<(Step, Self)> {
        self.steps().0
    }

    fn broken(&self, is_last: bool) -> Option<&'static str> {
        if self.coming > 2 {
            return Some("no more workers are on their way than there are");
        }
        let has_left = |number: &u8| *number > 0 && self.workers[usize::from(*number) - 1] == WorkerStep::Gone;
        if self.idle.iter().any(has_left) {
            return Some("a worker that has left is not called");
        }
        if self.steps().1 {
            return None;
        }
        if self.coming != 0 {
            return Some("each that was called has come");
        }
        if self.waiting() > 0 && !self.is_noted && !self.is_over {
            return Some(LEFT);
        }
        if self.is_over && is_last && !(self.have_all_left() && self.waiting() == 0) {
            return Some("a stop leaves neither a thread nor a request behind");
        }
        None
    }
}

fn check(without: Without, plan: Plan) -> Result<Tried, String> {
    let tried = orders::search(World::new(without, plan));
    tried.map(|(tried, _)| tried).map_err(|broken| format!("{}: {:?}", broken.rule, broken.order))
}

const PLAN: Plan =
    Plan { workers: 2, most: 2, requests: 2, room: 2, looks: 1, time_outs: 1, reloads: 0, may_stop: false };
/// The second request finds no room.
const FULL: Plan = Plan { room: 1, time_outs: 0, ..PLAN };
/// The second worker is hired.
const GROWS: Plan = Plan { workers: 1, requests: 3, room: 1, ..PLAN };
const RELOADS: Plan = Plan { requests: 1, time_outs: 0, reloads: 1, ..PLAN };
const STOPS: Plan = Plan { workers: 1, time_outs: 0, may_stop: true, ..PLAN };
/// The number of workers to stay.
const LEAST: usize = 1;
const LEFT: &str = "no request is left to workers that sleep";

#[test]
fn no_order_leaves_a_request_to_workers_that_sleep_or_a_call_to_one_that_has_left() {
    let mut sum = (0, 0);
    for plan in [PLAN, FULL, GROWS, RELOADS, STOPS, Plan { workers: 2, requests: 1, ..STOPS }] {
        let tried = check(Without::Nothing, plan).unwrap();
        sum = (sum.0 + tried.states, sum.1 + tried.steps);
    }
    // Stated in TESTING.md.
    assert_eq!(sum, (635_664, 1_942_522));
}

#[test]
fn model_without_one_safeguard_breaks_a_rule() {
    for (without, plan, rule) in [
        (Without::CountUnderLock, PLAN, "no more workers are on their way than there are"),
        (Without::LockOfQueue, FULL, LEFT),
        (Without::Beside, GROWS, LEFT),
        (Without::LookAtQueue, FULL, LEFT),
        (Without::LookForStop, STOPS, "a stop leaves neither a thread nor a request behind"),
        (Without::Dismissal, PLAN, "each that was called has come"),
        (Without::Note, PLAN, LEFT),
        (Without::Come, PLAN, "each that was called has come"),
        (Without::LastDrain, STOPS, "a stop leaves neither a thread nor a request behind"),
    ] {
        let broken = check(without, plan).unwrap_err();
        assert!(broken.starts_with(rule), "{without:?}: {broken}");
    }
}
