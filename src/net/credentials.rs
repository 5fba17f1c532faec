//! The peer of a Unix socket, and the names of users and groups.
//!
//! The kernel answers immediately. Names come from the system's databases (`nsswitch.conf`),
//! possibly from a slow remote server. So a name is looked up on the calling thread, never on a
//! shared one, and cached for a few seconds.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::{Group, User};

use crate::address::{Credentials, NameService};
use crate::sync::Mutex;
use crate::system::peer::{self, PeerIds};

/// The identity of the client at its connect (`SO_PEERCRED` or `LOCAL_PEERCRED`); with names if `is_resolved`.
pub(crate) fn of(socket: &UnixStream, is_resolved: bool) -> Option<Credentials> {
    match peer::of(socket) {
        Ok(PeerIds { pid, uid, gid }) => {
            Some(Credentials { pid, uid, gid, names: is_resolved.then_some(&SystemNames) })
        }
        Err(error) => {
            let option = peer::OPTION;
            log::debug!("cannot read {option} of a client: {error}; serving the client without credentials");
            None
        }
    }
}

/// The id of the user `name`, if there is one; digits are taken as the id.
///
/// # Errors
/// The lookup failed.
pub(super) fn user_id(name: &str) -> io::Result<Option<u32>> {
    match number(name) {
        None => found(User::from_name(name)).map(|user| user.map(|user| user.uid.as_raw())),
        id => Ok(id),
    }
}

/// The id of the group `name`, if there is one; digits are taken as the id.
///
/// # Errors
/// The lookup failed.
pub(super) fn group_id(name: &str) -> io::Result<Option<u32>> {
    match number(name) {
        None => found(Group::from_name(name)).map(|group| group.map(|group| group.gid.as_raw())),
        id => Ok(id),
    }
}

/// Maps the result of a lookup. Databases report an unknown name in several ways (`getpwnam(3)`).
fn found<T>(result: nix::Result<Option<T>>) -> io::Result<Option<T>> {
    match result {
        Err(Errno::ENOENT | Errno::ESRCH | Errno::EBADF | Errno::EPERM) => Ok(None),
        done => Ok(done?),
    }
}

/// Parses an id. Refuses the largest `u32`: the system takes that value for "leave unchanged".
fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|id| is_number && *id != u32::MAX)
}

/// The cached system databases.
struct SystemNames;

impl NameService for SystemNames {
    fn user(&self, uid: u32) -> Option<String> {
        user(uid)
    }

    fn group(&self, gid: u32) -> Option<String> {
        group(gid)
    }

    fn groups(&self, uid: u32, gid: u32) -> Vec<String> {
        groups(uid, gid)
    }
}

fn user(uid: u32) -> Option<String> {
    static USERS: Memory<u32, Option<String>> = Memory::new();
    USERS.recall(uid, || text(users::get_user_by_uid(uid)?.name()))
}

fn group(gid: u32) -> Option<String> {
    static GROUPS: Memory<u32, Option<String>> = Memory::new();
    GROUPS.recall(gid, || text(users::get_group_by_gid(gid)?.name()))
}

fn groups(uid: u32, gid: u32) -> Vec<String> {
    static MEMBERSHIPS: Memory<(u32, u32), Vec<String>> = Memory::new();
    MEMBERSHIPS.recall((uid, gid), || {
        let groups = users::get_user_by_uid(uid).and_then(|user| users::get_user_groups(user.name(), gid));
        groups.into_iter().flatten().filter_map(|group| text(group.name())).collect()
    })
}

/// Treats a name that is not UTF-8 as absent: a lossy conversion might give another user's name.
fn text(name: &std::ffi::OsStr) -> Option<String> {
    name.to_str().map(str::to_owned)
}

/// A cache of recent lookups, failed ones included.
struct Memory<K, V> {
    known: Mutex<Vec<(K, V, Instant)>>,
}

impl<K: Copy + PartialEq, V: Clone> Memory<K, V> {
    const fn new() -> Self {
        Self { known: Mutex::new(Vec::new()) }
    }

