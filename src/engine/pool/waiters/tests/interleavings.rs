//! All interleavings of two workers, the guard, clients, a reload and a stop while workers wait at
//! the poller.
//!
//! A step is one access to an atomic, one system call, or the work under one lock. Between two
//! steps the threads act as in `pool/poller.rs`, `reactor/worker.rs`, `reactor/standby.rs`,
//! `reactor/guard.rs` and `pool/mod.rs`. Handlers may run for ever. An arrival is reported to any
//! one thread waiting for it, a wake-up to all until cleared. The guard's seizing of the role is
//! tried in `role`, and the handover between holders in `reactor`.

use super::super::*;
use crate::engine::orders::{self, Tried};

/// A variant of the code without one of its measures: the search has to find an order that breaks a
/// rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Without {
    #[default]
    Nothing,
    /// The guard looks for waiters before noting that it does not look.
    LastLook,
    /// The last worker to leave the poller does not call the guard.
    LastCall,
    /// A worker passing on the role does not set the alarm if a worker waits.
    Passing,
    /// The guard does not look after a request for which a worker was called from the poller.
    Note,
    /// A thread clearing a wake-up does not pass it on.
    PassingOn,
}

/// The limits of one search.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// True if a worker holds the role at first, and another waits at the poller.
    holder_waits: bool,
    arrivals: u8,
    /// The number of times workers take the role.
    takes: u8,
    time_outs: u8,
    may_reload: bool,
    may_stop: bool,
    /// True if another thread parks a connection with the earliest deadline.
    may_park: bool,
}

/// The next step of a thread parking a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Call {
    None,
    LookAtRole,
    Calls(bool),
}

/// The reason why a worker has left the poller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Why {
    Arrival,
    Called,
    Time,
    /// The worker must not wait there.
    Refused,
}

/// The next step of a worker, or of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum WorkerStep {
    Work,
    LookForStop,
    Take,
    TakeWatch,
    TakeCall,
    /// Holds the role, and waits at the poller.
    Hold,
    HoldBar,
    Give,
    GiveWatch,
    GiveLook,
    GiveCall,
    GiveAlarm(bool),
    LookAtRole,
    Come,
    ComeRole,
    ComeQueue,
    ComeBar,
    Wait,
    Leave(Why),
    Unbar(Why),
    Noticed(Why),
    NoticedBar(Why),
    LastRole(Why),
    LastSleeper(Why),
    LastExpect(Why),
    LastAlarm(Why),
    After(Why),
    CalledBar,
    CalledRole,
    CalledNoticed,
    CalledBarAgain,
    CalledTake,
    CalledLook,
    CalledCall,
    CalledRole2,
    CalledWake,
    Dismiss,
    FallAsleep,
    Asleep,
    Handler,
    // A reload.
    Rest,
    Wake,
    Gone,
}

/// The next step of the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum GuardStep {
    Turn,
    StopWatching,
    Sleep,
    LookForWaiters,
    Unwatch,
    /// Waits for the alarm; `true`: or a tick.
    Back(bool),
    Watch,
    Poll,
    Fetch,
    FetchBar(u8),
    LookAtQueue(u8),
    Push(u8),
    Call(u8),
    CallRole(u8),
    CallWake(u8),
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World {
    without: Without,
    holder: usize,
    is_watched: bool,
    is_alarm_set: bool,
    arrivals: u8,
    is_woken: bool,
    queued: u8,
    /// True if the guard is due to look at the queue.
    is_noted: bool,
    is_over: bool,
    // The state of the waiters.
    count: u64,
    is_barred: bool,
    /// True if a worker has started work since the guard looked.
    have_turned: bool,
    // The threads; the last of the workers is a reload.
    workers: [WorkerStep; 3],
    guard: GuardStep,
    // Events still to come.
    coming: u8,
    takes: u8,
    time_outs: u8,
    may_stop: bool,
    may_park: bool,
    call: Call,
    /// True if a parked connection has the earliest deadline, and if the worker holding the role
    /// knows.
    is_due: bool,
    is_known: bool,
}

/// A step of a worker by number, of the guard, of a client or of a stop.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "a test that fails prints them")]
enum Step {
    Worker(usize, WorkerStep),
    Guard(GuardStep),
    Client,
    Stop,
    Park,
}

