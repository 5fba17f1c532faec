//! Ranges and conditions of requests for a file: the answer follows RFC 9110.
#![no_main]

libfuzzer_sys::fuzz_target!(|plan: drupe_fuzz::ranges::Plan| drupe_fuzz::ranges::check(&plan));
