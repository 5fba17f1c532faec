//! Answers with the client's address, behind a proxy on this machine that sets `X-Forwarded-For`
//! and `X-Forwarded-Proto`, or without a proxy.
//!
//! For nginx: `proxy_set_header X-Forwarded-For $remote_addr;` and
//! `proxy_set_header X-Forwarded-Proto $scheme;`. Try `curl http://127.0.0.1:8080/`, or act as the
//! proxy: `curl -H 'X-Forwarded-For: 192.0.2.1' http://127.0.0.1:8080/`.

use drupe::{RequestExt, Server, handler};

fn main() -> Result<(), drupe::Error> {
    let mut server = Server::new(handler(|request| {
        let client = request.client().map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        format!("{client}, by {}, to {}\n", request.scheme(), request.host().unwrap_or("no host"))
    }));
    server.settings.trusted_proxies = vec!["127.0.0.1".to_owned(), "::1".to_owned()];
    server.settings.trusted_proxy_headers = vec!["x-forwarded-for".to_owned(), "x-forwarded-proto".to_owned()];
    server.quickstart()
}
