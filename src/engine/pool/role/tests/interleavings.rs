//! All interleavings of the guard, two workers, the alarm and ending threads.
//!
//! The words of the role are the real ones. A step is one access to one of the words, or one call
//! for the alarm: methods with several accesses are tried access by access. Between these steps the
//! threads act as in `reactor/guard.rs`, `reactor/mod.rs`, `reactor/worker.rs` and `pool/mod.rs`.
//! Time is one more thread, which advances by half a tick at any moment.

use std::collections::HashMap;

use super::*;
use crate::engine::orders::{self, Tried};

/// A variant of the code without one of its measures: the search has to find an order that breaks a
/// rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Without {
    #[default]
    Nothing,
    /// `stop_watching` looks before it notes that the guard sleeps.
    LastLook,
    /// `enter` looks at the guard before it notes the handler.
    EarlyNote,
    /// The guard uses the time of its own last look instead of that of the alarm.
    TimeOfAlarm,
    /// `stop_watching` lets the guard sleep although a handler was just entered.
    Return,
    /// `dismiss_guard` unsets the alarm, and notes nothing.
    Note,
    /// `dismiss_guard` notes so before unsetting the alarm.
    Order,
    /// `leave` stores the state seen before, unconditionally.
    Comparison,
    /// A worker giving up the role does not wake the guard.
    Call,
    /// A leaving worker keeps the role.
    GivingUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Alarm {
    Off,
    /// Half ticks from now.
    In(u8),
    GoneOff,
}

/// The next step of the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum GuardStep {
    /// `run`: is the role the guard's?
    Turn,
    /// `watch`: looks at the role.
    Look,
    StopStore,
    StopLook,
    StopSwap,
    /// Sleeps; `true`: without setting an alarm.
    Sleep(bool),
    /// Reads the alarm.
    Clear(bool),
    LoadArmed,
    Seize(u64),
    SetAlarm,
    /// Makes the last worker to leave the poller set the alarm.
    PollUnwatch,
    /// Waits for connections, and for the alarm.
    Poll,
    PollClear,
    PollWatch,
    PollLook,
    Watch,
}

/// The next step of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum WorkerStep {
    /// Does nothing about the role.
    Out,
    TakeLook,
    TakeTurn(u64),
    TakeWatch,
    TakeCall,
    /// Holds the role, between two handlers.
    Hold,
    Unwatch,
    Unset,
    EnterLook,
    EnterTurn(u64),
    EnterLoad(u64),
    EnterSwap(u64),
    Arm(u64),
    SetAlarm,
    Handler,
    LeaveLook,
    LeaveTurn(u64),
    /// Gives the role up; `true`: and leaves.
    GiveLook(bool),
    GiveTurn(bool, u64),
    GiveCall(bool),
    /// Passes the role on.
    PassLook,
    PassTurn(u64),
    PassWatch,
    PassCall,
    LastCall,
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Worker {
    step: WorkerStep,
    is_alarm_idle: bool,
    /// The number of times left to take the role, and to enter a handler.
    takes: u8,
    handlers: u8,
    /// The number of half ticks spent in the handler.
    age: Option<u8>,
    was_seized: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World {
    without: Without,
    word: u64,
    is_watched: bool,
    armed: Option<(u64, u8)>,
    alarm: Alarm,
    guard: GuardStep,
    /// The handler of the guard's last look, and the number of half ticks since.
    seen: Option<(u64, u8)>,
    /// The number of half ticks since the guard began to watch.
    watched: u8,
    workers: [Worker; 2],
    /// The number of connections still to be reported to the guard, and of threads of upgraded
    /// connections still to end.
    reports: u8,
    ends: u8,
    /// The number of times left for a worker without the role to leave the poller as the last; the
    /// next step of such a worker: 1: it notes so, 2: it sets the alarm.
    partings: u8,
    parting: u8,
    /// True if workers may leave.
    may_leave: bool,
    broken: Option<&'static str>,
}

/// The limits of one search.
#[derive(Clone, Copy, Debug)]
struct Plan {
    takes: [u8; 2],
    handlers: [u8; 2],
    reports: u8,
    ends: u8,
    partings: u8,
    may_leave: bool,
}

/// The time at which a step is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// As soon as the thread has a processor.
    Soon,
    /// Possibly never.
    Perhaps,
    Time,
}

