//! The answer to a request: a file, the index file of a directory, a listing, or a redirect.

use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use http::header::{ALLOW, LOCATION, RANGE, X_CONTENT_TYPE_OPTIONS};
use http::{Method, StatusCode};

use super::Files;
use super::beneath::{Beneath, Lookup};
use super::encoded::Forms;
use super::fallback;
use super::listing::Listed;
use super::listing::view::View;
use super::response::{add_vary, refuse, with, with_text};
use super::root;
use super::send::{OpenFile, send, send_kept, send_missing};
use super::target::FilePath;
use crate::message::named::RequestName;
use crate::message::routing::{is_mount_itself, mount_path};
use crate::message::{IntoResponse, Request, Response};

/// A request with the root opened for it.
struct Visit<'a> {
    request: &'a Request,
    beneath: &'a Beneath,
    now: SystemTime,
    /// The path at which [`Files::send_again`] looks for a file in memory.
    kept: Option<&'a Path>,
}

/// An open file and its path below the root.
type FoundFile = (PathBuf, File, Metadata);

impl Files {
    /// Answers `request` at the time `now`.
    pub(super) fn answer(&self, request: &Request, now: SystemTime) -> Response {
        let response = match *request.method() {
            Method::GET | Method::HEAD => self.look_up(request, now).unwrap_or_else(refuse),
            Method::OPTIONS => with(StatusCode::NO_CONTENT.into_response(), ALLOW, METHODS),
            _ => with(refuse(StatusCode::METHOD_NOT_ALLOWED), ALLOW, METHODS),
        };
        with(response, X_CONTENT_TYPE_OPTIONS, "nosniff")
    }

    fn look_up(&self, request: &Request, now: SystemTime) -> Result<Response, StatusCode> {
        let (target, below) = match self.target(request.uri().path()) {
            Err(StatusCode::NOT_FOUND) if self.not_found.is_some() => return self.miss_target(request, now),
            target => target?,
        };
        let kept = self.path_in_memory(request, &target, &below);
        if let Some(response) = kept.as_deref().and_then(|path| self.send_again(request, path, now)) {
            return Ok(response);
        }
        let beneath = self.root.open(now, RequestName::of(request))?;
        let visit = Visit { request, beneath: &beneath, now, kept: kept.as_deref() };
        match self.respond(&visit, &target, &below) {
            Err(StatusCode::NOT_FOUND) if self.fallback.is_some() || self.not_found.is_some() => {
                let path = below.to_path();
                // A hidden name gets no fallback.
                let fallback = self.fallback.as_deref().filter(|_| !self.root.hides(&path));
                Ok(self.miss(&visit, &path, fallback))
            }
            found => found,
        }
    }

    /// Returns the target at `path`, and the target below the prefix.
    fn target(&self, path: &str) -> Result<(FilePath, FilePath), StatusCode> {
        let target = FilePath::of(path)?;
        let below = target.below(&self.prefix).ok_or(StatusCode::NOT_FOUND)?;
        Ok((target, below))
    }

    /// Answers a request for a path that no file can have.
    fn miss_target(&self, request: &Request, now: SystemTime) -> Result<Response, StatusCode> {
        let beneath = self.root.open(now, RequestName::of(request))?;
        let visit = Visit { request, beneath: &beneath, now, kept: None };
        Ok(self.miss(&visit, Path::new(request.uri().path().trim_start_matches('/')), None))
    }

    /// Sends the file at `path` that an earlier request has left in memory, without opening the root.
    fn send_again(&self, request: &Request, path: &Path, now: SystemTime) -> Option<Response> {
        let kept = self.kept.get(self.root.path(), path, now)?;
        Some(self.fields.apply(path, send_kept(request, kept, self.types.of(path), now)))
    }

