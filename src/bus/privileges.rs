//! Drops root privileges once they are no longer needed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Group, Uid, User};

use super::error::BusError;
use super::plugins::{Plugin, Subscriptions};
use super::{BoxError, Bus};
use crate::system::mode::mode;
use crate::system::privileges;

/// Changes the user, the group and the umask at `start` (77); CherryPy's `DropPrivileges`. The
/// change comes after a server has bound its sockets (75), and before the first connection is
/// accepted (80).
///
/// With a user or a group, supplementary groups are dropped. The result is verified, including that
/// root cannot be regained; the start fails if a check fails. The change applies to the whole
/// process, once. It cannot be undone, and a restart does not repeat it.
///
/// The new user needs access to all files that the process opens later, such as certificates at a
/// reload and log files.
///
/// ```
/// use drupe::process::{Bus, DropPrivileges, Plugin};
///
/// let bus = Bus::new();
/// DropPrivileges::new().umask(0o027).subscribe(&bus);
/// bus.start()?;
///
/// let unknown = DropPrivileges::new().user("no such user").unwrap_err();
/// assert_eq!(unknown.to_string(), "there is no user \"no such user\"");
/// # Ok::<(), drupe::process::BusError>(())
/// ```
#[derive(Debug, Default)]
pub struct DropPrivileges {
    wanted: Wanted,
    /// True if privileges have been dropped.
    done: Arc<AtomicBool>,
    subscriptions: Subscriptions,
}

#[derive(Clone, Copy, Debug, Default)]
struct Wanted {
    uid: Option<Uid>,
    /// The group of the user, unless another group is set.
    gid: Option<Gid>,
    umask: Option<Mode>,
}

impl DropPrivileges {
    /// Creates a plugin that changes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the user to become, by name or number. The group is the user's group in the system's
    /// database, unless [`group`](Self::group) sets another.
    ///
    /// # Errors
    /// `Unknown` if the name does not exist, or if a number has no name and no group has been set
    /// before. `System` if the lookup fails.
    pub fn user(mut self, name: &str) -> Result<Self, BusError> {
        let failed = |errno: Errno| BusError::System { what: format!("look up user {name:?}"), source: errno.into() };
        let number = name.parse().ok().map(Uid::from_raw);
        let found = match found(User::from_name(name)).map_err(failed)? {
            Some(user) => Some(user),
            None => number.map(|uid| found(User::from_uid(uid))).transpose().map_err(failed)?.flatten(),
        };
        match (found, number) {
            (Some(user), _) => {
                self.wanted.uid = Some(user.uid);
                self.wanted.gid.get_or_insert(user.gid);
            }
            (None, Some(uid)) if self.wanted.gid.is_some() => self.wanted.uid = Some(uid),
            _ => return Err(BusError::Unknown { kind: "user", name: name.to_owned() }),
        }
        Ok(self)
    }

    /// Sets the group to become, by name or number.
    ///
    /// # Errors
    /// `Unknown` if the name does not exist; `System` if the lookup fails.
    pub fn group(mut self, name: &str) -> Result<Self, BusError> {
        let failed = |errno: Errno| BusError::System { what: format!("look up group {name:?}"), source: errno.into() };
        let found = found(Group::from_name(name)).map_err(failed)?.map(|group| group.gid);
        let Some(gid) = found.or_else(|| name.parse().ok().map(Gid::from_raw)) else {
            return Err(BusError::Unknown { kind: "group", name: name.to_owned() });
        };
        self.wanted.gid = Some(gid);
        Ok(self)
    }

    /// Sets the umask of new files: `0o027` denies all access to others. Only the nine permission
    /// bits count.
    #[must_use]
    pub fn umask(mut self, mask: u32) -> Self {
        self.wanted.umask = Some(mode(mask));
        self
    }
}

impl Plugin for DropPrivileges {
    fn subscribe(&self, bus: &Bus) {
        let (wanted, done) = (self.wanted, Arc::clone(&self.done));
        self.subscriptions.add(bus.subscribe("start", 77, "privileges", move |_| {
            if !done.load(Ordering::SeqCst) {
                wanted.enter().map_err(BoxError::from)?;
                done.store(true, Ordering::SeqCst);
            }
            Ok(())
        }));
    }

    fn unsubscribe(&self, bus: &Bus) {
        self.subscriptions.end(bus);
    }
}

