//! Signals, and a stop that is cut short.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[cfg(feature = "process")]
use drupe::process::{Bus, Plugin, SignalHandler};
use drupe::{Request, Server};

use crate::client::{Client, PATIENCE, get, wait_until};
use crate::figures::Figures;
use crate::process::is_alone;

/// A server whose handler waits for `release`, with a long `shutdown_timeout`.
fn held() -> (Server, mpsc::Sender<()>) {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let mut server = Server::new(move |_: &mut Request| {
        let _ = held.lock().unwrap().recv_timeout(2 * PATIENCE);
        "done"
    });
    server.settings.socket_port = 0;
    server.settings.shutdown_timeout = Duration::from_secs(3600);
    (server, release)
}

fn signal(name: &str) {
    let me = std::process::id().to_string();
    assert!(Command::new("kill").args(["-s", name, &me]).status().unwrap().success());
}

/// A process that reacts to the serving message may send SIGTERM or SIGHUP at once; neither may
/// kill the server.
#[test]
fn signals_at_the_serving_message_end_quickstart_cleanly() {
    if !is_alone("signals::signals_at_the_serving_message_end_quickstart_cleanly") {
        return;
    }
    log::set_logger(&AtOnce).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let (server, _release) = held();
    server.quickstart().unwrap();
    assert!(!server.handle().is_running());
    #[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
    {
        let (mut server, _release) = held();
        server.settings.ssl_context = Some(crate::secure::context());
        server.quickstart().unwrap();
    }
    // A start that fails is told as ever, and nothing is left of it.
    let (mut server, _release) = held();
    server.settings.set("socket_file", "/no such directory/s").unwrap();
    assert!(matches!(server.quickstart(), Err(drupe::Error::Setting { name: "socket_file", .. })));
    wait_until("no thread is left", || crate::process::threads().is_empty());
    server.start().unwrap_err();
}

/// A logger that sends the signals at the serving message.
struct AtOnce;

impl log::Log for AtOnce {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        let said = record.args().to_string();
        if said.starts_with("serving on https") {
            signal("HUP");
        }
        if said.starts_with("serving on ") {
            signal("TERM");
        }
    }

    fn flush(&self) {}
}

/// Connects a client whose request is in its handler.
fn client_of(server: &Server) -> Client {
    server.wait().unwrap();
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send(get("/"));
    wait_until("the handler runs", || server.statistics().requests == 1);
    client
}

#[test]
fn signal_lets_running_requests_finish() {
    if !is_alone("signals::signal_lets_running_requests_finish") {
        return;
    }
    let (server, release) = held();
    let server = Arc::new(server);
    let running = Arc::clone(&server);
    let main = std::thread::spawn(move || running.quickstart());
    let mut client = client_of(&server);
    signal("TERM");
    wait_until("it stops", || !server.handle().is_running());
    release.send(()).unwrap();
    let answer = client.answer();
    assert!(answer.closes() && answer.text() == "done");
    main.join().unwrap().unwrap();
}