    /// Returns the only path of a file that may answer `request` from memory: the requested one, or
    /// that of the first index file of a directory. `None` unless the file is sent whole, without a
    /// choice of forms and without a redirect.
    fn path_in_memory(&self, request: &Request, target: &FilePath, below: &FilePath) -> Option<PathBuf> {
        if self.is_precompressed || request.headers().contains_key(RANGE) {
            return None;
        }
        let mut path = below.to_path();
        if target.is_directory() {
            if !target.is_canonical() || is_mount_itself(request) {
                return None;
            }
            path.push(self.index.first()?);
        }
        (!self.root.hides(&path)).then_some(path)
    }

    fn respond(&self, visit: &Visit<'_>, target: &FilePath, below: &FilePath) -> Result<Response, StatusCode> {
        let path = below.to_path();
        match self.find(visit, &path) {
            Ok(Lookup::File(..)) if target.is_directory() => Err(StatusCode::NOT_FOUND),
            Ok(Lookup::File(file, facts)) => Ok(self.send(visit, &path, file, facts)),
            Ok(Lookup::Directory) => {
                let is_page = !self.extensions.is_empty() && !target.is_directory();
                let page = match is_page && self.index_file(visit, &path)?.is_none() {
                    true => self.extended(visit, &path)?,
                    false => None,
                };
                page.map_or_else(|| self.directory(visit, target, below), Ok)
            }
            Err(StatusCode::NOT_FOUND) if !target.is_directory() => {
                self.extended(visit, &path)?.ok_or(StatusCode::NOT_FOUND)
            }
            Err(status) => Err(status),
        }
    }

    /// Sends the file at `path` with one of the extensions, if there is one.
    fn extended(&self, visit: &Visit<'_>, path: &Path) -> Result<Option<Response>, StatusCode> {
        let found = self.first_file(visit, self.extensions.iter().map(|extension| extended(path, extension)))?;
        Ok(found.map(|(path, file, facts)| self.send(visit, &path, file, facts)))
    }

    fn directory(&self, visit: &Visit<'_>, target: &FilePath, below: &FilePath) -> Result<Response, StatusCode> {
        let request = visit.request;
        if is_mount_itself(request) {
            let name = mount_path(request).rsplit('/').next().unwrap_or_default();
            // A colon in a bare name would make a URI of another scheme (RFC 3986 §4.2).
            return Ok(redirect(format!("./{name}/"), request.uri().query()));
        }
        if !target.is_canonical() {
            return Ok(redirect(target.canonical(), request.uri().query()));
        }
        let path = below.to_path();
        if let Some((index, file, facts)) = self.index_file(visit, &path)? {
            return Ok(self.send(visit, &index, file, facts));
        }
        if !self.has_listing {
            // The application may know a path that is also a directory.
            return Err(if self.fallback.is_some() { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN });
        }
        let (name, view) = (RequestName::of(request), View::of(request));
        let listed = Listed { root: &self.root, beneath: visit.beneath, below, name, view };
        let page = match *request.method() {
            Method::HEAD => listed.respond_to_head(),
            _ => listed.respond(&self.pages, visit.now),
        };
        page.map(|page| self.fields.apply(&path, page))
    }

    /// Finds the target of `path`, and opens the target if it is a file.
    ///
    /// # Errors
    /// - `NOT_FOUND` if the target does not exist, lies outside, has a hidden name, or is neither a
    ///   file nor a directory.
    /// - `FORBIDDEN` if the system denies access.
    /// - `SERVICE_UNAVAILABLE` if descriptors or memory have run out.
    /// - `INTERNAL_SERVER_ERROR` otherwise, logged.
    fn find(&self, visit: &Visit<'_>, path: &Path) -> Result<Lookup, StatusCode> {
        if self.root.hides(path) {
            return Err(StatusCode::NOT_FOUND);
        }
        Self::open(visit, path)
    }

    /// As [`find`](Self::find), also for a hidden name.
    fn open(visit: &Visit<'_>, path: &Path) -> Result<Lookup, StatusCode> {
        let status = |error| root::status(&error, RequestName::of(visit.request));
        visit.beneath.find(path).map_err(status)?.ok_or(StatusCode::NOT_FOUND)
    }

