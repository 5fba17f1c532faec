//! Validators of a file, and the conditions of a request (RFC 9110 §8.8 and §13).

use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{
    ETAG, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    LAST_MODIFIED,
};

/// The validators of one state of a file.
#[derive(Clone, Debug)]
pub(super) struct Validators {
    /// The entity tag without quotes.
    tag: String,
    /// True if every later change of the file is sure to change the modification time.
    is_strong: bool,
    /// In whole seconds; `None` before 1970, because no date field can express it.
    modified: Option<SystemTime>,
    /// As `modified`, but never later than now (RFC 9110 §8.8.2.1).
    announced: Option<SystemTime>,
}

/// The result of a request's conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precondition {
    Send,
    NotModified,
    Failed,
}

impl Validators {
    /// Computes the validators of a file with the metadata `facts`, at the time `now`.
    ///
    /// The tag is a hash of size, modification time, change time, device and inode. A replaced file
    /// has another tag even if size and modification time are the same, as after unpacking an
    /// archive with one time for all files. Tags are not comparable between machines.
    pub(super) fn of(facts: &Metadata, now: SystemTime) -> Self {
        let mut hasher = DefaultHasher::new();
        (facts.len(), facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec()).hash(&mut hasher);
        (facts.dev(), facts.ino()).hash(&mut hasher);
        let modified = u64::try_from(facts.mtime()).ok().map(at);
        Self {
            tag: format!("{:016x}", hasher.finish()),
            is_strong: facts.modified().is_ok_and(|time| now.duration_since(time).is_ok_and(|age| age >= SETTLED)),
            modified,
            announced: modified.map(|time| time.min(now)),
        }
    }

    /// Evaluates the conditions in the order of RFC 9110 §13.2.2, except `If-Range`: see
    /// [`permits_range`](Self::permits_range).
    pub(super) fn judge(&self, fields: &HeaderMap) -> Precondition {
        if fields.contains_key(IF_MATCH) {
            if !self.is_listed(fields, IF_MATCH, Comparison::Strong) {
                return Precondition::Failed;
            }
        } else if let (Some(modified), Some(limit)) = (self.modified, date(fields, IF_UNMODIFIED_SINCE)) {
            if modified > limit {
                return Precondition::Failed;
            }
        }
        let is_known = if fields.contains_key(IF_NONE_MATCH) {
            self.is_listed(fields, IF_NONE_MATCH, Comparison::Weak)
        } else {
            matches!((self.modified, date(fields, IF_MODIFIED_SINCE)), (Some(modified), Some(limit)) if modified <= limit)
        };
        if is_known { Precondition::NotModified } else { Precondition::Send }
    }

    /// True if a range may be sent: without `If-Range`, or if `If-Range` strongly matches the file.
    pub(super) fn permits_range(&self, fields: &HeaderMap) -> bool {
        if !fields.contains_key(IF_RANGE) {
            return true;
        }
        let tag = only(fields, IF_RANGE).and_then(|value| Tag::read(value.as_bytes()));
        match tag {
            Some((tag, rest)) => rest.is_empty() && self.matches(&tag, Comparison::Strong),
            None => self.is_strong && self.modified.is_some() && self.modified == date(fields, IF_RANGE),
        }
    }

    /// Writes the validator fields of the response.
    pub(super) fn describe(&self, fields: &mut HeaderMap) {
        let weak = if self.is_strong { "" } else { "W/" };
        if let Ok(tag) = HeaderValue::try_from(format!("{weak}\"{}\"", self.tag)) {
            fields.insert(ETAG, tag);
        }
        if let Some(Ok(date)) = self.announced.map(|time| HeaderValue::try_from(httpdate::fmt_http_date(time))) {
            fields.insert(LAST_MODIFIED, date);
        }
    }

    /// True if the list in `name` has a matching tag, or is `*`.
    fn is_listed(&self, fields: &HeaderMap, name: HeaderName, comparison: Comparison) -> bool {
        let mut lines = fields.get_all(name).iter().map(|value| value.as_bytes().trim_ascii());
        lines.any(|line| line == b"*" || tags(line).any(|tag| self.matches(&tag, comparison)))
    }

    fn matches(&self, tag: &Tag<'_>, comparison: Comparison) -> bool {
        let may_match = comparison == Comparison::Weak || (self.is_strong && !tag.is_weak);
        may_match && tag.opaque == self.tag.as_bytes()
    }
}

/// The comparisons of RFC 9110 §8.8.3.2.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

/// An entity tag sent by the client.
struct Tag<'a> {
    is_weak: bool,
    opaque: &'a [u8],
}

impl<'a> Tag<'a> {
    /// Reads the tag at the beginning of `text`, and returns the tag and the rest of `text`.
    fn read(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (is_weak, quoted) = match text.strip_prefix(b"W/") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let inner = quoted.strip_prefix(b"\"")?;
        let end = inner.iter().position(|&byte| byte == b'"')?;
        Some((Self { is_weak, opaque: &inner[..end] }, &inner[end + 1..]))
    }
}

/// The tags of a list, up to the first malformed one. A comma within quotes is no separator.
fn tags(line: &[u8]) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let start = rest.iter().position(|byte| !matches!(byte, b',' | b' ' | b'\t'))?;
        let (tag, after) = Tag::read(&rest[start..])?;
        rest = after;
        Some(tag)
    })
}

/// The date in `name`; a malformed or repeated date counts as absent (RFC 9110 §13.1.3, §13.1.4).
fn date(fields: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(only(fields, name)?.to_str().ok()?).ok()
}

fn only(fields: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut values = fields.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// A time that a date field can express, limited to [`LAST_SECOND`].
pub(super) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_SECOND))
}

/// The age at which a modification is settled: any later change gets another modification time. RFC
/// 9110 §8.8.2.2 requires one second; some file systems have a resolution of two.
const SETTLED: Duration = Duration::from_secs(2);
/// The end of the year 9998, the last written by `httpdate`.
const LAST_SECOND: u64 = 253_370_764_799;
