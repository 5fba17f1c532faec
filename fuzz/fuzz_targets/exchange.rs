//! Conversations: the same answers for any cut of the bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drupe::laws::exchange(bytes));
