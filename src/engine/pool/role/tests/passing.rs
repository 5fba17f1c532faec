//! Every order in which workers pass the role on, come for it, and overtake each other.
//!
//! The role is the real one; each of its methods is one step. A worker that is called wakes at some later step, so every wake-up may
//! come as late as it likes.

use super::*;
use crate::engine::orders;

/// Three workers, the role, and requests of which each has its holder pass the role on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    word: u64,
    workers: [At; 3],
    requests: u8,
    without: Option<Without>,
}

/// What a worker is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    Asleep,
    /// To find out whether it holds the role, which it was called for, or has overtaken another for.
    Arrive,
    /// To read the next request.
    Poll,
    /// To come back from a handler.
    Handler,
    /// To look for the role, there being no request in the queue.
    Look,
}

/// What is left out to show that it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Without {
    /// A worker that was called takes itself for the holder.
    Arrival,
    /// A worker overtakes a holder that polls already.
    Coming,
}

impl World {
    fn role(&self) -> Role {
        let role = Role::new();
        role.word.store(self.word, Ordering::SeqCst);
        role
    }

    /// The state after `worker` has done `what` with the role and goes on at what that returns.
    fn then(&self, worker: usize, what: impl FnOnce(&mut Self, &Role) -> At) -> Self {
        let (mut next, role) = (self.clone(), self.role());
        next.workers[worker] = what(&mut next, &role);
        next.word = role.word.load(Ordering::SeqCst);
        next
    }
}

impl orders::World for World {
    type Step = (usize, At);

    fn next(&self) -> Vec<(Self::Step, Self)> {
        let mut all = Vec::new();
        for (worker, at) in self.workers.into_iter().enumerate() {
            let number = u32::try_from(worker + 1).unwrap();
            let mut add = |what: &dyn Fn(&mut Self, &Role) -> At| all.push(((worker, at), self.then(worker, what)));
            match at {
                At::Poll if self.requests > 0 => add(&|next, role| {
                    next.requests -= 1;
                    let asleep = next.workers.iter().position(|at| *at == At::Asleep);
                    match asleep {
                        Some(other) => {
                            assert!(role.pass(number, u32::try_from(other + 1).unwrap()));
                            next.workers[other] = At::Arrive;
                        }
                        None => assert!(role.give_up(number)),
                    }
                    At::Handler
                }),
                At::Asleep | At::Poll => {}
                At::Arrive => add(&|next, role| {
                    let is_holder = role.arrive(number);
                    if is_holder || next.without == Some(Without::Arrival) { At::Poll } else { At::Look }
                }),
                At::Handler => add(&|_, _| At::Look),
                At::Look => {
                    add(&|next, role| {
                        let overtakes = match next.without {
                            Some(Without::Coming) => {
                                role.turn(role.look(), role.look().0 & !HOLDER | u64::from(number))
                            }
                            _ => role.overtake(number) || role.take(number),
                        };
                        if overtakes { At::Arrive } else { At::Asleep }
                    });
                    // It need not want the role.
                    add(&|_, _| At::Asleep);
                }
            }
        }
        all
    }

    fn broken(&self, is_last: bool) -> Option<&'static str> {
        if self.workers.iter().filter(|at| **at == At::Poll).count() > 1 {
            return Some("one polls");
        }
        let holder = self.role().look().number() as usize;
        match holder.checked_sub(1).map(|worker| self.workers[worker]) {
            None | Some(At::Poll) => None,
            Some(At::Arrive) if !is_last => None,
            _ => Some("the holder polls, or is about to"),
        }
    }
}

fn tried(without: Option<Without>) -> Result<(usize, usize), &'static str> {
    let workers = [At::Poll, At::Asleep, At::Asleep];
    let world = World { word: 1, workers, requests: 5, without };
    let (tried, _) = orders::search(world).map_err(|broken| broken.rule)?;
    Ok((tried.states, tried.steps))
}

#[test]
fn one_worker_polls_and_no_holder_sleeps_in_any_order_of_passing() {
    assert_eq!(tried(None), Ok((681, 1973)));
    assert_eq!(tried(Some(Without::Arrival)), Err("one polls"));
    assert_eq!(tried(Some(Without::Coming)), Err("one polls"));
}
