//! Accepting: the listening addresses, with one thread for each listener that only accepts.
//!
//! An accepted connection is parked at once; the first bytes wake the reactor. Listeners outlive an
//! engine at a restart, so no client is refused in between.
//!
//! | file | step |
//! |---|---|
//! | [`listening`] | binds, and opens and closes the gate |
//! | [`gate`] | the way from the listeners to the present engine, if there is one |
//! | [`thread`] | accepts, and pauses or makes room when descriptors run out |
//! | [`kept`] | keeps listeners and connections from one engine for the next |
//! | [`wildcards`] | finds the listeners on `::` that leave IPv4 to `0.0.0.0` |

pub(in crate::engine) mod gate;
pub(in crate::engine) mod kept;
pub(in crate::engine) mod listening;
pub(in crate::engine) mod thread;
pub(in crate::engine) mod wildcards;
