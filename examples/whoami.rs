//! A daemon that knows its callers: it serves root and the members of one group, and answers 403 to
//! all others.
//!
//! Try `cargo run --example whoami adm`, then `curl --unix-socket whoami.sock http://localhost/` as
//! different users.

use drupe::http::StatusCode;
use drupe::{IntoResponse, Peer, Request, RequestExt, Response, Server};

fn whoami(request: &Request, group: &str) -> Response {
    let Some(Peer::Unix(Some(caller))) = request.connection().peer() else {
        return StatusCode::FORBIDDEN.into_response();
    };
    // A uid without a name suffices: the decision rests on uid 0, or on membership in the group.
    let name = caller.user().unwrap_or_else(|| format!("number {}", caller.uid));
    if caller.uid == 0 || caller.groups().iter().any(|of_caller| of_caller == group) {
        format!("{name}, process {}, you may\n", caller.pid).into_response()
    } else {
        (StatusCode::FORBIDDEN, format!("{name}, you may not\n")).into_response()
    }
}

fn main() -> Result<(), drupe::Error> {
    let mut arguments = std::env::args().skip(1);
    let group = arguments.next().unwrap_or_else(|| "adm".to_owned());
    let path = arguments.next().unwrap_or_else(|| "whoami.sock".to_owned());
    let mut server = Server::new(move |request: &mut Request| whoami(request, &group));
    server.settings.socket_file = Some(path.into());
    // All users may connect; the handler decides.
    server.settings.socket_mode = 0o666;
    server.settings.peercreds = true;
    server.settings.peercreds_resolve = true;
    server.quickstart()
}
