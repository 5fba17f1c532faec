//! Refusals by the system: descriptors, threads and memory; and a clock that jumps.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use drupe::{Error, Request, Server};

use crate::client::{Client, get, wait_until};
use crate::door::Door;
use crate::place::{Place, is_root};
use crate::process::{assert_nothing_left, descriptors, is_alone_after, is_alone_with, threads};
use crate::service::Service;

/// Each call of a start that needs one more descriptor than the calls before fails in turn.
/// `exhausted` has every single call.
#[test]
fn start_without_a_descriptor_fails_and_leaves_nothing() {
    const NAME: &str = "faults::start_without_a_descriptor_fails_and_leaves_nothing";
    if !is_alone_with(64, NAME) {
        return;
    }
    let place = Place::new();
    let both = format!("tcp://127.0.0.1:0,unix:{}", place.socket().display());
    let unix = format!("unix:{}", place.socket().display());
    // The descriptor of epoll, the one that wakes it, the guard's alarm, the one that wakes upgraded connections, two sockets, and a
    // handle on the file of one of them.
    let always = ["epoll", "epoll", "epoll", "epoll", "127.0.0.1:0", &unix, &unix];
    let mut server = Server::new(|_: &mut Request| "hello");
    server.settings.set("listen", &both).unwrap();
    let connect: fn(_) -> _ = Client::connect;
    check_starts(&mut server, &place, &always, connect);
    #[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
    {
        let files = Place::new();
        let made = crate::secure::AUTHORITY.issue(&["localhost"]);
        server.settings.ssl_certificate = Some(files.write("a.pem", &made.pem));
        server.settings.ssl_private_key = Some(files.write("a.key", &made.key));
        // Read one after the other, before anything is opened that stays.
        check_starts(&mut server, &place, &[&["ssl_certificate"], &always[1..]].concat(), crate::secure::connect_to);
    }
}

/// Starts `server` with no descriptor, then with one, and so on: each failure names one of
/// `expected`, until the server serves.
fn check_starts(server: &mut Server, place: &Place, expected: &[&str], connect: fn(SocketAddr) -> Client) {
    let before = descriptors();
    let mut failed = Vec::new();
    loop {
        let free = failed.len();
        let mut taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        taken.truncate(taken.len() - free);
        let started = server.start();
        drop(taken);
        match started {
            Ok(()) => break,
            Err(error) => failed.push(lacking(&error)),
        }
        assert_nothing_left(before, &format!("with {free} free"));
        assert_eq!(place.names(), [""; 0], "with {free} free");
        assert!(free < 32, "it never starts");
    }
    assert_eq!(failed, expected);
    connect(server.bound_addr().unwrap()).assert_in_step("/", "hello");
    server.stop();
    assert_nothing_left(before, "after a stop");
}

/// Returns the purpose of the missing descriptor, from the fields of the error.
///
/// # Panics
/// If the error does not name one.
pub(crate) fn lacking(error: &Error) -> String {
    let (what, source) = match error {
        Error::Setting { name, reason, .. } if reason.ends_with("(os error 24)") => return (*name).to_owned(),
        Error::Located { error, .. } => return lacking(error),
        Error::Bind { address, source, .. } => (address.as_str(), source),
        // The C library does not say why it found nothing.
        Error::Resolve { host, .. } => return host.clone(),
        Error::System { what, source, .. } => (*what, source),
        _ => panic!("{error:?}"),
    };
    // EMFILE, which has no kind of its own.
    assert_eq!(source.raw_os_error(), Some(24), "{error:?}");
    what.to_owned()
}

