//! Methods of `Files` for whole sites: pages for missing paths, extensions, further fields, compressed forms, hidden names,
//! and links out of the root.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::Files;
use super::pages::Pages;

impl Files {
    /// Sets the page of a single-page application, such as `index.html` or `200.html`: the file below
    /// the root that is sent instead of a 404, with the status 200, its own validators and ranges.
    ///
    /// A missing script stays a 404. The page is sent for these requests:
    ///
    /// | `Accept` | path |
    /// |---|---|
    /// | with `text/html` or `text/*`, as from a browser navigating to a URL | any, except one with the extension of a script, style sheet, font, image, sound, video, JSON or WASM |
    /// | `*/*` or none, as of scripts, images and `curl` | without a dot in the last name |
    ///
    /// Hidden names, paths below `/.well-known/` and paths outside the [`prefix`](Self::prefix) stay
    /// a 404. With [`listing`](Self::listing) off, a directory without an index file counts as
    /// missing. The answers for missing paths have `Vary: accept`. The page itself may have a hidden
    /// name.
    ///
    /// ```
    /// use drupe::{Files, Handler, Request};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let files = Files::new("src")?.fallback("lib.rs")?;
    /// let mut request = Request::default();
    /// *request.uri_mut() = "/users/7".parse().unwrap();
    /// assert_eq!(files.handle(&mut request).status(), 200);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `NotFound` if there is no such file below the root at the time of this call; else those of the
    /// file system. If the file vanishes later, missing paths are `404` again.
    pub fn fallback(mut self, page: &str) -> io::Result<Self> {
        self.fallback = Some(self.page(page)?);
        Ok(self)
    }

    /// Sets the content of a 404, such as `404.html`: a file below the root. The file is sent whole,
    /// without validators, for the requests that get a [`fallback`](Self::fallback); all others get a
    /// short text. With a fallback too, only hidden names get this page, and paths that no file can
    /// have, such as `/..` or a path outside the [`prefix`](Self::prefix). The page itself may have a
    /// hidden name.
    ///
    /// # Errors
    /// The same as for [`fallback`](Self::fallback).
    pub fn not_found(mut self, page: &str) -> io::Result<Self> {
        self.not_found = Some(self.page(page)?);
        Ok(self)
    }

