//! The media type of a file, from the extension of its name.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

/// The media types set by the program, which take precedence over the table.
#[derive(Clone, Debug, Default)]
pub(super) struct MediaTypes(Arc<HashMap<String, String>>);

impl MediaTypes {
    /// Sets the type of files with this extension or whole name, in any case.
    pub(super) fn set(&mut self, name: &str, content_type: &str) {
        let name = name.to_ascii_lowercase();
        let types = Arc::make_mut(&mut self.0);
        // `.gmi` may be an extension with its dot, and the whole name of a file.
        if let Some(extension) = name.strip_prefix('.') {
            types.insert(extension.to_owned(), content_type.to_owned());
        }
        types.insert(name, content_type.to_owned());
    }

    /// Returns the media type of the file at `path`.
    pub(super) fn of(&self, path: &Path) -> &str {
        let own = |name: Option<&OsStr>| Some(self.0.get(&name?.to_str()?.to_ascii_lowercase())?.as_str());
        let found = if self.0.is_empty() { None } else { own(path.file_name()).or_else(|| own(path.extension())) };
        found.unwrap_or_else(|| of(path))
    }
}

/// Returns the media type of the file at `path`. Text is declared as UTF-8; an unknown extension is
/// `application/octet-stream`.
///
/// XML declares its own encoding and JSON has only one, so neither has a charset parameter.
pub(super) fn of(path: &Path) -> &'static str {
    let lower = |name: Option<&OsStr>| name.and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    let extension = lower(path.extension());
    match TABLE.binary_search_by(|(known, _)| known.cmp(&extension.as_str())) {
        Ok(index) => TABLE[index].1,
        Err(_) if TEXTS.binary_search(&lower(path.file_name()).as_str()).is_ok() => TEXT,
        Err(_) => "application/octet-stream",
    }
}

