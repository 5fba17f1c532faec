//! Notifications to systemd (`sd_notify`): ready, reloading, stopping.
//!
//! Each notification is one datagram to the socket in `NOTIFY_SOCKET`; without the variable, none
//! is sent. A failure is logged, and a send blocks for at most one second.

use std::env;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::system::names;

/// Reports that the service is up, or has reloaded.
pub(crate) fn ready() {
    tell("READY=1");
}

/// Reports that the service is going down.
pub(crate) fn stopping() {
    tell("STOPPING=1");
}

/// Reports that the service is reloading its settings; [`ready`] follows.
pub(crate) fn reloading() {
    // systemd matches notifications with reloads by this time.
    let Ok(now) = clock_gettime(ClockId::CLOCK_MONOTONIC) else { return };
    tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec() * 1_000_000 + now.tv_nsec() / 1000));
}

fn tell(state: &str) {
    let Some(name) = env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(name.as_bytes(), state.as_bytes()) {
        log::warn!("cannot notify the service manager at {}: {error}; not sent: {state}", name.to_string_lossy());
    }
}

/// Sends `state` to `name`, a path, or `@` and a name in the abstract namespace.
fn send(name: &[u8], state: &[u8]) -> io::Result<()> {
    let address = match name {
        [b'@', name @ ..] => names::of_abstract(name)?,
        [b'/', ..] => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name))?,
        _ => {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "NOTIFY_SOCKET is neither a path nor an abstract name",
            ));
        }
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.send_to_addr(state, &address).map(|_| ())
}

/// The send timeout, for a receiver with a full buffer.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut room = [0; 200];
        let length = socket.recv(&mut room).unwrap();
        String::from_utf8_lossy(&room[..length]).into_owned()
    }

    #[test]
    fn notifications_reach_a_path_and_an_abstract_name() {
        let path = env::temp_dir().join(format!("drupe-notify-{}", std::process::id()));
        let socket = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str().as_bytes(), b"READY=1").unwrap();
        assert_eq!(received(&socket), "READY=1");
        std::fs::remove_file(path).unwrap();

        let name = format!("drupe-notify-{}", std::process::id());
        if !names::HAS_ABSTRACT {
            let error = send(format!("@{name}").as_bytes(), b"STOPPING=1").unwrap_err();
            assert_eq!(error.to_string(), "only Linux has abstract names");
            return;
        }
        let socket = UnixDatagram::bind_addr(&names::of_abstract(name.as_bytes()).unwrap()).unwrap();
        send(format!("@{name}").as_bytes(), b"STOPPING=1").unwrap();
        assert_eq!(received(&socket), "STOPPING=1");
        drop(socket);
        send(format!("@{name}").as_bytes(), b"STOPPING=1").unwrap_err();
    }

    #[test]
    fn other_socket_names_are_refused() {
        for name in ["", "relative", "vsock:2:1", "@"] {
            send(name.as_bytes(), b"READY=1").unwrap_err();
        }
    }
}