    fn recall(&self, key: K, find: impl FnOnce() -> V) -> V {
        if let Some(value) = self.fresh(key, Instant::now()) {
            return value;
        }
        // Without the lock: a slow lookup must not block other threads.
        let value = find();
        self.keep(key, value.clone(), Instant::now());
        value
    }

    fn fresh(&self, key: K, now: Instant) -> Option<V> {
        let known = self.known.lock();
        known.iter().find(|(of, _, found)| *of == key && is_fresh(*found, now)).map(|(_, value, _)| value.clone())
    }

    fn keep(&self, key: K, value: V, now: Instant) {
        let mut known = self.known.lock();
        known.retain(|(of, _, found)| *of != key && is_fresh(*found, now));
        if known.len() >= MOST {
            known.clear();
        }
        known.push((key, value, now));
    }
}

fn is_fresh(found: Instant, now: Instant) -> bool {
    now.saturating_duration_since(found) < LIFE
}

/// The lifetime of a cached name: long for a request, but short enough for a revoked account.
const LIFE: Duration = Duration::from_secs(5);
/// The most entries of each cache.
const MOST: usize = 1024;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn printed(arguments: &[&str]) -> String {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    #[test]
    fn both_ends_of_a_pair_are_this_process() {
        let (one, _other) = UnixStream::pair().unwrap();
        let credentials = of(&one, true).unwrap();
        assert_eq!(credentials.pid, std::process::id());
        assert_eq!((credentials.uid.to_string(), credentials.gid.to_string()), (printed(&["-u"]), printed(&["-g"])));
        assert_eq!((credentials.user(), credentials.group()), (Some(printed(&["-un"])), Some(printed(&["-gn"]))));
        let mut groups = credentials.groups();
        assert_eq!(groups[0], printed(&["-gn"]));
        // The groups of the user; this process may have none.
        let user = printed(&["-un"]);
        let mut expected: Vec<String> = printed(&["-Gn", &user]).split(' ').map(str::to_owned).collect();
        groups.sort();
        expected.sort();
        assert_eq!(groups, expected);
    }

    #[test]
    fn users_are_found_by_name_and_number() {
        for (text, expected) in [
            ("root", Some(0)),
            ("0", Some(0)),
            ("3000000000", Some(3_000_000_000)),
            ("4294967295", None),
            ("4294967296", None),
            ("-1", None),
            ("+1", None),
            ("", None),
            ("no such user", None),
            ("nul\0", None),
        ] {
            assert_eq!((user_id(text).unwrap(), group_id(text).unwrap()), (expected, expected), "{text:?}");
        }
        assert_eq!((user(0).as_deref(), group(0).as_deref()), (Some("root"), Some("root")));
        assert_eq!((user(3_999_999_999), group(3_999_999_999)), (None, None));
        assert_eq!(groups(3_999_999_999, 0), [""; 0]);
    }

    #[test]
    fn found_and_missing_names_are_cached_for_a_while() {
        let (memory, asked) = (Memory::<u32, Option<u32>>::new(), std::cell::Cell::new(0));
        let ask = |value| {
            memory.recall(1, || {
                asked.set(asked.get() + 1);
                value
            })
        };
        assert_eq!((ask(None), ask(Some(2))), (None, None));
        assert_eq!(asked.get(), 1);
        let now = Instant::now();
        assert_eq!(memory.fresh(1, now + LIFE), None);
        memory.keep(1, Some(3), now);
        assert_eq!(memory.fresh(1, now + LIFE - Duration::from_nanos(1)), Some(Some(3)));
        assert_eq!((ask(Some(4)), asked.get()), (Some(3), 1));
    }

    #[test]
    fn name_cache_is_bounded() {
        let (memory, now) = (Memory::<usize, ()>::new(), Instant::now());
        memory.keep(0, (), now);
        for key in 1..MOST {
            memory.keep(key, (), now + LIFE / 2);
        }
        assert_eq!(memory.known.lock().len(), MOST);
        memory.keep(MOST, (), now + LIFE);
        assert_eq!(memory.known.lock().len(), MOST, "the stale one has gone");
        memory.keep(MOST + 1, (), now + LIFE);
        assert_eq!(memory.known.lock().len(), 1, "all were fresh");
    }
}
