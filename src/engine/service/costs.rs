//! The time that handlers take, by route: short ones run where their request was read, all others on a worker.
//!
//! A route is a method and a path. The averages lie in a small fixed table, a word for each route; routes that share a place
//! displace each other, and a route that is not in the table counts as the average of those that were not. So the table has no
//! size that a client chooses, and a wrong guess costs a wake-up, or a tick of the guard.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;

/// The averages of all routes of a server.
#[derive(Debug)]
pub(crate) struct Costs {
    /// The route's mark in the upper half, the average in nanoseconds in the lower one; 0: free.
    places: Box<[AtomicU64]>,
    /// The average of routes that were not in the table, in nanoseconds; [`UNMEASURED`] before the first.
    unknown: AtomicU64,
    /// The route that the reactor's handler serves.
    running: AtomicU64,
    /// The names of routes that handlers were run for by the reactor, by place.
    names: Mutex<Box<[Option<Name>]>>,
}

/// The name of a route.
#[derive(Clone, Debug)]
struct Name {
    route: Route,
    method: Method,
    path: Box<str>,
}

/// A method and a path, as a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route(u64);

impl Route {
    pub(crate) fn new(method: &Method, path: &str) -> Self {
        let bytes = path.as_bytes();
        // Paths that differ only behind that count as one.
        let bytes = &bytes[..bytes.len().min(HASHED)];
        let mut hash = mix(bytes.len() as u64
            ^ (method.as_str().len() as u64) << 32
            ^ u64::from(method.as_str().as_bytes()[0]) << 48);
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            hash = mix(hash ^ word.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
        }
        hash = mix(hash ^ words.remainder().iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
        Self(hash)
    }

    fn place(self) -> usize {
        usize::try_from(self.0 % PLACES as u64).unwrap_or(0)
    }

    /// The upper half of the hash, never 0.
    fn mark(self) -> u64 {
        self.0 >> 32 | 1
    }
}

fn mix(word: u64) -> u64 {
    let product = word.wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    product ^ product >> 29
}

impl Costs {
    pub(crate) fn new() -> Self {
        let places = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        let names = Mutex::new(vec![None; PLACES].into_boxed_slice());
        Self { places, unknown: AtomicU64::new(UNMEASURED), running: AtomicU64::new(0), names }
    }

    /// The average of `route` in nanoseconds, and whether it is that of the route itself; `None`: nothing was measured yet.
    fn average(&self, route: Route) -> Option<(u64, bool)> {
        let place = self.places[route.place()].load(Ordering::Relaxed);
        if place >> 32 == route.mark() {
            return Some((place & AVERAGE, true));
        }
        let unknown = self.unknown.load(Ordering::Relaxed);
        (unknown != UNMEASURED).then_some((unknown, false))
    }

    /// True if `route` itself is known to be short.
    pub(crate) fn is_known_short(&self, route: Route) -> bool {
        self.average(route).is_some_and(|(average, is_own)| is_own && average <= SHORT)
    }

    /// Enters that a handler of `route` took `time`.
    pub(crate) fn record(&self, route: Route, time: Duration) {
        // One outlier, such as a thread that lost its processor, does not make a route slow; two do.
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).min(LONGEST);
        let place = &self.places[route.place()];
        let before = place.load(Ordering::Relaxed);
        let average = if before >> 32 == route.mark() {
            blend(before & AVERAGE, time)
        } else {
            let unknown = self.unknown.load(Ordering::Relaxed);
            self.unknown.store(if unknown == UNMEASURED { time } else { blend(unknown, time) }, Ordering::Relaxed);
            time
        };
        // A measurement that is lost to another thread's costs nothing.
        place.store(route.mark() << 32 | average, Ordering::Relaxed);
    }

    /// Enters that the handler that the reactor runs has been at it for too long: its route is slow. Returns the method and path.
    pub(crate) fn overrun(&self) -> Option<(Method, String)> {
        let route = Route(self.running.load(Ordering::Relaxed));
        self.places[route.place()].store(route.mark() << 32 | LONGEST, Ordering::Relaxed);
        let names = self.names();
        let name = names[route.place()].as_ref().filter(|name| name.route == route)?;
        Some((name.method.clone(), name.path.to_string()))
    }

    /// Notes the name of a route, should its handler be caught: paths are cut to what counts of them.
    fn name(&self, route: Route, method: &Method, path: &str) {
        let path = path.char_indices().take_while(|(at, _)| *at < HASHED).map(|(_, char)| char).collect();
        self.names()[route.place()] = Some(Name { route, method: method.clone(), path });
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    fn names(&self) -> MutexGuard<'_, Box<[Option<Name>]>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn blend(average: u64, time: u64) -> u64 {
    average - average / 8 + time / 8
}

/// Which handlers a thread may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Runs {
    /// All: it is a worker.
    #[default]
    All,
    /// Those that are short: it is a worker that holds the reactor role.
    Short,
    /// None: it is the guard.
    Nothing,
}

