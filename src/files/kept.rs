//! Small files, kept in memory for a second while the file system reports no change.
//!
//! Opening a small file costs more than sending its content. A kept file costs one look at the
//! metadata. Another file of the same name, and any change of content or permissions, shows as
//! another inode or another time of the last change (ctime), which no program can set.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::message::file_length::known_length;
use crate::sync::Mutex;

/// The kept files of one [`Files`](super::Files).
#[derive(Debug, Default)]
pub(super) struct KeptFiles(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    /// By the path below the root.
    files: HashMap<PathBuf, KeptFile>,
    /// The bytes of all files, with their paths.
    weight: usize,
}

#[derive(Clone, Debug)]
pub(super) struct KeptFile {
    pub(super) content: Bytes,
    pub(super) facts: Metadata,
    since: SystemTime,
}

/// A clone may allow other links, and begins without files.
impl Clone for KeptFiles {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl KeptFiles {
    /// Returns the file at `path` below `root`, if the file is kept and has not changed since.
    pub(super) fn get(&self, root: &Path, path: &Path, now: SystemTime) -> Option<KeptFile> {
        let kept = self.0.lock().files.get(path).filter(|kept| kept.is_fresh(now))?.clone();
        let facts = root.join(path).metadata().ok()?;
        is_unchanged(&kept.facts, &facts).then_some(kept)
    }

    /// Reads an open file and keeps its content, if it is small and has not changed lately.
    pub(super) fn keep(&self, path: &Path, file: &File, facts: &Metadata, now: SystemTime) -> Option<KeptFile> {
        if facts.len() > MOST_CONTENT || !is_settled(facts, now) {
            return None;
        }
        let mut content = vec![0; usize::try_from(known_length(file, facts)?).ok()?];
        file.read_exact_at(&mut content, 0).ok()?;
        let kept = KeptFile { content: content.into(), facts: facts.clone(), since: now };
        self.0.lock().put(path, kept.clone());
        Some(kept)
    }

    /// The paths of the kept files, with the times of their reading.
    #[cfg(test)]
    pub(super) fn times(&self) -> Vec<(PathBuf, SystemTime)> {
        let shelf = self.0.lock();
        let mut times: Vec<_> = shelf.files.iter().map(|(path, kept)| (path.clone(), kept.since)).collect();
        times.sort();
        times
    }
}

impl Shelf {
    /// Adds or replaces a file. A full shelf is emptied first.
    fn put(&mut self, path: &Path, kept: KeptFile) {
        let weight = weight(path, &kept);
        if self.weight + weight > MOST_WEIGHT {
            *self = Self::default();
        }
        self.weight += weight;
        if let Some(before) = self.files.insert(path.to_owned(), kept) {
            self.weight -= self::weight(path, &before);
        }
    }
}

impl KeptFile {
    fn is_fresh(&self, now: SystemTime) -> bool {
        now.duration_since(self.since).is_ok_and(|age| age < LONGEST)
    }
}

fn weight(path: &Path, kept: &KeptFile) -> usize {
    path.as_os_str().len() + kept.content.len() + OVERHEAD
}

/// True if the file has not changed: same identity, length and times, to the nanosecond.
fn is_unchanged(before: &Metadata, now: &Metadata) -> bool {
    let state = |facts: &Metadata| {
        let modified = (facts.mtime(), facts.mtime_nsec());
        (facts.dev(), facts.ino(), facts.len(), modified, facts.ctime(), facts.ctime_nsec())
    };
    state(before) == state(now)
}

/// True if the last change is so long ago that a later change has a later time, as coarse as the
/// clock of the file system may be.
fn is_settled(facts: &Metadata, now: SystemTime) -> bool {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).is_ok_and(|now| now.saturating_sub(facts.ctime()) > SETTLED)
}

