//! A search through every order in which threads can come in between each other; for tests.
//!
//! A test describes its threads as a [`World`]: a state, and the steps that can be next. A step is one that no other thread can
//! divide: an access to an atomic, a system call, or what is done under one lock. Orders that lead to the same state go on in the
//! same ways, so each state is tried once, and the orders are counted without being walked one by one.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;

/// What some threads share, and where each of them is.
pub(super) trait World: Clone + Eq + Hash {
    /// A step, as a broken order is told by.
    type Step: Copy + Debug;

    /// The steps that can be next, each with what it leads to.
    fn next(&self) -> Vec<(Self::Step, Self)>;

    /// The rule that this state breaks; `is_last`: no step can be next.
    fn broken(&self, is_last: bool) -> Option<&'static str>;
}

/// How much there was to try.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tried {
    pub(super) states: usize,
    /// How many steps lead from one of these states to another.
    pub(super) steps: usize,
    /// How many orders of steps there are, about: there may be more than an integer holds.
    pub(super) orders: f64,
}

/// A rule, and an order of steps that breaks it.
#[derive(Debug)]
pub(super) struct Broken<S> {
    pub(super) rule: &'static str,
    pub(super) order: Vec<S>,
}

/// Tries every order from `start` on.
///
/// # Errors
/// The first order found that breaks a rule, or that comes back to a state it has been in.
pub(super) fn search<W: World>(start: W) -> Result<(Tried, Vec<W>), Broken<W::Step>> {
    let mut search = Search { orders: HashMap::new(), steps: 0, order: Vec::new() };
    let orders = search.visit(start)?;
    let states: Vec<W> = search.orders.into_keys().collect();
    Ok((Tried { states: states.len(), steps: search.steps, orders }, states))
}

struct Search<W: World> {
    /// How many orders there are from a state on; `None`: the present order has come through it.
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
