//! First flights to a port that speaks TLS: records or a refusal come back, the same however they are cut, and no handler is called.
#![no_main]

libfuzzer_sys::fuzz_target!(|plan: drupe_fuzz::flights::Plan| drupe_fuzz::flights::check(&plan));
