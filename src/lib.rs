//! An embeddable, synchronous HTTP/1.1 server for programs that have no async runtime.

mod address;
mod config;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use h1::laws;
mod h1;
pub mod settings;

pub use address::{BindAddr, Peer};
pub use error::Error;
pub use settings::Settings;
