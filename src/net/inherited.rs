//! Sockets opened before this process started, by systemd or a compatible supervisor.
//!
//! `LISTEN_PID` is the process that the sockets are for, `LISTEN_FDS` their number, starting at
//! descriptor 3, and `LISTEN_FDNAMES` their names. All sockets are taken over once for the process
//! and never closed: each server gets a copy. Taking over a descriptor by number requires exclusive
//! ownership, guaranteed by the environment and listenfd; only the type of the socket is checked
//! here.

use std::io;

use socket2::Socket;

use crate::error::Error;

/// Copies of the sockets selected by `which`: a number, a name, or `*` for all. Returns at least
/// one.
///
/// # Errors
/// `Bind`, with the number of the descriptor, for a descriptor that is missing or is no listening
/// stream socket.
pub(super) fn sockets(which: &str) -> Result<Vec<Socket>, Error> {
    let found =
        passed::select(which).map_err(|reason| refused(which, io::Error::new(io::ErrorKind::NotFound, reason)))?;
    found.into_iter().map(|(number, socket)| socket.map_err(|error| refused(&number.to_string(), error))).collect()
}

/// The error for a descriptor that cannot be listened on.
pub(super) fn refused(which: &str, source: io::Error) -> Error {
    Error::Bind { address: format!("fd:{which}"), source }
}

/// The descriptors passed in the environment.
#[cfg(feature = "systemd")]
mod passed {
    use std::env;
    use std::io;
    use std::os::fd::OwnedFd;
    use std::sync::OnceLock;

    use listenfd::ListenFd;
    use socket2::{SockRef, Socket};

    /// One passed descriptor.
    struct Passed {
        number: usize,
        name: String,
        socket: Result<OwnedFd, String>,
    }

    /// Copies of the sockets selected by `which`, with their numbers; or the reason for having
    /// none.
    pub(super) fn select(which: &str) -> Result<Vec<(usize, io::Result<Socket>)>, String> {
        static PASSED: OnceLock<Result<Vec<Passed>, String>> = OnceLock::new();
        let passed = PASSED.get_or_init(take).as_ref().map_err(Clone::clone)?;
        let is_meant = |one: &&Passed| match which.parse::<usize>() {
            Ok(number) => one.number == number,
            Err(_) => which == "*" || one.name == which,
        };
        let copy = |one: &Passed| match &one.socket {
            Ok(socket) => socket.try_clone().map(Socket::from),
            Err(reason) => Err(io::Error::new(io::ErrorKind::InvalidInput, reason.clone())),
        };
        let found: Vec<_> = passed.iter().filter(is_meant).map(|one| (one.number, copy(one))).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let known = passed.iter().map(|one| format!("{} ({})", one.number, one.name)).collect::<Vec<_>>().join(", ");
        Err(format!("not among the passed sockets: {known}"))
    }

    /// Takes over all sockets; hides them from child processes and from the environment.
    fn take() -> Result<Vec<Passed>, String> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let first = env::var("LISTEN_FDS_FIRST_FD").ok().and_then(|first| first.parse().ok()).unwrap_or(FIRST);
        let mut names = names.split(':');
        is_for_us(env::var("LISTEN_PID").ok().as_deref(), env::var("LISTEN_FDS").ok().as_deref(), std::process::id())?;
        let mut sockets = ListenFd::from_env();
        let number_and_socket = (0..sockets.len()).map(|at| (first + at, take_one(&mut sockets, at)));
        let passed = number_and_socket.map(|(number, socket)| {
            let name = names.next().filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned();
            Passed { number, name, socket }
        });
        Ok(passed.collect())
    }

    fn is_for_us(pid: Option<&str>, count: Option<&str>, own: u32) -> Result<(), String> {
        match (pid, count.map(str::parse::<usize>)) {
            (None, _) | (_, None) => Err("no socket was passed: LISTEN_PID and LISTEN_FDS are not set".to_owned()),
            (Some(pid), _) if pid != own.to_string() => {
                Err(format!("no socket was passed to this process, which is {own}: LISTEN_PID is {pid}"))
            }
            (_, Some(Ok(1..=MOST))) => Ok(()),
            _ => Err(format!("LISTEN_FDS is not a number from 1 to {MOST}")),
        }
    }

    fn take_one(sockets: &mut ListenFd, at: usize) -> Result<OwnedFd, String> {
        let taken = match sockets.take_tcp_listener(at) {
            Ok(socket) => socket.map(OwnedFd::from),
            Err(_) => match sockets.take_unix_listener(at) {
                Ok(socket) => socket.map(OwnedFd::from),
                Err(_) => return Err("not a stream socket of TCP or Unix".to_owned()),
            },
        };
        let socket = taken.ok_or("the socket is already in use")?;
        match SockRef::from(&socket).is_listener() {
            Ok(true) => Ok(socket),
            _ => {
                // The descriptor may belong to other code, so it is not closed.
                std::mem::forget(socket);
                Err("the socket does not listen".to_owned())
            }
        }
    }

    /// The first descriptor passed by systemd.
    const FIRST: usize = 3;
    /// The most sockets accepted, far above real use; each needs a thread.
    const MOST: usize = 1024;

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn sockets_are_taken_only_if_passed_to_this_process() {
            for (pid, count, expected) in [
                (Some("7"), Some("2"), ""),
                (Some("7"), Some("1024"), ""),
                (None, None, "LISTEN_PID and LISTEN_FDS are not set"),
                (None, Some("2"), "LISTEN_PID and LISTEN_FDS are not set"),
                (Some("7"), None, "LISTEN_PID and LISTEN_FDS are not set"),
                (Some("8"), Some("2"), "which is 7: LISTEN_PID is 8"),
                (Some(""), Some("2"), "which is 7: LISTEN_PID is "),
                (Some("07"), Some("2"), "which is 7: LISTEN_PID is 07"),
                (Some("7"), Some("0"), "LISTEN_FDS is not a number from 1 to 1024"),
                (Some("7"), Some("1025"), "LISTEN_FDS is not a number from 1 to 1024"),
                (Some("7"), Some("-1"), "LISTEN_FDS is not a number from 1 to 1024"),
                (Some("7"), Some("x"), "LISTEN_FDS is not a number from 1 to 1024"),
            ] {
                let found = is_for_us(pid, count, 7).err().unwrap_or_default();
                assert!(found.ends_with(expected) && found.is_empty() == expected.is_empty(), "{found}");
            }
        }
    }
}

#[cfg(not(feature = "systemd"))]
mod passed {
    use std::io;

    use socket2::Socket;

    /// Fails: there are no passed sockets.
    pub(super) fn select(_which: &str) -> Result<Vec<(usize, io::Result<Socket>)>, String> {
        Err("this program was built without the feature systemd".to_owned())
    }
}