/// A step of the guard, of a worker by number, of an ending thread, or of time.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "a test that fails prints them")]
enum Step {
    Guard(GuardStep),
    Worker(usize, WorkerStep),
    Report,
    End,
    Part,
    Time,
}

const TICK: u8 = 2;

impl World {
    fn new(without: Without, plan: Plan) -> Self {
        let Plan { takes, handlers, reports, ends, partings, may_leave } = plan;
        let worker = |at: usize| Worker {
            step: WorkerStep::Out,
            is_alarm_idle: false,
            takes: takes[at],
            handlers: handlers[at],
            age: None,
            was_seized: false,
        };
        Self {
            without,
            word: GUARD,
            is_watched: false,
            armed: None,
            alarm: Alarm::Off,
            guard: GuardStep::Turn,
            seen: None,
            watched: 0,
            workers: [worker(0), worker(1)],
            reports,
            ends,
            partings,
            parting: 0,
            may_leave,
            broken: None,
        }
    }

    /// Does one step with the real role.
    fn role<T>(&mut self, act: impl FnOnce(&Role) -> T) -> T {
        let role = Role::new();
        role.word.store(self.word, Ordering::SeqCst);
        role.is_watched.store(self.is_watched, Ordering::SeqCst);
        let result = act(&role);
        self.word = role.word.into_inner();
        self.is_watched = role.is_watched.into_inner();
        result
    }

    fn call_guard(&mut self) {
        self.alarm = Alarm::GoneOff;
    }

    fn fail(&mut self, rule: &'static str) {
        self.broken = self.broken.or(Some(rule));
    }

    fn steps(&self) -> Vec<(When, Step, Self)> {
        let mut steps = Vec::new();
        let has_gone_off = self.alarm == Alarm::GoneOff;
        let can = match self.guard {
            GuardStep::Sleep(_) | GuardStep::Poll => has_gone_off,
            _ => true,
        };
        if can {
            let mut next = *self;
            next.guard();
            steps.push((When::Soon, Step::Guard(self.guard), next));
        }
        if self.guard == GuardStep::Poll && self.reports > 0 {
            let mut next = *self;
            next.reports -= 1;
            next.guard = GuardStep::PollWatch;
            steps.push((When::Perhaps, Step::Report, next));
        }
        if self.ends > 0 {
            let mut next = *self;
            next.ends -= 1;
            next.call_guard();
            steps.push((When::Perhaps, Step::End, next));
        }
        if self.partings > 0 && Seen(self.word).holder() == GUARD {
            let mut next = *self;
            next.partings -= 1;
            next.parting = 1;
            steps.push((When::Perhaps, Step::Part, next));
        }
        if self.parting == 1 {
            let mut next = *self;
            next.parting = if next.role(Role::expects_guard) { 2 } else { 0 };
            steps.push((When::Soon, Step::Part, next));
        }
        if self.parting == 2 {
            let next = Self { parting: 0, alarm: Alarm::In(TICK), ..*self };
            steps.push((When::Soon, Step::Part, next));
        }
        (0..2).for_each(|at| self.worker(at, &mut steps));
        let mut later = *self;
        later.pass();
        if later != *self {
            steps.push((When::Time, Step::Time, later));
        }
        steps
    }

    /// Half a tick passes.
    fn pass(&mut self) {
        let older = |age: &mut u8| *age = (*age + 1).min(TICK);
        self.alarm = match self.alarm {
            Alarm::In(1) => Alarm::GoneOff,
            Alarm::In(left) => Alarm::In(left - 1),
            alarm => alarm,
        };
        self.armed.iter_mut().chain(&mut self.seen).for_each(|(_, age)| older(age));
        self.workers.iter_mut().filter_map(|worker| worker.age.as_mut()).for_each(older);
        if !matches!(
            self.guard,
            GuardStep::Turn
                | GuardStep::PollUnwatch
                | GuardStep::Poll
                | GuardStep::PollClear
                | GuardStep::PollWatch
                | GuardStep::PollLook
        ) {
            older(&mut self.watched);
        }
    }

