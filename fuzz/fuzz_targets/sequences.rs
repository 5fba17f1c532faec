//! Requests in sequence: each is answered once, in order, with its own content, for any cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|plan: drupe_fuzz::sequences::Plan| drupe_fuzz::sequences::check(&plan));