impl World {
    fn new(without: Without, plan: Plan) -> Self {
        let is_held = plan.holder_waits;
        let reload = if plan.may_reload { WorkerStep::Rest } else { WorkerStep::Gone };
        Self {
            without,
            holder: usize::from(is_held),
            is_watched: false,
            is_alarm_set: false,
            arrivals: 0,
            is_woken: false,
            queued: 0,
            is_noted: false,
            is_over: false,
            count: u64::from(is_held),
            is_barred: false,
            have_turned: false,
            workers: if is_held {
                [WorkerStep::Hold, WorkerStep::Wait, reload]
            } else {
                [WorkerStep::Work, WorkerStep::Work, reload]
            },
            guard: if is_held { GuardStep::Sleep } else { GuardStep::Turn },
            coming: plan.arrivals,
            takes: plan.takes,
            time_outs: plan.time_outs,
            may_stop: plan.may_stop,
            may_park: plan.may_park,
            call: Call::None,
            is_due: false,
            is_known: false,
        }
    }

    /// Does one step with the real count of waiters.
    fn waiters<T>(&mut self, act: impl FnOnce(&Waiters) -> T) -> T {
        let waiters = Waiters { word: self.count.into(), is_barred: self.is_barred.into() };
        let result = act(&waiters);
        self.have_turned |= waiters.turns() > 0;
        (self.count, self.is_barred) = (waiters.word.into_inner() & COUNT, waiters.is_barred.into_inner());
        result
    }

    /// Calls a sleeping worker. Returns false if none sleeps.
    fn call(&mut self) -> bool {
        let asleep = self.workers.iter().rposition(|step| *step == WorkerStep::Asleep);
        if let Some(at) = asleep {
            self.workers[at] = WorkerStep::Work;
        }
        asleep.is_some()
    }

    /// The end of `notice_call`. All looks are one step: a stop or a reload in between wakes by
    /// itself.
    fn pass_call_on(&mut self, me: usize) {
        let is_for_holder = self.holder != 0 && self.holder != me;
        let is_for_all = self.is_over || self.is_barred && self.count > 0;
        self.is_woken |= self.without != Without::PassingOn && (is_for_holder || is_for_all);
    }

