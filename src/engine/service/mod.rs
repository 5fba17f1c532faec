//! What all threads of a server share, and what each keeps for itself: configuration, bounds, counters.
//!
//! | file | what it holds |
//! |---|---|
//! | [`context`] | what is served, and the memory that a thread uses again for each request |
//! | [`config`] | the configuration in force, which a reload replaces |
//! | [`costs`] | how long the handlers of a route take, and which a thread may run |
//! | [`handle`] | a worker as other threads see it: the request that it serves |
//! | [`budget`] | the memory and the files that parked connections hold |
//! | [`preemption`] | which slow clients give a worker back |
//! | [`open`] | how many connections are open |
//! | [`stopwatch`] | how long one handler takes |
//! | [`counters`], [`meter`] | what each thread counts, and how long requests take |

pub(in crate::engine) mod budget;
pub(in crate::engine) mod config;
pub(in crate::engine) mod context;
pub(in crate::engine) mod costs;
pub(in crate::engine) mod counters;
pub(in crate::engine) mod handle;
pub(in crate::engine) mod meter;
pub(in crate::engine) mod open;
pub(in crate::engine) mod preemption;
pub(in crate::engine) mod stopwatch;
