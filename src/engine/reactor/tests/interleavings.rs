//! All interleavings of the guard and two workers handing over the role, while connections become
//! ready, requests are queued and the server stops.
//!
//! A step is one system call, one access to the role, or the work under one lock. Between two steps
//! the threads act as in `reactor/mod.rs`, `reactor/guard.rs` and `reactor/worker.rs`. The guard's
//! check of the role, and a handler that stays, are tried in `role`. All other workers are in
//! handlers that run for ever: a queued request may wait only if the holder is due to look at the
//! queue.

use crate::engine::orders::{self, Tried};

/// A variant of the code without one of its measures: the search has to find an order that breaks a
/// rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Without {
    #[default]
    Nothing,
    /// A holder that has lost the role does not wake the next for ready connections.
    Ready,
    /// A holder that has lost the role does not wake the next for queued requests.
    Queued,
    /// The guard does not wake the worker that took the role in the middle of a round.
    Round,
    /// A thread polling beside the holder keeps the wake-up.
    Beside,
    /// A thread clearing a wake-up does not check for a stop.
    Stop,
    /// A holder does not look at the queue at the start.
    Begin,
    /// A holder does not look at the queue when woken.
    Woken,
}

/// The limits of one search.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// The number of connections that become ready, and of those becoming ready again at once.
    events: u8,
    again: u8,
    /// The number of times each worker takes the role.
    takes: [u8; 2],
    /// The number of times a holder looks at the queue again after a while.
    looks: u8,
    /// True if another thread parks a connection with the earliest deadline.
    may_park: bool,
    may_stop: bool,
}

/// The next step of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// Without the role: looks for a stop, and may take or seize the role.
    Out,
    Take,
    /// Sets the guard's alarm to now; `true`: after taking the role, `false`: after giving it up.
    CallGuard(bool),
    Begin,
    /// `poll`: is anything ready?
    Busy,
    /// Waits; `true`: for nothing.
    Wait(bool),
    /// Fetches reported connections; only the guard, because a worker waits and fetches in one
    /// step.
    Fetch(bool),
    Woken(u8, bool),
    LookForEnd(u8, bool),
    LookAtQueue(u8, bool),
    /// Adds connections to the ready ones.
    Extend(u8),
    LookForStop(bool),
    Leave,
    LookAtRole(bool),
    GiveBack,
    Call,
    /// Calls the guard (first flag true), or another holder; the second flag is true in a round of
    /// the guard.
    Calls(bool, bool),
    Pop,
    /// Advances a connection; `true`: the only one.
    Enter(bool),
    Handler(bool),
    Back(bool),
    /// Settles; the flags: the only connection, the role still held.
    Settle(bool, bool),
    Note(bool, bool),
    End(bool),
    GiveUp,
    React,
    HandOver,
    HandOverQueue,
    HandOverCall,
    Gone,
}

