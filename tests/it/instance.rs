//! HTTP servers of the embedder (`HttpServer`) under the life cycle of `Server`, and failures while
//! serving.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use drupe::process::{Bus, HttpServer, Ready, State};
use drupe::settings::Instance;
use drupe::statistics::Statistics;
use drupe::{BindAddr, Error, Request, Server, ServerHandle};

use crate::client::{Client, PATIENCE, wait_until};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A server controlled by the test.
#[derive(Clone, Default)]
struct Fake(Arc<Inner>);

#[derive(Default)]
struct Inner {
    order: Mutex<Order>,
    changed: Condvar,
    serves: AtomicUsize,
    stops: AtomicUsize,
    cuts: AtomicUsize,
    reloads: AtomicUsize,
    asked: Mutex<Vec<BindAddr>>,
    is_deaf: AtomicBool,
}

#[derive(Default)]
struct Order {
    /// The error to fail with before accepting.
    refuse: Option<&'static str>,
    /// The result to return.
    end: Option<Result<(), &'static str>>,
}

impl Fake {
    fn order(&self, change: impl FnOnce(&mut Order)) {
        change(&mut self.0.order.lock().unwrap());
        self.0.changed.notify_all();
    }

    fn count(&self, of: fn(&Inner) -> &AtomicUsize) -> usize {
        of(&self.0).load(Ordering::SeqCst)
    }
}

impl HttpServer for Fake {
    fn serve(&self, address: &BindAddr, ready: Ready) -> Result<(), Failure> {
        self.0.serves.fetch_add(1, Ordering::SeqCst);
        self.0.asked.lock().unwrap().push(address.clone());
        if let Some(reason) = self.0.order.lock().unwrap().refuse {
            return Err(reason.into());
        }
        ready.accepting(vec![BindAddr::Tcp { host: "127.0.0.1".to_owned(), port: 7 }]);
        let order = self.0.order.lock().unwrap();
        let mut order = self.0.changed.wait_while(order, |order| order.end.is_none()).unwrap();
        match order.end.take().unwrap() {
            Err("panic") => {
                drop(order);
                panic!("as ordered");
            }
            end => Ok(end?),
        }
    }

    fn stop(&self) {
        self.0.stops.fetch_add(1, Ordering::SeqCst);
        if !self.0.is_deaf.load(Ordering::SeqCst) {
            self.order(|order| order.end = Some(Ok(())));
        }
    }

    fn cut(&self) {
        self.0.cuts.fetch_add(1, Ordering::SeqCst);
        self.order(|order| order.end = Some(Ok(())));
    }

    fn graceful(&self) -> Result<(), Failure> {
        self.0.reloads.fetch_add(1, Ordering::SeqCst);
        Err("no file".into())
    }
}

fn server_with(fake: &Fake) -> Server {
    let mut server = Server::new(|_: &mut Request| "built in");
    server.settings.socket_port = 4711;
    server.settings.shutdown_timeout = PATIENCE;
    server.set_instance(fake.clone());
    server
}

/// The text of an error with its causes.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[test]
fn instance_starts_stops_and_restarts_like_the_built_in_server() {
    let (fake, begun) = (Fake::default(), Instant::now());
    let server = server_with(&fake);
    server.start().unwrap();
    server.start().unwrap();
    server.wait().unwrap();
    assert!(server.handle().is_running());
    // It says itself where it is; it was told where it might be.
    let address = BindAddr::Tcp { host: "127.0.0.1".to_owned(), port: 7 };
    assert_eq!((server.listening(), server.bound_addr().unwrap().port()), (vec![address], 7));
    assert_eq!(*fake.0.asked.lock().unwrap(), [server.bind_addr()]);
    server.restart().unwrap();
    assert_eq!((fake.count(|fake| &fake.serves), fake.count(|fake| &fake.stops)), (2, 1));
    server.stop();
    server.stop();
    assert!(!server.handle().is_running() && server.listening().is_empty());
    assert_eq!((fake.count(|fake| &fake.stops), fake.count(|fake| &fake.cuts)), (2, 0));
    server.block().unwrap();
    assert!(TcpStream::connect("127.0.0.1:4711").is_err(), "ours was not asked");
    drop(server);
    assert!(begun.elapsed() < PATIENCE, "nobody waited for a stop that had come");
}

