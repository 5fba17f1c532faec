//! Static files from one directory.
//!
//! | step | file | task |
//! |---|---|---|
//! | parse the path | [`target`] | percent-decoding; dot segments are removed; NUL and hidden slashes are refused |
//! | choose the answer | [`look_up`] | a file, an index file, a listing, a redirect |
//! | methods for whole sites | [`site`] | settings of the rows below |
//! | a missing path | [`fallback`] | the page of a single-page application |
//! | find and open | [`root`], [`beneath`], [`walk`] | opens files by descriptor, so that no link leads out of the root |
//! | a small file again | [`kept`] | from memory, for a second, while the file is unchanged |
//! | links allowed by name | [`outer_link`] | their targets are opened at the start |
//! | compressed forms | [`encoded`] | chosen by `Accept-Encoding` |
//! | conditions | [`validators`] | `ETag`, `Last-Modified` and the conditions of RFC 9110 §13 |
//! | send a file | [`send`] | according to conditions and ranges |
//! | ranges | [`range`], [`parts`] | RFC 9110 §14: the whole file, one range, several ranges |
//! | media type | [`content_type`] | from the extension of the name |
//! | a directory | [`listing`], [`pages`], [`once`] | an HTML page or JSON; a large one is made once for its readers |
//! | fields by path | [`further_fields`], [`pattern`] | `*`, `?`, `**` |
//! | errors, fields | [`response`] | short responses, and fields added to others |

mod beneath;
mod content_type;
mod encoded;
mod fallback;
mod further_fields;
mod kept;
mod listing;
mod look_up;
mod once;
mod outer_link;
mod pages;
mod parts;
mod pattern;
mod range;
mod response;
mod root;
mod send;
mod site;
mod target;
mod validators;
mod walk;

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use http::HeaderValue;

use self::content_type::MediaTypes;
use self::further_fields::FurtherFields;
use self::kept::KeptFiles;
use self::pages::Pages;
use self::root::Root;
use self::target::FilePath;
use crate::message::{Handler, Request, Response};

/// Serves the files below a directory.
///
/// Answers `GET` and `HEAD` with validators, conditions and ranges (RFC 9110 §13 and §14). Files,
/// ranges and the ranges of a multipart response are sent with `sendfile`. A directory shows its
/// index file, else a listing.
///
/// The entity tag of a file is made of its modification time and size, so that servers with copies
/// of the files agree, if the copies keep the time (`cp -a`, `rsync -a`, the layers of an image). A
/// file whose time is a placeholder of a reproducible build, such as 0 or 1 (Nix), has no
/// `Last-Modified`, and a tag that only this server knows.
///
/// A `Range` field may have any number of ranges as long as they are together no longer than the
/// file, and the heads of their parts take at most 64 KiB of memory (256 parts). Other requests get
/// the whole file.
///
/// Files of `/proc` and `/sys` are read to their end: without a length, validators and ranges.
///
/// Access is decided when a file is opened, by its place in the tree of files:
///
/// - The segments `.` and `..`, encoded or not, are removed from the path before anything else (RFC
///   3986 §6.2.2.3), so that `/a/../f` is `/f`. A path that leads above its root is `404`, and so is
///   one that leads out of the [`prefix`](Self::prefix) or out of the path of a mount. A layer that
///   decides by the path has to remove them, too; a [router](crate::router) does so itself.
/// - `404` is also the answer for links leading out of the directory, unless allowed by
///   [`link`](Self::link), and anything that is neither a regular file nor a directory.
/// - Links inside the directory are followed, absolute ones too.
/// - A requested name beginning with a dot is `404` unless enabled with
///   [`dotfiles`](Self::dotfiles). The rule does not apply to the target of a link: `app.js` may
///   lead to `..data/app.js`, as in a ConfigMap of Kubernetes. The directory `.well-known` at the
///   top is an exception: its files are meant for the public (RFC 8615), such as those of ACME.
///
/// Every name is resolved for each request. A link may be set to another target at any time, also
/// the link that is the served directory itself. Linux keeps the look-up inside the directory
/// (`openat2`, Linux 5.6); without this call each name of a path is opened by itself.
///
/// A file of up to 16 KiB stays in memory for a second, 1 MiB in all, so that a request in this time
/// costs one look at the metadata. A file that has changed meanwhile, by its inode, its length or
/// its times, is opened anew. A change through mapped memory, which may have no new time, is seen
/// within the second. Files found by another name than the requested one, such as a
/// [`fallback`](Self::fallback), are not kept, except the first of the index files of a directory.
///
/// A listing looks at 10,000 names at most, hidden ones too, in the order of the file system, and has
/// a note if there are more. The answer to `HEAD` has no length. A listing of more than 1000 entries
/// is made once for all clients that ask within a second; clients that ask meanwhile wait for the
/// page. Such pages share 80 MB: 16 of 10,000 entries, or 144 of 2000. They stay in memory until the
/// last client has taken its last byte. If clients are slow, at most four pages of one directory are
/// kept in the usual order, and four in all other [orders and in JSON](Self::listing). Further
/// clients get the newest page of their order. Without a page or room for one, the answer is `503`
/// with `Retry-After`. Clones share the pages.
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
    extensions: Vec<String>,
    fallback: Option<PathBuf>,
    not_found: Option<PathBuf>,
    fields: FurtherFields,
    is_precompressed: bool,
    types: MediaTypes,
    has_listing: bool,
    pages: Pages,
    kept: KeptFiles,
}

