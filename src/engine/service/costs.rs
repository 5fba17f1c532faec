//! The run times of handlers, by route: short handlers run on the thread that read the request, all
//! others on a worker.
//!
//! A route is a method and a path. The averages lie in a small fixed table, with one word for each
//! route. Routes of the same table slot displace each other. A route missing from the table counts
//! as the average of all routes once missing. Clients therefore cannot make the table grow. A wrong
//! guess costs a wake-up, or a tick of the guard.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Method;

use crate::message::turn;
use crate::sync::Mutex;

/// The averages of all routes of a server.
#[derive(Debug)]
pub(crate) struct Costs {
    /// The route's mark in the upper half, the average in nanoseconds in the lower half; 0: free.
    places: Box<[AtomicU64]>,
    /// The average of routes missing from the table, in nanoseconds; [`UNMEASURED`] before the
    /// first.
    unknown: AtomicU64,
    running: Running,
    /// The name noted last for each table slot.
    names: Mutex<Box<[Option<Name>]>>,
}

/// The route of the handler run by the reactor. Written for each request, and therefore apart from
/// the averages, which every thread reads.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Running(AtomicU64);

/// The name of a route.
#[derive(Debug)]
struct Name {
    route: Route,
    method: Method,
    path: Box<str>,
}

/// A hash of a method and a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route(u64);

impl Route {
    pub(crate) fn new(method: &Method, path: &str) -> Self {
        let bytes = path.as_bytes();
        // Paths with the same first `HASHED` bytes count as one.
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

    /// Returns the route of the function that serves a connection after an upgrade.
    pub(crate) fn upgraded(self) -> Self {
        Self(mix(self.0))
    }

    fn place(self) -> usize {
        usize::try_from(self.0 % PLACES as u64).unwrap_or(0)
    }

    /// Returns the upper half of the hash, never 0.
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
        let names = (0..PLACES).map(|_| None).collect();
        let (unknown, running) = (AtomicU64::new(UNMEASURED), Running::default());
        Self { places, unknown, running, names: Mutex::new(names) }
    }

    /// Returns the average of `route` in nanoseconds, and true if measured for the route itself;
    /// `None`: nothing was measured yet.
    fn average(&self, route: Route) -> Option<(u64, bool)> {
        let place = self.places[route.place()].load(Ordering::Relaxed);
        if place >> 32 == route.mark() {
            return Some((place & AVERAGE, true));
        }
        let unknown = self.unknown.load(Ordering::Relaxed);
        (unknown != UNMEASURED).then_some((unknown, false))
    }

    /// True if `route` itself was measured and is short.
    pub(crate) fn is_known_short(&self, route: Route) -> bool {
        self.average(route).is_some_and(|(average, is_own)| is_own && average <= SHORT)
    }

    /// Records the `time` of a handler of `route`.
    pub(crate) fn record(&self, route: Route, time: Duration) {
        // One outlier, such as a preempted thread, does not make a route slow; two do.
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).min(LONGEST);
        let place = &self.places[route.place()];
        let before = place.load(Ordering::Relaxed);
        let average = if before >> 32 == route.mark() {
            let average = before & AVERAGE;
            if time.abs_diff(average) <= (average / 8).max(CLOSE) {
                // Every thread reads the table. Without a write, it stays in the caches of all.
                return;
            }
            blend(average, time)
        } else {
            let unknown = self.unknown.load(Ordering::Relaxed);
            self.unknown.store(if unknown == UNMEASURED { time } else { blend(unknown, time) }, Ordering::Relaxed);
            time
        };
        // Losing a measurement to another thread's store does no harm.
        place.store(route.mark() << 32 | average, Ordering::Relaxed);
    }

    /// Marks the route of the reactor's handler as slow, because the handler has run for too long.
    /// Returns the method and path, if noted; `None` also if no handler runs.
    pub(crate) fn overrun(&self) -> Option<(Method, String)> {
        let route = Route(self.running.0.load(Ordering::Relaxed));
        // A handshake or the filter of a stream has run for too long, not a handler.
        if route == NO_ROUTE {
            return None;
        }
        self.places[route.place()].store(route.mark() << 32 | LONGEST, Ordering::Relaxed);
        let names = self.names.lock();
        let name = names[route.place()].as_ref().filter(|name| name.route == route)?;
        Some((name.method.clone(), name.path.to_string()))
    }

    /// Notes the name of a route, for a handler caught by the guard. The path is cut to the hashed
    /// part.
    fn name(&self, route: Route, method: &Method, path: &str) {
        // Threads with ever new paths do not wait for each other: names are for log lines only.
        let Some(mut names) = self.names.try_lock() else { return };
        let path = path.char_indices().take_while(|(at, _)| *at < HASHED).map(|(_, char)| char).collect();
        names[route.place()] = Some(Name { route, method: method.clone(), path });
    }
}

