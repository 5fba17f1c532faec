//! `quickstart` of a server on buses: it starts and exits the buses, and obeys signals from
//! beginning to end.

use std::error::Error as _;
use std::fs;
use std::io;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use drupe::process::{self, Bus, PidFile, Plugin, State};
use drupe::{Error, Request, Server, Settings};

use crate::client::wait_until;
use crate::figures::Figures;
use crate::place::Place;
use crate::process::is_alone;

fn server() -> Server {
    let mut server = Server::new(|_: &mut Request| "hello");
    server.settings.socket_port = 0;
    server
}

fn signal(name: &str) {
    let me = std::process::id().to_string();
    assert!(Command::new("kill").args(["-s", name, &me]).status().unwrap().success());
}

/// The messages received by listeners, in order.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note(&self, what: &str) {
        self.0.lock().unwrap().push(what.to_owned());
    }

    fn has(&self, what: &str) -> bool {
        self.0.lock().unwrap().iter().any(|told| told == what)
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Records each message of `channels` of `bus`, after all other listeners.
    fn listen(&self, bus: &Bus, channels: &[&str]) {
        for channel in channels {
            let told = self.clone();
            bus.subscribe(channel, 99, "told", move |message| {
                told.note(message.channel());
                Ok(())
            });
        }
    }
}

/// Sends SIGTERM from a listener of this priority, and waits until the signal has been received.
fn end_at(bus: &Bus, priority: i32, told: &Told) {
    let told = told.clone();
    bus.subscribe("start", priority, "ended", move |_| {
        let threads = || fs::read_dir("/proc/self/task").unwrap().count();
        let before = threads();
        signal("TERM");
        wait_until("it is obeyed", || told.has("caught SIGTERM"));
        // The second is heard after the first has been handed on to a thread, which then comes to its end.
        signal("TERM");
        wait_until("the second is heard", || told.has("cut"));
        wait_until("the first has been obeyed", || threads() == before);
        Ok(())
    });
}

/// Notes the signals that are caught.
struct Caught(Told);

impl log::Log for Caught {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        let said = record.args().to_string();
        if said.starts_with("caught ") {
            self.0.note(&said);
        }
    }

    fn flush(&self) {}
}

fn note_signals() -> Told {
    let told = Told::default();
    log::set_logger(Box::leak(Box::new(Caught(told.clone())))).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    told
}

/// Waits until `bus` has started; the bus may have exited since.
fn wait_for_start(bus: &Bus) {
    wait_until("the bus is started", || bus.wait(&[State::Started], Some(Duration::ZERO)).is_ok());
}

/// Runs `quickstart`, which must return.
fn quickstart(server: Server) -> Result<(), Error> {
    let running = thread::spawn(move || server.quickstart());
    wait_until("it ends", || running.is_finished());
    running.join().unwrap()
}

#[test]
fn a_signal_in_the_middle_of_a_start_is_obeyed_and_all_is_cleaned_up() {
    if !is_alone("driven::a_signal_in_the_middle_of_a_start_is_obeyed_and_all_is_cleaned_up") {
        return;
    }
    let told = note_signals();
    // Before the server binds, between that and its first connection, and after.
    for priority in [60, 77, 85] {
        let place = Place::new();
        let (bus, server) = (Bus::new(), place.server(|_: &mut Request| "hello"));
        PidFile::new(place.path("pid")).subscribe(&bus);
        server.subscribe(&bus);
        told.listen(&bus, &["start", "cut", "stop", "exit"]);
        end_at(&bus, priority, &told);
        quickstart(server).unwrap();
        assert_eq!(told.take(), ["caught SIGTERM", "caught SIGTERM", "cut", "start", "stop", "exit"], "at {priority}");
        assert_eq!(bus.state(), State::Exiting);
        assert_eq!(place.names(), [""; 0], "PID file and socket are gone");
        assert!(Figures::own().threads().is_empty());
    }
}

#[test]
fn of_several_buses_no_other_is_started_after_the_signal() {
    if !is_alone("driven::of_several_buses_no_other_is_started_after_the_signal") {
        return;
    }
    let told = note_signals();
    let (first, second, server) = (Bus::new(), Bus::new(), server());
    server.subscribe(&first);
    server.subscribe(&second);
    told.listen(&first, &["cut", "exit"]);
    told.listen(&second, &["start", "stop", "exit"]);
    end_at(&first, 77, &told);
    quickstart(server).unwrap();
    assert_eq!(told.take(), ["caught SIGTERM", "caught SIGTERM", "cut", "exit"]);
    assert_eq!((first.state(), second.state()), (State::Exiting, State::Stopped));
}