#[test]
fn failed_start_reports_to_the_starter_and_to_waiting_threads() {
    let fake = Fake::default();
    fake.order(|order| order.refuse = Some("no such device"));
    let server = server_with(&fake);
    let handle = server.handle();
    let waiting = thread::spawn(move || handle.wait());
    let error = server.start().unwrap_err();
    assert_eq!(chain(&error), "serving failed: no such device");
    assert!(chain(&waiting.join().unwrap().unwrap_err()).contains("no such device"));
    assert!(chain(&server.wait().unwrap_err()).contains("no such device"));
    assert!(chain(&server.block().unwrap_err()).contains("no such device"));
    fake.order(|order| order.refuse = None);
    server.start().unwrap();
    server.wait().unwrap();
}

#[test]
fn failed_instance_ends_the_waits_with_the_reason() {
    for (end, reason) in [
        (Err("disk on fire"), "disk on fire"),
        (Err("panic"), "serve panicked"),
        (Ok(()), "serve returned without a stop"),
    ] {
        let fake = Fake::default();
        let server = server_with(&fake);
        server.start().unwrap();
        let handle = server.handle();
        let blocked = thread::spawn(move || handle.block());
        fake.order(|order| order.end = Some(end));
        let error = blocked.join().unwrap().unwrap_err();
        assert!(matches!(error, Error::Serving { .. }), "{error:?}");
        assert_eq!(chain(&error), format!("serving failed: {reason}"));
        assert!(chain(&server.wait().unwrap_err()).contains(reason));
        assert!(!server.handle().is_running());
        // It is forgotten with the next start.
        server.start().unwrap();
        server.wait().unwrap();
        server.stop();
        server.block().unwrap();
    }
}

#[test]
fn instance_that_ignores_the_stop_is_cut() {
    let fake = Fake::default();
    fake.0.is_deaf.store(true, Ordering::SeqCst);
    let mut server = server_with(&fake);
    server.settings.shutdown_timeout = Duration::from_millis(20);
    server.start().unwrap();
    server.stop();
    assert_eq!((fake.count(|fake| &fake.stops), fake.count(|fake| &fake.cuts)), (1, 1));

    // Earlier, if the stop is cut short.
    server.settings.shutdown_timeout = PATIENCE;
    let begun = Instant::now();
    server.start().unwrap();
    let handle = server.handle();
    thread::scope(|scope| {
        let stopping = scope.spawn(|| server.stop());
        wait_until("it is told to stop", || fake.count(|fake| &fake.stops) == 2);
        handle.cut();
        stopping.join().unwrap();
    });
    assert_eq!(fake.count(|fake| &fake.cuts), 2);
    assert!(begun.elapsed() < PATIENCE);
}

/// A server whose counters need the handle, or panic without one. Its files cannot be reopened
/// without a panic.
#[derive(Clone, Default)]
struct Counting {
    fake: Fake,
    handle: Arc<OnceLock<ServerHandle>>,
}

impl HttpServer for Counting {
    fn serve(&self, address: &BindAddr, ready: Ready) -> Result<(), Failure> {
        self.fake.serve(address, ready)
    }

    fn stop(&self) {
        self.fake.stop();
    }

    fn graceful(&self) -> Result<(), Failure> {
        panic!("on purpose")
    }

    fn is_secure(&self) -> bool {
        true
    }

    fn statistics(&self) -> Statistics {
        let handle = self.handle.get().expect("on purpose");
        let mut statistics = Statistics::default();
        statistics.requests = 7 + u64::from(handle.is_running());
        statistics
    }
}

impl Counting {
    fn server(&self) -> Server {
        let mut server = server_with(&self.fake);
        server.set_instance(self.clone());
        server
    }
}

#[test]
fn instance_without_tls_reopens_its_files_when_told() {
    let fake = Fake::default();
    let server = server_with(&fake);
    server.handle().graceful();
    assert_eq!(fake.count(|fake| &fake.reloads), 0, "nothing runs");
    server.start().unwrap();
    server.handle().graceful();
    assert_eq!(fake.count(|fake| &fake.reloads), 1);
}

