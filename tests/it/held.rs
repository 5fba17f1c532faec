//! The memory counted by the server for stalled clients, compared with the memory counted by the
//! system.
//!
//! The server must not count less than is resident, because `max_parked_size` bounds the counted
//! memory.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::client::{Client, PATIENCE, get, wait_until};
use crate::service::Service;

const CLIENTS: u64 = 12;
/// More than the buffers on the way to a client take, which are some 4 MiB at the most.
const SIZE: usize = 8 << 20;
const SETTINGS: &str = "thread_pool=4 thread_pool_max=4 socket_timeout=600 write_timeout=600 max_parked_size=1G";
/// The uncounted memory allowed for each connection, and for the workers.
const EACH: u64 = 16 << 10;
const WORKERS: u64 = 2 << 20;

/// Bytes of the server's memory.
#[derive(Clone, Copy, Debug)]
struct Memory {
    counted: u64,
    resident: u64,
}

/// Sends `request` from clients that read nothing. Returns the memory taken.
fn taken_by(service: &Service, request: &[u8], connect: fn(SocketAddr) -> Client) -> Memory {
    let counted = || service.counts().of("parked_bytes");
    assert_eq!(counted(), 0);
    // One-time allocations are made before the measurement.
    let mut first = connect(service.address());
    first.send(request);
    let status = first.head().unwrap().status;
    assert!(status == 200 || status == 206, "{status}");
    drop(first);
    wait_until("it has left", || service.counts().of("connections") == 0);
    let before = service.figures().resident();
    let asked = service.counts().of("requests");

    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| connect(service.address())).collect();
    clients.iter_mut().for_each(|client| client.send(request));
    let begun = Instant::now();
    loop {
        let counts = service.counts();
        let is_idle = counts.of("queue") == 0 && counts.of("threads_idle") == counts.of("threads");
        if counts.of("requests") >= asked + CLIENTS && counts.of("parked") == CLIENTS && is_idle {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "not all wait without a worker: {asked} requests before, {counts:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    let resident = service.figures().resident().saturating_sub(before);
    let memory = Memory { counted: counted(), resident };
    drop(clients);
    wait_until("all have left", || service.counts().of("connections") == 0);
    assert_eq!(counted(), 0, "what they held is let go");
    memory
}

fn check(what: &str, memory: Memory) {
    println!("{what}: {memory:?}");
    let Memory { counted, resident } = memory;
    assert!(
        resident <= counted + counted / 4 + CLIENTS * EACH + WORKERS,
        "{what}: more is held than counted: {memory:?}"
    );
    assert!(
        counted <= resident + resident / 4 + CLIENTS * EACH + WORKERS,
        "{what}: more is counted than held: {memory:?}"
    );
}

/// Connects a client with a small receive buffer.
fn narrow(address: SocketAddr) -> Client {
    Client::over_stream(narrow_stream(address))
}

fn narrow_stream(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn answers_in_memory_count_for_their_real_memory() {
    for kind in ["copy", "owner", "quarter", "range"] {
        let service = Service::start(SETTINGS);
        let size = if kind == "copy" || kind == "owner" { SIZE } else { 3 * SIZE };
        let memory = taken_by(&service, get(&format!("/{kind}/{size}")).as_bytes(), narrow);
        check(kind, memory);
    }
}

#[test]
fn answers_that_are_there_in_any_case_count_once_or_nothing() {
    let service = Service::start(SETTINGS);
    let constant = taken_by(&service, get("/large").as_bytes(), narrow);
    check("constant", constant);
    assert!(constant.counted < CLIENTS * EACH, "{constant:?}");
    let cached = taken_by(&service, get(&format!("/cached/{SIZE}")).as_bytes(), narrow);
    println!("cached: {cached:?}");
    assert!((SIZE as u64..SIZE as u64 + CLIENTS * EACH).contains(&cached.counted), "{cached:?}");
    assert!(cached.resident < CLIENTS * EACH + WORKERS, "{cached:?}");
}

#[cfg(feature = "files")]
#[test]
fn files_parts_listings_and_gathered_answers_count_for_their_real_memory() {
    use std::fs;

    use crate::place::Place;

    let place = Place::new();
    fs::File::create(place.path("large")).unwrap().set_len(2 * SIZE as u64).unwrap();
    fs::create_dir(place.path("many")).unwrap();
    for number in 0..900 {
        fs::write(place.path(&format!("many/{number}")), "").unwrap();
    }
    let service = Service::start(SETTINGS);
    let path = |name: &str| format!("/file{}", place.path(name).display());
    check("file", taken_by(&service, get(&path("large")).as_bytes(), narrow));
    let parts = format!("GET {} HTTP/1.1\r\nHost: a\r\nRange: bytes=0-{},{SIZE}-\r\n\r\n", path("large"), SIZE - 1);
    check("parts", taken_by(&service, parts.as_bytes(), narrow));
    // More listings than fit the buffers on the way, of a quarter of a MiB each.
    let listings = get(&path("many/")).repeat(40);
    check("listing", taken_by(&service, listings.as_bytes(), narrow));
    let gathered = get("/copy/10000").repeat(1000);
    check("gathered", taken_by(&service, gathered.as_bytes(), narrow));
}

#[test]
fn rest_of_an_answer_counts_for_its_real_memory() {
    const MOST: usize = 32 << 20;
    let service = Service::start(SETTINGS);
    let before = service.figures().resident();
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| narrow_stream(service.address())).collect();
    for client in &mut clients {
        std::io::Write::write_all(client, get(&format!("/copy/{MOST}")).as_bytes()).unwrap();
        client.set_nonblocking(true).unwrap();
    }
    let mut room = vec![0; 1 << 20];
    // Beside the kernel's buffers for a client, little is left after the last of these.
    for share in [MOST / 2, MOST / 4, MOST / 8] {
        for client in &mut clients {
            let (mut left, begun) = (share, Instant::now());
            while left > 0 {
                assert!(begun.elapsed() < PATIENCE, "no more of the answer comes");
                let most = left.min(room.len());
                match client.read(&mut room[..most]) {
                    Ok(count) => left -= count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(Duration::from_millis(1)),
                    Err(error) => panic!("{error}"),
                }
            }
        }
        wait_until("all wait without a worker", || {
            let counts = service.counts();
            counts.of("queue") == 0 && counts.of("threads_idle") == counts.of("threads")
        });
        let resident = service.figures().resident().saturating_sub(before);
        check(&format!("after {share} bytes more"), Memory { counted: service.counts().of("parked_bytes"), resident });
    }
}

#[cfg(all(feature = "files", any(feature = "tls", feature = "tls-aws-lc")))]
#[test]
fn answers_over_tls_count_for_their_real_memory() {
    use std::fs::{self, Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    use crate::place::Place;

    let place = Place::new();
    let file = place.write("both.pem", crate::secure::AUTHORITY.issue(&["localhost"]).both());
    set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    fs::File::create(place.path("large")).unwrap().set_len(2 * SIZE as u64).unwrap();
    let service = Service::start(&format!("{SETTINGS} ssl_certificate={}", file.display()));
    let targets = [format!("/copy/{SIZE}"), format!("/file{}", place.path("large").display())];
    for target in targets {
        check(&target, taken_by(&service, get(&target).as_bytes(), crate::secure::connect_to));
    }
}
