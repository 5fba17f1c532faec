//! Runs real clients against drupe, step by step, and compares their output with the server's
//! counters.
//!
//! `tests/interop/run [CLIENT...]` installs the clients and runs this program. Each client is a
//! program with three arguments: a URL, the name of a step and a folder for its files. A client
//! exits with 0 on success.

mod clients;
mod served;

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use drupe::Server;
use drupe::statistics::Statistics;
use drupe_interop::Lines;

use self::clients::{CLIENTS, Client};
use self::served::Seen;

/// A step of a client, and the expected counts of the server.
struct Step {
    name: &'static str,
    /// The number of requests answered by the handler; none if the client prints the number
    /// (`requests: N`).
    requests: Option<u64>,
    /// The most connections that the client may open.
    connections: u64,
    /// Content that came whole, in bytes.
    uploaded: u64,
    chunked: Chunked,
    expecting: u64,
    /// Uploads that ended in the middle.
    cut: u64,
    messages: u64,
}

/// The framing of uploads.
#[derive(Clone, Copy)]
enum Chunked {
    Never,
    Always,
    /// Any framing.
    Either,
}

const MIB: u64 = 1 << 20;
const NONE: Step = Step {
    name: "",
    requests: None,
    connections: 4,
    uploaded: 0,
    chunked: Chunked::Either,
    expecting: 0,
    cut: 0,
    messages: 0,
};

const STEPS: &[Step] = &[
    // 2,000 small ones.
    Step { name: "keep-alive", requests: Some(2000), ..NONE },
    // 4 MiB each.
    Step { name: "upload", requests: Some(20), uploaded: 80 * MIB, chunked: Chunked::Never, ..NONE },
    Step { name: "chunked", requests: Some(20), uploaded: 80 * MIB, chunked: Chunked::Always, ..NONE },
    Step { name: "expect", requests: Some(5), uploaded: 5 * MIB, expecting: 5, ..NONE },
    // 256 MiB with a length, 64 MiB in chunks.
    Step { name: "download", requests: Some(2), ..NONE },
    Step { name: "range", requests: Some(10), ..NONE },
    // The rest of a file of 64 MiB; one connection for each process.
    Step { name: "resume", requests: Some(10), connections: 10, ..NONE },
    // 8 MiB each, unwanted by the handler: the client must read the refusal although it has more to send.
    Step { name: "early", requests: Some(5), connections: 5, cut: 5, ..NONE },
    // 20 downloads of 1 GiB that end after 1 MiB, 20 uploads that end after one.
    Step { name: "abort", requests: Some(40), connections: 40, cut: 20, ..NONE },
    Step { name: "abort-download", requests: Some(20), connections: 20, ..NONE },
    // The client must report an answer that ends before its length.
    Step { name: "short", requests: Some(3), connections: 3, ..NONE },
    Step { name: "events", requests: Some(3), ..NONE },
    Step { name: "websocket", requests: Some(1), messages: 101, ..NONE },
    // As many as it can, over eight connections; wrk tries one before.
    Step { name: "load", connections: 9, ..NONE },
    // A page that fetches 200 times in parallel, uploads 1 MiB, gives a download up, meets one that is short, reads events and speaks over a
    // WebSocket. A browser opens a connection or two that it does not use.
    Step { name: "page", requests: Some(208), connections: 16, uploaded: MIB, messages: 100, ..NONE },
];

