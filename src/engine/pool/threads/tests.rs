//! Workers fall asleep, are woken, and leave.

mod interleavings;
