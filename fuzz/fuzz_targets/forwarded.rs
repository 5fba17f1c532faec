//! Forwarding fields: untrusted ones have no effect, and accepted ones read the same again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drupe::proxy_laws::forwarded(bytes));
