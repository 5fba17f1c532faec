//! An embeddable, synchronous HTTP/1.1 server for programs that have no async runtime.

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use h1::laws;

mod h1;
