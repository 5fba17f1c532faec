//! Answers of an arbitrary handler: the wire has the answer, or shows that the answer is
//! incomplete.
#![no_main]

libfuzzer_sys::fuzz_target!(|plan: drupe_fuzz::responses::Plan| drupe_fuzz::responses::check(&plan));