/// The longest content of a kept file, in bytes.
const MOST_CONTENT: u64 = 16 << 10;
/// The most bytes of all kept files.
const MOST_WEIGHT: usize = 1 << 20;
/// An upper bound of the memory that a kept file takes beside path and content.
const OVERHEAD: usize = 512;
/// The longest time a file is kept. A bound for changes without a time: a program that writes
/// through mapped memory may change a file twice with one time.
const LONGEST: Duration = Duration::from_secs(1);
/// In seconds.
const SETTLED: i64 = 2;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A directory with one settled file `name`, and the time of the first request.
    fn kept_file(content: &str) -> (PathBuf, KeptFiles, SystemTime) {
        let root = std::env::temp_dir().join(format!("drupe-kept-{}-{content:.9}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("name"), content).unwrap();
        let (kept, now) = (KeptFiles::default(), SystemTime::now() + Duration::from_secs(4));
        let file = File::open(root.join("name")).unwrap();
        kept.keep(Path::new("name"), &file, &file.metadata().unwrap(), now);
        (root, kept, now)
    }

    fn is_kept(root: &Path, kept: &KeptFiles, now: SystemTime) -> bool {
        kept.get(root, Path::new("name"), now).is_some()
    }

    #[test]
    fn unchanged_file_is_kept_for_a_second() {
        let (root, kept, now) = kept_file("unchanged");
        assert_eq!(kept.get(&root, Path::new("name"), now).unwrap().content, "unchanged");
        let later = [0, 999, 1000].map(|age| is_kept(&root, &kept, now + Duration::from_millis(age)));
        assert_eq!(later, [true, true, false]);
        assert!(!is_kept(&root, &kept, now - Duration::from_secs(1)), "a clock that was set back");
        assert!(!is_kept(&root, &kept.clone(), now));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn changed_file_is_not_kept() {
        type Change = fn(&Path);
        let same_length_and_time: Change = |path| {
            let time = path.metadata().unwrap().modified().unwrap();
            fs::write(path, "bbbbb").unwrap();
            File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        };
        let another_file: Change = |path| {
            fs::write(path.with_file_name("other"), "aaaaa").unwrap();
            fs::rename(path.with_file_name("other"), path).unwrap();
        };
        let permissions: Change = |path| fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        let removed: Change = |path| fs::remove_file(path).unwrap();
        for (at, change) in [same_length_and_time, another_file, permissions, removed].into_iter().enumerate() {
            let (root, kept, now) = kept_file(&format!("{at}aaaa"));
            assert!(is_kept(&root, &kept, now), "change {at}");
            change(&root.join("name"));
            assert!(!is_kept(&root, &kept, now), "change {at}");
            fs::remove_dir_all(root).unwrap();
        }
    }

    #[test]
    fn young_or_large_file_is_not_kept() {
        let (root, kept, now) = kept_file("young");
        let keeps = |content: &[u8], now| {
            fs::write(root.join("other"), content).unwrap();
            let file = File::open(root.join("other")).unwrap();
            kept.keep(Path::new("other"), &file, &file.metadata().unwrap(), now).is_some()
        };
        assert!(!keeps(b"young", SystemTime::now()));
        assert!(keeps(&[b'a'; 16384], now));
        assert!(!keeps(&[b'a'; 16385], now));
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn kept_files_have_a_bound() {
        let (root, kept, now) = kept_file("bound");
        let file = File::open(root.join("name")).unwrap();
        let facts = file.metadata().unwrap();
        let most = MOST_WEIGHT / (OVERHEAD + 5);
        for name in 0..3 * most {
            kept.keep(Path::new(&name.to_string()), &file, &facts, now);
            let shelf = kept.0.lock();
            assert!(shelf.weight <= MOST_WEIGHT && shelf.files.len() <= most);
        }
        for _ in 0..3 * most {
            kept.keep(Path::new("name"), &file, &facts, now);
        }
        let shelf = kept.0.lock();
        assert_eq!(shelf.weight, shelf.files.iter().map(|(path, kept)| weight(path, kept)).sum::<usize>());
        fs::remove_dir_all(root).unwrap();
    }
}
