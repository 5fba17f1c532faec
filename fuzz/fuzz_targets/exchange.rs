//! Conversations: the same answers however the bytes come.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drupe::laws::exchange(bytes));