fn main() -> ExitCode {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = chosen.iter().find(|name| CLIENTS.iter().all(|client| client.name != *name)) {
        println!("no client is called {unknown}");
        return ExitCode::FAILURE;
    }
    let folder = std::env::temp_dir().join(format!("drupe-interop-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a place for files");
    let mut file = File::create(folder.join("large")).expect("a place for files");
    std::io::copy(&mut Lines::new(64 * MIB), &mut file).expect("room for 64 MiB");
    let seen = Arc::new(Seen::default());
    let server = served::start(&folder, &seen).expect("a port");
    let mut failed = Vec::new();
    for client in CLIENTS.iter().filter(|client| chosen.is_empty() || chosen.iter().any(|name| name == client.name)) {
        println!("{}: {}", client.name, version(client));
        for name in client.steps {
            let step = STEPS.iter().find(|step| step.name == *name).expect("a row of the table");
            match run(client, step, &server, &seen, &folder) {
                Ok(said) => println!("    {name}: {said}"),
                Err(wrong) => {
                    println!("    {name}: WRONG: {wrong}");
                    failed.push(format!("{} {name}", client.name));
                }
            }
        }
    }
    println!("{:?}", server.statistics());
    let stopped = server.stop();
    let _ = std::fs::remove_dir_all(&folder);
    if stopped.cut > 0 {
        failed.push(format!("{} connections were left", stopped.cut));
    }
    println!("{}", if failed.is_empty() { "all as it has to be".to_owned() } else { format!("failed: {failed:?}") });
    ExitCode::from(u8::from(!failed.is_empty()))
}

/// Runs one step with a client. Returns the counts as text.
///
/// # Errors
/// The difference from the expected counts, as text.
fn run(client: &Client, step: &Step, server: &Server, seen: &Seen, folder: &Path) -> Result<String, String> {
    let (before, seen_before) = (server.statistics(), counts(seen));
    let begun = Instant::now();
    let base = format!("http://{}", server.bound_addr().expect("it runs"));
    let output = finish(command(client, &base, step.name, folder))?;
    let took = begun.elapsed();
    let said = |name: &str| output.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    let requests = step.requests.or(said("requests: ")).ok_or("nobody says how many requests there were")?;
    // Clients that stop at a time may have cut requests short without counting them.
    let most = requests + said("more: ").unwrap_or(0);
    let after = at_rest(server)?;
    let counted = |of: fn(&Statistics) -> u64| of(&after) - of(&before);
    let seen: Vec<u64> = counts(seen).iter().zip(&seen_before).map(|(after, before)| after - before).collect();
    let [uploaded, chunked, expecting, cut, messages] = seen[..] else { unreachable!("there are five") };
    let (served, connections) = (counted(|all| all.requests), counted(|all| all.accepts));
    let is_framed = match step.chunked {
        Chunked::Never => chunked == 0,
        Chunked::Always => chunked == requests,
        Chunked::Either => true,
    };
    let ends_early = step.cut > 0;
    let checks = [
        ("requests", served, (requests..=most).contains(&served)),
        ("connections", connections, (1..=step.connections * client.eagerness).contains(&connections)),
        ("refused", counted(|all| all.refused), ends_early || counted(|all| all.refused) == 0),
        ("late", counted(|all| all.timed_out), counted(|all| all.timed_out) == 0),
        ("turned away", counted(|all| all.turned_away), counted(|all| all.turned_away) == 0),
        ("panics", counted(|all| all.panics), counted(|all| all.panics) == 0),
        ("bytes uploaded", uploaded, uploaded == step.uploaded),
        ("chunked", chunked, is_framed),
        ("expecting", expecting, ends_early || expecting == step.expecting),
        ("cut", cut, cut == step.cut),
        ("messages", messages, messages == step.messages),
    ];
    let wrong: Vec<_> =
        checks.iter().filter(|check| !check.2).map(|check| format!("{} {}", check.1, check.0)).collect();
    if !wrong.is_empty() {
        return Err(format!("{}; it said {output:?}", wrong.join(", ")));
    }
    let (read, written) = (counted(|all| all.bytes_read).div_ceil(MIB), counted(|all| all.bytes_written).div_ceil(MIB));
    Ok(format!("{served} requests, {connections} connections, {read} MiB in, {written} MiB out, {took:.1?}"))
}

fn counts(seen: &Seen) -> [u64; 5] {
    [&seen.uploaded, &seen.chunked, &seen.expecting, &seen.cut, &seen.messages]
        .map(|count| count.load(Ordering::SeqCst))
}

/// Waits until nothing is under way any more.
fn at_rest(server: &Server) -> Result<Statistics, String> {
    let begun = Instant::now();
    loop {
        let now = server.statistics();
        if now.threads_idle == now.threads && now.queue == 0 && now.parked == 0 {
            return Ok(now);
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("it does not come to rest: {now:?}"));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// The command of `client` for one step.
fn command(client: &Client, base: &str, step: &str, folder: &Path) -> Command {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let mut command = Command::new(program(client.command[0]));
    command.args(client.command[1..].iter().map(|word| match word.strip_prefix('@') {
        Some(name) => home.join(name).into_os_string(),
        None => OsString::from(word),
    }));
    command.arg(base).arg(step).arg(folder).current_dir(folder);
    // No proxy and no configuration of the calling user.
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name);
    }
    command
}

/// The path of a client. Rust clients are beside this program; `run` has the place of Python and Go
/// programs.
fn program(name: &str) -> PathBuf {
    let said = |variable: &str| std::env::var_os(variable).map_or_else(|| PathBuf::from(name), PathBuf::from);
    match name {
        "python3" => said("INTEROP_PYTHON"),
        "go" => said("INTEROP_GO"),
        _ => match name.strip_prefix('+') {
            Some(name) => std::env::current_exe().expect("it has a place").with_file_name(name),
            None => PathBuf::from(name),
        },
    }
}

/// Runs a command to its end. Returns its output.
fn finish(mut command: Command) -> Result<String, String> {
    let name = format!("{:?}", command.get_program());
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("{name}: {error}"))?;
    let output = read(child.stdout.take().expect("a pipe"));
    let errors = read(child.stderr.take().expect("a pipe"));
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break status;
        }
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("{name} has not ended after {PATIENCE:?}"));
        }
        thread::sleep(Duration::from_millis(5));
    };
    let (output, errors) = (output.join().unwrap_or_default(), errors.join().unwrap_or_default());
    if status.success() { Ok(output) } else { Err(format!("{status}: {output}{errors}")) }
}

fn read(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The first line of the version output.
fn version(client: &Client) -> String {
    let Some((name, arguments)) = client.version.split_first() else { return "as in Cargo.lock".to_owned() };
    let name = if *name == "go" { PathBuf::from(name) } else { program(name) };
    let output = Command::new(name).args(arguments).output();
    let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it is not there").trim().to_owned()
}

/// The time limit of a step.
const PATIENCE: Duration = Duration::from_secs(120);
