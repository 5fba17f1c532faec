//! What a file is known by, and the conditions a request makes about it (RFC 9110 §8.8 and §13).

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
    /// What stands between the quotes.
    tag: String,
    /// Whether a change of the file cannot have left its time of modification as it is.
    is_strong: bool,
    /// Whole seconds; `None` before 1970, which no date field can say.
    modified: Option<SystemTime>,
    /// As `modified`, but never later than now (RFC 9110 §8.8.2.1).
    announced: Option<SystemTime>,
}

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precondition {
    Send,
    NotModified,
    Failed,
}

impl Validators {
    /// Those of the file that `facts` are about, at the time `now`.
    ///
    /// The tag is made of size, time of modification, time of change and inode: a file that was replaced has another tag even where
    /// size and time were kept, as by an archive that gives all its files one time. It is not comparable between machines.
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

    /// Weighs the conditions, in the order of RFC 9110 §13.2.2; `If-Range` is [`permits_range`](Self::permits_range)'s.
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

    /// Whether a range may be sent: there is no `If-Range`, or it names exactly this state of the file, beyond doubt.
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

    /// Writes the fields that tell the client.
    pub(super) fn describe(&self, fields: &mut HeaderMap) {
        let weak = if self.is_strong { "" } else { "W/" };
        if let Ok(tag) = HeaderValue::try_from(format!("{weak}\"{}\"", self.tag)) {
            fields.insert(ETAG, tag);
        }
        if let Some(Ok(date)) = self.announced.map(|time| HeaderValue::try_from(httpdate::fmt_http_date(time))) {
            fields.insert(LAST_MODIFIED, date);
        }
    }

    /// Whether the list in `name` has a tag that matches, or is `*`, which every file matches.
    fn is_listed(&self, fields: &HeaderMap, name: HeaderName, comparison: Comparison) -> bool {
        let mut lines = fields.get_all(name).iter().map(|value| value.as_bytes().trim_ascii());
        lines.any(|line| line == b"*" || tags(line).any(|tag| self.matches(&tag, comparison)))
    }

    fn matches(&self, tag: &Tag<'_>, comparison: Comparison) -> bool {
        let may_match = comparison == Comparison::Weak || (self.is_strong && !tag.is_weak);
        may_match && tag.opaque == self.tag.as_bytes()
    }
}

/// RFC 9110 §8.8.3.2.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

/// An entity tag of the client.
struct Tag<'a> {
    is_weak: bool,
    opaque: &'a [u8],
}

impl<'a> Tag<'a> {
    /// Reads the tag that `text` begins with, and says what follows it.
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

/// The tags of a list, up to the first thing that is none; a comma within quotes separates nothing.
fn tags(line: &[u8]) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let start = rest.iter().position(|byte| !matches!(byte, b',' | b' ' | b'\t'))?;
        let (tag, after) = Tag::read(&rest[start..])?;
        rest = after;
        Some(tag)
    })
}

/// The date in `name`; one that is malformed or given twice counts as absent (RFC 9110 §13.1.3, §13.1.4).
fn date(fields: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(only(fields, name)?.to_str().ok()?).ok()
}

fn only(fields: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut values = fields.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// A time that a date field can say; what lies beyond its four-digit years becomes the last of them.
pub(super) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(LAST_SECOND))
}

/// How long ago a file was changed for its next change to be sure to show in its time of modification. RFC 9110 §8.8.2.2 asks for
/// a second; there are file systems that count in twos.
const SETTLED: Duration = Duration::from_secs(2);
/// The end of the year 9998, the last that `httpdate` writes.
const LAST_SECOND: u64 = 253_370_764_799;
