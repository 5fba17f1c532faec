//! Heads of answers: one head and one framing for any handler.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drupe::laws::encode(bytes));