    /// Adds the steps of a worker, or of a reload. Returns true if one will be taken soon.
    #[expect(clippy::too_many_lines, reason = "one arm a step")]
    fn worker(&self, at: usize, steps: &mut Vec<(Step, Self)>) -> bool {
        use WorkerStep as W;
        let (step, me) = (self.workers[at], at + 1);
        let mut add = |act: &dyn Fn(&mut Self) -> W| {
            let mut next = *self;
            // Before acting: a worker may call others, but never itself.
            next.workers[at] = W::Work;
            let then = act(&mut next);
            next.workers[at] = then;
            steps.push((Step::Worker(me, step), next));
        };
        match step {
            W::Work => add(&|next| {
                if next.queued == 0 {
                    return W::LookForStop;
                }
                next.queued -= 1;
                next.have_turned = true;
                W::Handler
            }),
            W::LookForStop => {
                add(&|next| if next.is_over { W::Gone } else { W::LookAtRole });
                if self.takes > 0 && !self.is_over {
                    add(&|next| {
                        next.takes -= 1;
                        W::Take
                    });
                }
            }
            W::Take => add(&|next| {
                if next.holder != 0 {
                    return W::LookAtRole;
                }
                next.holder = me;
                W::TakeWatch
            }),
            W::TakeWatch => add(&|next| {
                next.is_watched = true;
                W::TakeCall
            }),
            W::TakeCall => add(&|next| {
                next.is_alarm_set = true;
                next.is_known = next.is_due;
                W::Hold
            }),
            W::Hold => {
                if self.is_over {
                    add(&|next| {
                        (next.holder, next.is_alarm_set) = (0, true);
                        W::Gone
                    });
                    return true;
                }
                if self.arrivals > 0 {
                    // The handler is not short: the worker passes on the role, or runs the handler
                    // with the role, and the guard seizes the role.
                    add(&|next| {
                        next.arrivals -= 1;
                        W::Give
                    });
                    add(&|next| {
                        next.arrivals -= 1;
                        (next.holder, next.is_alarm_set) = (0, true);
                        W::Handler
                    });
                }
                if self.is_woken {
                    add(&|next| {
                        next.is_woken = false;
                        W::HoldBar
                    });
                }
                return self.arrivals > 0 || self.is_woken;
            }
            W::HoldBar => add(&|next| {
                next.pass_call_on(me);
                next.is_known = next.is_due;
                W::Hold
            }),
            W::Give => add(&|next| {
                next.holder = 0;
                W::GiveWatch
            }),
            W::GiveWatch => add(&|next| {
                next.is_watched = true;
                W::GiveLook
            }),
            W::GiveLook => add(&|next| match next.waiters(Waiters::is_any) {
                true if self.without == Without::Passing => W::Handler,
                true => W::GiveAlarm(true),
                false => W::GiveCall,
            }),
            W::GiveCall => add(&|next| W::GiveAlarm(next.call())),
            W::GiveAlarm(_) => add(&|next| {
                next.is_alarm_set = true;
                W::Handler
            }),
            W::LookAtRole => add(&|next| if next.holder == 0 { W::Come } else { W::FallAsleep }),
            W::Come => add(&|next| {
                next.waiters(Waiters::come);
                W::ComeRole
            }),
            W::ComeRole => add(&|next| if next.holder == 0 { W::ComeQueue } else { W::Leave(Why::Refused) }),
            W::ComeQueue => add(&|next| {
                if next.queued == 0 { W::ComeBar } else { W::Leave(Why::Refused) }
            }),
            W::ComeBar => add(&|next| {
                if next.waiters(Waiters::is_barred) { W::Leave(Why::Refused) } else { W::Wait }
            }),
            W::Wait => {
                if self.arrivals > 0 {
                    add(&|next| {
                        next.arrivals -= 1;
                        W::Leave(Why::Arrival)
                    });
                }
                if self.is_woken {
                    add(&|_| W::Leave(Why::Called));
                }
                if self.time_outs > 0 {
                    add(&|next| {
                        next.time_outs -= 1;
                        W::Leave(Why::Time)
                    });
                }
                return self.arrivals > 0 || self.is_woken;
            }
            W::Leave(why) => {
                add(&|next| if next.waiters(Waiters::leave) { W::Unbar(why) } else { W::After(why) });
            }
            W::Unbar(why) => add(&|next| {
                let was_barred = next.waiters(|waiters| waiters.is_barred.swap(false, Ordering::SeqCst));
                if was_barred { W::Noticed(why) } else { W::LastRole(why) }
            }),
            W::Noticed(why) => add(&|next| {
                next.is_woken = false;
                W::NoticedBar(why)
            }),
            W::NoticedBar(why) => add(&|next| {
                next.pass_call_on(0);
                W::LastRole(why)
            }),
            W::LastRole(why) => add(&|next| if next.holder == 0 { W::LastSleeper(why) } else { W::After(why) }),
            W::LastSleeper(why) => add(&|next| if next.call() { W::After(why) } else { W::LastExpect(why) }),
            W::LastExpect(why) => add(&|next| {
                let was_watched = std::mem::replace(&mut next.is_watched, true);
                if was_watched || self.without == Without::LastCall { W::After(why) } else { W::LastAlarm(why) }
            }),
            W::LastAlarm(why) => add(&|next| {
                next.is_alarm_set = true;
                W::After(why)
            }),
            W::After(why) => add(&|next| match why {
                Why::Refused => W::FallAsleep,
                _ if next.is_over => W::Work,
                Why::Arrival => W::Handler,
                Why::Called => W::CalledBar,
                Why::Time => W::Dismiss,
            }),
            W::CalledBar => add(&|next| {
                if next.waiters(Waiters::is_barred) { W::FallAsleep } else { W::CalledRole }
            }),
            W::CalledRole => add(&|next| if next.holder == 0 { W::CalledNoticed } else { W::FallAsleep }),
            W::CalledNoticed => add(&|next| {
                next.is_woken = false;
                W::CalledBarAgain
            }),
            W::CalledBarAgain => add(&|next| {
                next.pass_call_on(me);
                W::CalledTake
            }),
            W::CalledTake => add(&|next| {
                if next.queued == 0 {
                    return W::Work;
                }
                next.queued -= 1;
                W::CalledLook
            }),
            W::CalledLook => add(&|next| if next.queued == 0 { W::Handler } else { W::CalledCall }),
            W::CalledCall => add(&|next| if next.call() { W::Handler } else { W::CalledRole2 }),
            W::CalledRole2 => add(&|next| {
                let is_any = next.holder == 0 && next.waiters(Waiters::is_any);
                if is_any { W::CalledWake } else { W::Handler }
            }),
            W::CalledWake => add(&|next| {
                next.is_woken = true;
                W::Handler
            }),
            W::Dismiss => add(&|next| {
                let others = next.workers[..2].iter().filter(|step| **step != W::Gone).count();
                if others > 1 { W::Gone } else { W::Work }
            }),
            // Falling asleep is tried in `threads`.
            W::FallAsleep => add(&|next| if next.queued > 0 || next.is_over { W::Work } else { W::Asleep }),
            W::Asleep => {
                if self.is_over {
                    add(&|_| W::Work);
                }
                return self.is_over;
            }
            W::Handler => {
                add(&|_| W::Work);
                return false;
            }
            W::Rest => {
                add(&|next| {
                    next.waiters(|waiters| waiters.is_barred.store(true, Ordering::SeqCst));
                    W::Wake
                });
                return false;
            }
            W::Wake => add(&|next| {
                next.is_woken = true;
                W::Gone
            }),
            W::Gone => return false,
        }
        true
    }

