//! Bodies: the same however cut, within the limits, and what was written is read.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drupe::laws::decode(bytes));
