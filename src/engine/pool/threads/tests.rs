//! Workers fall asleep, are called, and leave.

mod interleavings;
