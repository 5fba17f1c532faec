//! Workers come to the poller, and leave it.

mod interleavings;
