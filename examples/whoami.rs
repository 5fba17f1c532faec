//! A daemon that decides by the user of its client: root and the members of one group are served,
//! and all others get 403.
//!
//! Try `cargo run --example whoami adm`, then `curl --unix-socket whoami.sock http://localhost/` as
//! different users.

use drupe::http::StatusCode;
use drupe::{Failure, OrStatus, Peer, Request, RequestExt, Server, handler};

fn whoami(request: &Request, group: &str) -> Result<String, Failure> {
    let Some(Peer::Unix(Some(caller))) = request.connection().peer() else {
        return None.or_status(StatusCode::FORBIDDEN);
    };
    // A uid without a name suffices: the decision rests on uid 0, or on membership in the group.
    let name = caller.user().unwrap_or_else(|| format!("number {}", caller.uid));
    if caller.uid != 0 && !caller.groups().iter().any(|of_caller| of_caller == group) {
        return Err(Failure::new(StatusCode::FORBIDDEN, format!("{name}, you may not\n")));
    }
    Ok(format!("{name}, process {}, you may\n", caller.pid))
}

fn main() -> Result<(), drupe::Error> {
    let mut arguments = std::env::args().skip(1);
    let group = arguments.next().unwrap_or_else(|| "adm".to_owned());
    let path = arguments.next().unwrap_or_else(|| "whoami.sock".to_owned());
    let mut server = Server::new(handler(move |request| whoami(request, &group)));
    server.settings.socket_file = Some(path.into());
    // All users may connect; the handler decides.
    server.settings.socket_mode = 0o666;
    server.settings.peercreds = true;
    server.settings.peercreds_resolve = true;
    server.quickstart()
}