    /// Opens the index file of the directory `path`, if there is one.
    fn index_file(&self, visit: &Visit<'_>, path: &Path) -> Result<Option<FoundFile>, StatusCode> {
        self.first_file(visit, self.index.iter().map(|name| path.join(name)))
    }

    /// Opens the first file among `paths`, if there is one.
    fn first_file(
        &self,
        visit: &Visit<'_>,
        paths: impl Iterator<Item = PathBuf>,
    ) -> Result<Option<FoundFile>, StatusCode> {
        for path in paths {
            match self.find(visit, &path) {
                Ok(Lookup::File(file, facts)) => return Ok(Some((path, file, facts))),
                Ok(Lookup::Directory) | Err(StatusCode::NOT_FOUND) => {}
                Err(status) => return Err(status),
            }
        }
        Ok(None)
    }

    /// Answers with a page for the missing `path`, or with a text.
    fn miss(&self, visit: &Visit<'_>, path: &Path, fallback: Option<&Path>) -> Response {
        let page = match fallback::is_page(path, visit.request.headers()) {
            true => self.page_of_miss(visit, fallback),
            false => Err(StatusCode::NOT_FOUND),
        };
        add_vary(page.unwrap_or_else(refuse), "accept")
    }

    /// Sends the fallback, else the page of the error.
    fn page_of_miss(&self, visit: &Visit<'_>, fallback: Option<&Path>) -> Result<Response, StatusCode> {
        if let Some(page) = fallback {
            match Self::open(visit, page) {
                Ok(Lookup::File(file, facts)) => return Ok(self.send(visit, page, file, facts)),
                Ok(Lookup::Directory) | Err(StatusCode::NOT_FOUND) => {}
                Err(status) => return Err(status),
            }
        }
        let page = self.not_found.as_ref().ok_or(StatusCode::NOT_FOUND)?;
        match Self::open(visit, page)? {
            Lookup::File(file, facts) => Ok(send_missing(file, &facts, self.types.of(page))),
            Lookup::Directory => Err(StatusCode::NOT_FOUND),
        }
    }

    fn send(&self, visit: &Visit<'_>, path: &Path, file: File, facts: Metadata) -> Response {
        let Visit { request, now, .. } = *visit;
        let is_kept = *request.method() == Method::GET && visit.kept == Some(path);
        if let Some(kept) = is_kept.then(|| self.kept.keep(path, &file, &facts, now)).flatten() {
            return self.fields.apply(path, send_kept(request, kept, self.types.of(path), now));
        }
        let mut sent = OpenFile { file, facts, content_type: self.types.of(path), form: None };
        let forms = match self.is_precompressed {
            true => Forms::of(path, &sent.facts, visit.beneath, visit.request.headers(), |path| self.root.hides(path)),
            false => Forms::default(),
        };
        // A form that has vanished meanwhile is not missed.
        if let Some((form, Ok(Lookup::File(file, facts)))) =
            forms.chosen.map(|(form, path)| (form, Self::open(visit, &path)))
        {
            sent = OpenFile { file, facts, form: Some(form), ..sent };
        }
        let response = send(visit.request, sent, visit.now);
        let response = if forms.is_negotiated { add_vary(response, "accept-encoding") } else { response };
        self.fields.apply(path, response)
    }
}

/// Returns `path` with the extension `extension`, after one that the path may have.
fn extended(path: &Path, extension: &str) -> PathBuf {
    let mut extended = path.as_os_str().to_owned();
    extended.push(".");
    extended.push(extension);
    extended.into()
}

/// Redirects to the canonical path of a directory, ending in a slash, so that relative links work.
///
/// The location is relative, so that it holds behind a proxy that removes a prefix of the path.
fn redirect(mut location: String, query: Option<&str>) -> Response {
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

const METHODS: &str = "GET, HEAD, OPTIONS";
