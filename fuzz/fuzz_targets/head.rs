//! Request heads: the same for any cut, and accepted heads read the same again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drupe::laws::head(bytes));