/// The next step of a thread parking a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Call {
    None,
    LookAtRole,
    Calls(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World {
    without: Without,
    holder: usize,
    is_in_handler: bool,
    is_woken: bool,
    /// True if the guard's alarm has gone off.
    is_called: bool,
    events: u8,
    ready: u8,
    queued: u8,
    is_over: bool,
    steps: [Step; 3],
    /// The threads due to look at the queue.
    noted: [bool; 3],
    /// True if a parked connection has the earliest deadline; the threads waiting for no longer
    /// than that deadline.
    is_due: bool,
    knows: [bool; 3],
    // Events still to come.
    coming: u8,
    again: u8,
    takes: [u8; 3],
    looks: u8,
    may_park: bool,
    may_stop: bool,
    must_ring: bool,
    call: Call,
}

/// A step of a thread by number (0: the guard), of a client or a parking thread, or of a stop.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "a test that fails prints them")]
enum Turn {
    Thread(usize, Step),
    Client,
    Stop,
    Ring,
    Call,
}

impl World {
    fn new(without: Without, plan: Plan) -> Self {
        Self {
            without,
            holder: 0,
            is_in_handler: false,
            is_woken: false,
            is_called: false,
            events: 0,
            ready: 0,
            queued: 0,
            is_over: false,
            steps: [Step::Begin, Step::Out, Step::Out],
            noted: [false; 3],
            is_due: false,
            knows: [false; 3],
            coming: plan.events,
            again: plan.again,
            takes: [0, plan.takes[0], plan.takes[1]],
            looks: plan.looks,
            may_park: plan.may_park,
            may_stop: plan.may_stop,
            must_ring: false,
            call: Call::None,
        }
    }

    /// Adds the steps of a thread. Returns true if one will be taken soon.
    #[expect(clippy::too_many_lines, reason = "one arm a step")]
    fn thread(&self, me: usize, turns: &mut Vec<(Turn, Self)>) -> bool {
        let step = self.steps[me];
        let is_guard = me == 0;
        let mut add = |act: &dyn Fn(&mut Self) -> Step| {
            let mut next = *self;
            next.steps[me] = act(&mut next);
            turns.push((Turn::Thread(me, step), next));
        };
        match step {
            Step::Gone => return false,
            Step::Out if is_guard => {
                if self.is_over || self.holder == 0 {
                    add(&|next| if next.is_over { Step::Gone } else { Step::Begin });
                    return true;
                }
                if self.is_in_handler {
                    add(&|next| {
                        (next.holder, next.is_in_handler) = (0, false);
                        Step::Begin
                    });
                }
                return false;
            }
            Step::Out => {
                if self.takes[me] > 0 && !self.is_over {
                    add(&|next| {
                        next.takes[me] -= 1;
                        Step::Take
                    });
                }
                if self.is_over {
                    add(&|_| Step::Gone);
                }
                return self.is_over;
            }
            Step::Take => add(&|next| {
                if next.holder != 0 {
                    return Step::Out;
                }
                next.holder = me;
                Step::CallGuard(true)
            }),
            Step::CallGuard(takes) => add(&|next| {
                next.is_called = true;
                if takes { Step::Begin } else { Step::Out }
            }),
            Step::Begin => add(&|next| {
                next.noted[me] |= next.queued > 0 && self.without != Without::Begin;
                Step::Busy
            }),
            Step::Busy => {
                let look = |next: &mut Self| {
                    next.knows[me] = next.is_due;
                    Step::Wait(next.ready > 0)
                };
                add(&look);
                if !is_guard && self.is_called {
                    // The holder unsets the alarm, as after a single request.
                    add(&|next| {
                        next.is_called = false;
                        look(next)
                    });
                }
            }
            Step::Wait(is_busy) => {
                let is_called = is_guard && self.is_called;
                let is_due = self.noted[me] && self.looks > 0;
                if is_busy || self.is_woken || self.events > 0 || is_called {
                    add(&|next| {
                        if !is_guard {
                            return next.fetch(false, is_busy);
                        }
                        next.is_called &= is_busy;
                        Step::Fetch(is_busy)
                    });
                    return true;
                }
                if is_due {
                    add(&|next| {
                        next.looks -= 1;
                        Step::LookForStop(false)
                    });
                }
                return false;
            }
            Step::Fetch(is_busy) => add(&|next| next.fetch(true, is_busy)),
            Step::Woken(found, is_busy) => add(&|next| {
                next.is_woken = false;
                Step::LookForEnd(found, is_busy)
            }),
            Step::LookForEnd(found, _) => add(&|next| {
                next.is_woken |= next.is_over && self.without != Without::Stop;
                // A connection arriving with a call is not alone.
                Step::LookAtQueue(found, true)
            }),
            Step::LookAtQueue(found, is_called) => add(&|next| {
                next.noted[me] |= next.queued > 0 && self.without != Without::Woken;
                Self::found(found, is_called)
            }),
            Step::Extend(found) => add(&|next| {
                next.ready += found;
                Step::LookForStop(false)
            }),
            Step::LookForStop(is_lone) => {
                add(&|next| if next.is_over { Step::Leave } else { Step::LookAtRole(is_lone) });
            }
            Step::Leave => add(&|next| {
                if next.holder == me {
                    next.holder = 0;
                    next.is_called = true;
                }
                Step::Out
            }),
            Step::LookAtRole(is_lone) => add(&|next| match next.holder == me {
                true if is_lone => Step::Enter(true),
                true => Step::Pop,
                false if is_lone => Step::GiveBack,
                false => Step::Call,
            }),
            Step::GiveBack => add(&|next| {
                next.ready += 1;
                Step::Call
            }),
            Step::Call => add(&|next| match self.without {
                Without::Beside if is_guard => Step::React,
                Without::Beside => Step::Out,
                _ => Step::Calls(next.holder == 0, is_guard),
            }),
            Step::Calls(is_guards, reacts) => add(&|next| {
                next.call(is_guards);
                if reacts { Step::React } else { Step::Out }
            }),
            Step::Pop => add(&|next| {
                if next.ready == 0 {
                    return Step::End(true);
                }
                next.ready -= 1;
                Step::Enter(false)
            }),
            Step::Enter(is_lone) => add(&|next| {
                // A stop has cut this connection.
                if next.is_over {
                    return if is_lone { Step::End(true) } else { Step::Pop };
                }
                next.is_in_handler |= !is_guard;
                if is_guard { Step::Back(is_lone) } else { Step::Handler(is_lone) }
            }),
            Step::Handler(is_lone) => {
                add(&|_| Step::Back(is_lone));
                return false;
            }
            Step::Back(is_lone) => add(&|next| {
                let is_held = next.holder == me;
                next.is_in_handler &= !is_held;
                Step::Settle(is_lone, is_held)
            }),
            Step::Settle(is_lone, is_held) => {
                add(&|_| Self::after(is_lone, is_held));
                if self.again > 0 {
                    add(&|next| {
                        (next.again, next.ready) = (next.again - 1, next.ready + 1);
                        Self::after(is_lone, is_held)
                    });
                }
                add(&|next| {
                    next.queued += 1;
                    Step::Note(is_lone, is_held)
                });
            }
            Step::Note(is_lone, is_held) => add(&|next| {
                next.noted[me] = true;
                Self::after(is_lone, is_held)
            }),
            Step::End(false) => add(&|_| Step::HandOver),
            Step::End(true) => {
                add(&|next| {
                    next.noted[me] &= next.queued > 0;
                    if is_guard { Step::React } else { Step::Busy }
                });
                if !is_guard {
                    add(&|_| Step::GiveUp);
                }
            }
            Step::GiveUp => add(&|next| {
                next.holder = 0;
                Step::CallGuard(false)
            }),
            Step::React => add(&|next| match next.holder == 0 && !next.is_over {
                true => Step::Busy,
                false if self.without == Without::Round => Step::Out,
                false => Step::HandOver,
            }),
            Step::HandOver => add(&|next| {
                if next.ready > 0 && self.without != Without::Ready { Step::HandOverCall } else { Step::HandOverQueue }
            }),
            Step::HandOverQueue => add(&|next| {
                if next.queued > 0 && self.without != Without::Queued { Step::HandOverCall } else { Step::Out }
            }),
            Step::HandOverCall => add(&|next| Step::Calls(next.holder == 0, false)),
        }
        true
    }

    /// Wakes the holder: the guard, or else the waiting thread.
    fn call(&mut self, is_guards: bool) {
        if is_guards {
            self.is_called = true;
        } else {
            self.is_woken = true;
        }
    }

    fn after(is_lone: bool, is_held: bool) -> Step {
        if is_held && !is_lone { Step::Pop } else { Step::End(is_held) }
    }

    fn fetch(&mut self, is_guard: bool, is_busy: bool) -> Step {
        let found = std::mem::take(&mut self.events);
        match found {
            found if self.is_woken => Step::Woken(found, is_busy),
            found if is_guard => Step::LookAtQueue(found, is_busy),
            found => Self::found(found, is_busy),
        }
    }

    fn found(found: u8, is_busy: bool) -> Step {
        if found == 1 && !is_busy { Step::LookForStop(true) } else { Step::Extend(found) }
    }

    /// The possible next steps; true if any will be taken soon.
    fn turns(&self) -> (Vec<(Turn, Self)>, bool) {
        let mut turns = Vec::new();
        let soon = [0, 1, 2].map(|me| self.thread(me, &mut turns));
        if self.coming > 0 {
            turns.push((Turn::Client, Self { coming: self.coming - 1, events: self.events + 1, ..*self }));
        }
        if self.may_park {
            turns.push((Turn::Client, Self { may_park: false, is_due: true, call: Call::LookAtRole, ..*self }));
        }
        if self.may_stop {
            turns.push((Turn::Stop, Self { may_stop: false, is_over: true, must_ring: true, ..*self }));
        }
        if self.must_ring {
            turns.push((Turn::Ring, Self { must_ring: false, is_woken: true, is_called: true, ..*self }));
        }
        match self.call {
            Call::None => {}
            Call::LookAtRole => {
                turns.push((Turn::Call, Self { call: Call::Calls(self.holder == 0), ..*self }));
            }
            Call::Calls(is_guards) => {
                let mut next = Self { call: Call::None, ..*self };
                next.call(is_guards);
                turns.push((Turn::Call, next));
            }
        }
        (turns, soon.contains(&true) || self.must_ring || self.call != Call::None)
    }
}

impl orders::World for World {
    type Step = Turn;

    fn next(&self) -> Vec<(Turn, Self)> {
        self.turns().0
    }

    fn broken(&self, _: bool) -> Option<&'static str> {
        if self.turns().1 {
            return None;
        }
        let runs = self.steps.iter().any(|step| matches!(step, Step::Handler(_)));
        if self.is_over {
            let is_gone = self.steps.iter().all(|step| *step == Step::Gone);
            return (!is_gone && !runs).then_some("every thread leaves when a stop is over");
        }
        // The holder waits, or is in a handler, and the guard is about to see that.
        if self.is_in_handler {
            return None;
        }
        if self.ready > 0 || self.events > 0 {
            return Some(READY);
        }
        if self.queued > 0 && !self.noted[self.holder] {
            return Some(QUEUED);
        }
        if self.is_due && !self.knows[self.holder] {
            return Some("no connection is due before the holder wakes");
        }
        None
    }
}

