//! The settings of a server, under CherryPy's names.
//!
//! Values are kept as written, without checks, so that fields can be set in any order. `config`
//! checks them when a server starts; `table` reads and shows them as text.
//!
//! Text comes from a file, the environment or a command line, one [`SettingsLayer`] over the other. Each
//! value remembers its origin ([`Settings::origin`]), which an error about the value names:
//!
#![cfg_attr(feature = "config", doc = "```no_run")]
#![cfg_attr(not(feature = "config"), doc = "```ignore")]
//! # fn main() -> Result<(), drupe::Error> {
//! let mut settings = drupe::Settings::from_file("server.toml")?; // feature `config`
//! settings.merge_environment("MYAPP_SERVER_")?; // MYAPP_SERVER_SOCKET_PORT=80
//! # Ok(())
//! # }
//! ```
//!
//! A file is TOML and has CherryPy's names, in CherryPy's own spelling or as a table:
//!
//! ```toml
//! [global]
//! server.socket_port = 80
//! server.listen = ["tcp://[::]:80", "unix:/run/app.sock"]
//!
//! [server]
//! thread_pool = 20
//! socket_timeout = 2.5
//! max_request_body_size = "10M"
//! socket_mode = 0o660
//! ```

#[cfg(not(feature = "config"))]
mod absent;
mod addresses;
mod attributes;
mod defaults;
mod environment;
#[cfg(feature = "config")]
mod file;
mod lasting;
#[cfg(all(any(test, fuzzing), feature = "config"))]
pub mod laws;
#[cfg_attr(not(feature = "config"), allow(dead_code, reason = "only files are such a place"))]
mod layer;
mod located;
mod nearest;
mod objects;
mod origins;
#[cfg(feature = "config")]
mod source;
mod table;
mod text;
#[cfg_attr(not(feature = "config"), allow(dead_code, reason = "only files have kinds of values"))]
mod value;

pub use self::attributes::Settings;
pub(crate) use self::defaults::SSL_MIN_VERSION;
pub use self::layer::SettingsLayer;
pub use self::nearest::nearest;
pub use self::objects::{Instance, SslContext};
pub use self::table::Row;
pub use crate::error::Origin;
pub use crate::net::given::ListeningSocket;
