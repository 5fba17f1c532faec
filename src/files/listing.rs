//! The listing of a directory.
//!
//! | step | file |
//! |---|---|
//! | read the names | this one, into [`entry`] |
//! | choose | [`view`]: [`order`], from the query, and [`form`], from `Accept` |
//! | write | [`page`], with its [`policy`] for browsers, or [`json`]; texts of both are in [`figures`] |

mod entry;
mod figures;
mod form;
mod json;
mod order;
mod page;
mod policy;
pub(super) mod view;

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::time::SystemTime;

use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY};
use nix::dir::Dir;
use nix::fcntl::AtFlags;
use nix::sys::stat::{FileStat, SFlag, fstatat};

use self::entry::{Entries, Entry};
use self::form::ListingForm;
use self::view::View;
use super::beneath::Beneath;
use super::pages::{Pages, Room, Subject};
use super::response::with;
use super::root::{self, Root};
use super::target::FilePath;
use super::validators::at;
use super::walk::kind;
use crate::message::named::RequestName;
use crate::message::{Body, IntoResponse, Response};

/// A directory to be listed.
pub(super) struct Listed<'a> {
    pub(super) root: &'a Root,
    pub(super) beneath: &'a Beneath,
    /// The path of the directory.
    pub(super) below: &'a FilePath,
    pub(super) name: RequestName<'a>,
    pub(super) view: View,
}

impl Listed<'_> {
    /// Responds with the page, in HTML or JSON, a new one or one of `pages`. Waits if another thread makes a page of
    /// the same large directory.
    ///
    /// # Errors
    /// As [`root::status`], if the directory cannot be read; `SERVICE_UNAVAILABLE` if the directory
    /// is large, and other large pages take all room.
    pub(super) fn respond(&self, pages: &Pages, now: SystemTime) -> Result<Response, StatusCode> {
        let file = self.open()?;
        let mut facts = self.facts(&file)?;
        let subject = Subject::of(&facts, self.below.names(), self.root.serves_dotfiles(), self.view);
        if let Some(page) = pages.usable(&subject, &facts, now) {
            return Ok(self.described(Body::shared(page)));
        }
        let mut directory = reader(&file).map_err(|error| self.status(&error))?;
        let claim = is_large(&mut directory).then(|| pages.claim(&subject));
        if claim.is_some() {
            facts = self.facts(&file)?;
            if let Some(page) = pages.usable(&subject, &facts, now) {
                return Ok(self.described(Body::shared(page)));
            }
        }
        let mut room = Room::default();
        let Some(entries) = self.entries(directory, pages, &subject, &mut room)? else {
            let newest = pages.newest(&subject).ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
            return Ok(self.described(Body::shared(newest)));
        };
        let mut text = String::with_capacity(4096 + 320 * entries.list.len());
        match self.view.form {
            ListingForm::Html => page::write_page(&mut text, &self.below.names(), &entries, self.view.order),
            ListingForm::Json => json::write_json(&mut text, &entries),
        }
        if room.is_empty() {
            return Ok(self.described(text.into()));
        }
        Ok(self.described(Body::shared(pages.share(subject, &facts, text, room, now))))
    }

    /// Responds to `HEAD`, without the length: the page would have to be made to be measured.
    ///
    /// # Errors
    /// As [`root::status`], if the directory cannot be read.
    pub(super) fn respond_to_head(&self) -> Result<Response, StatusCode> {
        self.open()?;
        Ok(self.described(Body::from_reader(io::empty())))
    }

    fn open(&self) -> Result<File, StatusCode> {
        self.beneath.directory(&self.below.to_path()).map_err(|error| self.status(&error))
    }

    fn facts(&self, directory: &File) -> Result<Metadata, StatusCode> {
        directory.metadata().map_err(|error| self.status(&error))
    }

    /// Reads at most [`MAX_ENTRIES`] names. Takes `room` for more than [`MANY`] entries; `None` if
    /// `pages` has none for `subject`.
    ///
    /// Entries that cannot be served are left out: hidden names, links out of the root, dangling
    /// links, pipes and devices. They still count as names.
    fn entries(
        &self,
        mut directory: Dir,
        pages: &Pages,
        subject: &Subject,
        room: &mut Room,
    ) -> Result<Option<Entries>, StatusCode> {
        let mut entries = Entries::default();
        for name in self.names(&mut directory, &mut entries.is_cut).map_err(|error| self.status(&error))? {
            let Some(entry) = self.entry(&directory, name) else { continue };
            if !entries.list.is_empty() && entries.list.len() % MANY == 0 {
                let may_begin = !room.is_empty() || pages.has_place(subject);
                if !may_begin || !pages.extend(room) {
                    return Ok(None);
                }
            }
            entries.list.push(entry);
        }
        self.view.order.sort(&mut entries.list);
        Ok(Some(entries))
    }

    /// Reads the names to be shown; sets `is_cut` if there are more than are read.
    fn names(&self, directory: &mut Dir, is_cut: &mut bool) -> io::Result<Vec<OsString>> {
        let (mut names, mut count, mut path) = (Vec::new(), 0, self.below.to_path());
        for found in directory.iter() {
            let name = found?.file_name().to_bytes().to_vec();
            if matches!(name.as_slice(), b"." | b"..") {
                continue;
            }
            if count == MAX_ENTRIES {
                *is_cut = true;
                break;
            }
            count += 1;
            let name = OsString::from_vec(name);
            path.push(&name);
            if !self.root.hides(&path) {
                names.push(name);
            }
            path.pop();
        }
        Ok(names)
    }

    fn entry(&self, directory: &Dir, name: OsString) -> Option<Entry> {
        let mut facts = fstatat(directory, name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
        if kind(&facts) == SFlag::S_IFLNK {
            facts = self.beneath.facts(&self.below.to_path().join(&name)).ok()?;
        }
        let size = match kind(&facts) {
            SFlag::S_IFDIR => None,
            SFlag::S_IFREG => Some(u64::try_from(facts.st_size).ok()?),
            _ => return None,
        };
        Some(Entry { name, size, modified: modified(&facts) })
    }

    /// Adds the fields of a listing.
    fn described(&self, page: Body) -> Response {
        let response = with(page.into_response(), CONTENT_TYPE, self.view.form.content_type());
        let response = match self.view.form {
            ListingForm::Html => with(response, CONTENT_SECURITY_POLICY, policy::POLICY),
            ListingForm::Json => response,
        };
        let response = with(response, VARY, "Accept");
        // There is no validator for the contents of a directory.
        with(response, CACHE_CONTROL, "no-cache")
    }

    fn status(&self, error: &io::Error) -> StatusCode {
        root::status(error, self.name)
    }
}

/// Opens `directory` for reading its names, beside its metadata.
fn reader(directory: &File) -> io::Result<Dir> {
    Ok(Dir::from_fd(directory.try_clone()?.into())?)
}

/// True for more than [`MANY`] names, hidden ones too. Reading begins at the first name again.
fn is_large(directory: &mut Dir) -> bool {
    const DOTS: usize = 2;
    directory.iter().nth(DOTS + MANY).is_some()
}

fn modified(facts: &FileStat) -> Option<SystemTime> {
    u64::try_from(facts.st_mtime).ok().map(at)
}

/// The most names of a directory that are looked at, because listings are made in memory.
const MAX_ENTRIES: usize = 10_000;
/// The entries that need no room among the large pages; each further room is for as many.
const MANY: usize = 1000;
