//! An exhaustive search of thread interleavings, for tests.
//!
//! A test describes the threads as a [`World`]: a state, and the possible next steps. A step is
//! indivisible for other threads: an access to an atomic, a system call, or the work under one
//! lock. Orders leading to the same state continue alike, so each state is tried once, and the
//! orders are counted without being walked one by one.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;

/// The shared state of some threads, and the position of each.
pub(super) trait World: Clone + Eq + Hash {
    /// A step, as named in a broken order.
    type Step: Copy + Debug;

    /// The possible next steps, each with the resulting state.
    fn next(&self) -> Vec<(Self::Step, Self)>;

    /// The rule broken by this state; `is_last`: there is no next step.
    fn broken(&self, is_last: bool) -> Option<&'static str>;
}

/// The size of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tried {
    pub(super) states: usize,
    /// The number of steps between these states.
    pub(super) steps: usize,
    /// The approximate number of orders, possibly more than an integer holds.
    pub(super) orders: f64,
}

/// A rule, and an order of steps breaking it.
#[derive(Debug)]
pub(super) struct Broken<S> {
    pub(super) rule: &'static str,
    pub(super) order: Vec<S>,
}

/// Tries every order from `start` on.
///
/// # Errors
/// The first order found to break a rule, or to come back to an earlier state.
pub(super) fn search<W: World>(start: W) -> Result<(Tried, Vec<W>), Broken<W::Step>> {
    let mut search = Search { orders: HashMap::new(), steps: 0, order: Vec::new() };
    let orders = search.visit(start)?;
    let states: Vec<W> = search.orders.into_keys().collect();
    Ok((Tried { states: states.len(), steps: search.steps, orders }, states))
}

struct Search<W: World> {
    /// The number of orders from a state on; `None`: the state is part of the present order.
    orders: HashMap<W, Option<f64>>,
    steps: usize,
    order: Vec<W::Step>,
}

impl<W: World> Search<W> {
    fn visit(&mut self, world: W) -> Result<f64, Broken<W::Step>> {
        match self.orders.get(&world) {
            Some(Some(orders)) => return Ok(*orders),
            Some(None) => return Err(self.broken("an order comes to an end")),
            None => {}
        }
        let next = world.next();
        if let Some(rule) = world.broken(next.is_empty()) {
            return Err(self.broken(rule));
        }
        self.orders.insert(world.clone(), None);
        let mut orders = if next.is_empty() { 1.0 } else { 0.0 };
        self.steps += next.len();
        for (step, then) in next {
            self.order.push(step);
            orders += self.visit(then)?;
            self.order.pop();
        }
        self.orders.insert(world, Some(orders));
        Ok(orders)
    }

    fn broken(&mut self, rule: &'static str) -> Broken<W::Step> {
        Broken { rule, order: std::mem::take(&mut self.order) }
    }
}
