//! HTTPS at https://127.0.0.1:8443/. Try `cargo run --features tls --example tls -- certificate.pem
//! key.pem [clients-ca.pem]`.
//!
//! The third file has the authorities of client certificates, which are optional. SIGHUP reloads
//! the files.

use drupe::{Request, RequestExt, Server};

fn handler(request: &mut Request) -> String {
    // None without TLS: the answer shows a forgotten certificate.
    let Some(tls) = request.connection().tls() else { return "this is not encrypted\n".to_owned() };
    let caller = match &tls.client_certificate {
        Some(certificate) => certificate.subject.to_string(),
        None => "somebody".to_owned(),
    };
    format!("hello, {caller}, over {} with {}\n", tls.protocol, tls.cipher)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut files = std::env::args_os().skip(1);
    let (Some(certificate), Some(key)) = (files.next(), files.next()) else {
        return Err("usage: tls CERTIFICATE KEY [CLIENTS_CA]".into());
    };
    let mut server = Server::new(handler);
    server.settings.socket_port = 8443;
    server.settings.ssl_certificate = Some(certificate.into());
    server.settings.ssl_private_key = Some(key.into());
    if let Some(authority) = files.next() {
        server.settings.ssl_client_ca = Some(authority.into());
        server.settings.ssl_verify_mode = Some("optional".to_owned());
    }
    Ok(server.quickstart()?)
}