#[test]
fn second_signal_cuts_running_requests() {
    if !is_alone("signals::second_signal_cuts_running_requests") {
        return;
    }
    let (server, _release) = held();
    let server = Arc::new(server);
    let running = Arc::clone(&server);
    let main = std::thread::spawn(move || running.quickstart());
    let mut client = client_of(&server);
    signal("INT");
    wait_until("it stops", || !server.handle().is_running());
    signal("INT");
    main.join().unwrap().unwrap();
    assert!(client.over().is_empty());
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn a_hangup_loads_certificates_again() {
    if !is_alone("signals::a_hangup_loads_certificates_again") {
        return;
    }
    certificates_are_loaded_again(|_| {});
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn a_hangup_loads_certificates_again_if_settings_cannot_be_read() {
    if !is_alone("signals::a_hangup_loads_certificates_again_if_settings_cannot_be_read") {
        return;
    }
    certificates_are_loaded_again(|server| server.on_reload(|| Err("the file has a mistake")));
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn a_hangup_loads_certificates_again_if_settings_cannot_be_applied() {
    if !is_alone("signals::a_hangup_loads_certificates_again_if_settings_cannot_be_applied") {
        return;
    }
    certificates_are_loaded_again(|server| {
        let mut wrong = server.settings.clone();
        wrong.ssl_certificate = Some("no such file".into());
        server.on_reload(move || Ok::<_, drupe::Error>(wrong.clone()));
    });
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
#[test]
fn a_hangup_loads_certificates_again_if_reading_settings_panics() {
    if !is_alone("signals::a_hangup_loads_certificates_again_if_reading_settings_panics") {
        return;
    }
    certificates_are_loaded_again(|server| {
        server.on_reload(|| -> Result<drupe::Settings, drupe::Error> { panic!("on purpose") });
    });
}

/// Runs a server with certificates, prepared by `prepare`, in which SIGHUP shows a new certificate
/// and closes no connection.
#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
fn certificates_are_loaded_again(prepare: impl FnOnce(&Server)) {
    use crate::place::Place;
    use crate::secure::{AUTHORITY, connect_to, shown};
    let folder = Place::new();
    let file = folder.write("both.pem", AUTHORITY.issue(&["localhost", "old.test"]).both());
    let mut server = Server::new(|_: &mut Request| "done");
    server.settings.socket_port = 0;
    server.settings.ssl_certificate = Some(file);
    prepare(&server);
    let server = Arc::new(server);
    let running = Arc::clone(&server);
    let main = std::thread::spawn(move || running.quickstart());
    server.wait().unwrap();
    let address = server.bound_addr().unwrap();
    let mut client = connect_to(address);
    // Until it is caught a signal would end the process.
    let listening = || crate::process::threads().iter().filter(|name| name.contains("signals")).count();
    wait_until("signals are heard", || listening() == 3);
    assert_eq!(shown(address), "old.test");
    folder.write("both.pem", "garbage");
    signal("HUP");
    folder.write("both.pem", AUTHORITY.issue(&["localhost", "new.test"]).both());
    signal("HUP");
    wait_until("the new one is shown", || shown(address) == "new.test");
    client.assert_in_step("/", "done");
    server.stop();
    main.join().unwrap().unwrap();
}

/// Which signal ends a process that runs this test and no other.
fn end_of(test: &str) -> Option<i32> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([test, "--exact", "--nocapture"]).env(KILLED, "yes");
    child.output().unwrap().status.signal()
}

const KILLED: &str = "DRUPE_TEST_KILLED";

#[test]
fn hangup_without_anything_to_reload_is_not_caught() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
    if u64::from_str_radix(ignored, 16).unwrap() & 1 != 0 {
        println!("not shown: whoever runs this has SIGHUP ignored (nohup), and children inherit that");
        return;
    }
    assert_eq!(end_of("signals::serve_and_be_hung_up"), Some(1));
}

/// The child process of the test above; does nothing by itself.
#[test]
fn serve_and_be_hung_up() {
    if std::env::var_os(KILLED).is_none() {
        return;
    }
    let (server, _release) = held();
    let handle = server.handle();
    std::thread::spawn(move || {
        handle.wait().unwrap();
        signal("HUP");
        // It should not come to this.
        std::thread::sleep(PATIENCE);
        handle.stop();
    });
    server.quickstart().unwrap();
}

#[test]
fn graceful_signal_calls_all_listeners_and_stops_nothing() {
    if !is_alone("signals::graceful_signal_calls_all_listeners_and_stops_nothing") {
        return;
    }
    let (server, release) = held();
    let told: Arc<Mutex<Vec<&str>>> = Arc::default();
    let (first, third) = (Arc::clone(&told), Arc::clone(&told));
    server.on_graceful(move || first.lock().unwrap().push("first"));
    server.on_graceful(|| panic!("on purpose"));
    server.on_graceful(move || third.lock().unwrap().push("third"));
    let server = Arc::new(server);
    let running = Arc::clone(&server);
    let main = std::thread::spawn(move || running.quickstart());
    let mut client = client_of(&server);
    wait_until("signals are caught", || Figures::own().listeners_for_signals() == 3);
    signal("USR1");
    wait_until("both are told", || told.lock().unwrap().len() == 2);
    signal("USR1");
    wait_until("both are told again", || told.lock().unwrap().len() == 4);
    signal("HUP");
    wait_until("both are told by the other signal", || told.lock().unwrap().len() == 6);
    assert_eq!(*told.lock().unwrap(), ["first", "third"].repeat(3));
    release.send(()).unwrap();
    let answer = client.answer();
    assert!(!answer.closes() && answer.text() == "done");
    server.handle().graceful();
    assert_eq!(told.lock().unwrap().len(), 8, "without a signal as well");
    signal("TERM");
    main.join().unwrap().unwrap();
}

#[test]
fn graceful_signal_without_listeners_is_not_caught() {
    if !is_alone("signals::graceful_signal_without_listeners_is_not_caught") {
        return;
    }
    let (server, release) = held();
    let server = Arc::new(server);
    let running = Arc::clone(&server);
    let main = std::thread::spawn(move || running.quickstart());
    let mut client = client_of(&server);
    wait_until("signals are caught", || Figures::own().listeners_for_signals() == 1);
    assert!(Figures::own().catches(SIGTERM) && !Figures::own().catches(SIGUSR1));
    release.send(()).unwrap();
    client.answer();
    signal("TERM");
    main.join().unwrap().unwrap();
}

const SIGUSR1: u32 = 10;
const SIGTERM: u32 = 15;

#[test]
fn signal_after_quickstart_ends_the_process() {
    assert_eq!(end_of("signals::serve_once_and_then_be_killed"), Some(15));
}

/// The child process of the test above; does nothing by itself.
#[test]
fn serve_once_and_then_be_killed() {
    if std::env::var_os(KILLED).is_none() {
        return;
    }
    let (server, _release) = held();
    let handle = server.handle();
    let stopper = std::thread::spawn(move || {
        handle.wait().unwrap();
        handle.stop()
    });
    server.quickstart().unwrap();
    stopper.join().unwrap();
    signal("TERM");
    std::thread::sleep(PATIENCE);
}

#[test]
fn waiting_stop_can_be_cut_short() {
    let (server, _release) = held();
    server.handle().cut();
    server.start().unwrap();
    server.handle().cut();
    let mut client = client_of(&server);
    let handle = server.handle();
    let stop = std::thread::spawn(move || handle.stop());
    wait_until("it stops", || !server.handle().is_running());
    assert!(!stop.is_finished(), "what was cut before it began must not cut it");
    server.handle().cut();
    let stopped = stop.join().unwrap();
    assert_eq!((stopped.finished, stopped.cut), (0, 1));
    assert!(client.over().is_empty());
}

/// A bus that obeys signals, with a held server.
#[cfg(feature = "process")]
fn held_on_bus() -> (Bus, SignalHandler, Server, mpsc::Sender<()>) {
    let (server, release) = held();
    let (bus, signals) = (Bus::new(), SignalHandler::new());
    signals.subscribe(&bus);
    server.subscribe(&bus);
    bus.start().unwrap();
    (bus, signals, server, release)
}

#[cfg(feature = "process")]
#[test]
fn on_a_bus_signals_are_messages_and_the_first_to_end_drains() {
    if !is_alone("signals::on_a_bus_signals_are_messages_and_the_first_to_end_drains") {
        return;
    }
    let (bus, signals, server, release) = held_on_bus();
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    for channel in ["SIGHUP", "SIGUSR1", "SIGTERM", "graceful", "exit"] {
        let told = Arc::clone(&told);
        bus.subscribe(channel, 50, "told", move |message| {
            told.lock().unwrap().push(message.channel().to_owned());
            Ok(())
        });
    }
    let seen = |count| wait_until("it is told", || told.lock().unwrap().len() == count);
    let mut client = client_of(&server);
    signal("HUP");
    seen(2);
    signal("USR1");
    seen(4);
    signal("TERM");
    wait_until("it stops", || !server.handle().is_running());
    release.send(()).unwrap();
    let answer = client.answer();
    assert!(answer.closes() && answer.text() == "done");
    bus.block().unwrap();
    assert_eq!(*told.lock().unwrap(), ["SIGHUP", "graceful", "SIGUSR1", "graceful", "SIGTERM", "exit"]);

    // Another life, in which the first one is the first again.
    bus.start().unwrap();
    let mut client = client_of(&server);
    signal("INT");
    wait_until("it stops", || !server.handle().is_running());
    signal("INT");
    bus.block().unwrap();
    assert!(client.over().is_empty(), "the second waits for nobody");
    signals.unsubscribe(&bus);
    assert_eq!(Figures::own().listeners_for_signals(), 0);
}

#[cfg(feature = "process")]
#[test]
fn last_use_of_a_bus_by_a_signal_ends_all_threads() {
    if !is_alone("signals::last_use_of_a_bus_by_a_signal_ends_all_threads") {
        return;
    }
    for (name, channel) in [("TERM", "exit"), ("HUP", "graceful")] {
        let (bus, signals) = (Bus::new(), SignalHandler::new());
        signals.subscribe(&bus);
        let ((tell, told), (release, held)) = (mpsc::channel(), mpsc::channel());
        let held = Mutex::new(held);
        bus.subscribe(channel, 50, "held", move |_| {
            tell.send(())?;
            Ok(held.lock().unwrap().recv()?)
        });
        bus.start().unwrap();
        signal(name);
        told.recv_timeout(PATIENCE).unwrap();
        drop((bus, signals));
        release.send(()).unwrap();
        wait_until("all threads have ended", || crate::process::threads().is_empty());
    }
}

#[cfg(feature = "process")]
#[test]
fn listener_of_an_exit_can_unsubscribe_the_signals() {
    if !is_alone("signals::listener_of_an_exit_can_unsubscribe_the_signals") {
        return;
    }
    let (bus, signals) = (Bus::new(), SignalHandler::new());
    signals.subscribe(&bus);
    bus.subscribe("exit", 50, "unsubscribing", move |message| {
        signals.unsubscribe(message.bus());
        Ok(())
    });
    bus.start().unwrap();
    signal("TERM");
    wait_until("all threads have ended", || crate::process::threads().is_empty());
    bus.block().unwrap();
}