fn check(without: Without, plan: Plan) -> Result<Tried, String> {
    let tried = orders::search(World::new(without, plan));
    tried.map(|(tried, _)| tried).map_err(|broken| format!("{}: {:?}", broken.rule, broken.order))
}

const READY: &str = "no connection is ready while the holder waits";
const QUEUED: &str = "no request is queued while the holder does not know";
const PLAN: Plan = Plan { events: 2, again: 1, takes: [1, 0], looks: 0, may_park: false, may_stop: false };
const PARKS: Plan = Plan { events: 0, again: 0, takes: [1, 1], may_park: true, ..PLAN };
const STOPS: Plan = Plan { events: 1, may_stop: true, may_park: false, ..PARKS };

#[test]
fn no_order_leaves_a_connection_or_a_stop_to_a_holder_that_waits() {
    let mut sum = (0, 0);
    for plan in [PLAN, Plan { takes: [2, 0], looks: 1, ..PLAN }, Plan { events: 3, ..PLAN }, PARKS, STOPS] {
        let tried = check(Without::Nothing, plan).unwrap();
        sum = (sum.0 + tried.states, sum.1 + tried.steps);
    }
    // Stated in TESTING.md.
    assert_eq!(sum, (680_537, 1_991_322));
}

#[test]
fn model_without_one_safeguard_breaks_a_rule() {
    for (without, plan, rule) in [
        (Without::Ready, PLAN, READY),
        (Without::Queued, PLAN, QUEUED),
        (Without::Round, PLAN, QUEUED),
        (Without::Begin, PLAN, QUEUED),
        (Without::Woken, PLAN, QUEUED),
        (Without::Beside, PARKS, "no connection is due before the holder wakes"),
        (Without::Stop, STOPS, "every thread leaves when a stop is over"),
    ] {
        let broken = check(without, plan).expect_err(&format!("{without:?}"));
        assert!(broken.starts_with(rule), "{without:?}: {broken}");
    }
}