/// The handlers that a thread may run of the connection it has turned to, and those that it has run.
#[derive(Debug)]
pub(crate) struct Duty {
    pub(in crate::engine) runs: Runs,
    costs: Arc<Costs>,
    /// The route that was run last, and how many were since the thread turned to the connection.
    route: Route,
    handled: u32,
    /// The sum of their averages, in nanoseconds.
    spent: u64,
    /// Handlers still to be measured each by itself: pipelined requests of which one was slow.
    precise: u32,
    /// True if the request that a worker is asked for is known to be short.
    waits_for_short: bool,
    /// Short handlers that were not measured since the last that was.
    unmeasured: u8,
}

/// The decision on a request that is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Its handler runs here and now.
    Here,
    /// A worker runs it.
    Worker,
    /// It would run here, but other connections have their turn first.
    Later,
}

impl Duty {
    pub(crate) fn new(costs: Arc<Costs>) -> Self {
        Self {
            runs: Runs::All,
            costs,
            route: Route::default(),
            handled: 0,
            spent: 0,
            precise: 0,
            waits_for_short: false,
            unmeasured: 0,
        }
    }

    /// Enters that the thread turns to another connection.
    pub(in crate::engine) fn turn(&mut self) {
        (self.handled, self.spent) = (0, 0);
    }

    /// True if the thread may run any handler, for as long as it takes.
    pub(in crate::engine) fn is_unbounded(&self) -> bool {
        self.runs == Runs::All
    }

    /// Decides on a request of `route`, which is `method` and `path`.
    pub(in crate::engine) fn admit(&mut self, route: Route, method: &Method, path: &str) -> Admission {
        match self.runs {
            Runs::All => {
                if self.costs.average(route).is_none_or(|(_, is_own)| !is_own) {
                    self.costs.name(route, method, path);
                }
                return Admission::Here;
            }
            Runs::Nothing => {
                self.waits_for_short = self.costs.is_known_short(route);
                return Admission::Worker;
            }
            Runs::Short => self.waits_for_short = false,
        }
        match self.costs.average(route) {
            Some((average, is_own)) if average <= SHORT => {
                if self.spent > SHARE {
                    return Admission::Later;
                }
                if !is_own {
                    self.costs.name(route, method, path);
                }
                self.spent += average.max(LEAST);
                self.costs.running.store(route.0, Ordering::Relaxed);
                Admission::Here
            }
            _ => Admission::Worker,
        }
    }

    /// True if the request that was just left to a worker is known to be short.
    pub(in crate::engine) fn waits_for_short(&self) -> bool {
        self.waits_for_short
    }

    /// True if answers that were made should go out before a handler of `route` runs.
    pub(in crate::engine) fn is_to_flush_before(&self, route: Route) -> bool {
        !self.costs.is_known_short(route)
    }

    /// True if the next handler, of `route`, is to be measured by itself. That takes two looks at the clock: on a worker, short ones are
    /// measured one time in eight.
    pub(in crate::engine) fn is_precise(&mut self, route: Route) -> bool {
        if self.precise > 0 || self.runs != Runs::All {
            return self.precise > 0;
        }
        self.unmeasured = (self.unmeasured + 1) % SAMPLE;
        self.unmeasured == 0 || !self.costs.is_known_short(route)
    }

    /// Enters that a handler of `route` has run, and its [time](super::stopwatch::Stopwatch::time) if that was measured.
    pub(in crate::engine) fn ran(&mut self, route: Route, measured: Option<Option<Duration>>) {
        self.route = route;
        match measured {
            Some(time) => {
                if let Some(time) = time {
                    self.costs.record(route, time);
                }
                self.precise = self.precise.saturating_sub(1);
            }
            None => self.handled += 1,
        }
    }

    /// Enters that the thread has been at the connection for `time`, and is done with it for now. A request that `is_alone`, after a
    /// pause, costs more than it would under load: short times of such say nothing.
    pub(in crate::engine) fn leave(&mut self, time: Duration, is_alone: bool) {
        match self.handled {
            0 => {}
            _ if is_alone && time < Duration::from_nanos(LONGEST) => {}
            // One of them was slow, nobody knows which, or none: the thread may have lost its processor.
            handled if time > handled * Duration::from_nanos(SHORT) => self.precise = PRECISE,
            handled => self.costs.record(self.route, time / handled),
        }
    }

    /// True if handlers have run since the thread turned to its connection.
    pub(in crate::engine) fn has_run(&self) -> bool {
        self.handled > 0
    }

    /// True if the handler that ran last belongs to a short route.
    pub(in crate::engine) fn was_short(&self) -> bool {
        self.costs.is_known_short(self.route)
    }
}

