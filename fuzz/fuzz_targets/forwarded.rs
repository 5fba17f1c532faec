//! What proxies say with a request: nothing that is not believed, and what passes reads the same again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drupe::proxy_laws::forwarded(bytes));
