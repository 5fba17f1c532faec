//! The versions of the gateway, as in the setting `wsgi_version`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::environ::Environ;
use super::value::Value;
use crate::error::Error;
use crate::sync::{Mutex, MutexGuard};

/// A version of the gateway: its name, and its changes to an environ.
#[derive(Clone)]
pub(crate) struct WsgiVersion {
    name: String,
    number: u32,
    make: Arc<Make>,
}

type Make = dyn Fn(&mut Environ) + Send + Sync;

/// Registers a version for the setting [`wsgi_version`](crate::Settings::wsgi_version) of every
/// server in this process.
///
/// `make` receives each environ in version `1.0`, and may change it. `wsgi.version` is set
/// afterwards. `make` runs on the worker before the application; if `make` panics the client gets a
/// 500.
///
/// # Errors
/// [`Error::Setting`] if the name is empty or has other characters than ASCII letters and digits,
/// or if the version exists; `1.0` and `u.0` always do.
///
/// ```
/// use drupe::{Request, Server, wsgi};
///
/// # fn main() -> Result<(), drupe::Error> {
/// wsgi::register(("tea", 1), |environ| {
///     environ.insert("tea.leaves", "green");
/// })?;
/// let mut server = Server::wsgi(|environ: wsgi::Environ, start: wsgi::StartResponse| {
///     start.start("200 OK", [("Content-Type", "text/plain")])?;
///     Ok::<_, wsgi::ApplicationError>(environ.text("tea.leaves").unwrap_or_default().into_owned())
/// });
/// server.settings.wsgi_version = ("tea".to_owned(), 1);
/// # Ok(()) }
/// ```
pub fn register<F>(version: (&str, u32), make: F) -> Result<(), Error>
where
    F: Fn(&mut Environ) + Send + Sync + 'static,
{
    let (name, number) = version;
    let refuse = |reason| Err(Error::setting("wsgi_version", format!("{name}.{number} {reason}")));
    if name.is_empty() || name.contains(|c: char| !c.is_ascii_alphanumeric()) {
        return refuse("is not a version: the first part must be one or more letters and digits");
    }
    let mut versions = versions();
    let key = (name.to_owned(), number);
    if built_in(name, number).is_some() || versions.contains_key(&key) {
        return refuse("is already registered");
    }
    versions.insert(key, Arc::new(make));
    Ok(())
}

/// Finds a version.
///
/// # Errors
/// `Setting`, listing the known versions.
pub(crate) fn find(version: &(String, u32)) -> Result<WsgiVersion, Error> {
    let (name, number) = version;
    let versions = versions();
    match built_in(name, *number).or_else(|| versions.get(version).cloned()) {
        Some(make) => Ok(WsgiVersion { name: name.clone(), number: *number, make }),
        None => {
            let own = versions.keys().map(|(name, number)| format!("{name}.{number}"));
            let known: Vec<String> = ["1.0".to_owned(), "u.0".to_owned()].into_iter().chain(own).collect();
            Err(Error::setting(
                "wsgi_version",
                format!("{name}.{number} is not registered; known: {}", known.join(", ")),
            ))
        }
    }
}

impl WsgiVersion {
    /// Converts an environ of version 1.0 to this version.
    pub(super) fn apply(&self, environ: &mut Environ) {
        (self.make)(environ);
        environ.insert("wsgi.version", Value::Version(self.name.clone(), self.number));
    }
}

/// Version 1.0, as in PEP 3333.
impl Default for WsgiVersion {
    fn default() -> Self {
        Self { name: "1".to_owned(), number: 0, make: Arc::new(|_| {}) }
    }
}

impl fmt::Debug for WsgiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WsgiVersion({}.{})", self.name, self.number)
    }
}

fn built_in(name: &str, number: u32) -> Option<Arc<Make>> {
    match (name, number) {
        ("1", 0) => Some(WsgiVersion::default().make),
        ("u", 0) => Some(Arc::new(decode)),
        _ => None,
    }
}

/// Version `u.0`: decodes the encoded parts of the target as UTF-8, or leaves all of them unchanged
/// if one is invalid. All parts have the same encoding, so that an application can join two of
/// them.
fn decode(environ: &mut Environ) {
    let parts: Vec<_> = DECODED.iter().filter_map(|key| Some((*key, environ.take_text(key)?))).collect();
    let is_utf8 = parts.iter().all(|(_, text)| text.clone().into_utf8().is_ok());
    for (key, text) in parts {
        environ.insert(key, if is_utf8 { text.into_utf8().unwrap_or_else(|text| text) } else { text });
    }
    environ.insert("wsgi.url_encoding", if is_utf8 { "utf-8" } else { "ISO-8859-1" });
}

fn versions() -> MutexGuard<'static, BTreeMap<(String, u32), Arc<Make>>> {
    VERSIONS.lock()
}

const DECODED: [&str; 3] = ["PATH_INFO", "QUERY_STRING", "SCRIPT_NAME"];

static VERSIONS: Mutex<BTreeMap<(String, u32), Arc<Make>>> = Mutex::new(BTreeMap::new());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_by_name_and_number() {
        let find = |name: &str, number| find(&(name.to_owned(), number));
        assert_eq!(format!("{:?}", find("1", 0).unwrap()), "WsgiVersion(1.0)");
        assert_eq!(format!("{:?}", find("u", 0).unwrap()), "WsgiVersion(u.0)");
        register(("registry", 2), |environ| {
            environ.insert("mark", "made");
        })
        .unwrap();
        let mut environ = Environ::default();
        find("registry", 2).unwrap().apply(&mut environ);
        assert_eq!(environ.text("mark").unwrap(), "made");
        assert_eq!(environ.get("wsgi.version"), Some(&Value::Version("registry".to_owned(), 2)));
        let text = find("1", 1).unwrap_err().to_string();
        assert!(text.starts_with("setting wsgi_version: 1.1 is not registered; known: 1.0, u.0"), "{text}");
        assert!(text.contains("registry.2"), "{text}");
    }

    #[test]
    fn a_version_is_registered_once() {
        register(("once", 0), |_| {}).unwrap();
        for (version, reason) in [
            (("once", 0), "once.0 is already registered"),
            (("1", 0), "1.0 is already registered"),
            (("u", 0), "u.0 is already registered"),
            (("", 0), ".0 is not a version"),
            (("a.b", 0), "a.b.0 is not a version"),
        ] {
            let text = register(version, |_| {}).unwrap_err().to_string();
            assert!(text.starts_with(&format!("setting wsgi_version: {reason}")), "{text}");
        }
    }
}
