//! The state shared by all threads of a server, and the state of each thread: configuration,
//! bounds, counters.
//!
//! | file | content |
//! |---|---|
//! | [`context`] | the service, and the memory reused by a thread for each request |
//! | [`config`] | the configuration in force, replaced by a reload |
//! | [`costs`] | the run times of handlers by route, and the handlers a thread may run |
//! | [`handle`] | a worker as seen by other threads: the current request |
//! | [`budget`] | the memory and the files held by parked connections |
//! | [`content_waits`] | the bound on workers that wait for the content of requests |
//! | [`preemption`] | the choice of slow clients to give a worker back |
//! | [`open`] | the number of open connections |
//! | [`time_limit`], [`deadlines`] | the time limit of one handler; the limits of all |
//! | [`stopwatch`] | the run time of one handler |
//! | [`counters`], [`meter`] | the counts of each thread, and the times of requests |
//! | [`routes`], [`route_counters`] | the routes with a row in the statistics, and their counts |
//! | [`notices`], [`once_a_second`] | the log of refused clients; a rate limit of log messages |
//! | [`counter`] | one count of one thread |

pub(in crate::engine) mod budget;
pub(in crate::engine) mod config;
pub(in crate::engine) mod content_waits;
pub(in crate::engine) mod context;
pub(in crate::engine) mod costs;
pub(in crate::engine) mod counter;
pub(in crate::engine) mod counters;
pub(in crate::engine) mod deadlines;
pub(in crate::engine) mod handle;
pub(in crate::engine) mod meter;
pub(in crate::engine) mod notices;
pub(in crate::engine) mod once_a_second;
pub(in crate::engine) mod open;
pub(in crate::engine) mod preemption;
pub(in crate::engine) mod route_counters;
pub(in crate::engine) mod routes;
pub(in crate::engine) mod stopwatch;
pub(in crate::engine) mod time_limit;
