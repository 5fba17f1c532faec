//! Layers: functions from handler to handler, put around a handler by [`Handler::with`].
//!
//! A layer gets each request before the handler, and each response before the client. The layer can
//! change both, or answer without the handler. A layer of your own:
//!
//! ```
//! use drupe::{Handler, handler};
//!
//! fn versioned(inner: impl Handler) -> impl Handler {
//!     handler(move |request| {
//!         let response = inner.handle(request);
//!         ([("x-version", "7")], response)
//!     })
//! }
//!
//! let page = handler(|_| "hello\n").with(versioned);
//! # let response = page.handle(&mut Default::default());
//! # assert_eq!(response.headers()["x-version"], "7");
//! ```
//!
//! The [tour](crate::tour::layers) has more such layers. A layer with settings is a struct that
//! implements [`Layer`].
//!
//! # Layers of the crate (feature `layers`)
//!
//! | layer | effect |
//! |---|---|
//! | [`BasicAuth`], [`BearerAuth`] | ask for a password or a token; the handler finds the [`User`] |
//! | `compress` (feature `compression`) | sends content in gzip or deflate |
//! | [`CatchPanics`] | makes a [`Failure`](crate::Failure) of a panic |
//! | [`Cors`] | lets pages of other origins read answers |
//! | [`OnFailure`] | gives errors a form of your own, such as JSON |
//! | [`RateLimit`] | limits the rate of requests of each client |
//! | [`RequestIds`] | gives each request an id: [`RequestId`](crate::exchange::RequestId) |
//! | [`SecurityHeaders`] | switches on protections of browsers |
//!
//! # Order
//!
//! The layer added last is the outermost: that layer sees a request first and a response last. This
//! order suits most programs; leave out what you do not need:
//!
//! ```
//! # #[cfg(feature = "layers")] {
//! use drupe::layers::{
//!     BasicAuth, CatchPanics, Cors, OnFailure, RateLimit, RequestIds, SecurityHeaders,
//! };
//! use drupe::{Handler, handler};
//!
//! # let password = "a long password";
//! let page = handler(|_| "hello\n")
//!     .with(CatchPanics::new()) // first, so that all others see a response
//!     .with(BasicAuth::users("tea room", [("ann", password)]))
//!     .with(RateLimit::per_second(20)) // around passwords, so that guesses count
//!     .with(Cors::new().origin("https://app.example")) // preflights have no password
//!     .with(OnFailure::new(|failure, _| failure.text())) // around all that refuse
//!     // .with(compress), with the feature `compression`: around all that has content
//!     .with(SecurityHeaders::new()) // on refusals too
//!     .with(RequestIds::new()); // last, so that all others know the id
//! # let response = page.handle(&mut Default::default());
//! # assert_eq!(response.status(), 401);
//! # assert!(response.headers().contains_key("x-request-id"));
//! # }
//! ```
//!
//! Refusals of these layers are [`Failure`](crate::Failure)s, so `OnFailure` gives them the form of
//! all other errors. The server's own answers, such as `413`, do not pass through layers.
//!
//! [`Handler::with`]: crate::Handler::with

#[cfg(feature = "layers")]
mod authorization;
#[cfg(feature = "layers")]
mod base64;
#[cfg(feature = "layers")]
mod basic_auth;
#[cfg(feature = "layers")]
mod bearer_auth;
#[cfg(feature = "layers")]
mod buckets;
#[cfg(feature = "layers")]
mod catch_panics;
#[cfg(feature = "compression")]
mod compression;
#[cfg(feature = "layers")]
mod cors;
#[cfg(feature = "compression")]
mod encoder;
#[cfg(feature = "layers")]
mod layered;
#[cfg(feature = "layers")]
mod on_failure;
#[cfg(feature = "layers")]
mod rate_limit;
#[cfg(feature = "layers")]
mod request_id;
#[cfg(feature = "layers")]
mod security_headers;
#[cfg(any(feature = "compression", feature = "layers"))]
mod vary;

#[cfg(feature = "layers")]
pub use self::basic_auth::BasicAuth;
#[cfg(feature = "layers")]
pub use self::bearer_auth::BearerAuth;
#[cfg(feature = "layers")]
pub use self::catch_panics::CatchPanics;
#[cfg(feature = "compression")]
pub use self::compression::compress;
#[cfg(feature = "layers")]
pub use self::cors::Cors;
#[cfg(feature = "layers")]
pub use self::on_failure::OnFailure;
#[cfg(feature = "layers")]
pub use self::rate_limit::RateLimit;
#[cfg(feature = "layers")]
pub use self::request_id::RequestIds;
#[cfg(feature = "layers")]
pub use self::security_headers::SecurityHeaders;
pub use crate::message::handler::{Layer, Prompt, With, Within};
pub use crate::message::user::User;
pub use crate::message::writer::BodyFilter;
