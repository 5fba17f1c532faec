//! Workers wait at the poller, and leave.

mod interleavings;
