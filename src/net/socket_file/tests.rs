//! Obstacles at the path of a socket, and their handling.

use std::fs::File;
use std::os::unix::net::{UnixDatagram, UnixStream};

use nix::fcntl::{Flock, FlockArg};

use super::*;

/// A directory removed after the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let place = std::env::temp_dir().join(format!("drupe-{}-{name}", std::process::id()));
        fs::create_dir(&place).unwrap();
        Self(place)
    }

    fn path(&self) -> PathBuf {
        self.0.join("s")
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(&self.0).unwrap().next().is_none()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

const RIGHTS: Rights = Rights { mode: 0o640, user: None, group: None };

fn listening(path: &Path) -> Result<(UnixListener, Option<SocketFile>), Error> {
    listen(path, 16, &RIGHTS, "socket_file")
}

/// The text of the error and its cause.
fn refusal(path: &Path) -> String {
    let error = listening(path).map(|_| ()).unwrap_err();
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

/// Leaves a socket file behind, as a killed server does.
fn leave_behind(path: &Path) {
    drop(UnixListener::bind(path).unwrap());
    // A child just forked by another test also has the socket, until its exec.
    while UnixStream::connect(path).is_ok() {
        std::thread::yield_now();
    }
    assert!(path.exists());
}

#[test]
fn the_file_has_its_mode_and_goes_with_the_listener() {
    let place = Place::new("mode");
    for mode in [0o640, 0o777, 0o600, 0] {
        let rights = Rights { mode, ..RIGHTS };
        let (_listener, file) = listen(&place.path(), 16, &rights, "socket_file").unwrap();
        assert_eq!(fs::symlink_metadata(place.path()).unwrap().mode() & 0o7777, mode);
        drop(file);
        assert!(place.is_empty());
    }
}

/// Between bind and listen no client gets in, whatever its rights.
#[test]
fn socket_file_has_no_permissions_before_the_listener_listens() {
    let place = Place::new("before");
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    claim(&socket, &place.path()).unwrap();
    assert_eq!(fs::symlink_metadata(place.path()).unwrap().mode() & 0o7777, 0);
    let refused = UnixStream::connect(place.path()).unwrap_err().kind();
    assert!(matches!(refused, io::ErrorKind::ConnectionRefused | io::ErrorKind::PermissionDenied), "{refused}");
}

#[test]
fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
    let place = Place::new("dead");
    leave_behind(&place.path());
    let (listener, file) = listening(&place.path()).unwrap();
    UnixStream::connect(place.path()).unwrap();
    listener.accept().unwrap();

    let before = fs::symlink_metadata(place.path()).unwrap().ino();
    let text = refusal(&place.path());
    assert!(text.starts_with("cannot listen on unix:") && text.contains("in use"), "{text}");
    assert_eq!(fs::symlink_metadata(place.path()).unwrap().ino(), before);
    drop(file);
}

/// A full backlog makes a connect wait, but not the probe.
#[test]
fn a_busy_socket_is_a_live_one() {
    let place = Place::new("busy");
    let (_listener, _file) = listen(&place.path(), 1, &RIGHTS, "socket_file").unwrap();
    let mut waiting = Vec::new();
    let address = SockAddr::unix(place.path()).unwrap();
    loop {
        let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        client.set_nonblocking(true).unwrap();
        match client.connect(&address) {
            Ok(()) => waiting.push(client),
            Err(error) => break assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    }
    assert!(refusal(&place.path()).contains("in use"));
}

#[test]
fn other_files_and_sockets_are_left_alone() {
    let place = Place::new("foreign");
    let path = place.path();
    fs::write(&path, "precious").unwrap();
    assert!(refusal(&path).ends_with("the existing file is not a socket"), "{}", refusal(&path));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    fs::remove_file(&path).unwrap();

    fs::create_dir(&path).unwrap();
    assert!(refusal(&path).ends_with("the existing file is not a socket"));
    fs::remove_dir(&path).unwrap();

    let _other = UnixDatagram::bind(&path).unwrap();
    assert!(refusal(&path).contains("in use"));
    assert!(path.exists());
}

/// Neither a link to a file, nor to a dead socket, nor to nothing.
#[test]
fn a_symbolic_link_is_never_followed() {
    let place = Place::new("link");
    let (path, target) = (place.path(), place.0.join("target"));
    std::os::unix::fs::symlink(&target, &path).unwrap();
    for round in 0..3 {
        match round {
            0 => {}
            1 => fs::write(&target, "precious").unwrap(),
            _ => {
                fs::remove_file(&target).unwrap();
                leave_behind(&target);
            }
        }
        assert!(refusal(&path).ends_with("the existing file is not a socket"), "{}", refusal(&path));
        assert_eq!(fs::read_link(&path).unwrap(), target);
        assert_eq!(target.exists(), round > 0);
    }
}

#[test]
fn file_that_replaced_the_socket_is_left_alone() {
    let place = Place::new("replaced");
    let (_listener, file) = listening(&place.path()).unwrap();
    fs::remove_file(place.path()).unwrap();
    fs::write(place.path(), "another's").unwrap();
    drop(file);
    assert_eq!(fs::read_to_string(place.path()).unwrap(), "another's");
}

/// Even a file with the same name and inode is kept: the next server's socket replaced this one.
#[test]
fn socket_file_is_removed_once() {
    let place = Place::new("once");
    let (listener, file) = listening(&place.path()).unwrap();
    let file = file.unwrap();
    file.remove();
    drop(listener);
    let (_listener, _other) = listening(&place.path()).unwrap();
    file.remove();
    drop(file);
    UnixStream::connect(place.path()).unwrap();
}

#[test]
fn error_about_the_path_names_the_setting() {
    let place = Place::new("nowhere");
    let missing = place.0.join("no/s");
    let text =
        format!("setting socket_file: cannot create {missing:?}: there is no directory {:?}", place.0.join("no"));
    assert_eq!(refusal(&missing), text);
    fs::write(place.0.join("file"), "").unwrap();
    assert!(refusal(&place.0.join("file/s")).starts_with("setting socket_file: "));
    fs::remove_file(place.0.join("file")).unwrap();

    for (setting, user, group) in [("socket_user", Some("no one"), None), ("socket_group", None, Some("no one"))] {
        let rights = Rights { user: user.map(str::to_owned), group: group.map(str::to_owned), ..RIGHTS };
        let error = listen(&place.path(), 16, &rights, "listen").unwrap_err().to_string();
        let what = setting.trim_start_matches("socket_");
        assert_eq!(error, format!("setting {setting}: \"no one\" is neither the name of a {what} nor a number"));
        assert!(place.is_empty());
    }
}

/// A start killed halfway leaves such a file, but the file blocks the next start only for a while.
#[test]
fn young_socket_file_without_permissions_belongs_to_a_starting_server() {
    let place = Place::new("young");
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    claim(&socket, &place.path()).unwrap();
    drop(socket);
    assert!(refusal(&place.path()).ends_with("another server is starting on the same path"));
    for (changed, now, expected) in
        [(100, 100, true), (100, 109, true), (100, 110, false), (100, 50, true), (-1, 0, false)]
    {
        assert_eq!(is_young(changed, now), expected, "{changed} at {now}");
    }
}

/// Over a dead socket: one server serves and the others get an error, even on a busy machine.
#[test]
fn of_servers_started_at_once_exactly_one_serves() {
    const STARTS: usize = 4;
    let place = Place::new("many");
    for _ in 0..100 {
        leave_behind(&place.path());
        let gate = std::sync::Barrier::new(STARTS);
        let start = || {
            gate.wait();
            listening(&place.path())
        };
        let started: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..STARTS).map(|_| scope.spawn(start)).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        let refused: Vec<_> = started.iter().filter_map(|start| start.as_ref().err()).collect();
        assert_eq!(refused.len(), STARTS - 1, "{refused:?}");
        UnixStream::connect(place.path()).unwrap();
        drop(started);
        assert!(place.is_empty());
    }
}

/// A process that can read a directory can lock it, but cannot block a start there.
#[test]
fn locked_directory_does_not_block_a_start() {
    let place = Place::new("locked");
    let _lock = Flock::lock(File::open(&place.0).unwrap(), FlockArg::LockExclusive).unwrap();
    let (listener, file) = listening(&place.path()).unwrap();
    drop((file, listener));
    leave_behind(&place.path());
    let (_listener, _file) = listening(&place.path()).unwrap();
    UnixStream::connect(place.path()).unwrap();
}
