//! A local daemon that keeps a note for each user. The kernel identifies the users.
//!
//! Try `cargo run --example daemon`, then as different users:
//! `curl --unix-socket daemon.sock http://localhost/` and `-T note.txt`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use drupe::http::{Method, StatusCode};
use drupe::response::NoContent;
use drupe::{Credentials, Failure, IntoResponse, OrStatus, Peer, Request, RequestExt, Response, Server, try_handler};

/// The notes, by user id.
#[derive(Default)]
struct Notes(Mutex<HashMap<u32, String>>);

impl Notes {
    fn answer(&self, request: &mut Request) -> Result<Response, Failure> {
        let caller = caller(request)?;
        match *request.method() {
            Method::GET => {
                let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(notes.get(&caller.uid).cloned().into_response())
            }
            Method::PUT => {
                request.body_limit(10_000);
                let note = request.text()?;
                self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(caller.uid, note);
                log::info!("{} of {} wrote a note", caller.user().unwrap_or_default(), caller.pid);
                Ok(NoContent.into_response())
            }
            _ => Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, "GET or PUT, please\n")),
        }
    }
}

/// The user and process at the other end, if the connection came over the Unix socket.
fn caller(request: &Request) -> Result<Credentials, Failure> {
    match request.connection().peer() {
        Some(Peer::Unix(Some(caller))) => Ok(*caller),
        _ => None.or_status(StatusCode::FORBIDDEN),
    }
}

fn main() -> Result<(), drupe::Error> {
    let notes = Notes::default();
    let mut server = Server::new(try_handler(move |request| notes.answer(request)));
    server.settings.socket_file = Some("daemon.sock".into());
    // All users may connect: each sees only their own note.
    server.settings.socket_mode = 0o666;
    server.settings.peercreds = true;
    server.settings.peercreds_resolve = true;
    server.settings.merge_environment("DAEMON_")?;
    server.quickstart()
}
