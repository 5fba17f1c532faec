//! What all threads of a server share, and what each keeps for itself: configuration, bounds, counters.
//!
//! | file | what it holds |
//! |---|---|
//! | [`desk`] | what is served, and the memory that a thread uses again for each request |
//! | [`config`] | the configuration in force, which a reload replaces |
//! | [`costs`] | how long the handlers of a route take, and which a thread may run |
//! | [`seat`] | a worker as other threads see it: the request that it serves |
//! | [`budget`] | the memory and the files that parked connections hold |
//! | [`pressure`] | which slow clients give a worker back |
//! | [`open`], [`places`] | how many connections are open, and how many have left HTTP |
//! | [`counters`], [`meter`] | what each thread counts, and how long requests take |

pub(in crate::engine) mod budget;
pub(in crate::engine) mod config;
pub(in crate::engine) mod costs;
pub(in crate::engine) mod counters;
pub(in crate::engine) mod desk;
pub(in crate::engine) mod meter;
pub(in crate::engine) mod open;
pub(in crate::engine) mod places;
pub(in crate::engine) mod pressure;
pub(in crate::engine) mod seat;
