//! Settings files line by line: each line sets its value, and an error names the first wrong line.
#![no_main]

libfuzzer_sys::fuzz_target!(|plan: drupe_fuzz::written::Plan| drupe_fuzz::written::check(&plan));
