//! The end of a log as it grows, as server-sent events: like `tail -F` in a browser.
//!
//! Try `tail -F some.log | cargo run --example log_tail`, or any other command that prints lines,
//! such as `journalctl -f`. Then open http://127.0.0.1:8080/, or `curl -N` its `/events`.

use std::io::{self, BufRead};
use std::thread;

use drupe::http::StatusCode;
use drupe::response::Html;
use drupe::stream::{Broadcast, SendError};
use drupe::{IntoResponse, Server, handler};

const PAGE: &str = "<!doctype html><title>log</title><pre id=log></pre><script>
const events = new EventSource('events');
events.onmessage = event => log.append(event.data + '\\n');
events.addEventListener('gap', event => log.append(`(lost: ${event.data})\\n`));
</script>";

/// Sends each line of the standard input to all browsers that listen.
fn follow(log: &Broadcast) -> Result<(), SendError> {
    for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
        let length = line.len();
        // A line may be too long for an event.
        log.send(String::from_utf8_lossy(&line)).or_else(|_| log.send(format!("({length} bytes left out)")))?;
    }
    log.send("(the log has ended)").map(|_| ())
}

fn main() -> Result<(), drupe::Error> {
    // A browser that comes back after a break gets the lines that it has missed.
    let log = Broadcast::new().history(10_000, 1 << 20);
    let lines = log.clone();
    thread::spawn(move || follow(&lines));
    let mut server = Server::new(handler(move |request| match request.uri().path() {
        "/" => Html(PAGE).into_response(),
        "/events" => log.subscribe(request),
        _ => StatusCode::NOT_FOUND.into_response(),
    }));
    server.settings.merge_environment("TAIL_")?;
    server.quickstart()
}