    fn guard(&mut self) {
        use GuardStep as G;
        self.guard = match self.guard {
            G::Turn => {
                self.watched = 0;
                if self.role(|role| role.is_held_by(0)) { G::PollUnwatch } else { G::Look }
            }
            G::Look => {
                let seen = self.role(Role::look);
                self.watched = 0;
                match self.seen {
                    _ if !seen.is_in_handler() => {
                        self.seen = None;
                        if self.without == Without::LastLook { G::StopLook } else { G::StopStore }
                    }
                    Some((before, age)) if before == seen.0 && age >= TICK => G::Seize(seen.0),
                    Some((before, _)) if before == seen.0 => G::SetAlarm,
                    _ => {
                        self.seen = Some((seen.0, 0));
                        G::SetAlarm
                    }
                }
            }
            G::StopStore => {
                self.role(|role| role.is_watched.store(false, Ordering::SeqCst));
                if self.without == Without::LastLook { G::Sleep(true) } else { G::StopLook }
            }
            G::StopLook => match self.role(|role| role.look().is_in_handler()) {
                true if self.without == Without::LastLook => G::Turn,
                false if self.without == Without::LastLook => G::StopStore,
                true if self.without == Without::Return => G::Sleep(true),
                true => G::StopSwap,
                false => G::Sleep(true),
            },
            G::StopSwap => match self.role(|role| role.is_watched.swap(true, Ordering::SeqCst)) {
                true => G::Sleep(true),
                false => G::Turn,
            },
            G::Sleep(is_unarmed) => G::Clear(is_unarmed),
            G::Clear(is_unarmed) => {
                self.clear();
                if is_unarmed { G::LoadArmed } else { G::Turn }
            }
            G::LoadArmed => {
                self.seen = self.armed;
                if self.without == Without::TimeOfAlarm {
                    self.seen = self.armed.map(|(word, _)| (word, self.watched));
                }
                G::Turn
            }
            G::Seize(seen) => {
                if self.role(|role| role.seize(Seen(seen))) {
                    self.is_seized(seen);
                    G::Turn
                } else {
                    G::SetAlarm
                }
            }
            G::SetAlarm => {
                self.alarm = Alarm::In(TICK);
                G::Sleep(false)
            }
            G::PollUnwatch => {
                self.role(Role::unwatch);
                G::Poll
            }
            G::Poll => G::PollClear,
            G::PollClear => {
                self.clear();
                G::PollWatch
            }
            G::PollWatch => {
                self.role(Role::watch);
                G::PollLook
            }
            G::PollLook => {
                if self.role(|role| role.is_held_by(0)) {
                    G::PollUnwatch
                } else {
                    G::Watch
                }
            }
            G::Watch => {
                self.role(Role::watch);
                self.seen = None;
                G::Turn
            }
        };
    }

    fn clear(&mut self) {
        // The alarm may have been set anew meanwhile: then there is nothing to read.
        if self.alarm == Alarm::GoneOff {
            self.alarm = Alarm::Off;
        }
    }

    fn is_seized(&mut self, seen: u64) {
        let holder = usize::try_from(Seen(seen).holder()).unwrap();
        let worker = &mut self.workers[holder - 1];
        worker.was_seized = true;
        if worker.age.is_none_or(|age| age < TICK) {
            self.fail("only a handler that has been running for a tick loses the role");
        }
    }

