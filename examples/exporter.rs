//! A metrics exporter for Prometheus: the load of this machine, and the number of scrapes.
//!
//! Try `cargo run --example exporter`, then `curl http://127.0.0.1:9100/metrics`.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use drupe::http::StatusCode;
use drupe::response::Html;
use drupe::{Failure, IntoResponse, Server, handler};

fn metrics(scrapes: u64) -> Result<impl IntoResponse, Failure> {
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or("NaN");
    let text = format!(
        "# TYPE node_load1 gauge\nnode_load1 {load}\
         \n# TYPE exporter_scrapes_total counter\nexporter_scrapes_total {scrapes}\n"
    );
    Ok(([("content-type", "text/plain; version=0.0.4")], text))
}

fn main() -> Result<(), drupe::Error> {
    let scrapes = AtomicU64::new(0);
    let mut server = Server::new(handler(move |request| match request.uri().path() {
        "/metrics" => metrics(scrapes.fetch_add(1, Ordering::Relaxed) + 1).into_response(),
        "/" => Html("<a href=metrics>metrics</a>").into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }));
    server.settings.socket_port = 9100;
    server.settings.merge_environment("EXPORTER_")?;
    server.quickstart()
}