#[cfg(feature = "signals")]
#[test]
fn instance_without_tls_reopens_its_files_at_signals() {
    use crate::figures::Figures;
    use crate::process::is_alone;
    if !is_alone("instance::instance_without_tls_reopens_its_files_at_signals") {
        return;
    }
    let fake = Fake::default();
    let server = server_with(&fake);
    let handle = server.handle();
    let main = thread::spawn(move || server.quickstart());
    wait_until("signals are caught", || Figures::own().listeners_for_signals() == 3);
    for (name, expected) in [("USR1", 1), ("HUP", 2)] {
        let number = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", name, &number]).status().unwrap().success());
        wait_until("the files are reopened", || fake.count(|fake| &fake.reloads) == expected);
    }
    handle.stop();
    main.join().unwrap().unwrap();
}

#[test]
fn panic_of_an_instance_in_graceful_is_an_error_and_the_listeners_are_called() {
    let (server, told) = (Counting::default().server(), Arc::<AtomicBool>::default());
    let tell = Arc::clone(&told);
    server.on_graceful(move || tell.store(true, Ordering::SeqCst));
    server.start().unwrap();
    let error = server.handle().reload_tls().unwrap_err();
    assert_eq!(chain(&error), "serving failed: graceful panicked: on purpose");
    server.handle().graceful();
    assert!(told.load(Ordering::SeqCst));
}

#[test]
fn stop_ends_if_the_counters_of_an_instance_use_the_handle_or_panic() {
    for (has_handle, requests) in [(true, 7), (false, 0)] {
        let counting = Counting::default();
        let server = counting.server();
        if has_handle {
            counting.handle.set(server.handle()).unwrap();
        }
        server.start().unwrap();
        let (handle, (tell, told)) = (server.handle(), mpsc::channel());
        let blocked = tell.clone();
        thread::spawn(move || blocked.send(handle.block().map(|()| None)).unwrap());
        thread::spawn(move || {
            server.stop();
            tell.send(Ok(Some(server.statistics().requests))).unwrap();
        });
        let mut ends: Vec<_> = (0..2).map(|_| told.recv_timeout(PATIENCE).unwrap().unwrap()).collect();
        ends.sort_unstable();
        assert_eq!(ends, [None, Some(requests)]);
    }
}

#[test]
fn several_servers_share_a_bus_and_a_failure_of_one_ends_the_bus() {
    let (bus, fake) = (Bus::new(), Fake::default());
    let controlled = server_with(&fake);
    let mut built_in = Server::new(|_: &mut Request| "hello");
    built_in.settings.socket_port = 0;
    controlled.subscribe(&bus);
    built_in.subscribe(&bus);
    bus.start().unwrap();
    assert_eq!(bus.state(), State::Started);
    Client::connect(built_in.bound_addr().unwrap()).assert_in_step("/", "hello");
    let refused = bus.graceful().unwrap_err();
    assert_eq!(refused.to_string(), "graceful: HTTP server: serving failed: no file");
    assert_eq!(fake.count(|fake| &fake.reloads), 1);
    bus.restart().unwrap();
    assert_eq!(fake.count(|fake| &fake.serves), 2);
    fake.order(|order| order.end = Some(Err("disk on fire")));
    let error = bus.block().unwrap_err();
    assert_eq!(error.to_string(), "failed: HTTP server: serving failed: disk on fire");
    assert!(!built_in.handle().is_running(), "it went with the rest");
    built_in.block().unwrap();
    assert!(chain(&controlled.block().unwrap_err()).contains("disk on fire"));

    // A server that is gone is not missed.
    drop(controlled);
    built_in.unsubscribe(&bus);
    bus.start().unwrap();
    assert_eq!((fake.count(|fake| &fake.serves), built_in.handle().is_running()), (2, false));
    bus.exit().unwrap();
}

#[test]
fn server_dropped_during_the_start_of_the_bus_is_not_started() {
    for priority in [10, 77] {
        let (bus, fake) = (Bus::new(), Fake::default());
        let server = server_with(&fake);
        server.subscribe(&bus);
        let (handle, server) = (server.handle(), Mutex::new(Some(server)));
        bus.subscribe("start", priority, "dropping", move |_| {
            drop(server.lock().unwrap().take());
            Ok(())
        });
        bus.start().unwrap();
        assert_eq!((handle.is_running(), fake.count(|fake| &fake.serves)), (false, 0));
        bus.exit().unwrap();
    }
}