    /// Adds the steps of the guard. Returns true if one will be taken soon.
    fn guard(&self, steps: &mut Vec<(Step, Self)>) -> bool {
        use GuardStep as G;
        let step = self.guard;
        let mut add = |act: &dyn Fn(&mut Self) -> G| {
            let mut next = *self;
            next.guard = act(&mut next);
            steps.push((Step::Guard(step), next));
        };
        let stand_by = if self.without == Without::LastLook { G::LookForWaiters } else { G::Unwatch };
        match step {
            G::Gone => return false,
            G::Turn => add(&|next| match next.holder {
                _ if next.is_over => G::Gone,
                0 => stand_by,
                _ => G::StopWatching,
            }),
            G::StopWatching => add(&|next| {
                next.is_watched = false;
                G::Sleep
            }),
            G::Sleep | G::Back(false) => {
                if self.is_alarm_set {
                    add(&|next| {
                        next.is_alarm_set = false;
                        if step == G::Sleep { G::Turn } else { G::Watch }
                    });
                }
                return self.is_alarm_set;
            }
            G::Unwatch => add(&|next| {
                next.is_watched = false;
                if self.without == Without::LastLook { G::Back(false) } else { G::LookForWaiters }
            }),
            G::LookForWaiters => add(&|next| match next.waiters(Waiters::is_any) {
                true if self.without == Without::LastLook => G::Unwatch,
                true => G::Back(false),
                false => {
                    next.is_watched = true;
                    let are_at_work = std::mem::take(&mut next.have_turned);
                    if are_at_work { G::Back(true) } else { G::Poll }
                }
            }),
            G::Back(true) => add(&|next| {
                next.is_alarm_set = false;
                G::Turn
            }),
            G::Watch => add(&|next| {
                next.is_watched = true;
                G::Turn
            }),
            G::Poll => {
                let can = self.arrivals > 0 || self.is_woken || self.is_alarm_set;
                if can {
                    add(&|next| {
                        next.is_alarm_set = false;
                        G::Fetch
                    });
                }
                return can;
            }
            G::Fetch => add(&|next| {
                let found = std::mem::take(&mut next.arrivals);
                if std::mem::take(&mut next.is_woken) { G::FetchBar(found) } else { G::pushes(found) }
            }),
            G::FetchBar(found) => add(&|next| {
                next.pass_call_on(0);
                G::LookAtQueue(found)
            }),
            G::LookAtQueue(found) => add(&|next| {
                next.is_noted |= next.queued > 0;
                G::pushes(found)
            }),
            G::Push(left) => add(&|next| {
                next.queued += 1;
                G::Call(left - 1)
            }),
            G::Call(left) => add(&|next| if next.call() { G::pushes(left) } else { G::CallRole(left) }),
            G::CallRole(left) => add(&|next| {
                next.is_noted |= self.without != Without::Note;
                if next.holder == 0 && next.waiters(Waiters::is_any) { G::CallWake(left) } else { G::pushes(left) }
            }),
            G::CallWake(left) => add(&|next| {
                next.is_woken = true;
                G::pushes(left)
            }),
        }
        true
    }

