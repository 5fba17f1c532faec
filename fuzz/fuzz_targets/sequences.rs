//! Requests one after the other: each is answered once, in its turn, with its own content, however they are cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|plan: drupe_fuzz::sequences::Plan| drupe_fuzz::sequences::check(&plan));