fn blend(average: u64, time: u64) -> u64 {
    average - average / 8 + time / 8
}

/// The handlers a thread may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Runs {
    /// All handlers: the thread is a worker.
    #[default]
    All,
    /// Prompt handlers: the thread is the reserved worker.
    Prompt,
    /// Short handlers: the thread is a worker holding the reactor role.
    Short,
    /// No handlers: the thread is the guard.
    Nothing,
}

/// The handlers a thread may run for the current connection, and those already run.
#[derive(Debug)]
pub(crate) struct Duty {
    pub(in crate::engine) runs: Runs,
    costs: Arc<Costs>,
    /// The route run last, and the number of handlers since the thread took up the connection,
    /// without those measured one by one.
    route: Route,
    handled: u32,
    /// The sum of the averages of admitted handlers, in nanoseconds.
    spent: u64,
    /// The number of handlers still to be measured one by one, after a slow pipelined request.
    precise: u32,
    /// True if the request left to a worker is known to be short.
    waits_for_short: bool,
    /// The number of short handlers since the last measured one.
    unmeasured: u8,
    /// True if answers may be put off to the end of the round, because other connections are ready.
    pub(in crate::engine) puts_off: bool,
}

/// The decision on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The handler runs here and now.
    Here,
    /// A worker runs the handler.
    Worker,
    /// The handler would run here, but other connections come first.
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
            puts_off: false,
        }
    }

    /// Resets the counters for another connection.
    pub(in crate::engine) fn turn(&mut self) {
        (self.handled, self.spent) = (0, 0);
        turn::forget();
    }

    /// Notes that the reactor has left the handler it ran.
    pub(in crate::engine) fn end_handler(&self) {
        if self.spent > 0 {
            self.costs.running.0.store(NO_ROUTE.0, Ordering::Relaxed);
        }
    }

    /// True if the thread may run any handler, without a time limit.
    pub(in crate::engine) fn is_unbounded(&self) -> bool {
        matches!(self.runs, Runs::All | Runs::Prompt)
    }

    /// True if the answer just made is to be sent at the end of the round. Handlers that take turns
    /// find their code and data in the caches if the system sends nothing between them.
    pub(in crate::engine) fn puts_off_answer(&self) -> bool {
        self.puts_off && turn::is_taken()
    }

    /// Decides on a request of `route`, the hash of `method` and `path`.
    pub(in crate::engine) fn admit(&mut self, route: Route, method: &Method, path: &str) -> Admission {
        match self.runs {
            Runs::All | Runs::Prompt => {
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
                self.costs.running.0.store(route.0, Ordering::Relaxed);
                Admission::Here
            }
            _ => Admission::Worker,
        }
    }

    /// True if the request just left to a worker is known to be short.
    pub(in crate::engine) fn waits_for_short(&self) -> bool {
        self.waits_for_short
    }

    /// True if answers already made should go out before a handler of `route` runs.
    pub(in crate::engine) fn is_to_flush_before(&self, route: Route) -> bool {
        !self.costs.is_known_short(route)
    }

    /// True if the next handler, of `route`, is to be measured individually. A measurement reads
    /// the clock twice, so a worker measures one in eight short handlers.
    pub(in crate::engine) fn is_precise(&mut self, route: Route) -> bool {
        if self.precise > 0 || !self.is_unbounded() {
            return self.precise > 0;
        }
        self.unmeasured = (self.unmeasured + 1) % SAMPLE;
        self.unmeasured == 0 || !self.costs.is_known_short(route)
    }

    /// Records a run of a handler of `route`, and the [time](super::stopwatch::Stopwatch::time) if
    /// measured.
    pub(in crate::engine) fn ran(&mut self, route: Route, measured: Option<Option<Duration>>) {
        self.route = route;
        if turn::is_taken() {
            // One such handler may take several times `SHARE`.
            self.spent = SHARE + 1;
        }
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

    /// Records that the thread is done with the connection for now, after `time`. If `is_alone`,
    /// times below `LONGEST` are ignored: a single request after a pause costs more than one under
    /// load.
    pub(in crate::engine) fn leave(&mut self, time: Duration, is_alone: bool) {
        let time = turn::counted(time);
        match self.handled {
            0 => {}
            _ if is_alone && time < Duration::from_nanos(LONGEST) => {}
            // One of the handlers was slow, or the thread was preempted: the next ones are measured
            // one by one.
            handled if time > handled * Duration::from_nanos(SHORT) => self.precise = PRECISE,
            handled => self.costs.record(self.route, time / handled),
        }
    }

    /// True if handlers have run since the thread took up the connection, without those measured
    /// one by one.
    pub(in crate::engine) fn has_run(&self) -> bool {
        self.handled > 0
    }

    /// True if the last handler belongs to a short route.
    pub(in crate::engine) fn was_short(&self) -> bool {
        self.costs.is_known_short(self.route)
    }
}

