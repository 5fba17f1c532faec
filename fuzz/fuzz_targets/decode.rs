//! Bodies: the same for any cut, within the limits; written bodies read back.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drupe::laws::decode(bytes));