/// Nanoseconds up to which a handler is short, with its answer: a worker's wake-up costs a good part of that, and so does code that
/// comes out of no cache.
const SHORT: u64 = 100_000;
/// Nanoseconds that count at the most; two such in a row make a short route slow.
const LONGEST: u64 = 5 * SHORT;
/// The least cost of a handler, with its request read and answered, in nanoseconds.
const LEAST: u64 = 2_000;
/// Nanoseconds of handlers that one connection may have run by the reactor before others have their turn.
const SHARE: u64 = 200_000;
/// Of so many short handlers on a worker one is measured.
const SAMPLE: u8 = 8;
/// Handlers measured each by itself once pipelined ones took long.
const PRECISE: u32 = 64;
const PLACES: usize = 512;
/// Bytes of a path that count.
const HASHED: usize = 128;
const AVERAGE: u64 = u32::MAX as u64;
const UNMEASURED: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    const MICROS: Duration = Duration::from_micros(1);

    fn route(path: &str) -> Route {
        Route::new(&Method::GET, path)
    }

    fn admit(duty: &mut Duty, path: &str) -> Admission {
        duty.admit(route(path), &Method::GET, path)
    }

    fn reactor() -> (Arc<Costs>, Duty) {
        let costs = Arc::new(Costs::new());
        let mut duty = Duty::new(Arc::clone(&costs));
        duty.runs = Runs::Short;
        (costs, duty)
    }

    #[test]
    fn routes_differ_by_method_and_by_every_byte_of_the_path() {
        let paths = ["/", "/a", "/b", "/ab", "/ba", "/12345678", "/1234567", "/12345678a", "/12345678b"];
        for (at, path) in paths.iter().enumerate() {
            assert_ne!(route(path), Route::new(&Method::POST, path));
            paths[..at].iter().for_each(|other| assert_ne!(route(path), route(other), "{path} {other}"));
        }
    }

    #[test]
    fn handlers_run_here_only_once_they_are_known_to_be_short() {
        let (costs, mut duty) = reactor();
        assert_eq!(admit(&mut duty, "/a"), Admission::Worker, "nothing is known");
        costs.record(route("/a"), 5 * MICROS);
        assert_eq!(admit(&mut duty, "/a"), Admission::Here);
        assert_eq!(admit(&mut duty, "/new"), Admission::Here, "as those before it");
        costs.record(route("/slow"), 1000 * MICROS);
        assert_eq!(admit(&mut duty, "/slow"), Admission::Worker);
        duty.runs = Runs::Nothing;
        assert_eq!(admit(&mut duty, "/a"), Admission::Worker);
        duty.runs = Runs::All;
        assert_eq!(admit(&mut duty, "/slow"), Admission::Here);
    }

    #[test]
    fn one_outlier_does_not_make_a_route_slow_and_an_overrun_does() {
        let (costs, mut duty) = reactor();
        costs.record(route("/a"), 5 * MICROS);
        costs.record(route("/a"), 4000 * MICROS);
        assert_eq!(admit(&mut duty, "/a"), Admission::Here);
        costs.record(route("/a"), 4000 * MICROS);
        assert_eq!(admit(&mut duty, "/a"), Admission::Worker);
        let measured = (0..).take_while(|_| {
            costs.record(route("/a"), 5 * MICROS);
            admit(&mut duty, "/a") != Admission::Here
        });
        assert!(measured.count() < 20, "it is short again");
        assert_eq!(costs.overrun(), None, "it was never asked for");
        assert_eq!(admit(&mut duty, "/a"), Admission::Worker);
    }

    #[test]
    fn a_handler_that_is_caught_has_a_name_whichever_thread_measured_it_first() {
        let (costs, mut duty) = reactor();
        duty.runs = Runs::All;
        assert_eq!(admit(&mut duty, "/a"), Admission::Here);
        duty.ran(route("/a"), Some(Some(5 * MICROS)));
        duty.runs = Runs::Short;
        for path in ["/a", "/new"] {
            assert_eq!(admit(&mut duty, path), Admission::Here);
            assert_eq!(costs.overrun(), Some((Method::GET, path.to_owned())));
        }
    }

    #[test]
    fn on_a_worker_all_but_short_handlers_are_measured() {
        let (costs, mut duty) = reactor();
        duty.runs = Runs::All;
        costs.record(route("/short"), 5 * MICROS);
        let mut measured = |path| (0..16).filter(|_| duty.is_precise(route(path))).count();
        assert_eq!((measured("/short"), measured("/new")), (2, 16));
    }

    #[test]
    fn a_connection_has_its_share_and_then_waits_for_others() {
        let (costs, mut duty) = reactor();
        costs.record(route("/a"), 40 * MICROS);
        duty.ran(route("/a"), None);
        duty.leave(400 * MICROS, true);
        duty.turn();
        let here = |duty: &mut Duty| (0..).take_while(|_| admit(duty, "/a") == Admission::Here).count();
        assert_eq!((here(&mut duty), here(&mut duty)), (6, 0));
        duty.turn();
        assert_eq!(here(&mut duty), 6);
    }

    #[test]
    fn of_pipelined_handlers_each_is_measured_once_one_was_slow() {
        let (costs, mut duty) = reactor();
        costs.record(route("/fast"), 5 * MICROS);
        costs.record(route("/mixed"), 5 * MICROS);
        duty.ran(route("/mixed"), None);
        duty.ran(route("/fast"), None);
        duty.leave(600 * MICROS, false);
        assert!(duty.is_precise(route("/fast")) && costs.is_known_short(route("/fast")));
        (0..2).for_each(|_| duty.ran(route("/mixed"), Some(Some(600 * MICROS))));
        assert!(!costs.is_known_short(route("/mixed")) && costs.is_known_short(route("/fast")));
    }
}
