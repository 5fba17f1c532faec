//! Settings files: refused in one line that names a line of the file, or accepted and written so
//! that they read the same again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drupe::settings_laws::file(bytes));
