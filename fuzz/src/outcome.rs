//! The outcome of a body, and its ingredients.

use drupe::http::{HeaderMap, HeaderValue};

/// The outcome of a sent body.
pub struct Came {
    pub content: Vec<u8>,
    pub outcome: Outcome,
    pub trailers: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Whole,
    /// Broken off before the owed bytes were complete.
    Broke,
    /// While there was time to say so.
    FailedFirst,
    PanickedFirst,
}

/// Returns trailer fields.
pub fn trailers(count: u8) -> HeaderMap {
    let mut fields = HeaderMap::new();
    // One that must not stand there.
    fields.insert("content-length", HeaderValue::from(1));
    for number in 0..count % 3 {
        fields.append("x-checksum", HeaderValue::from(u16::from(number)));
    }
    fields
}

/// Panics without the hook that ends a fuzzer.
pub fn panic_silently() -> ! {
    std::panic::resume_unwind(Box::new("as planned"))
}

pub fn large(count: u8) -> Vec<u8> {
    (0..usize::from(count) * 300 + 1).map(in_file).collect()
}

pub fn in_file(at: usize) -> u8 {
    (at % 251) as u8
}

/// Pieces of a body: the fuzzer is to try many things, not long ones.
pub const MOST: usize = 8;