    /// Adds the steps of a worker.
    fn worker(&self, at: usize, steps: &mut Vec<(When, Step, Self)>) {
        use WorkerStep as W;
        let worker = self.workers[at];
        let number = u32::try_from(at + 1).unwrap();
        let mut add = |when, act: &dyn Fn(&mut Self) -> W| {
            let mut next = *self;
            let step = act(&mut next);
            next.workers[at].step = step;
            steps.push((when, Step::Worker(at + 1, worker.step), next));
        };
        match worker.step {
            W::Out => {
                if worker.takes > 0 {
                    add(When::Perhaps, &|next| {
                        next.workers[at].takes -= 1;
                        W::TakeLook
                    });
                }
                let leaves = if self.without == Without::GivingUp { W::LastCall } else { W::GiveLook(true) };
                if self.may_leave {
                    add(When::Perhaps, &|_| leaves);
                }
            }
            W::TakeLook => add(When::Soon, &|next| match next.role(Role::look) {
                seen if seen.holder() == GUARD => W::TakeTurn(seen.0),
                _ => W::Out,
            }),
            W::TakeTurn(seen) => add(When::Soon, &|next| {
                if next.role(|role| role.turn(Seen(seen), seen | u64::from(number))) { W::TakeWatch } else { W::Out }
            }),
            W::TakeWatch => add(When::Soon, &|next| {
                next.role(Role::watch);
                W::TakeCall
            }),
            W::TakeCall => add(When::Soon, &|next| {
                next.call_guard();
                W::Hold
            }),
            W::Hold => {
                if worker.handlers > 0 {
                    add(When::Perhaps, &|next| {
                        next.workers[at].handlers -= 1;
                        W::EnterLook
                    });
                }
                if worker.is_alarm_idle {
                    // Another round may come without a pause as well.
                    add(When::Perhaps, &|next| {
                        next.workers[at].is_alarm_idle = false;
                        if self.without == Without::Order { W::Unwatch } else { W::Unset }
                    });
                }
                add(When::Perhaps, &|_| W::GiveLook(false));
                add(When::Perhaps, &|_| W::PassLook);
                if self.without == Without::GivingUp {
                    add(When::Perhaps, &|_| W::LastCall);
                }
            }
            W::Unset => add(When::Soon, &|next| {
                next.alarm = Alarm::Off;
                if self.without == Without::Order { W::Hold } else { W::Unwatch }
            }),
            W::Unwatch => add(When::Soon, &|next| {
                if self.without != Without::Note {
                    next.role(Role::unwatch);
                }
                if self.without == Without::Order { W::Unset } else { W::Hold }
            }),
            W::EnterLook => add(When::Soon, &|next| {
                let seen = next.role(Role::look).0;
                if self.without == Without::EarlyNote { W::EnterLoad(seen) } else { W::EnterTurn(seen) }
            }),
            W::EnterTurn(seen) => add(When::Soon, &|next| {
                let entered = (seen | HANDLER).wrapping_add(ONE);
                if !next.role(|role| role.turn(Seen(seen), entered)) {
                    next.fail("the holder enters");
                }
                next.workers[at].age = Some(0);
                if self.without == Without::EarlyNote { W::Handler } else { W::EnterLoad(entered) }
            }),
            W::EnterLoad(entered) => add(When::Soon, &|next| {
                let is_watched = next.role(|role| role.is_watched.load(Ordering::SeqCst));
                match self.without {
                    Without::EarlyNote if is_watched => W::EnterTurn(entered),
                    _ if is_watched => W::Handler,
                    _ => W::EnterSwap(entered),
                }
            }),
            W::EnterSwap(entered) => add(When::Soon, &|next| {
                let was_watched = next.role(|role| role.is_watched.swap(true, Ordering::SeqCst));
                match self.without {
                    Without::EarlyNote if was_watched => W::EnterTurn(entered),
                    _ if was_watched => W::Handler,
                    _ => W::Arm(entered),
                }
            }),
            W::Arm(entered) => add(When::Soon, &|next| {
                next.armed = Some((entered, 0));
                W::SetAlarm
            }),
            W::SetAlarm => {
                for is_alarm_idle in [false, true] {
                    add(When::Soon, &|next| {
                        next.alarm = Alarm::In(TICK);
                        next.workers[at].is_alarm_idle = is_alarm_idle;
                        match (self.without, next.armed) {
                            (Without::EarlyNote, Some((seen, _))) => W::EnterTurn(seen),
                            _ => W::Handler,
                        }
                    });
                }
            }
            W::Handler => {
                add(When::Perhaps, &|_| W::LeaveLook);
                // The worker panics, outside the handler's own `catch_unwind`.
                add(When::Perhaps, &|next| {
                    next.workers[at].is_alarm_idle = false;
                    W::GiveLook(false)
                });
            }
            W::LeaveLook => add(When::Soon, &|next| {
                let seen = next.role(Role::look);
                if seen.holder() == u64::from(number) { W::LeaveTurn(seen.0) } else { next.is_back(at, false) }
            }),
            W::LeaveTurn(seen) => add(When::Soon, &|next| {
                let left = seen & !HANDLER;
                let is_held = if self.without == Without::Comparison {
                    next.word = left;
                    true
                } else {
                    next.role(|role| role.turn(Seen(seen), left))
                };
                next.is_back(at, is_held)
            }),
            W::GiveLook(leaves) => add(When::Soon, &|next| {
                let seen = next.role(Role::look);
                if seen.holder() == u64::from(number) { W::GiveTurn(leaves, seen.0) } else { next.is_out(at, leaves) }
            }),
            W::GiveTurn(leaves, seen) => add(When::Soon, &|next| {
                if !next.role(|role| role.turn(Seen(seen), seen & !(HOLDER | HANDLER))) {
                    return next.is_out(at, leaves);
                }
                next.workers[at].age = None;
                if self.without == Without::Call { next.is_out(at, leaves) } else { W::GiveCall(leaves) }
            }),
            W::GiveCall(leaves) => add(When::Soon, &|next| {
                next.call_guard();
                next.is_out(at, leaves)
            }),
            W::PassLook => add(When::Soon, &|next| {
                let seen = next.role(Role::look);
                if seen.holder() == u64::from(number) { W::PassTurn(seen.0) } else { next.is_out(at, false) }
            }),
            W::PassTurn(seen) => {
                add(When::Soon, &|next| match next.role(|role| role.turn(Seen(seen), seen & !(HOLDER | HANDLER))) {
                    true => W::PassWatch,
                    false => next.is_out(at, false),
                });
            }
            W::PassWatch => add(When::Soon, &|next| {
                next.role(Role::watch);
                W::PassCall
            }),
            W::PassCall => {
                for alarm in [Alarm::In(TICK), Alarm::GoneOff] {
                    add(When::Soon, &|next| {
                        next.alarm = alarm;
                        next.is_out(at, false)
                    });
                }
            }
            W::LastCall => add(When::Soon, &|next| {
                next.call_guard();
                W::Gone
            }),
            W::Gone => {}
        }
    }

