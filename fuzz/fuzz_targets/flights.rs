//! First bytes to a TLS port: records or a refusal come back, the same for any cut, and no handler
//! runs.
#![no_main]

libfuzzer_sys::fuzz_target!(|plan: drupe_fuzz::flights::Plan| drupe_fuzz::flights::check(&plan));
