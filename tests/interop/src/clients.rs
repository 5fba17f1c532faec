//! The clients, with the steps that each can do.

/// A program that acts as a client.
pub struct Client {
    /// The name on the command line.
    pub name: &'static str,
    /// With `@` a file of `clients/`, with `+` a program of this crate.
    pub command: &'static [&'static str],
    /// The command that prints the version; empty if `Cargo.lock` has the version.
    pub version: &'static [&'static str],
    /// Rows of the table in `main.rs`.
    pub steps: &'static [&'static str],
    /// The factor by which the client may exceed the connections of a step.
    pub eagerness: u64,
}

pub const CLIENTS: &[Client] = &[
    client("curl", &["bash", "@curl.sh"], &["curl", "--version"], WITH_EVENTS),
    client("wget", &["bash", "@wget.sh"], &["wget", "--version"], WGET),
    client("http.client", &["python3", "@with_http_client.py"], &["python3", "--version"], ALL),
    client("requests", &["python3", "@with_requests.py"], REQUESTS, UNEXPECTING),
    client("httpx", &["python3", "@with_httpx.py"], HTTPX, UNEXPECTING),
    client("aiohttp", &["python3", "@with_aiohttp.py"], AIOHTTP, WITH_WEBSOCKET),
    // Where the next request comes before undici has put a connection back, it opens another; it uses those later, or not at all.
    Client { eagerness: 3, ..client("node-fetch", &["node", "@fetch.mjs"], &["node", "--version"], FETCH) },
    client("node-agent", &["node", "@agent.mjs"], &["node", "--version"], ALL),
    client("ureq", &["+ureq"], &[], ALL),
    client("reqwest", &["+reqwest"], &[], UNEXPECTING),
    client("tungstenite", &["+tungstenite"], &[], &["websocket"]),
    client("go", &["go"], &["go", "version"], WITH_EVENTS),
    client("java", &["java", "@Client.java"], &["java", "--version"], WITH_WEBSOCKET),
    client("ab", &["bash", "@load.sh", "ab"], &["ab", "-V"], &["load"]),
    client("wrk", &["bash", "@load.sh", "wrk"], &["wrk", "-v"], &["load"]),
    client("h2load", &["bash", "@load.sh", "h2load"], &["h2load", "--version"], &["load"]),
    client("chromium", &["bash", "@chromium.sh"], &["chromium", "--version"], &["page"]),
];

const fn client(
    name: &'static str,
    command: &'static [&'static str],
    version: &'static [&'static str],
    steps: &'static [&'static str],
) -> Client {
    Client { name, command, version, steps, eagerness: 1 }
}

const ALL: &[&str] = &["keep-alive", "upload", "chunked", "expect", "download", "range", "early", "abort", "short"];
const WITH_EVENTS: &[&str] =
    &["keep-alive", "upload", "chunked", "expect", "download", "range", "early", "abort", "short", "events"];
const WITH_WEBSOCKET: &[&str] = &[
    "keep-alive",
    "upload",
    "chunked",
    "expect",
    "download",
    "range",
    "early",
    "abort",
    "short",
    "events",
    "websocket",
];
/// The steps of clients that cannot expect an interim answer.
const UNEXPECTING: &[&str] = &["keep-alive", "upload", "chunked", "download", "range", "early", "abort", "short"];
const FETCH: &[&str] = &["keep-alive", "upload", "chunked", "download", "range", "early", "abort", "short", "events"];
/// The steps of wget, which sends files only, without chunks and expectations.
const WGET: &[&str] = &["keep-alive", "upload", "download", "resume", "early", "abort-download", "short"];

const REQUESTS: &[&str] =
    &["python3", "-c", "import requests, urllib3; print(requests.__version__, 'on urllib3', urllib3.__version__)"];
const HTTPX: &[&str] =
    &["python3", "-c", "import httpx, httpcore; print(httpx.__version__, 'on httpcore', httpcore.__version__)"];
const AIOHTTP: &[&str] = &["python3", "-c", "import aiohttp; print(aiohttp.__version__)"];
