//! Uploads: forms are read as written, wherever they are cut, and as multer reads them.
#![no_main]

libfuzzer_sys::fuzz_target!(|plan: drupe_fuzz::multipart::Plan| drupe_fuzz::multipart::check(&plan));