/// The longest average of a short handler, answer included, in nanoseconds. Waking a worker, or
/// running code missing from the caches, costs a good part of that time.
const SHORT: u64 = 100_000;
/// The longest recorded time, in nanoseconds; two such times in a row make a short route slow.
const LONGEST: u64 = 5 * SHORT;
/// A measurement this close to the average is ignored, in nanoseconds; or within an eighth.
const CLOSE: u64 = 1_000;
/// The least cost of a handler, reading and answering included, in nanoseconds.
const LEAST: u64 = 2_000;
/// Nanoseconds of handlers run by the reactor for one connection before other connections are
/// served.
const SHARE: u64 = 200_000;
/// The sampling of short handlers on a worker: one in `SAMPLE` is measured.
const SAMPLE: u8 = 8;
/// The number of handlers measured one by one after slow pipelined requests.
const PRECISE: u32 = 64;
const PLACES: usize = 512;
/// The number of path bytes hashed.
const HASHED: usize = 128;
/// The route of no handler.
const NO_ROUTE: Route = Route(0);
const AVERAGE: u64 = u32::MAX as u64;
const UNMEASURED: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::processor;

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
    fn handlers_run_on_the_reactor_only_if_known_to_be_short() {
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
    fn measurement_close_to_the_average_writes_nothing() {
        let costs = Costs::new();
        let average = || costs.average(route("/a")).map(|(nanos, _)| nanos / 1000);
        costs.record(route("/a"), 40 * MICROS);
        for close in [36, 44, 40] {
            costs.record(route("/a"), close * MICROS);
            assert_eq!(average(), Some(40));
        }
        costs.record(route("/a"), 48 * MICROS);
        assert_eq!(average(), Some(41));
    }

    #[test]
    fn blocking_handler_is_named_on_any_thread() {
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
    fn connection_waits_for_other_connections_after_its_share() {
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
    fn handler_that_takes_turns_is_short_if_it_hardly_waits() {
        let (costs, mut duty) = reactor();
        let mut is_short = |path, waited: Duration, slept: Duration| {
            duty.turn();
            turn::note_turn(waited);
            let begun = processor::time_of_this_thread();
            while processor::time_of_this_thread() - begun < 400 * MICROS {}
            // Without the time lost to other threads of a busy machine.
            let time = waited + slept + (processor::time_of_this_thread() - begun);
            duty.ran(route(path), None);
            duty.leave(time, false);
            duty.precise == 0 && costs.is_known_short(route(path))
        };
        assert!(is_short("/works", Duration::ZERO, Duration::ZERO));
        assert!(is_short("/is-behind-others", 5000 * MICROS, Duration::ZERO));
        assert!(!is_short("/waits-for-a-database", Duration::ZERO, 500 * MICROS));
    }

    #[test]
    fn handler_that_takes_turns_uses_up_the_share_of_its_connection() {
        let (costs, mut duty) = reactor();
        costs.record(route("/a"), 5 * MICROS);
        duty.turn();
        assert_eq!(admit(&mut duty, "/a"), Admission::Here);
        turn::note_turn(Duration::ZERO);
        duty.ran(route("/a"), None);
        assert_eq!(admit(&mut duty, "/a"), Admission::Later);
        duty.turn();
        assert_eq!(admit(&mut duty, "/a"), Admission::Here);
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
