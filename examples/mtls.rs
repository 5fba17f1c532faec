//! Mutual TLS: clients show a certificate, and renewed files are used without a restart.
//!
//! Try `cargo run --features tls --example mtls -- certificate.pem key.pem clients-ca.pem`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, SystemTime};

use drupe::http::StatusCode;
use drupe::{Failure, OrStatus, Request, RequestExt, Server, ServerHandle, handler};

fn greet(request: &mut Request) -> Result<String, Failure> {
    let tls = request.connection().tls().or_status(StatusCode::FORBIDDEN)?;
    let certificate = tls.client_certificate.as_ref().or_status(StatusCode::FORBIDDEN)?;
    Ok(format!("hello, {}, over {}\n", certificate.subject, tls.protocol))
}

/// Returns the time of the latest change of `files`. Follows links: renewal tools replace links,
/// not files.
fn changed(files: &[PathBuf]) -> Option<SystemTime> {
    files.iter().filter_map(|file| fs::metadata(file).ok()?.modified().ok()).max()
}

/// Loads certificates and keys again whenever a file has changed. Open connections stay.
fn renew(server: &ServerHandle, files: &[PathBuf]) {
    let mut loaded = changed(files);
    loop {
        thread::sleep(Duration::from_secs(1));
        let now = changed(files);
        if now != loaded {
            // Half-written files are refused: the old ones stay in use, and the next check retries.
            match server.reload_tls() {
                Ok(()) => loaded = now,
                Err(error) => log::warn!("cannot use the renewed certificate: {error}"),
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [certificate, key, clients] = &files[..] else {
        return Err("usage: mtls CERTIFICATE KEY CLIENTS_CA".into());
    };
    let mut server = Server::new(handler(greet));
    server.settings.socket_port = 8443;
    server.settings.ssl_certificate = Some(certificate.clone());
    server.settings.ssl_private_key = Some(key.clone());
    server.settings.ssl_client_ca = Some(clients.clone());
    server.settings.ssl_verify_mode = Some("required".to_owned());
    server.settings.merge_environment("MTLS_")?;
    let handle = server.handle();
    thread::spawn(move || renew(&handle, &files));
    Ok(server.quickstart()?)
}
