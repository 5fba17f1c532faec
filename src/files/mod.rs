//! Static files from one directory.
//!
//! | step | file | task |
//! |---|---|---|
//! | parse the path | [`target`] | percent-decoding; `..`, NUL and hidden slashes are refused |
//! | find and open | [`root`] | checks the real path after opening |
//! | conditions | [`validators`] | `ETag`, `Last-Modified` and the conditions of RFC 9110 §13 |
//! | ranges | [`range`], [`parts`] | RFC 9110 §14: the whole file, one range, several ranges |
//! | media type | [`content_type`] | from the extension of the name |
//! | a directory | [`listing`] | an HTML page; few large ones in memory at once |
//! | errors, fields | [`response`] | short responses, and fields added to others |

mod content_type;
mod listing;
mod parts;
mod range;
mod response;
mod root;
mod target;
mod validators;

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use http::header::{ACCEPT_RANGES, ALLOW, CONTENT_RANGE, CONTENT_TYPE, LOCATION, X_CONTENT_TYPE_OPTIONS};
use http::{Method, StatusCode};

use self::range::Wanted;
use self::response::{refuse, with, with_text};
use self::root::{Lookup, Root};
use self::target::FilePath;
use self::validators::{Precondition, Validators};
use crate::message::named::RequestName;
use crate::message::permits::Permits;
use crate::message::routing::{is_mount_itself, mount_path};
use crate::message::{Body, Handler, IntoResponse, Request, Response};

/// Serves the files below a directory.
///
/// Answers `GET` and `HEAD` with validators, conditions and ranges (RFC 9110 §13 and §14). Files,
/// ranges and the ranges of a multipart response are sent with `sendfile`. A directory shows its
/// index file, else a listing.
///
/// Access is decided by the real path of a file, not by the requested name:
///
/// - `..`, encoded or not, is `404`. So are links leading out of the directory, and anything that
///   is neither a regular file nor a directory.
/// - Links inside the directory are followed.
/// - Names beginning with a dot are `404` unless enabled with [`dotfiles`](Self::dotfiles), also as
///   the target of a link. `/.well-known/` is no exception; `Files::new(".well-known")` with the
///   [`prefix`](Self::prefix) `/.well-known` serves it.
///
/// A listing is made in memory. It shows at most 10,000 entries, and a note if there are more. At
/// most 16 listings of more than 1000 entries, some 5 MB each, are in memory at once, each until
/// its last byte is sent. The next one is a `503` with `Retry-After`. Clones share this limit.
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
    /// The path prefix of targets, not part of a file's name.
    prefix: FilePath,
    index: Vec<String>,
    has_listing: bool,
    places: Permits,
}

impl Files {
    /// Serves the directory `root`, with listings, without dotfiles, with `index.html` as the index
    /// file.
    ///
    /// # Errors
    /// Those of the file system if `root` cannot be found; `NotADirectory` if `root` is not a
    /// directory. The text names `root`.
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
    /// Files that a router mounts below a path need no prefix for this path.
    ///
    /// The prefix is percent-encoded if necessary, as in a request target. Targets outside the
    /// prefix are `404`. If no target can have the prefix, as with `..`, every target is `404`.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = FilePath::of(prefix).unwrap_or_else(|_| FilePath::unreachable());
        self
    }

    /// Sets whether names beginning with a dot are served and listed; the default is false.
    #[must_use]
    pub fn dotfiles(mut self, serve: bool) -> Self {
        self.root.set_dotfiles(serve);
        self
    }

    /// Sets whether a directory without an index file shows a listing, else `403`; the default is
    /// true.
    #[must_use]
    pub fn listing(mut self, show: bool) -> Self {
        self.has_listing = show;
        self
    }

    /// Sets the names of index files; the default is `index.html`. The first one found in a
    /// directory is sent.
    #[must_use]
    pub fn index(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.index = names.into_iter().map(Into::into).collect();
        self
    }

    /// Answers `request` at the time `now`.
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
        match self.root.find(&below.to_path(), RequestName::of(request))? {
            Lookup::File(..) if target.is_directory() => Err(StatusCode::NOT_FOUND),
            Lookup::File(file, facts) => Ok(send(request, file, &facts, &below.to_path(), now)),
            Lookup::Directory(real) => {
                if !target.is_canonical() || is_mount_itself(request) {
                    return Ok(redirect(mount_path(request), &target, request.uri().query()));
                }
                self.directory(request, &below, &real, now)
            }
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
            match self.root.find(&path, RequestName::of(request)) {
                Ok(Lookup::File(file, facts)) => return Ok(send(request, file, &facts, &path, now)),
                Ok(Lookup::Directory(_)) | Err(StatusCode::NOT_FOUND) => {}
                Err(status) => return Err(status),
            }
        }
        if !self.has_listing {
            return Err(StatusCode::FORBIDDEN);
        }
        let entries = listing::read(&self.root, real, &self.places, RequestName::of(request))?;
        Ok(listing::page(&below.names(), entries))
    }
}

impl Handler for Files {
    fn handle(&self, request: &mut Request) -> Response {
        let response = self.answer(request, SystemTime::now());
        with(response, X_CONTENT_TYPE_OPTIONS, "nosniff")
    }
}

/// Sends `file`, according to the request's conditions and `Range`.
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

/// Responds with the `wanted` part of `file`, which is `length` bytes long.
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

/// Redirects to the canonical path of a directory, ending in a slash, so that relative links work.
///
/// The location is built from the decoded segments, so that `//elsewhere` or `/\elsewhere` cannot
/// name another host. The path of a mount stays as the client sent it: a router has matched it, no
/// segment of it is empty, and no target has a backslash.
fn redirect(mount: &str, target: &FilePath, query: Option<&str>) -> Response {
    let mut location = mount.to_owned() + &target.href();
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

#[cfg(test)]
mod tests;
