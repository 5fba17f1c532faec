//! Framing: a body only if exactly one field declares it in one form.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drupe::laws::framing(bytes));