/// A handler that does not return keeps the old engine; the next start needs descriptors of its
/// own.
#[test]
fn restart_without_a_descriptor_leaves_no_listener() {
    const NAME: &str = "faults::restart_without_a_descriptor_leaves_no_listener";
    if !is_alone_with(64, NAME) {
        return;
    }
    let stuck = Door::default();
    let held = stuck.clone();
    let mut server = Server::new(move |_: &mut Request| held.pass());
    server.settings.socket_port = 0;
    server.settings.shutdown_timeout = Duration::from_millis(1);
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let mut client = Client::connect(address);
    client.send(get("/"));
    wait_until("it is stuck", || stuck.waiting() == 1);
    let taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    let restarted = server.restart();
    drop(taken);
    assert_eq!(lacking(&restarted.unwrap_err()), "epoll");
    let refused = TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    stuck.open();
    drop(server);
    wait_until("no thread is left", || threads().is_empty());
}

/// A running server gets no, one and two descriptors: every request is answered, at once or when
/// there are descriptors again.
#[cfg(feature = "files")]
#[test]
fn lack_of_descriptors_while_serving_never_ends_the_server() {
    let place = Place::new();
    std::fs::write(place.path("file"), "content").unwrap();
    let [file, listing] = ["file", ""].map(|name| format!("/file{}", place.path(name).display()));
    let service = Service::start_with(64, "thread_pool=2 thread_pool_max=4");
    let mut refused = 0;
    for free in 0..4 {
        let [mut early, mut opening, mut leaving] = [0; 3].map(|_| Client::connect(service.address()));
        for client in [&mut early, &mut opening, &mut leaving] {
            client.assert_in_step("/", "/");
        }
        assert_eq!(early.get(&format!("/fill/{free}")).text(), "filled");
        // The listing first: its descriptor is closed before sending.
        for (target, shown) in [(&listing, " href=\"file\""), (&file, "content")] {
            let answer = opening.get(target);
            match (free, answer.status) {
                // One for the directory, one for the target. A thread that waits in accept may have taken
                // another: the system reserves it beforehand.
                (0..=2, 503) => assert_eq!(answer.field("retry-after"), Some("1"), "{target}"),
                (2.., 200) => assert!(answer.text().contains(shown), "{free} free: {answer:?}"),
                _ => panic!("{free} free: {answer:?}"),
            }
            refused += usize::from(answer.status == 503);
        }
        // Leaving HTTP needs none.
        leaving.send("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello");
        assert_eq!(leaving.head().unwrap().status, 101);
        assert_eq!(leaving.take(5).unwrap(), b"hello");
        // A new client waits at most until there are some again.
        let mut late = Client::connect(service.address());
        late.send(get("/late"));
        early.assert_in_step("/early", "/early");
        assert_eq!(early.get("/fill/1000").text(), "filled");
        assert_eq!(late.answer().text(), "/late", "{free} free");
        drop((early, opening, leaving, late));
        wait_until("all have left", || service.counts().of("parked") == 0);
    }
    assert_eq!(service.counts().of("panics"), 0);
    let logged =
        service.logged().into_iter().filter(|line| line.starts_with("cannot serve a file")).collect::<Vec<_>>();
    assert_eq!(logged.len(), refused, "{logged:?}");
    for line in logged {
        assert!(line.starts_with("cannot serve a file or directory: GET /file/"), "{line}");
        assert!(line.ends_with(&format!(": {}; answering 503", crate::process::no_descriptors())), "{line}");
    }
    let [_, cut, _] = service.stop();
    assert_eq!(cut, 0);
}

