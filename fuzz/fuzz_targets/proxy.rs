//! PROXY headers: the same for any cut, and never longer than the awaited length.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drupe::proxy_laws::proxy_header(bytes));