impl Wanted {
    fn enter(self) -> Result<(), BusError> {
        if let Some(mask) = self.umask {
            umask(mask);
        }
        if self.uid.is_none() && self.gid.is_none() {
            return Ok(());
        }
        // The user comes last, because only root may do the rest.
        privileges::drop_groups().map_err(refused("give up supplementary groups"))?;
        if let Some(gid) = self.gid {
            privileges::set_group(gid).map_err(refused(&format!("become group {gid}")))?;
        }
        if let Some(uid) = self.uid {
            privileges::set_user(uid).map_err(refused(&format!("become user {uid}")))?;
        }
        self.verify()
    }

    fn verify(self) -> Result<(), BusError> {
        let failed = |what: &str| BusError::System {
            what: what.to_owned(),
            source: io::Error::other("the system call succeeded but had no effect"),
        };
        if privileges::has_further_groups().map_err(refused("read the group ids"))? {
            return Err(failed("give up supplementary groups"));
        }
        let users = privileges::users().map_err(refused("read the user ids"))?;
        let groups = privileges::groups().map_err(refused("read the group ids"))?;
        let is_user = |uid: Uid| users.iter().all(|id| *id == uid);
        let is_group = |gid: Gid| groups.iter().all(|id| *id == gid);
        if !self.uid.is_none_or(is_user) {
            return Err(failed("become another user"));
        }
        if !self.gid.is_none_or(is_group) {
            return Err(failed("become another group"));
        }
        // Retained capabilities could still allow the call, so the call is tried.
        let root = Uid::from_raw(0);
        if self.uid.is_some_and(|uid| uid != root) && privileges::set_user(root).is_ok() {
            return Err(BusError::System {
                what: "give up root for good".to_owned(),
                source: io::Error::other("the process could become root again"),
            });
        }
        Ok(())
    }
}

/// Returns a function that builds the error for the refused operation `what`.
fn refused(what: &str) -> impl FnOnce(io::Error) -> BusError {
    move |source| BusError::System { what: what.to_owned(), source }
}

/// Converts the result of a lookup. Databases report an unknown name in several ways
/// (`getpwnam(3)`); without a database, no name exists.
fn found<T>(result: nix::Result<Option<T>>) -> nix::Result<Option<T>> {
    match result {
        Err(Errno::ENOENT | Errno::ESRCH | Errno::EBADF | Errno::EPERM) => Ok(None),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(result: Result<DropPrivileges, BusError>) -> String {
        match result {
            Err(error @ BusError::Unknown { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn users_and_groups_are_found_by_name_and_number() {
        let root = DropPrivileges::new().user("root").unwrap().wanted;
        assert_eq!((root.uid, root.gid), (Some(Uid::from_raw(0)), Some(Gid::from_raw(0))));
        let by_number = DropPrivileges::new().user("0").unwrap().wanted;
        assert_eq!((by_number.uid, by_number.gid), (root.uid, root.gid));
        let nameless = DropPrivileges::new().group("3999999998").unwrap().user("3999999999").unwrap().wanted;
        assert_eq!(nameless.uid.map(Uid::as_raw), Some(3_999_999_999));
        assert_eq!(nameless.gid.map(Gid::as_raw), Some(3_999_999_998));
        let kept = DropPrivileges::new().group("7").unwrap().user("root").unwrap().wanted;
        assert_eq!(kept.gid.map(Gid::as_raw), Some(7));
        let replaced = DropPrivileges::new().user("root").unwrap().group("7").unwrap().wanted;
        assert_eq!(replaced.gid.map(Gid::as_raw), Some(7));
    }

    #[test]
    fn unknown_users_and_groups_are_refused_by_name() {
        assert_eq!(unknown(DropPrivileges::new().user("nobody here")), "there is no user \"nobody here\"");
        assert_eq!(unknown(DropPrivileges::new().user("")), "there is no user \"\"");
        assert_eq!(unknown(DropPrivileges::new().user("3999999999")), "there is no user \"3999999999\"");
        assert_eq!(unknown(DropPrivileges::new().user("-1")), "there is no user \"-1\"");
        assert_eq!(unknown(DropPrivileges::new().group("nobody here")), "there is no group \"nobody here\"");
    }

    #[test]
    fn privileges_stay_if_no_user_or_group_is_set() {
        let before = (privileges::users().unwrap(), privileges::groups().unwrap());
        Wanted::default().enter().unwrap();
        assert_eq!((privileges::users().unwrap(), privileges::groups().unwrap()), before);
    }
}
