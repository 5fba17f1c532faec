//! Files of settings, line by line: what is written is what is set, and the first line that is wrong is named.
#![no_main]

libfuzzer_sys::fuzz_target!(|plan: drupe_fuzz::written::Plan| drupe_fuzz::written::check(&plan));
