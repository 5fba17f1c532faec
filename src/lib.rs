//! An embeddable, synchronous HTTP/1.1 server for programs that have no async runtime.

mod address;
mod config;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use h1::laws;
mod h1;
mod message;
mod net;
pub mod settings;

pub use address::{BindAddr, Peer};
pub use error::Error;
pub use http;
pub use message::{
    Body, BodyWriter, Connection, Handler, IntoResponse, Request, RequestExt, Response, Upgraded, upgrade,
};
pub use settings::Settings;