/// Sorted by extension.
const TABLE: &[(&str, &str)] = &[
    ("3gp", "video/3gpp"),
    ("7z", "application/x-7z-compressed"),
    ("aac", "audio/aac"),
    ("adoc", TEXT),
    ("aif", "audio/aiff"),
    ("aiff", "audio/aiff"),
    ("apk", "application/vnd.android.package-archive"),
    ("apng", "image/apng"),
    ("atom", "application/atom+xml"),
    ("avi", "video/vnd.avi"),
    ("avif", "image/avif"),
    ("bash", TEXT),
    ("bat", TEXT),
    ("bib", TEXT),
    ("bmp", "image/bmp"),
    ("br", "application/x-brotli"),
    ("bz2", "application/x-bzip2"),
    ("c", TEXT),
    ("cc", TEXT),
    ("cfg", TEXT),
    ("cjs", JAVASCRIPT),
    ("clj", TEXT),
    ("cmake", TEXT),
    ("cnf", TEXT),
    ("conf", TEXT),
    ("cpp", TEXT),
    ("cs", TEXT),
    ("csr", TEXT),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("cxx", TEXT),
    ("dart", TEXT),
    ("deb", "application/vnd.debian.binary-package"),
    ("diff", TEXT),
    ("dmg", "application/x-apple-diskimage"),
    ("doc", "application/msword"),
    ("dockerfile", TEXT),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("dtd", "application/xml-dtd"),
    ("eml", "message/rfc822"),
    ("env", TEXT),
    ("eot", "application/vnd.ms-fontobject"),
    ("epub", "application/epub+zip"),
    ("erl", TEXT),
    ("ex", TEXT),
    ("exs", TEXT),
    ("fish", TEXT),
    ("flac", "audio/flac"),
    ("geojson", "application/geo+json"),
    ("gif", "image/gif"),
    ("glb", "model/gltf-binary"),
    ("gltf", "model/gltf+json"),
    ("go", TEXT),
    ("gpx", "application/gpx+xml"),
    ("gradle", TEXT),
    ("graphql", TEXT),
    ("groovy", TEXT),
    ("gz", "application/gzip"),
    ("h", TEXT),
    ("hcl", TEXT),
    ("heic", "image/heic"),
    ("hh", TEXT),
    ("hpp", TEXT),
    ("hs", TEXT),
    ("htm", HTML),
    ("html", HTML),
    ("hxx", TEXT),
    ("ico", "image/vnd.microsoft.icon"),
    ("ics", "text/calendar; charset=utf-8"),
    ("ini", TEXT),
    ("iso", "application/x-iso9660-image"),
    ("jar", "application/java-archive"),
    ("java", TEXT),
    ("jl", TEXT),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", JAVASCRIPT),
    ("json", "application/json"),
    ("jsonl", TEXT),
    ("jsonld", "application/ld+json"),
    ("jsx", TEXT),
    ("jxl", "image/jxl"),
    ("kml", "application/vnd.google-earth.kml+xml"),
    ("kt", TEXT),
    ("kts", TEXT),
    ("less", TEXT),
    ("lisp", TEXT),
    ("lock", TEXT),
    ("log", TEXT),
    ("lua", TEXT),
    ("m2ts", "video/mp2t"),
    ("m3u", TEXT),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("m4v", "video/x-m4v"),
    ("map", "application/json"),
    ("markdown", MARKDOWN),
    ("md", MARKDOWN),
    ("md5", TEXT),
    ("mid", "audio/midi"),
    ("midi", "audio/midi"),
    ("mjs", JAVASCRIPT),
    ("mk", TEXT),
    ("mkv", "video/matroska"),
    ("ml", TEXT),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpd", "application/dash+xml"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("mts", "video/mp2t"),
    ("ndjson", TEXT),
    ("nfo", TEXT),
    ("nim", TEXT),
    ("nix", TEXT),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("otf", "font/otf"),
    ("patch", TEXT),
    ("pdf", "application/pdf"),
    ("pem", TEXT),
    ("php", TEXT),
    ("pl", TEXT),
    ("pm", TEXT),
    ("png", "image/png"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("properties", TEXT),
    ("proto", TEXT),
    ("ps1", TEXT),
    ("psd", "image/vnd.adobe.photoshop"),
    ("pub", TEXT),
    ("py", TEXT),
    ("r", TEXT),
    ("rb", TEXT),
    ("rpm", "application/x-rpm"),
    ("rs", TEXT),
    ("rss", "application/rss+xml"),
    ("rst", TEXT),
    ("rtf", "application/rtf"),
    ("sass", TEXT),
    ("scala", TEXT),
    ("scss", TEXT),
    ("sed", TEXT),
    ("service", TEXT),
    ("sh", TEXT),
    ("sha1", TEXT),
    ("sha256", TEXT),
    ("sha512", TEXT),
    ("sql", TEXT),
    ("srt", TEXT),
    ("stl", "model/stl"),
    ("sum", TEXT),
    ("svg", "image/svg+xml"),
    ("swift", TEXT),
    ("tar", "application/x-tar"),
    ("tcl", TEXT),
    ("tex", TEXT),
    ("tf", TEXT),
    ("tgz", "application/gzip"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("toml", "application/toml"),
    ("torrent", "application/x-bittorrent"),
    ("ts", TEXT),
    ("tsv", "text/tab-separated-values; charset=utf-8"),
    ("tsx", TEXT),
    ("ttf", "font/ttf"),
    ("txt", TEXT),
    ("usdz", "model/vnd.usdz+zip"),
    ("vbs", TEXT),
    ("vcf", "text/vcard; charset=utf-8"),
    ("vim", TEXT),
    ("vtt", "text/vtt; charset=utf-8"),
    ("vue", TEXT),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("wmv", "video/x-ms-wmv"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xhtml", "application/xhtml+xml"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "application/xml"),
    ("xsd", "application/xml"),
    ("xsl", "application/xslt+xml"),
    ("xslt", "application/xslt+xml"),
    ("xz", "application/x-xz"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zig", TEXT),
    ("zip", "application/zip"),
    ("zsh", TEXT),
    ("zst", "application/zstd"),
];
/// Names without an extension of files that are text, in lower case, sorted.
const TEXTS: &[&str] = &[
    "authors",
    "changelog",
    "codeowners",
    "containerfile",
    "contributing",
    "contributors",
    "copying",
    "dockerfile",
    "gemfile",
    "install",
    "jenkinsfile",
    "justfile",
    "licence",
    "license",
    "makefile",
    "md5sums",
    "news",
    "notice",
    "owners",
    "pkgbuild",
    "procfile",
    "rakefile",
    "readme",
    "release",
    "sha1sums",
    "sha256sums",
    "sha512sums",
    "todo",
    "vagrantfile",
    "version",
];
const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const MARKDOWN: &str = "text/markdown; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_type_is_found() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(TEXTS.is_sorted());
        for (extension, content_type) in TABLE {
            assert_eq!(of(Path::new(&format!("a.{extension}"))), *content_type);
        }
    }

    #[test]
    fn the_last_extension_counts_in_any_case() {
        assert_eq!(of(Path::new("a.tar.GZ")), "application/gzip");
        assert_eq!(of(Path::new("INDEX.HtMl")), HTML);
        for unknown in ["UNREAD", ".html", "a.unheard-of", "a.", ""] {
            assert_eq!(of(Path::new(unknown)), "application/octet-stream", "{unknown}");
        }
    }

    #[test]
    fn text_is_shown_and_media_are_played() {
        for name in
            ["README", "Makefile", "LICENSE", "SHA256SUMS", "a.sql", "a.rb", "a.lua", "a.ts", "a.tsx", "a.jsonl"]
        {
            assert_eq!(of(Path::new(name)), TEXT, "{name}");
        }
        for (name, expected) in [
            ("a.sha256", TEXT),
            ("a.pem", TEXT),
            ("a.m4v", "video/x-m4v"),
            ("a.mpg", "video/mpeg"),
            ("a.avi", "video/vnd.avi"),
            ("a.glb", "model/gltf-binary"),
            ("a.xsl", "application/xslt+xml"),
            ("a.mts", "video/mp2t"),
        ] {
            assert_eq!(of(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn type_set_by_the_program_takes_precedence() {
        let mut types = MediaTypes::default();
        types.set("ts", "video/mp2t");
        types.set(".GMI", "text/gemini");
        types.set("BUILD", "text/x-bazel");
        types.set(".gitIgnore", "text/x-ignore");
        for (name, expected) in [
            ("a.ts", "video/mp2t"),
            ("A.TS", "video/mp2t"),
            ("a.gmi", "text/gemini"),
            ("build", "text/x-bazel"),
            ("a.build", "text/x-bazel"),
            ("ts", "video/mp2t"),
            (".gitignore", "text/x-ignore"),
            ("a.gitignore", "text/x-ignore"),
            ("a.tsx", TEXT),
            ("README", TEXT),
            ("a", "application/octet-stream"),
        ] {
            assert_eq!(types.of(Path::new(name)), expected, "{name}");
        }
    }
}
