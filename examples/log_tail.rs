//! The end of a log file as it grows, as server-sent events: like `tail -f` in a browser.
//!
//! Try `cargo run --example log_tail -- some.log`, then open http://127.0.0.1:8080/ or
//! `curl -N http://127.0.0.1:8080/events`. Each open page holds a worker thread.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::Duration;

use drupe::http::StatusCode;
use drupe::response::Html;
use drupe::{Body, BodyWriter, Failure, IntoResponse, Response, Server, handler};

const PAGE: &str = "<!doctype html><title>log</title><pre id=log></pre><script>
new EventSource('events').onmessage = event => log.append(event.data + '\\n');
</script>";

/// Writes new lines as events until the client leaves or the server stops.
fn follow(mut file: BufReader<File>, writer: &mut BodyWriter<'_>) -> io::Result<()> {
    let mut line = String::new();
    loop {
        // A line may come in pieces: the event is sent once the line is whole.
        while file.read_line(&mut line)? > 0 && line.ends_with('\n') {
            writeln!(writer, "id: {}\ndata: {}\n", file.stream_position()?, line.trim_end())?;
            line.clear();
        }
        // Writing a comment fails if the client has gone.
        writer.write_all(b":\n\n")?;
        writer.flush()?;
        if writer.stops_within(Duration::from_millis(500)) {
            return Ok(());
        }
    }
}

fn events(path: &PathBuf, last_id: Option<u64>) -> Result<Response, Failure> {
    let mut file = File::open(path)?;
    let end = file.metadata()?.len();
    // A browser that comes back after a break gets the lines that it has missed.
    file.seek(SeekFrom::Start(last_id.unwrap_or(end).min(end)))?;
    let body = Body::stream(|writer| follow(BufReader::new(file), writer));
    Ok(([("content-type", "text/event-stream"), ("cache-control", "no-store")], body).into_response())
}

fn main() -> Result<(), drupe::Error> {
    let path = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "/var/log/syslog".into()));
    let mut server = Server::new(handler(move |request| match request.uri().path() {
        "/" => Html(PAGE).into_response(),
        "/events" => {
            let last_id = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
            events(&path, last_id).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }));
    server.settings.thread_pool_max = Some(1000);
    server.settings.merge_environment("TAIL_")?;
    server.quickstart()
}
