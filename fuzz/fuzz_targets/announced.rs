//! PROXY headers, valid or with one flaw: the handler sees the announced client.
#![no_main]

libfuzzer_sys::fuzz_target!(|plan: drupe_fuzz::announced::Plan| drupe_fuzz::announced::check(&plan));
