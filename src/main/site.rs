//! The served directory, made of the program's settings.

use std::io;
use std::time::Duration;

use drupe::http::HeaderValue;
use drupe::layers::{BasicAuth, Cors, compress};
use drupe::{Files, Handler};

use super::failure::ProgramFailure;
use super::own::Own;
use super::paged::{PageSlot, Paged, SlottedPage};

/// Makes the handler of the directory, with the statistics page that `page` may get. An error names
/// the setting.
pub(super) fn handler(own: &Own, page: &PageSlot) -> Result<Box<dyn Handler>, ProgramFailure> {
    let mut handler: Box<dyn Handler> = Box::new(files(own)?);
    if own.is("compress") {
        handler = Box::new(handler.with(compress));
    }
    handler = guarded(handler, own)?;
    // Preflights have no credentials.
    if let Some(cors) = cors(own)? {
        handler = Box::new(handler.with(cors));
    }
    // Outside of CORS, which lets pages of other origins read the files, and not the statistics.
    if let Some(path) = own.value("statistics_path").to_str().filter(|path| !path.is_empty()) {
        handler = Box::new(Paged::new(path, page, guarded(Box::new(SlottedPage::of(page)), own)?, handler));
    }
    Ok(handler)
}

/// Asks for a user in front of `handler`, if users are set.
fn guarded(handler: Box<dyn Handler>, own: &Own) -> Result<Box<dyn Handler>, ProgramFailure> {
    Ok(match auth(own)? {
        Some(auth) => Box::new(handler.with(auth)),
        None => handler,
    })
}

fn files(own: &Own) -> Result<Files, ProgramFailure> {
    let refuse = |name: &'static str| move |error: io::Error| own.refuse(name, &error.to_string());
    let directory = own.directory();
    let mut files = Files::new(&directory).map_err(refuse("directory"))?;
    // A directory that cannot be searched serves nothing.
    std::fs::metadata(directory.join(".")).map_err(|error| {
        own.refuse("directory", &format!("cannot serve files from {}: {error}", directory.display()))
    })?;
    files = files.dotfiles(own.is("dotfiles")).listing(own.is("listing")).precompressed(own.is("precompressed"));
    for text in own.items("content_type") {
        let (extension, media_type) = content_type(text).ok_or_else(|| {
            own.refuse("content_type", &format!("{text:?} is not of the form EXT=TYPE, such as gmi=text/gemini"))
        })?;
        files = files.content_type(extension, media_type);
    }
    for text in own.items("field") {
        let (pattern, name, value) = field(text).ok_or_else(|| {
            let form = "PATTERN: NAME: VALUE, such as \"/assets/*: Cache-Control: max-age=600\"";
            own.refuse("field", &format!("{text:?} is not of the form {form}"))
        })?;
        files = files.field(pattern, name, value).map_err(refuse("field"))?;
    }
    files = files.hide(own.items("hide")).map_err(refuse("hide"))?;
    for path in own.items("link") {
        files = files.link(path).map_err(refuse("link"))?;
    }
    if let Some(page) = own.items("fallback").next() {
        files = files.fallback(page).map_err(refuse("fallback"))?;
    }
    if let Some(page) = own.items("not_found").next() {
        files = files.not_found(page).map_err(refuse("not_found"))?;
    }
    for name in ["index", "extensions"] {
        if let Some(text) = own.items(name).find(|text| text.contains('/') || text.trim_matches('.').is_empty()) {
            return Err(own.refuse(name, &format!("{text:?} is not a name of a file, such as html or index.html")));
        }
    }
    Ok(files.index(own.items("index")).extensions(own.items("extensions")))
}

