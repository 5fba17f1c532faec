//! Static files: what lies below one directory, and nothing else.
//!
//! | step | file | what it does |
//! |---|---|---|
//! | read the path | [`target`] | percent-decoding; `..`, NUL and hidden slashes are refused |
//! | find and open | [`root`] | the file that was opened is the file that was checked |
//! | may it be sent? | [`validators`] | `ETag`, `Last-Modified` and the conditions of RFC 9110 §13 |
//! | how much of it? | [`range`], [`parts`] | RFC 9110 §14: whole, one range, several |
//! | what is it? | [`content_type`] | by the extension of its name |
//! | a directory | [`listing`] | a page for people; few large ones at a time |

mod content_type;
mod listing;
mod parts;
mod range;
mod root;
mod target;
mod validators;

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use http::header::{
    ACCEPT_RANGES, ALLOW, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, StatusCode};

use self::range::Wanted;
use self::root::{Lookup, Root};
use self::target::FilePath;
use self::validators::{Precondition, Validators};
use crate::message::permits::Permits;
use crate::message::{Body, Handler, IntoResponse, Request, Response};

/// Serves the files below a directory.
///
/// Answers `GET` and `HEAD` with validators, conditions and ranges (RFC 9110 §13 and §14). Files, ranges
/// and the ranges of a multipart answer are sent by the kernel. A directory shows its index file, else a listing.
///
/// What can be seen is decided by where a file really lies, not by how it is called: `..`, encoded or not, and links that
/// lead out of the directory are `404`, and so is everything that is neither a regular file nor a directory. Links inside
/// the directory are followed. Names that begin with a dot do not exist unless [`dotfiles`](Self::dotfiles) asks for them, also
/// as the target of a link; `/.well-known/` is no exception, but `Files::new(".well-known")` with the
/// [`prefix`](Self::prefix) `/.well-known` serves it.
///
/// A listing is made in memory. It shows at most 10,000 entries, and says so where there are more; of listings of more than 1000 entries,
/// some 5 MB each, 16 are in memory at a time, until the last byte has gone: the next is a `503` with `Retry-After`. Clones share that.
///
/// ```
/// use drupe::{Files, Handler, Request};
///
/// # fn main() -> std::io::Result<()> {
/// let files = Files::new("src")?.prefix("/source").index(["lib.rs"]);
/// let mut request = Request::default();
/// *request.uri_mut() = "/source/".parse().unwrap();
/// assert_eq!(files.handle(&mut request).status(), 200);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Files {
    root: Root,
    /// What a target's path begins with; never part of a file's name.
    prefix: FilePath,
    index: Vec<String>,
    has_listing: bool,
    places: Permits,
}

impl Files {
    /// Serves what is below `root`, with listings, without dotfiles, `index.html` as the index file.
    ///
    /// # Errors
    /// As of the file system where `root` cannot be found; `NotADirectory` where it is none.
    pub fn new(root: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self {
            root: Root::new(root.as_ref())?,
            prefix: FilePath::default(),
            index: vec!["index.html".to_owned()],
            has_listing: true,
            places: Permits::default(),
        })
    }

    /// Sets the path below which the files appear, such as `/static`; the default is `/`.
    ///
    /// It is written as in a request target, percent-encoded where need be. Targets outside are `404`. A prefix that no target can
    /// have, such as one with `..`, hides everything.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = FilePath::of(prefix).unwrap_or_else(|_| FilePath::unreachable());
        self
    }

    /// Sets whether names that begin with a dot are served and listed; the default is not.
    #[must_use]
    pub fn dotfiles(mut self, serve: bool) -> Self {
        self.root.set_dotfiles(serve);
        self
    }

    /// Sets whether a directory without an index file shows what is in it; the default is yes. Without, it is `403`.
    #[must_use]
    pub fn listing(mut self, show: bool) -> Self {
        self.has_listing = show;
        self
    }

    /// Sets the names of index files, the first that exists in a directory being sent; the default is `index.html`.
    #[must_use]
    pub fn index(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.index = names.into_iter().map(Into::into).collect();
        self
    }

    /// Answers at the time `now`.
    fn answer(&self, request: &Request, now: SystemTime) -> Response {
        let allowed = match *request.method() {
            Method::GET | Method::HEAD => return self.look_up(request, now).unwrap_or_else(refuse),
            Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
            _ => refuse(StatusCode::METHOD_NOT_ALLOWED),
        };
        with(allowed, ALLOW, "GET, HEAD, OPTIONS")
    }

    fn look_up(&self, request: &Request, now: SystemTime) -> Result<Response, StatusCode> {
        let target = FilePath::of(request.uri().path())?;
        let below = target.below(&self.prefix).ok_or(StatusCode::NOT_FOUND)?;
        match self.root.find(&below.to_path())? {
            Lookup::File(..) if target.is_directory() => Err(StatusCode::NOT_FOUND),
            Lookup::File(file, facts) => Ok(send(request, file, &facts, &below.to_path(), now)),
            Lookup::Directory(_) if !target.is_canonical() => Ok(redirect(&target, request.uri().query())),
            Lookup::Directory(real) => self.directory(request, &below, &real, now),
        }
    }

    fn directory(
        &self,
        request: &Request,
        below: &FilePath,
        real: &Path,
        now: SystemTime,
    ) -> Result<Response, StatusCode> {
        for name in &self.index {
            let path = below.to_path().join(name);
            match self.root.find(&path) {
                Ok(Lookup::File(file, facts)) => return Ok(send(request, file, &facts, &path, now)),
                Ok(Lookup::Directory(_)) | Err(StatusCode::NOT_FOUND) => {}
                Err(status) => return Err(status),
            }
        }
        if !self.has_listing {
            return Err(StatusCode::FORBIDDEN);
        }
        let entries = listing::read(&self.root, real, &self.places)?;
        Ok(listing::page(&below.names(), entries))
    }
}

