//! The gateway of a build without the feature `wsgi`: there is none, and one version to ask for.

use crate::error::Error;

/// The version of no gateway.
#[derive(Clone, Debug)]
pub(crate) struct WsgiVersion;

/// Accepts the default version, which has no effect.
///
/// # Errors
/// `Setting` for any other version.
pub(crate) fn find(version: &(String, u32)) -> Result<WsgiVersion, Error> {
    match (version.0.as_str(), version.1) {
        ("1", 0) => Ok(WsgiVersion),
        (name, number) => Err(Error::setting("wsgi_version", format!("{name}.{number} needs the feature wsgi"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_than_the_default_is_refused() {
        assert!(find(&("1".to_owned(), 0)).is_ok());
        let text = find(&("u".to_owned(), 0)).unwrap_err().to_string();
        assert_eq!(text, "setting wsgi_version: u.0 needs the feature wsgi");
    }
}