/// Makes the layer that asks for a user; `None` if no user is set.
fn auth(own: &Own) -> Result<Option<BasicAuth>, ProgramFailure> {
    let mut users = Vec::new();
    // Not the items, which have no blanks at their ends: a password may have.
    for text in own.value("auth").to_str().unwrap_or_default().split('\n').filter(|text| !text.is_empty()) {
        let user = text.split_once(':').filter(|(name, password)| !name.is_empty() && !password.is_empty());
        // RFC 7617 §2: no client sends control characters.
        let user = user.filter(|_| !text.contains(char::is_control));
        let expected = || own.refuse("auth", "expected NAME:PASSWORD (value not shown)");
        let (name, password) = user.ok_or_else(expected)?;
        if password == HIDDEN {
            // Otherwise anybody could log in at a server with the output of `check`.
            return Err(own.refuse("auth", "*** is the placeholder for a hidden password, not a password"));
        }
        users.push((name.to_owned(), password.to_owned()));
    }
    Ok((!users.is_empty()).then(|| BasicAuth::users("drupe", users)))
}

/// Makes the layer for pages of other origins; `None` if no origin is set.
fn cors(own: &Own) -> Result<Option<Cors>, ProgramFailure> {
    let cors = Cors::new().any_field().expose(EXPOSED).max_age(KEPT);
    let (mut origins, mut is_any) = (Vec::new(), false);
    for origin in own.items("cors") {
        match origin {
            "*" => is_any = true,
            _ if Cors::is_origin(origin) => origins.push(origin),
            _ => {
                let reason = "is neither * nor an origin such as https://app.example (no path, no slash at its end)";
                return Err(own.refuse("cors", &format!("{origin:?} {reason}")));
            }
        }
    }
    Ok(match (is_any, origins.is_empty()) {
        (true, _) => Some(cors.any_origin()),
        (false, false) => Some(cors.origins(origins)),
        (false, true) => None,
    })
}

/// Splits `EXT=TYPE`.
fn content_type(text: &str) -> Option<(&str, &str)> {
    let (extension, media_type) = text.split_once('=')?;
    let (extension, media_type) = (extension.trim(), media_type.trim());
    let is_type = media_type.split_once('/').is_some_and(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty());
    let is_valid = !extension.is_empty() && is_type && HeaderValue::try_from(media_type).is_ok();
    is_valid.then_some((extension, media_type))
}

/// Splits `PATTERN: NAME: VALUE`.
fn field(text: &str) -> Option<(&str, &str, &str)> {
    let (pattern, field) = text.split_once(": ")?;
    let (name, value) = field.split_once(':')?;
    Some((pattern.trim(), name.trim(), value.trim()))
}

/// The placeholder for a password in the output of `check`.
pub(super) const HIDDEN: &str = "***";
/// The fields of answers that scripts of other origins may read, beside those that they always may.
const EXPOSED: [&str; 5] = ["accept-ranges", "content-encoding", "content-range", "date", "etag"];
/// The time for which browsers keep the answer to a preflight.
const KEPT: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_is_split_at_the_first_colon_with_a_blank() {
        assert_eq!(field("/a/*: Cache-Control: no-cache"), Some(("/a/*", "Cache-Control", "no-cache")));
        assert_eq!(field("a:b: Link:<a:b>; rel: c"), Some(("a:b", "Link", "<a:b>; rel: c")));
        assert_eq!(field("*: Name:"), Some(("*", "Name", "")));
        for text in ["", "/a", "/a:b", "/a: b", "Cache-Control: no-cache"] {
            assert_eq!(field(text), None, "{text}");
        }
    }

    #[test]
    fn content_type_has_an_extension_and_a_type() {
        assert_eq!(content_type("gmi=text/gemini; charset=utf-8"), Some(("gmi", "text/gemini; charset=utf-8")));
        assert_eq!(content_type(".gmi = text/a;b=c"), Some((".gmi", "text/a;b=c")));
        for text in ["", "gmi", "=text/gemini", "gmi=", "gmi=text", "gmi=/a", "gmi=a/", "gmi=a/b\nc: d"] {
            assert_eq!(content_type(text), None, "{text}");
        }
    }
}
