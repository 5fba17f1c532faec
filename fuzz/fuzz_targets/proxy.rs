//! PROXY headers: the same however cut, and never longer than what is waited for.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drupe::proxy_laws::proxy_header(bytes));
