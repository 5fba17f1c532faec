//! Answers of a handler that does what it likes: what comes over the wire is what it said, or says that it is not.
#![no_main]

libfuzzer_sys::fuzz_target!(|plan: drupe_fuzz::responses::Plan| drupe_fuzz::responses::check(&plan));