    /// A worker is back from its handler.
    fn is_back(&mut self, at: usize, is_held: bool) -> WorkerStep {
        if is_held == self.workers[at].was_seized {
            self.fail("a worker whose role was seized finds out");
        }
        self.workers[at].age = None;
        self.workers[at].was_seized = false;
        if is_held { WorkerStep::Hold } else { WorkerStep::Out }
    }

    /// A worker no longer takes part in the role.
    fn is_out(&mut self, at: usize, leaves: bool) -> WorkerStep {
        self.workers[at].age = None;
        self.workers[at].was_seized = false;
        if leaves { WorkerStep::LastCall } else { WorkerStep::Out }
    }

    fn is_holder(&self, at: usize) -> bool {
        Seen(self.word).holder() == at as u64 + 1
    }
}

impl WorkerStep {
    /// True if the step relies on holding the role.
    fn holds(self) -> bool {
        use WorkerStep as W;
        matches!(self, W::TakeWatch | W::TakeCall | W::Hold | W::Unwatch | W::Unset | W::EnterLook | W::EnterTurn(_))
    }
}

impl orders::World for World {
    type Step = Step;

    fn next(&self) -> Vec<(Step, Self)> {
        self.steps().into_iter().map(|(_, step, next)| (step, next)).collect()
    }

