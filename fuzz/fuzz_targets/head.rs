//! Request heads: the same however cut, and what passes reads the same again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drupe::laws::head(bytes));