    fn page(&self, page: &str) -> io::Result<PathBuf> {
        let path = below(page);
        let is_file = path.as_ref().map_or(Ok(false), |path| self.root.has_file(path))?;
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("{page:?} is not a file below the root"));
        path.filter(|_| is_file).ok_or_else(missing)
    }

    /// Sets extensions to try for a path without a file, in this order: with `html`, `/about` is
    /// `about.html`. A directory with that name takes precedence if the directory has an index file.
    /// The default is none.
    ///
    /// ```
    /// use drupe::{Files, Handler, Request};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let files = Files::new("src")?.extensions(["rs"]);
    /// let mut request = Request::default();
    /// *request.uri_mut() = "/lib".parse().unwrap();
    /// assert_eq!(files.handle(&mut request).status(), 200);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn extensions(mut self, extensions: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let extensions = extensions.into_iter();
        self.extensions = extensions.map(|it| it.as_ref().trim_start_matches('.').to_owned()).collect();
        self
    }

    /// Adds a field to the answers for the paths that match `pattern`, such as `Cache-Control` for
    /// names with a hash:
    ///
    /// ```
    /// use drupe::{Files, Handler, Request};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let files = Files::new("src")?
    ///     .field("**", "cache-control", "no-cache")?
    ///     .field("/files/*", "cache-control", "public, max-age=31536000, immutable")?;
    /// let mut request = Request::default();
    /// *request.uri_mut() = "/files/mod.rs".parse().unwrap();
    /// let response = files.handle(&mut request);
    /// assert_eq!(response.headers()["cache-control"], "public, max-age=31536000, immutable");
    /// # Ok(()) }
    /// ```
    ///
    /// In a pattern, `?` stands for one character, `*` for any number of characters of a name, and
    /// the name `**` for any number of names. All other characters stand for themselves. A pattern
    /// with a slash, such as `/assets/*`, is compared with the path of the file below the root; a
    /// pattern without one, such as `*.html`, with the name of the file. The file is the one that is
    /// sent: the index file of a directory, or the [`fallback`](Self::fallback). A listing has the
    /// path of its directory, such as `/docs/`; the listing of the root is `/`.
    ///
    /// Answers with status 200, 206 or 304 get the field. Errors and redirects do not, so that no
    /// cache keeps a 404 as long as a file. A field replaces an earlier one of the same name and a
    /// field that `Files` sets itself; `Vary` is added.
    ///
    /// # Errors
    /// `InvalidInput` for a pattern that no path matches, for a wrong name or value, for
    /// `Content-Type` (see [`content_type`](Self::content_type)), and for fields that the server
    /// controls: those of framing, validators, ranges, `Date`, `Allow` and `Location`.
    pub fn field(mut self, pattern: &str, name: &str, value: &str) -> io::Result<Self> {
        self.fields.add(pattern, name, value)?;
        Ok(self)
    }

    /// Hides names that match a pattern, such as `*.key` or `node_modules`: a path with such a name
    /// is `404`, and listings leave the name out. The rule is for each name of a path, in addition
    /// to [`dotfiles`](Self::dotfiles), and not for the target of a link.
    ///
    /// In a pattern, `?` stands for one character and `*` for any number of characters. Matching is
    /// case-sensitive. Further calls add patterns.
    ///
    /// # Errors
    /// `InvalidInput` for a pattern that no name matches: an empty one, or one with a slash.
    pub fn hide(mut self, patterns: impl IntoIterator<Item = impl AsRef<str>>) -> io::Result<Self> {
        for pattern in patterns {
            self.root.hide(pattern.as_ref())?;
        }
        // Clones from before show other names.
        self.pages = Pages::default();
        Ok(self)
    }

    /// Sets whether compressed forms beside a file are sent: `app.js.br`, `app.js.zst` or
    /// `app.js.gz` for `app.js`. The default is false.
    ///
    /// `Accept-Encoding` of the client decides (RFC 9110 §12.5.3); on a tie, the order is Brotli,
    /// Zstandard, gzip, then the file itself. If the client refuses all forms, the file itself is
    /// sent. A form is sent with `Content-Encoding`, and with the content type of the file. It has
    /// validators and ranges of its own; a request for several ranges gets the whole form. If there
    /// are forms, each answer has `Vary: accept-encoding`.
    ///
    /// Forms are left out if they are
    ///
    /// - older than the file, in whole seconds: compress again after each change;
    /// - hidden, or not served for other reasons;
    /// - beside no uncompressed file.
    ///
    /// A request for `app.js.gz` itself gets this file, as without the setting.
    /// [`layers::compress`](crate::layers) leaves the forms as they are, and compresses the rest.
    #[must_use]
    pub fn precompressed(mut self, send: bool) -> Self {
        self.is_precompressed = send;
        self
    }

    /// Allows the link at `path` below the root to lead out of the root, to a directory or a file.
    ///
    /// The target is found and opened now: a link that is changed or removed later leads nowhere,
    /// and the directory stays the one that was opened, until the program starts again. Paths below
    /// the directory cannot leave it. Only requests and listings by the path of the link reach the
    /// target, no other link does.
    ///
    /// # Errors
    /// Those of the file system if there is no such link or target; `InvalidInput` if `path` is not a
    /// link, or leads to neither a directory nor a file. The text names `path`.
    pub fn link(mut self, path: &str) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot allow the link {path:?}: {error}"));
        let below = below(path).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
        below.and_then(|below| self.root.allow(below)).map_err(named)?;
        self.pages = Pages::default();
        Ok(self)
    }
}

/// Returns `path` relative to the root; `None` for a path that is empty or has segments such as `..`.
fn below(path: &str) -> Option<PathBuf> {
    let path: PathBuf = Path::new(path).components().filter(|part| !is_start(part)).collect();
    let is_below = path.components().all(|part| matches!(part, Component::Normal(_)));
    (is_below && path != Path::new("")).then_some(path)
}

/// True for the slash or the dot at the start of `/a` or `./a`.
fn is_start(part: &Component<'_>) -> bool {
    matches!(part, Component::RootDir | Component::CurDir)
}