    fn broken(&self, _: bool) -> Option<&'static str> {
        if self.broken.is_some() {
            return self.broken;
        }
        let steps = self.workers.map(|worker| worker.step);
        if steps[0].holds() && steps[1].holds() {
            return Some("no two workers hold the role");
        }
        if (0..2).any(|at| steps[at] == WorkerStep::Hold && !self.is_holder(at)) {
            return Some("a worker that holds the role is its holder");
        }
        if (0..2).any(|at| matches!(steps[at], WorkerStep::LastCall | WorkerStep::Gone) && self.is_holder(at)) {
            return Some("the role is never with a worker that has left");
        }
        let calls = |step: &WorkerStep| {
            matches!(
                step,
                WorkerStep::GiveCall(_)
                    | WorkerStep::PassWatch
                    | WorkerStep::PassCall
                    | WorkerStep::TakeCall
                    | WorkerStep::LastCall
            )
        };
        let sleeps = matches!(self.guard, GuardStep::Sleep(_)) && self.alarm == Alarm::Off;
        if sleeps && Seen(self.word).holder() == GUARD && !steps.iter().any(calls) {
            return Some("the guard does not sleep while the role is its own");
        }
        None
    }
}

/// The longest time, in half ticks, until worker `at` has lost the role while staying in a handler,
/// if every other thread has a processor when needed; `None`: for ever.
fn longest(world: &World, at: usize, known: &mut HashMap<World, Option<u8>>) -> Option<u8> {
    if !world.is_holder(at) {
        return Some(0);
    }
    if let Some(longest_yet) = known.get(world) {
        return *longest_yet;
    }
    // Until the result is known: an order coming back here never ends.
    known.insert(*world, None);
    let steps = world.steps();
    let is_idle = !steps.iter().any(|(when, ..)| *when == When::Soon);
    let mut found = None;
    for (when, step, next) in steps {
        let wait = match when {
            _ if matches!(step, Step::Worker(number, _) if number == at + 1) => continue,
            When::Time if !is_idle => continue,
            When::Time => 1,
            When::Soon | When::Perhaps => 0,
        };
        let rest = longest(&next, at, known)?;
        found = found.max(Some(wait + rest));
    }
    known.insert(*world, found);
    found
}

/// Tries every order. Returns the size of the search, and the longest time in half ticks until a
/// holder staying in a handler has lost the role.
fn check(without: Without, plan: Plan) -> Result<(Tried, u8), String> {
    let (tried, states) =
        orders::search(World::new(without, plan)).map_err(|broken| format!("{}: {:?}", broken.rule, broken.order))?;
    let mut most = 0;
    for at in 0..2 {
        let mut known = HashMap::new();
        for state in states.iter().filter(|state| state.workers[at].step == WorkerStep::Handler) {
            let Some(time) = longest(state, at, &mut known) else {
                return Err(format!("{CAUGHT}: {state:?}"));
            };
            most = most.max(time);
        }
    }
    Ok((tried, most))
}

const PLAN: Plan = Plan { takes: [1, 0], handlers: [2, 0], reports: 0, ends: 0, partings: 0, may_leave: false };
/// Another worker takes part in the role.
const TWO: Plan = Plan { takes: [1, 1], handlers: [2, 0], ..PLAN };
const CAUGHT: &str = "a holder that stays in a handler loses the role";

#[test]
fn no_order_lets_a_holder_keep_the_role_in_a_handler_or_lose_it_early() {
    let mut sum = (0, 0);
    for (plan, longest) in [
        (Plan { reports: 1, ..PLAN }, 2 * TICK),
        // The call of an ending thread replaces the alarm, and a tick begins anew: only once,
        // because the guard has then seen the handler.
        (Plan { ends: 1, ..PLAN }, 2 * TICK + 1),
        (Plan { handlers: [3, 0], ..PLAN }, 2 * TICK),
        (Plan { takes: [2, 0], ..PLAN }, 2 * TICK),
        // A worker having just passed on the role sets the alarm anew.
        (Plan { takes: [1, 1], handlers: [1, 0], ..PLAN }, 2 * TICK),
        (Plan { handlers: [1, 0], may_leave: true, ..PLAN }, 2 * TICK + 1),
        (Plan { partings: 1, ..PLAN }, 2 * TICK),
        (TWO, 2 * TICK),
    ] {
        let (tried, most) = check(Without::Nothing, plan).unwrap();
        assert_eq!(most, longest, "{plan:?}");
        sum = (sum.0 + tried.states, sum.1 + tried.steps);
    }
    // Stated in TESTING.md.
    assert_eq!(sum, (2_013_656, 6_983_903));
}