/// A file that cannot be opened for now leaves the old one in use.
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn certificates_that_cannot_be_opened_for_now_leave_those_in_use() {
    use crate::secure::{AUTHORITY, shown};
    if !is_alone_with(64, "faults::certificates_that_cannot_be_opened_for_now_leave_those_in_use") {
        return;
    }
    let folder = Place::new();
    let mut server = Server::new(|_: &mut Request| "hello");
    server.settings.socket_port = 0;
    server.settings.ssl_certificate =
        Some(folder.write("both.pem", AUTHORITY.issue(&["localhost", "old.test"]).both()));
    server.start().unwrap();
    let address = server.bound_addr().unwrap();
    let before = descriptors();
    assert_eq!(shown(address), "old.test");
    // The server's end of that connection would be one to open a certificate with.
    wait_until("it is closed", || descriptors() == before);
    folder.write("both.pem", AUTHORITY.issue(&["localhost", "new.test"]).both());
    let taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    let error = server.handle().reload_tls().unwrap_err();
    drop(taken);
    assert!(error.to_string().contains("both.pem") && lacking(&error) == "ssl_certificate", "{error}");
    assert_eq!(shown(address), "old.test");
    server.handle().reload_tls().unwrap();
    assert_eq!(shown(address), "new.test");
}

/// The limit is one of users, and does not hold for root.
#[test]
fn start_without_a_thread_fails_and_leaves_nothing() {
    const NAME: &str = "faults::start_without_a_thread_fails_and_leaves_nothing";
    if !is_root("threads that are refused at a start") {
        return;
    }
    let place = Place::new();
    if !is_alone_after(&few_threads(&place, 64_001, 12), NAME) {
        return;
    }
    let mut server = Server::new(|_: &mut Request| "hello");
    server.settings.socket_port = 0;
    let before = descriptors();
    let mut failed = 0;
    // From far too many to just as many as there can be: a worker, the one that keeps the time, or the one that accepts is the one too many.
    for workers in (1..=14).rev() {
        server.settings.thread_pool = workers;
        match server.start() {
            Ok(()) => break,
            Err(error) => assert!(matches!(error, Error::Thread { .. }), "{error}"),
        }
        failed += 1;
        assert_nothing_left(before, &format!("with {workers} workers"));
    }
    assert!(failed >= 3, "only {failed} starts have failed");
    Client::connect(server.bound_addr().expect("one has not failed")).assert_in_step("/", "hello");
    server.stop();
    assert_nothing_left(before, "after a stop");
}

#[test]
fn existing_threads_serve_if_new_threads_are_refused() {
    if !is_root("threads that are refused while serving") {
        return;
    }
    let place = Place::new();
    let service = Service::start_after(&few_threads(&place, 64_002, 10), "thread_pool=2 thread_pool_max=64");
    crowd_is_served(&service);
}

/// Stacks of 64 MiB, and memory for few of them.
#[test]
fn existing_threads_serve_if_memory_for_threads_is_refused() {
    let settings = "thread_pool=2 thread_pool_max=64 thread_stack_size=67108864";
    let service = Service::start_after("ulimit -v 800000 && exec \"$0\" \"$@\"", settings);
    crowd_is_served(&service);
}

/// The memory of answers is bounded: sixty clients that read none of 8 MiB each need less than the
/// limit.
#[test]
fn memory_limit_above_the_bounds_is_never_reached() {
    let settings = "thread_pool=2 thread_pool_max=8 max_parked_size=16777216 write_timeout=1 max_request_body_size=1M";
    let service = Service::start_after("ulimit -v 400000 && exec \"$0\" \"$@\"", settings);
    let room = 400_000 * 1024 - service.figures().reserved();
    let each = 8 << 20;
    let count = 60;
    assert!(room < count * each, "{room} bytes are no limit");
    let mut crowd: Vec<Client> = (0..count).map(|_| Client::connect(service.address())).collect();
    crowd.iter_mut().for_each(|client| client.send(get(&format!("/copy/{each}"))));
    wait_until("those who take nothing are let go", || service.counts().of("timed_out") == count);
    drop(crowd);
    // The same number of senders: content received before a handler runs is bounded as well.
    let mut crowd: Vec<Client> = (0..count).map(|_| Client::connect(service.address())).collect();
    for client in &mut crowd {
        client.send("POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
        client.send(vec![b'x'; 512 << 10]);
    }
    // All at the same time: a client that waits for its turn while it holds a worker would be told to go, as a slow one.
    thread::scope(|scope| {
        for client in &mut crowd {
            scope.spawn(|| {
                client.send(vec![b'x'; 512 << 10]);
                assert_eq!(client.answer().text(), "1048576");
            });
        }
    });
    assert_eq!(service.counts().of("panics"), 0);
}

/// Forty clients with blocking handlers exceed the number of possible threads. All are served, and
/// the log stays short.
fn crowd_is_served(service: &Service) {
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| {
                let mut client = Client::connect(service.address());
                (0..5).for_each(|_| client.assert_in_step("/block/50", "/block/50"));
            });
        }
    });
    let threads = service.figures().threads().len();
    assert!(threads < 40, "{threads} threads: none was refused");
    let logged = service.logged();
    assert!(logged.iter().any(|line| line.starts_with("cannot start another worker thread")), "{logged:?}");
    let seconds = begun.elapsed().as_secs() + 1;
    assert!(logged.len() as u64 <= seconds, "{} lines in {seconds} s: {logged:?}", logged.len());
    let counts = service.counts();
    assert_eq!((counts.of("requests"), counts.of("turned_away"), counts.of("panics")), (200, 0, 0));
    let [_, cut, _] = service.stop();
    assert_eq!(cut, 0);
}

