//! Large listings in memory, each shared by the clients that read it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use super::listing::view::View;
use super::once::{Claim, OnceAtATime};
use crate::message::permits::{Permit, Permits};
use crate::sync::Mutex;

/// The pages in memory, each for as long as a response holds it. Clones share the pages.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    /// In the order in which the pages were made.
    held: Arc<Mutex<Vec<Weak<Page>>>>,
    places: Permits,
    claims: OnceAtATime<Lot>,
}

/// Room for a page; one permit for each thousand entries beyond the first.
#[derive(Debug, Default)]
pub(super) struct Room(Vec<Permit>);

/// The subject of a page: a directory in a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    lot: Lot,
    view: View,
}

/// The pages that share one allowance of [`MOST_OF_ONE`]: those of a directory in the usual view,
/// or those in all other views. A directory is known by its identity, with all else that its pages
/// depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lot {
    device: u64,
    inode: u64,
    /// The path as shown.
    names: Vec<String>,
    shows_hidden: bool,
    is_usual: bool,
}

/// The change times of a directory: they change with each name in it.
#[derive(Debug, PartialEq, Eq)]
struct Changed {
    modified: (i64, i64),
    changed: (i64, i64),
}

#[derive(Debug)]
struct Page {
    subject: Subject,
    changed: Changed,
    /// The time of the request for which the page was made.
    made: SystemTime,
    text: Box<str>,
    _room: Room,
}

/// A page, for one response.
pub(super) struct SharedPage(Arc<Page>);

impl Pages {
    /// Returns a page of `subject` that can be sent: one that is fresh, or the newest one if
    /// [`MOST_OF_ONE`] of its lot are in memory already.
    pub(super) fn usable(&self, subject: &Subject, facts: &Metadata, now: SystemTime) -> Option<SharedPage> {
        let (newest, count) = self.of(subject);
        let newest = newest?;
        (count >= MOST_OF_ONE || newest.is_fresh(&Changed::of(facts), now)).then_some(SharedPage(newest))
    }

    /// Waits until no other thread makes a page of the lot of `subject`. Afterwards a page may be
    /// usable.
    pub(super) fn claim(&self, subject: &Subject) -> Claim<Lot> {
        self.claims.take(&subject.lot)
    }

    /// Returns the newest page of `subject`.
    pub(super) fn newest(&self, subject: &Subject) -> Option<SharedPage> {
        self.of(subject).0.map(SharedPage)
    }

    /// True if the lot of `subject` has a place for another page.
    pub(super) fn has_place(&self, subject: &Subject) -> bool {
        self.of(subject).1 < MOST_OF_ONE
    }

    /// Takes room for a thousand further entries; false if all room is taken.
    pub(super) fn extend(&self, room: &mut Room) -> bool {
        let taken = self.places.take(PLACES);
        let is_taken = taken.is_some();
        room.0.extend(taken);
        is_taken
    }

    /// The permits in use.
    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.places.taken()
    }

    /// Keeps the page `text` of `subject`, as read at the time `made` from a directory with the
    /// metadata `facts`, for later readers.
    pub(super) fn share(
        &self,
        subject: Subject,
        facts: &Metadata,
        text: String,
        room: Room,
        made: SystemTime,
    ) -> SharedPage {
        let page =
            Arc::new(Page { subject, changed: Changed::of(facts), made, text: text.into_boxed_str(), _room: room });
        self.held.lock().push(Arc::downgrade(&page));
        SharedPage(page)
    }

    /// Returns the newest page of `subject` with the number of all in its lot, and forgets pages not
    /// in use.
    fn of(&self, subject: &Subject) -> (Option<Arc<Page>>, usize) {
        let (mut newest, mut count) = (None, 0);
        self.held.lock().retain(|page| {
            let page = page.upgrade();
            let is_held = page.is_some();
            if let Some(page) = page.filter(|page| page.subject.lot == subject.lot) {
                count += 1;
                if page.subject.view == subject.view {
                    newest = Some(page);
                }
            }
            is_held
        });
        (newest, count)
    }
}

impl Room {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Subject {
    pub(super) fn of(facts: &Metadata, names: Vec<String>, shows_hidden: bool, view: View) -> Self {
        let is_usual = view == View::default();
        Self { lot: Lot { device: facts.dev(), inode: facts.ino(), names, shows_hidden, is_usual }, view }
    }
}

impl Changed {
    fn of(facts: &Metadata) -> Self {
        Self { modified: (facts.mtime(), facts.mtime_nsec()), changed: (facts.ctime(), facts.ctime_nsec()) }
    }
}

impl Page {
    /// True if the directory has not changed and the page is young: sizes and times of entries can
    /// change without a change of the directory.
    fn is_fresh(&self, changed: &Changed, now: SystemTime) -> bool {
        // The page may be younger than the request, which has waited for a claim.
        let age = now.duration_since(self.made).unwrap_or_else(|error| error.duration());
        self.changed == *changed && age < FRESH
    }
}

impl AsRef<[u8]> for SharedPage {
    fn as_ref(&self) -> &[u8] {
        self.0.text.as_bytes()
    }
}

/// The age up to which a page is sent to further clients.
const FRESH: Duration = Duration::from_secs(1);
/// The most pages of one lot in memory, if its clients read slowly.
const MOST_OF_ONE: usize = 4;
/// The most thousands of entries in memory: 16 listings of the maximum size, some 5 MB each.
const PLACES: usize = 16 * 9;