    /// The possible next steps; true if any will be taken soon, regardless of handlers and clients.
    fn steps(&self) -> (Vec<(Step, Self)>, bool) {
        let mut steps = Vec::new();
        let workers = [0, 1, 2].map(|at| self.worker(at, &mut steps));
        let is_soon = self.guard(&mut steps) || workers.contains(&true);
        if self.coming > 0 {
            steps.push((Step::Client, Self { coming: self.coming - 1, arrivals: self.arrivals + 1, ..*self }));
        }
        if self.may_stop {
            let stopped = Self { may_stop: false, is_over: true, is_woken: true, is_alarm_set: true, ..*self };
            steps.push((Step::Stop, stopped));
        }
        if self.may_park {
            let next = Self { may_park: false, is_due: true, call: Call::LookAtRole, ..*self };
            steps.push((Step::Park, next));
        }
        match self.call {
            Call::None => {}
            Call::LookAtRole => steps.push((Step::Park, Self { call: Call::Calls(self.holder == 0), ..*self })),
            Call::Calls(true) => steps.push((Step::Park, Self { call: Call::None, is_alarm_set: true, ..*self })),
            Call::Calls(false) => steps.push((Step::Park, Self { call: Call::None, is_woken: true, ..*self })),
        }
        (steps, is_soon || self.call != Call::None)
    }
}

impl GuardStep {
    fn pushes(left: u8) -> Self {
        if left == 0 { Self::Turn } else { Self::Push(left) }
    }
}

impl orders::World for World {
    type Step = Step;

    fn next(&self) -> Vec<(Step, Self)> {
        self.steps().0
    }

    fn broken(&self, _: bool) -> Option<&'static str> {
        if self.steps().1 {
            return None;
        }
        let runs = |step: &WorkerStep| *step == WorkerStep::Handler;
        if self.is_over {
            let are_gone = self.workers[..2].iter().all(|step| runs(step) || *step == WorkerStep::Gone);
            return (!are_gone || self.guard != GuardStep::Gone).then_some(STOP);
        }
        if self.is_barred && self.count > 0 {
            return Some(BARRED);
        }
        if self.arrivals > 0 {
            return Some(ARRIVAL);
        }
        if self.is_due && !self.is_known && self.workers.contains(&WorkerStep::Hold) {
            return Some(DUE);
        }
        (self.queued > 0 && !self.is_noted).then_some(QUEUED)
    }
}

fn check(without: Without, plan: Plan) -> Result<Tried, String> {
    let tried = orders::search(World::new(without, plan));
    tried.map(|(tried, _)| tried).map_err(|broken| format!("{}: {:?}", broken.rule, broken.order))
}

const ARRIVAL: &str = "no arrival is left to a poller that nobody waits at";
const QUEUED: &str = "no request is queued that nobody looks after";
const BARRED: &str = "a reload is told to all that wait at the poller";
const DUE: &str = "no connection is due before the holder wakes";
const STOP: &str = "every thread leaves when a stop is over";
const PLAN: Plan = Plan {
    holder_waits: false,
    arrivals: 2,
    takes: 0,
    time_outs: 0,
    may_reload: false,
    may_stop: false,
    may_park: false,
};
/// A worker holds the role at first, and passes on the role.
const PASSES: Plan = Plan { holder_waits: true, arrivals: 3, ..PLAN };
const ONE: Plan = Plan { arrivals: 1, ..PLAN };
const RELOADS: Plan = Plan { arrivals: 0, may_reload: true, ..PLAN };
/// A call for the holder comes while a worker is about to clear a call about the queue.
const PARKS: Plan = Plan { takes: 1, may_park: true, ..ONE };
const STOPS: Plan = Plan { may_stop: true, ..ONE };

#[test]
fn no_order_leaves_an_arrival_to_an_unattended_poller() {
    let mut sum = (0, 0);
    for plan in [
        PLAN,
        PASSES,
        Plan { takes: 1, ..ONE },
        Plan { time_outs: 1, ..ONE },
        RELOADS,
        Plan { may_stop: true, ..RELOADS },
        PARKS,
        STOPS,
    ] {
        let tried = check(Without::Nothing, plan).unwrap();
        sum = (sum.0 + tried.states, sum.1 + tried.steps);
    }
    // Stated in TESTING.md.
    assert_eq!(sum, (2_151_526, 6_927_211));
}

#[test]
fn model_without_one_safeguard_breaks_a_rule() {
    for (without, plan, rule) in [
        (Without::LastLook, PLAN, ARRIVAL),
        (Without::LastCall, PLAN, ARRIVAL),
        (Without::Passing, PASSES, ARRIVAL),
        (Without::Note, Plan { arrivals: 3, ..PLAN }, QUEUED),
        (Without::PassingOn, RELOADS, BARRED),
        (Without::PassingOn, PARKS, DUE),
        (Without::PassingOn, STOPS, STOP),
    ] {
        let broken = check(without, plan).expect_err(rule);
        assert!(broken.starts_with(rule), "{without:?}: {broken}");
    }
}