/// Writes a script that runs a copy of the program as a user with `most` threads. Other users may
/// not reach the original.
fn few_threads(place: &Place, user: u32, most: u32) -> String {
    let copy = place.path("it");
    format!(
        "cp \"$0\" {0} && exec prlimit --nproc={most} setpriv --reuid {user} --regid {user} --clear-groups {0} \"$@\"",
        copy.display()
    )
}

/// Ten years on, twenty back: only `Date` follows.
#[test]
#[ignore = "needs faketime; .ci/run has it"]
fn deadlines_do_not_follow_a_clock_that_jumps() {
    let place = Place::new();
    let file = place.path("time");
    let jump = |by: &str| {
        // Whole at once: it is read at any time.
        std::fs::write(place.path("next"), by).unwrap();
        std::fs::rename(place.path("next"), &file).unwrap();
    };
    jump("+0d");
    let library =
        std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path().join("faketime/libfaketime.so.1"));
    let library = library.into_iter().find(|path| Path::exists(path)).expect("this test needs faketime");
    let script = format!(
        "export LD_PRELOAD={} FAKETIME_TIMESTAMP_FILE={} FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1 && exec \"$0\" \"$@\"",
        library.display(),
        file.display()
    );
    let service = Service::start_after(&script, "socket_timeout=2 keep_alive_timeout=600 thread_idle_timeout=1");
    let mut idle = Client::connect(service.address());
    let mut year = || idle.get("/").field("date").unwrap()[12..16].parse::<i32>().unwrap();
    let now = year();
    for (by, years) in [("+3650d", 10), ("-7300d", -20), ("+0d", 0)] {
        let begun = Instant::now();
        let mut slow = Client::connect(service.address());
        slow.send("GET / HTTP/1.1\r\nHo");
        let mut uploading = Client::connect(service.address());
        uploading.send("POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
        wait_until("they wait", || service.counts().of("parked") == 3);
        jump(by);
        // An idle client stays; the jump shows in `Date` only.
        wait_until("the date follows", || (year() - now - years).abs() <= 1);
        assert_eq!((slow.answer().status, uploading.answer().status), (408, 408), "{by}");
        assert!(begun.elapsed() >= Duration::from_millis(1900), "{by}: cut after {:?}", begun.elapsed());
        drop((slow, uploading));
        wait_until("they have left", || service.counts().of("parked") == 1);
        let seen = year() - now - years;
        assert!(seen.abs() <= 1, "{by}: {seen} years off");
    }
    assert!(service.logged().is_empty(), "{:?}", service.logged());
    let [_, cut, took] = service.stop();
    assert!(cut == 0 && took < 1000, "{took} ms");
}