impl Files {
    /// Serves the directory `root`, with listings, without dotfiles, with `index.html` as the index
    /// file.
    ///
    /// # Errors
    /// Those of the file system if `root` cannot be found; `NotADirectory` if `root` is not a
    /// directory. The text names `root`.
    ///
    /// If `root` vanishes later, each answer is `503` with `Retry-After` until there is a directory
    /// at this path again. The log has at most one line a minute. A relative path is below the
    /// working directory at the time of this call.
    pub fn new(root: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self {
            root: Root::new(root.as_ref())?,
            prefix: FilePath::default(),
            index: vec!["index.html".to_owned()],
            extensions: Vec::new(),
            fallback: None,
            not_found: None,
            fields: FurtherFields::default(),
            is_precompressed: false,
            types: MediaTypes::default(),
            has_listing: true,
            pages: Pages::default(),
            kept: KeptFiles::default(),
        })
    }

    /// Sets the path below which the files appear, such as `/static`; the default is `/`.
    ///
    /// Files that a router mounts below a path need no prefix for this path.
    ///
    /// Slashes at either end are ignored: `static`, `/static` and `/static/` are the same, and so are
    /// the empty text and `/`. The prefix is percent-encoded if necessary, as in a request target.
    /// Targets outside the prefix are `404`. If no target can have the prefix, as with `..`, every
    /// target is `404`.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        let path = format!("/{}", prefix.trim_matches('/'));
        self.prefix = FilePath::of(&path).unwrap_or_else(|_| FilePath::unreachable());
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
    ///
    /// The query of the URL sorts a listing: `?sort=name`, `size` or `time`, with `&order=asc` or
    /// `desc`. The defaults, also for unknown values, are `name` and `asc`. Folders come first, and
    /// numbers in names count as numbers. The headings of the table are links to these orders. A
    /// recursive download takes a page of each order; `wget -r --reject-regex 'sort='` takes one.
    ///
    /// A listing needs no script. With scripts, its times are in the zone of the browser instead of
    /// UTC. Its `Content-Security-Policy` permits this one script and the style, by hash.
    ///
    /// A client that prefers `application/json` to `text/html` in `Accept` gets JSON (RFC 9110
    /// §12.5.1), in the same order:
    ///
    /// ```json
    /// {"truncated":false,"entries":[
    /// {"name":"sub","href":"sub/","type":"directory","mtime":"2026-03-21T14:05:09Z"},
    /// {"name":"ä.txt","href":"%C3%A4.txt","type":"file","size":12,"mtime":"2026-03-21T14:05:09Z"}
    /// ]}
    /// ```
    ///
    /// - `href` is relative to the directory, and has the exact bytes of the name, percent-encoded.
    /// - `name` has the replacement character U+FFFD for bytes that are no UTF-8.
    /// - `type` is that of the target of a link. `size` is in bytes; a directory has none.
    /// - `mtime` is in UTC (RFC 3339), and absent before 1970.
    /// - `truncated` is true if the directory has more than 10,000 names.
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

    /// Sets the `Content-Type` of files with this extension, such as `gmi`, or with this whole name,
    /// such as `BUILD`. Upper and lower case are the same. The setting takes precedence over the
    /// types of the common extensions.
    ///
    /// ```
    /// use drupe::Files;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let files = Files::new("src")?
    ///     .content_type("gmi", "text/gemini; charset=utf-8")
    ///     .content_type("ts", "video/mp2t"); // the default is text, as TypeScript is
    /// # drop(files);
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// If the type cannot be in a field, as with a line end.
    #[must_use]
    #[track_caller]
    pub fn content_type(mut self, extension: &str, content_type: &str) -> Self {
        assert!(HeaderValue::try_from(content_type).is_ok(), "{content_type:?} is not a media type");
        self.types.set(extension, content_type);
        self
    }
}

impl Handler for Files {
    fn handle(&self, request: &mut Request) -> Response {
        self.answer(request, SystemTime::now())
    }
}

#[cfg(test)]
mod tests;