/// A second signal applies to all servers that stop.
#[test]
fn signals_are_for_everything_that_was_started() {
    if !is_alone("driven::signals_are_for_everything_that_was_started") {
        return;
    }
    let (bus, told) = (Bus::new(), note_signals());
    let other = server();
    let server = server();
    other.subscribe(&bus);
    server.subscribe(&bus);
    let (heard, waits) = (told.clone(), told.clone());
    bus.subscribe("cut", 99, "heard", move |_| {
        heard.note("cut");
        Ok(())
    });
    bus.subscribe("stop", 50, "waits", move |_| {
        waits.note("stop");
        wait_until("it is cut short", || waits.has("cut"));
        Ok(())
    });
    let running = server.handle();
    let main = thread::spawn(move || server.quickstart());
    running.wait().unwrap();
    wait_for_start(&bus);
    assert!(other.handle().is_running());
    signal("INT");
    wait_until("it stops", || told.has("stop"));
    assert!(!running.is_running() && !other.handle().is_running());
    signal("TERM");
    main.join().unwrap().unwrap();
    assert_eq!(told.take(), ["caught SIGINT", "stop", "caught SIGTERM", "cut"]);
    assert_eq!(bus.state(), State::Exiting);
}

/// Settings read at a start may be older than the change announced by a signal.
#[test]
fn a_hangup_waits_for_the_start() {
    if !is_alone("driven::a_hangup_waits_for_the_start") {
        return;
    }
    let told = note_signals();
    let (bus, server) = (Bus::new(), server());
    server.subscribe(&bus);
    let (heard, is_told, running) = (told.clone(), told.clone(), server.handle());
    server.on_reload(move || {
        is_told.note(if running.is_running() { "read again" } else { "too early" });
        Ok::<_, Error>(Settings::default())
    });
    bus.subscribe("start", 60, "hung up", move |_| {
        signal("HUP");
        wait_until("it is heard", || heard.has("caught SIGHUP"));
        Ok(())
    });
    let handle = server.handle();
    let main = thread::spawn(move || server.quickstart());
    wait_until("it is told", || told.has("read again"));
    handle.stop();
    main.join().unwrap().unwrap();
    assert_eq!(told.take(), ["caught SIGHUP", "read again"]);
}

#[test]
fn quickstart_returns_with_all_buses_ended() {
    type End = fn(&Server, &Bus);
    let ends: [End; 3] = [
        |server, _| assert_eq!(server.handle().stop().cut, 0),
        |_, bus| bus.stop().unwrap(),
        |_, bus| bus.exit().unwrap(),
    ];
    for end in ends {
        let (bus, server, told) = (Bus::new(), Arc::new(server()), Told::default());
        server.subscribe(&bus);
        told.listen(&bus, &["start", "stop", "exit"]);
        // Twice: a bus that has ended can be started again.
        for _ in 0..2 {
            let (running, seen) = (Arc::clone(&server), told.clone());
            let main = thread::spawn(move || {
                let ended = running.quickstart();
                (ended, seen.take())
            });
            wait_for_start(&bus);
            end(&server, &bus);
            let (ended, seen) = main.join().unwrap();
            ended.unwrap();
            assert_eq!(seen, ["start", "stop", "exit"]);
            assert_eq!(bus.state(), State::Exiting);
        }
    }
}

#[test]
fn failed_start_names_the_failed_listener() {
    let (first, second, server, told) = (Bus::new(), Bus::new(), server(), Told::default());
    server.subscribe(&first);
    server.subscribe(&second);
    told.listen(&first, &["start", "stop", "exit"]);
    let broken = second.subscribe("start", 78, "broken", |_| Err(io::Error::other("no disk").into()));
    let error = server.quickstart().unwrap_err();
    let Error::Bus { source: process::BusError::Failed(failures), .. } = &error else { panic!("{error:?}") };
    let failed: Vec<(&str, String)> = failures.iter().map(|(name, error)| (name, error.to_string())).collect();
    assert_eq!(failed, [("broken", "no disk".to_owned())]);
    assert_eq!(error.to_string(), "the bus has failed");
    assert_eq!(error.source().unwrap().to_string(), "start: broken: no disk");
    assert_eq!(told.take(), ["start", "stop", "exit"], "the first is not left alone");
    assert!(!server.handle().is_running());

    // A later failure is reported as well, although the server itself was only stopped by it.
    second.unsubscribe(broken);
    let main = thread::spawn(move || server.quickstart());
    wait_for_start(&second);
    second.fail("cache", "it is full");
    let Error::Bus { source, .. } = main.join().unwrap().unwrap_err() else { panic!("it is the bus that has failed") };
    assert_eq!(source.to_string(), "failed: cache: it is full");
    assert_eq!(told.take(), ["start", "stop", "exit"]);
}

#[test]
fn bus_started_by_the_caller_is_left_running() {
    if !is_alone("driven::bus_started_by_the_caller_is_left_running") {
        return;
    }
    let (bus, server, told) = (Bus::new(), Arc::new(server()), Told::default());
    server.subscribe(&bus);
    told.listen(&bus, &["stop", "exit"]);
    bus.start().unwrap();
    // It runs; and then it does not, and is started by itself.
    for _ in 0..2 {
        let running = Arc::clone(&server);
        let main = thread::spawn(move || running.quickstart());
        server.wait().unwrap();
        wait_until("signals are caught", || Figures::own().listeners_for_signals() > 0);
        signal("TERM");
        main.join().unwrap().unwrap();
        assert_eq!((bus.state(), told.take()), (State::Started, vec![]));
    }
    bus.exit().unwrap();
}