#[test]
fn model_without_one_safeguard_breaks_a_rule() {
    for (without, rule) in [
        (Without::LastLook, CAUGHT),
        (Without::Return, CAUGHT),
        (Without::EarlyNote, CAUGHT),
        (Without::Note, CAUGHT),
        (Without::TimeOfAlarm, "only a handler that has been running for a tick loses the role"),
        (Without::Order, CAUGHT),
        (Without::Comparison, "a worker whose role was seized finds out"),
        (Without::Call, "the guard does not sleep while the role is its own"),
        (Without::GivingUp, "the role is never with a worker that has left"),
    ] {
        let plan = if without == Without::Order { TWO } else { PLAN };
        let broken = check(without, plan).unwrap_err();
        assert!(broken.starts_with(rule), "{without:?}: {broken}");
    }
}

/// Lets worker 1 take the steps from `first` on, undisturbed, up to one of `last`.
fn alone(mut world: World, first: WorkerStep, last: &[WorkerStep]) -> World {
    world.workers[0].step = first;
    while !last.contains(&world.workers[0].step) {
        let step =
            world.steps().into_iter().find(|(when, step, _)| *when == When::Soon && matches!(step, Step::Worker(1, _)));
        world = step.unwrap().2;
    }
    world
}

#[test]
fn the_steps_together_are_the_methods() {
    use WorkerStep as W;
    let role = |world: &World| Role { word: world.word.into(), is_watched: world.is_watched.into(), ..Role::new() };
    let words = |role: &Role| (role.look().0, role.is_watched.load(Ordering::SeqCst));
    for (holder, is_in_handler, is_watched) in
        (0..8).map(|case| (case & 1, case & 2 != 0, case & 4 != 0)).filter(|(holder, is_in, _)| *holder == 1 || !is_in)
    {
        let word = (5 * ONE) | holder | if is_in_handler { HANDLER } else { 0 };
        let before = World { word, is_watched, ..World::new(Without::Nothing, PLAN) };
        let same = |after: &World, real: &Role| assert_eq!((after.word, after.is_watched), words(real), "{before:?}");

        let (real, after) = (role(&before), alone(before, W::TakeLook, &[W::TakeCall, W::Out]));
        assert_eq!(real.take(1), after.workers[0].step == W::TakeCall);
        same(&after, &real);

        let (real, after) = (role(&before), alone(before, W::GiveLook(false), &[W::GiveCall(false), W::Out]));
        assert_eq!(real.give_up(1), after.workers[0].step == W::GiveCall(false));
        same(&after, &real);

        let seized =
            World { workers: before.workers.map(|worker| Worker { was_seized: holder == 0, ..worker }), ..before };
        let (real, after) = (role(&before), alone(seized, W::LeaveLook, &[W::Hold, W::Out]));
        assert_eq!(real.leave(1), after.workers[0].step == W::Hold);
        same(&after, &real);

        if holder == 1 && !is_in_handler {
            let (real, after) = (role(&before), alone(before, W::EnterLook, &[W::SetAlarm, W::Handler]));
            assert_eq!(real.enter(1), after.workers[0].step == W::SetAlarm);
            assert_eq!(real.armed().map(|(seen, _)| seen.0), after.armed.map(|(word, _)| word));
            same(&after, &real);
        }

        let (real, mut after) = (role(&before), World { guard: GuardStep::StopStore, ..before });
        while !matches!(after.guard, GuardStep::Sleep(_) | GuardStep::Turn) {
            after.guard();
        }
        assert_eq!(real.stop_watching(), after.guard == GuardStep::Sleep(true));
        same(&after, &real);
    }
}
