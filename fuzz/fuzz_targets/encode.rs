//! Heads of answers: one head, one framing, whatever the handler says.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drupe::laws::encode(bytes));
