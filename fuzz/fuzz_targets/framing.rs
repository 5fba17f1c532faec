//! Framing: a body only where one field, in one form, says so.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drupe::laws::framing(bytes));
