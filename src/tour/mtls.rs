//! Mutual TLS: an encrypted port, clients that show a certificate, and renewal without a restart.
//!
#![doc = "```no_run"]
#![doc = include_str!("../../examples/mtls.rs")]
#![doc = "```"]
//!
//! # Settings
//!
//! For plain HTTPS, set the first two only. The feature is `tls` (rustls with ring) or
//! `tls-aws-lc`.
//!
//! | setting | value |
//! |---|---|
//! | [`ssl_certificate`](crate::Settings::ssl_certificate) | the file with the certificate and its chain, often `fullchain.pem` |
//! | [`ssl_private_key`](crate::Settings::ssl_private_key) | the file with the key, readable by the server's user only |
//! | [`ssl_private_key_password`](crate::Settings::ssl_private_key_password) | for an encrypted key, as `file:PATH` (feature `tls-encrypted-keys`) |
//! | [`ssl_client_ca`](crate::Settings::ssl_client_ca) | the authorities that sign your clients' certificates |
//! | [`ssl_verify_mode`](crate::Settings::ssl_verify_mode) | `required`, or `optional`: the handler decides |
//! | [`ssl_min_version`](crate::Settings::ssl_min_version) | `TLSv1.2`; `TLSv1.3` if you know all your clients |
//! | [`ssl_sni`](crate::Settings::ssl_sni) | a certificate for each of several names |
//! | [`ssl_context`](crate::Settings::ssl_context) | certificates in memory |
//!
//! - With a certificate the port speaks TLS only; a plain HTTP request gets a 400. No port speaks
//!   both, so that no password is sent in clear unnoticed.
//! - Use an authority of your own for clients, never the system's list: every owner of a web site
//!   has a certificate from an authority in that list.
//! - With `required`, a handshake without a valid certificate fails, and no handler runs.
//! - Append the authority's revocation list to the file of authorities (`X509 CRL`) to lock out a
//!   certificate, and reload. drupe fetches no lists: certificates that expire soon need none.
//!
//! # Facts of a connection
//!
//! The server has verified the certificate; the handler reads it:
//!
//! ```
//! use drupe::http::StatusCode;
//! use drupe::{Failure, OrStatus, Request, RequestExt, testing};
//!
//! fn expiry(request: &mut Request) -> Result<String, Failure> {
//!     let tls = request.connection().tls().or_status(StatusCode::FORBIDDEN)?;
//!     let certificate = tls.client_certificate.as_ref().or_status(StatusCode::UNAUTHORIZED)?;
//!     let name = certificate.subject.common_name().unwrap_or("client");
//!     let days = certificate.days_left(std::time::SystemTime::now()).unwrap_or(0);
//!     Ok(format!("{name}, your certificate expires in {days} days, over {}\n", tls.cipher))
//! }
//!
//! // A forgotten setting shows: without TLS there are no facts.
//! assert_eq!(testing::call(&expiry, Request::default()).status(), 403);
//! ```
//!
//! [`Facts`](crate::tls::Facts) has version, cipher, names and both certificates. Behind a proxy
//! that ends TLS, the facts are those of the proxy's connection.
//! [`scheme`](crate::RequestExt::scheme) is `https` with TLS, or if a trusted proxy says so.
//!
//! # Renewal
//!
//! - [`reload_tls`](crate::ServerHandle::reload_tls) loads all files again. New handshakes use the
//!   new files; open connections are unchanged. If the new files are unusable, the old certificates
//!   stay in use.
//! - `quickstart` calls `reload_tls` at SIGHUP and SIGUSR1, so that a renewal tool can send a
//!   signal ([`operating`](crate::guide::operating#certificates)).
//!
//! # Errors at a start
//!
//! The server checks the files before it listens. The error names the file that is unusable:
//!
//! ```
//! # use drupe::{Server, handler};
//! let mut server = Server::new(handler(|_| "never\n"));
//! server.settings.ssl_certificate = Some("missing.pem".into());
//! server.settings.ssl_private_key = Some("missing.key".into());
//! let error = server.check().expect_err("there is no such file");
//! assert!(error.to_string().contains("missing.pem"), "{error}");
//! ```
//!
//! In tests, [`Conversation::encrypted`](crate::testing::Conversation::encrypted) speaks TLS in
//! memory.
//!
//! Next: [`layers`](super::layers).
