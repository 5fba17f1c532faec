//! Sockets opened before this process started, by systemd or a compatible supervisor.
//!
//! `LISTEN_PID` is the process that the sockets are for, `LISTEN_FDS` their number, starting at
//! descriptor 3, and `LISTEN_FDNAMES` their names. All sockets are taken over once for the process
//! and never closed: each server gets a copy. Taking over a descriptor by number requires exclusive
//! ownership, guaranteed by the environment and listenfd; only the type of the socket is checked
//! here.

use std::collections::BTreeSet;
use std::env;
use std::io;

use socket2::Socket;

use crate::error::Error;
use crate::sync::Mutex;

/// Copies of the sockets selected by `which`: a number, a name, or `*` for all. Returns at least
/// one.
///
/// # Errors
/// `Bind`, with the number of the descriptor, for a descriptor that is missing or is no listening
/// stream socket.
pub(super) fn sockets(which: &str) -> Result<Vec<Socket>, Error> {
    let found =
        passed::select(which).map_err(|reason| refused(which, io::Error::new(io::ErrorKind::NotFound, reason)))?;
    TAKEN.lock().extend(found.iter().map(|(number, _)| *number));
    found.into_iter().map(|(number, socket)| socket.map_err(|error| refused(&number.to_string(), error))).collect()
}

/// Descriptors passed to this process that no listener has taken so far, with their names, such as
/// `3 (http)`. Their clients would wait without an answer.
pub(crate) fn not_taken() -> Vec<String> {
    let taken = TAKEN.lock();
    let left = passed::all().into_iter().filter(|(number, _)| !taken.contains(number));
    left.map(|(number, name)| format!("{number} ({name})")).collect()
}

/// The numbers of taken descriptors.
static TAKEN: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

/// The numbers and names of the descriptors announced in the environment for this process.
fn announced() -> Result<Vec<(usize, String)>, String> {
    let count =
        is_for_us(env::var("LISTEN_PID").ok().as_deref(), env::var("LISTEN_FDS").ok().as_deref(), std::process::id())?;
    let first = env::var("LISTEN_FDS_FIRST_FD").ok().and_then(|first| first.parse().ok()).unwrap_or(FIRST);
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let names = names.split(':').map(|name| if name.is_empty() { "unknown" } else { name });
    let names = names.chain(std::iter::repeat("unknown")).map(str::to_owned);
    Ok((first..).zip(names).take(count).collect())
}

/// Returns the number of the descriptors.
fn is_for_us(pid: Option<&str>, count: Option<&str>, own: u32) -> Result<usize, String> {
    match (pid, count.map(str::parse::<usize>)) {
        (None, _) | (_, None) => Err("no socket was passed: LISTEN_PID and LISTEN_FDS are not set".to_owned()),
        (Some(pid), _) if pid != own.to_string() => {
            Err(format!("no socket was passed to this process, which is {own}: LISTEN_PID is {pid}"))
        }
        (_, Some(Ok(count @ 1..=MOST))) => Ok(count),
        _ => Err(format!("LISTEN_FDS is not a number from 1 to {MOST}")),
    }
}

/// The first descriptor passed by systemd.
const FIRST: usize = 3;
/// The most sockets accepted, far above real use; each needs a thread.
const MOST: usize = 1024;

/// The error for a descriptor that cannot be listened on.
pub(super) fn refused(which: &str, source: io::Error) -> Error {
    Error::Bind { address: format!("fd:{which}"), source }
}

/// The descriptors passed in the environment.
#[cfg(feature = "systemd")]
mod passed {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::sync::OnceLock;

    use listenfd::ListenFd;
    use socket2::Socket;

    use super::announced;
    use crate::system::sockets::is_listening;

    /// One passed descriptor.
    struct Passed {
        number: usize,
        name: String,
        socket: Result<OwnedFd, String>,
    }

    /// Copies of the sockets selected by `which`, with their numbers; or the reason for having
    /// none.
    pub(super) fn select(which: &str) -> Result<Vec<(usize, io::Result<Socket>)>, String> {
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

    /// The numbers and names of all passed descriptors.
    pub(super) fn all() -> Vec<(usize, String)> {
        match PASSED.get() {
            Some(Ok(passed)) => passed.iter().map(|one| (one.number, one.name.clone())).collect(),
            // Other code may own the descriptors, so they are not taken over here.
            _ => announced().unwrap_or_default(),
        }
    }

    static PASSED: OnceLock<Result<Vec<Passed>, String>> = OnceLock::new();

    /// Takes over all sockets; hides them from child processes and from the environment.
    fn take() -> Result<Vec<Passed>, String> {
        let announced = announced()?;
        let mut sockets = ListenFd::from_env();
        let taken = (0..sockets.len()).map(|at| take_one(&mut sockets, at)).collect::<Vec<_>>();
        let passed = announced.into_iter().zip(taken);
        Ok(passed.map(|((number, name), socket)| Passed { number, name, socket }).collect())
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
        match is_listening(&socket) {
            Ok(true) => Ok(socket),
            _ => {
                // The descriptor may belong to other code, so it is not closed.
                std::mem::forget(socket);
                Err("the socket does not listen".to_owned())
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

    /// The numbers and names of all passed descriptors.
    pub(super) fn all() -> Vec<(usize, String)> {
        super::announced().unwrap_or_default()
    }
}

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
