//! PROXY headers that are right, or wrong in one way: whom they announce is whom the handler meets.
#![no_main]

libfuzzer_sys::fuzz_target!(|plan: drupe_fuzz::announced::Plan| drupe_fuzz::announced::check(&plan));