impl Handler for Files {
    fn handle(&self, request: &mut Request) -> Response {
        let response = self.answer(request, SystemTime::now());
        with(response, X_CONTENT_TYPE_OPTIONS, "nosniff")
    }
}

/// Sends `file`, or what its validators and the request's conditions leave of it.
fn send(request: &Request, file: File, facts: &Metadata, path: &Path, now: SystemTime) -> Response {
    let validators = Validators::of(facts, now);
    let fields = request.headers();
    let mut response = match validators.judge(fields) {
        Precondition::Failed => return refuse(StatusCode::PRECONDITION_FAILED),
        Precondition::NotModified => StatusCode::NOT_MODIFIED.into_response(),
        Precondition::Send => {
            // Ranges are defined for GET alone (RFC 9110 §14.2).
            let wanted = if request.method() == Method::GET && validators.permits_range(fields) {
                range::of(fields, facts.len())
            } else {
                Wanted::Whole
            };
            content(file, facts.len(), wanted, content_type::of(path))
        }
    };
    validators.describe(response.headers_mut());
    response
}

/// The `wanted` part of `file`, which is `length` bytes long.
fn content(file: File, length: u64, wanted: Wanted, content_type: &'static str) -> Response {
    let response = match wanted {
        Wanted::Whole => with(Body::from_file_range(file, 0..length).into_response(), CONTENT_TYPE, content_type),
        Wanted::One(range) => {
            let described = range::describe(&range, length);
            let part = (StatusCode::PARTIAL_CONTENT, Body::from_file_range(file, range)).into_response();
            with_text(with(part, CONTENT_TYPE, content_type), CONTENT_RANGE, &described)
        }
        Wanted::Several(ranges) => parts::response(file, length, ranges, content_type),
        Wanted::Unsatisfiable => {
            let refused = refuse(StatusCode::RANGE_NOT_SATISFIABLE);
            with_text(refused, CONTENT_RANGE, &format!("bytes */{length}"))
        }
    };
    with(response, ACCEPT_RANGES, "bytes")
}

/// Sends the client to the one name of a directory, which ends in a slash: relative links work from there only.
///
/// The location is written anew from the decoded segments, so `//elsewhere` or `/\elsewhere` cannot name another host.
fn redirect(target: &FilePath, query: Option<&str>) -> Response {
    let mut location = target.href();
    if let Some(query) = query {
        location.push('?');
        location.push_str(query);
    }
    with_text(
        (StatusCode::MOVED_PERMANENTLY, "moved: the name of a directory ends in a slash\n").into_response(),
        LOCATION,
        &location,
    )
}

/// A small answer that says `status` and nothing of what is on the disk.
fn refuse(status: StatusCode) -> Response {
    let reason = status.canonical_reason().unwrap_or("error");
    let response = (status, format!("{} {reason}\n", status.as_u16())).into_response();
    match status {
        StatusCode::SERVICE_UNAVAILABLE => with(response, RETRY_AFTER, "1"),
        _ => response,
    }
}

fn with(mut response: Response, name: HeaderName, value: &'static str) -> Response {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

/// As [`with`], for a value that was composed; one that cannot stand in a field is left out.
fn with_text(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        response.headers_mut().insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests;