#[test]
fn a_server_that_cannot_bind_fails_the_start_of_the_bus_and_leaves_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let bus = Bus::new();
    let mut first = Server::new(|_: &mut Request| "first");
    first.settings.socket_port = 0;
    let mut second = Server::new(|_: &mut Request| "second");
    second.settings.socket_port = taken.local_addr().unwrap().port();
    first.subscribe(&bus);
    second.subscribe(&bus);
    let error = bus.start().unwrap_err().to_string();
    assert!(error.starts_with("start: HTTP server: cannot listen on 127.0.0.1:"), "{error}");
    assert!(!first.handle().is_running() && !second.handle().is_running());
    first.block().unwrap();
    assert!(matches!(second.wait(), Err(Error::Serving { .. })));
    drop(taken);
    bus.start().unwrap();
    Client::connect(second.bound_addr().unwrap()).assert_in_step("/", "second");
    bus.exit().unwrap();
}

#[test]
fn no_client_is_served_before_all_start_listeners_have_run() {
    let bus = Bus::new();
    let mut server = Server::new(|_: &mut Request| "hello");
    server.settings.socket_port = 0;
    server.subscribe(&bus);
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let (told, handle) = (Arc::clone(&seen), server.handle());
    let refusal = bus.subscribe("start", 77, "privileges", move |_| {
        // The port listens by now, but no client is answered.
        told.lock().unwrap().push(format!("{} {}", handle.is_running(), handle.statistics().accepts));
        Err("root can be had again".into())
    });
    let error = bus.start().unwrap_err().to_string();
    assert_eq!(error, "start: privileges: root can be had again");
    assert_eq!(*seen.lock().unwrap(), ["false 0"]);
    assert!(!server.handle().is_running());
    server.block().unwrap();
    bus.unsubscribe(refusal);
    bus.start().unwrap();
    Client::connect(server.bound_addr().unwrap()).assert_in_step("/", "hello");
    bus.exit().unwrap();
}

#[test]
fn built_in_server_can_be_used_as_an_instance() {
    let mut made = Server::new(|_: &mut Request| "hello");
    made.settings.socket_port = 0;
    let (instance, address) = made.httpserver_from_self().unwrap();
    assert_eq!(address, made.bind_addr());
    let mut server = Server::new(|_: &mut Request| "another");
    server.settings.instance = Some(instance);
    for _ in 0..3 {
        server.start().unwrap();
        Client::connect(server.bound_addr().unwrap()).assert_in_step("/", "hello");
        assert_eq!(server.statistics().requests, 1);
        server.stop();
        server.block().unwrap();
    }
    // An existing instance is returned.
    let own = Instance::new(Fake::default());
    server.settings.instance = Some(own.clone());
    assert_eq!(server.httpserver_from_self().unwrap().0, own);
    made.settings.thread_pool = 0;
    assert!(made.httpserver_from_self().unwrap_err().to_string().contains("thread_pool"));
}

/// One that is real, and small.
struct Small {
    listener: TcpListener,
    is_over: AtomicBool,
}

impl HttpServer for Small {
    fn serve(&self, _: &BindAddr, ready: Ready) -> Result<(), Failure> {
        let SocketAddr::V4(local) = self.listener.local_addr()? else { return Err("IPv4 only".into()) };
        ready.accepting(vec![BindAddr::Tcp { host: IpAddr::V4(*local.ip()).to_string(), port: local.port() }]);
        while let Ok((mut client, _)) = self.listener.accept() {
            if self.is_over.load(Ordering::SeqCst) {
                break;
            }
            let _ = client.read(&mut [0; 4096])?;
            client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nsmall")?;
            client.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    fn stop(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        // It is its own affair how it wakes itself.
        let _ = TcpStream::connect(self.listener.local_addr().expect("it listens"));
    }
}

#[test]
fn a_second_real_server_answers_under_the_same_life_cycle() {
    let mut server = Server::new(|_: &mut Request| "built in");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_instance(Small { listener, is_over: AtomicBool::new(false) });
    server.start().unwrap();
    assert_eq!(server.description(), format!("http://{}", server.bound_addr().unwrap()));
    for _ in 0..3 {
        let mut client = TcpStream::connect(server.bound_addr().unwrap()).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("small"), "{answer}");
    }
    server.stop();
    server.block().unwrap();
}
