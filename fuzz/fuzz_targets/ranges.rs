//! Ranges and conditions of requests for a file: what is sent is what was asked for, as RFC 9110 has it.
#![no_main]

libfuzzer_sys::fuzz_target!(|plan: drupe_fuzz::ranges::Plan| drupe_fuzz::ranges::check(&plan));
