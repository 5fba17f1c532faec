//! Notifications of a service to systemd.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;
use std::sync::Arc;

use drupe::{Error, Request, Server, Settings};

use crate::client::PATIENCE;
use crate::process::is_alone_after;

fn server() -> Server {
    let mut server = Server::new(|_: &mut Request| "hello");
    server.settings.socket_port = 0;
    server
}

fn told(socket: &UnixDatagram) -> String {
    let mut room = [0; 200];
    let length = socket.recv(&mut room).unwrap();
    String::from_utf8_lossy(&room[..length]).into_owned()
}

/// `NOTIFY_SOCKET` of this process, bound.
fn listen() -> UnixDatagram {
    let name = std::env::var("NOTIFY_SOCKET").unwrap();
    let address = SocketAddr::from_abstract_name(name.trim_start_matches('@')).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// `$$` is the number of the shell, and of the program that replaces the shell.
const SCRIPT: &str = "NOTIFY_SOCKET=@drupe-it-$$ exec \"$0\" \"$@\"";

#[test]
fn service_notifies_ready_reload_and_stop() {
    if !is_alone_after(SCRIPT, "notify::service_notifies_ready_reload_and_stop") {
        return;
    }
    let socket = listen();
    let server = Arc::new(server());
    server.on_reload(|| Ok::<_, Error>(Settings::default()));
    let running = Arc::clone(&server);
    let main = std::thread::spawn(move || running.quickstart());
    assert_eq!(told(&socket), "READY=1");
    let me = std::process::id().to_string();
    for is_signal in [false, true, false] {
        if !is_signal || cfg!(not(feature = "signals")) {
            server.restart().unwrap();
        } else {
            assert!(Command::new("kill").args(["-s", "HUP", &me]).status().unwrap().success());
        }
        let reloading = told(&socket);
        let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(since.parse::<u64>().unwrap() > 0, "{reloading}");
        assert_eq!(told(&socket), "READY=1");
    }
    server.handle().stop();
    assert_eq!(told(&socket), "STOPPING=1");
    main.join().unwrap().unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.recv(&mut [0; 9]).unwrap_err();
}

/// systemd waits for the end of each reload, also of a failed one.
#[cfg(feature = "signals")]
#[test]
fn hangup_whose_settings_panic_is_notified() {
    if !is_alone_after(SCRIPT, "notify::hangup_whose_settings_panic_is_notified") {
        return;
    }
    let socket = listen();
    let server = server();
    server.on_reload(|| -> Result<Settings, Error> { panic!("on purpose") });
    let handle = server.handle();
    let main = std::thread::spawn(move || server.quickstart());
    assert_eq!(told(&socket), "READY=1");
    let me = std::process::id().to_string();
    for _ in 0..2 {
        assert!(Command::new("kill").args(["-s", "HUP", &me]).status().unwrap().success());
        assert!(told(&socket).starts_with("RELOADING=1\n"));
        assert_eq!(told(&socket), "READY=1");
    }
    handle.stop();
    assert_eq!(told(&socket), "STOPPING=1");
    main.join().unwrap().unwrap();
}

/// A bus with `quickstart` is the service, with all its other listeners.
#[cfg(feature = "process")]
#[test]
fn service_on_a_bus_sends_the_same_notifications() {
    use std::sync::atomic::{AtomicBool, Ordering};

    if !is_alone_after(SCRIPT, "notify::service_on_a_bus_sends_the_same_notifications") {
        return;
    }
    let socket = listen();
    let (bus, server) = (drupe::process::Bus::new(), server());
    server.subscribe(&bus);
    let (handle, is_ready) = (server.handle(), AtomicBool::new(false));
    bus.subscribe("start", 99, "all", move |message| {
        // A failure is not told, and the next start is.
        let is_ready = handle.is_running() && is_ready.swap(true, Ordering::SeqCst);
        if is_ready || message.is_restart() { Ok(()) } else { Err("not yet".into()) }
    });
    server.quickstart().unwrap_err();
    let main = std::thread::spawn(move || server.quickstart());
    assert_eq!(told(&socket), "READY=1");
    bus.restart().unwrap();
    assert!(told(&socket).starts_with("RELOADING=1\n"));
    assert_eq!(told(&socket), "READY=1");
    bus.exit().unwrap();
    assert_eq!(told(&socket), "STOPPING=1");
    main.join().unwrap().unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.recv(&mut [0; 9]).unwrap_err();
}

#[cfg(feature = "process")]
#[test]
fn restart_given_up_by_the_bus_is_notified_as_a_stop() {
    if !is_alone_after(SCRIPT, "notify::restart_given_up_by_the_bus_is_notified_as_a_stop") {
        return;
    }
    for priority in [10, 78] {
        let socket = listen();
        let (bus, server) = (drupe::process::Bus::new(), server());
        server.subscribe(&bus);
        bus.subscribe("start", priority, "failing", |message| {
            if message.is_restart() { Err("on purpose".into()) } else { Ok(()) }
        });
        let main = std::thread::spawn(move || server.quickstart());
        assert_eq!(told(&socket), "READY=1");
        bus.restart().unwrap_err();
        assert!(told(&socket).starts_with("RELOADING=1\n"));
        assert_eq!(told(&socket), "STOPPING=1");
        let _ = main.join().unwrap();
    }
}

/// A later start sends no notification before the start is complete.
#[test]
fn failed_start_is_not_notified() {
    if !is_alone_after(SCRIPT, "notify::failed_start_is_not_notified") {
        return;
    }
    let socket = listen();
    let mut server = server();
    let handle = server.handle();
    let stopper = std::thread::spawn(move || {
        handle.wait().unwrap();
        assert_eq!(told(&socket), "READY=1");
        handle.stop();
        assert_eq!(told(&socket), "STOPPING=1");
        socket
    });
    server.quickstart().unwrap();
    let socket = stopper.join().unwrap();
    server.settings.thread_pool = 0;
    server.quickstart().unwrap_err();
    socket.set_nonblocking(true).unwrap();
    socket.recv(&mut [0; 9]).unwrap_err();
}

#[test]
fn server_beside_other_parts_sends_no_notification() {
    if !is_alone_after(SCRIPT, "notify::server_beside_other_parts_sends_no_notification") {
        return;
    }
    let socket = listen();
    let server = server();
    server.start().unwrap();
    server.restart().unwrap();
    server.stop();
    socket.set_nonblocking(true).unwrap();
    socket.recv(&mut [0; 9]).unwrap_err();
}

/// A missing manager does not prevent serving.
#[test]
fn missing_service_manager_does_not_matter() {
    if !is_alone_after(SCRIPT, "notify::missing_service_manager_does_not_matter") {
        return;
    }
    let server = server();
    let handle = server.handle();
    let stopper = std::thread::spawn(move || {
        handle.wait().unwrap();
        handle.stop()
    });
    server.quickstart().unwrap();
    stopper.join().unwrap();
}

/// The sender of SIGHUP waits for the notification, also if there are only certificates to reload.
#[cfg(all(feature = "signals", any(feature = "tls", feature = "tls-aws-lc")))]
#[test]
fn hangup_that_only_reloads_certificates_is_notified() {
    if !is_alone_after(SCRIPT, "notify::hangup_that_only_reloads_certificates_is_notified") {
        return;
    }
    let socket = listen();
    let mut server = server();
    server.settings.ssl_context = Some(crate::secure::context());
    let handle = server.handle();
    let main = std::thread::spawn(move || server.quickstart());
    assert_eq!(told(&socket), "READY=1");
    let me = std::process::id().to_string();
    assert!(Command::new("kill").args(["-s", "HUP", &me]).status().unwrap().success());
    assert!(told(&socket).starts_with("RELOADING=1\n"));
    assert_eq!(told(&socket), "READY=1");
    handle.stop();
    assert_eq!(told(&socket), "STOPPING=1");
    main.join().unwrap().unwrap();
}
