//! The login of a command-line program by OAuth: waits for the browser to come back with a code.
//!
//! Try `cargo run --features forms --example oauth -- https://login.example/authorize my-client`.

#![expect(clippy::print_stdout, reason = "a program for the command line")]

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::sync::mpsc;
use std::time::Duration;

use drupe::http::StatusCode;
use drupe::response::Html;
use drupe::{Failure, RequestExt, Server, try_handler};

#[derive(serde::Deserialize)]
struct Callback {
    state: String,
    code: Option<String>,
    error: Option<String>,
}

/// Makes a value that no other site can guess.
fn random() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.map(|byte| format!("{byte:02x}")).concat())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(page), Some(client)) = (arguments.next(), arguments.next()) else {
        return Err("usage: oauth AUTHORIZATION_PAGE CLIENT_ID".into());
    };
    let (answered, answer) = mpsc::channel();
    let state = random()?;
    let expected = state.clone();
    let mut server = Server::new(try_handler(move |request| {
        if request.uri().path() != "/callback" {
            return Err(Failure::new(StatusCode::NOT_FOUND, "not found\n"));
        }
        let callback: Callback = request.query()?;
        // Without this check, another site could log the user in to an account of its own.
        if callback.state != expected {
            return Err(Failure::new(StatusCode::FORBIDDEN, "this login was begun elsewhere\n"));
        }
        let result = callback.code.ok_or(callback.error.unwrap_or_default());
        let text = if result.is_ok() { "You are logged in." } else { "The login was refused." };
        answered.send(result)?;
        Ok(Html(format!("<!doctype html><title>Login</title><p>{text} You can close this page.")))
    }));
    server.settings.socket_port = 0;
    server.start()?;
    let port = server.bound_addr().ok_or("the server has no address")?.port();
    println!(
        "Open this page to log in:\n{page}?response_type=code&client_id={client}&state={state}\
         &redirect_uri=http://127.0.0.1:{port}/callback"
    );
    let result = answer.recv_timeout(Duration::from_secs(300));
    // The browser gets its page before the server is gone.
    let _ = server.stop();
    match result {
        Ok(Ok(code)) => println!("code: {code}"),
        Ok(Err(reason)) => return Err(format!("the login was refused: {reason}").into()),
        Err(_) => return Err("no login within five minutes".into()),
    }
    Ok(())
}
