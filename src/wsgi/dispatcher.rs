//! A dispatcher to several applications, by path prefix.

use std::fmt;

use super::ApplicationError;
use super::application::{Application, Content};
use super::environ::Environ;
use super::start_response::StartResponse;

/// A dispatcher to several applications, by the longest prefix of `PATH_INFO` that ends at a
/// segment's end.
///
/// The matched prefix moves from `PATH_INFO` to `SCRIPT_NAME`, so that the application sees the
/// rest of the path, possibly empty. The prefix `/` matches every other path; without it such a
/// path is a 404.
///
/// ```
/// use drupe::wsgi::{Environ, ApplicationError, PathInfoDispatcher, StartResponse};
/// use drupe::Server;
///
/// fn tell(environ: Environ, start_response: StartResponse) -> Result<String, ApplicationError> {
///     start_response.start("200 OK", [("Content-Type", "text/plain")])?;
///     Ok(format!("{:?} below {:?}\n", environ.path_info(), environ.text("SCRIPT_NAME")))
/// }
/// let server = Server::wsgi(PathInfoDispatcher::new().mount("/", tell).mount("/tea", tell));
/// # drop(server);
/// ```
#[derive(Default)]
pub struct PathInfoDispatcher {
    /// Longest prefix first; without slashes at the end.
    applications: Vec<(String, Box<dyn Application>)>,
}

impl PathInfoDispatcher {
    /// A dispatcher without applications: every path is a 404.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `application` for paths below `prefix`, decoded like `PATH_INFO`. Slashes at the end of
    /// `prefix` are ignored. If a prefix is mounted twice the first application is used.
    #[must_use]
    pub fn mount(mut self, prefix: &str, application: impl Application) -> Self {
        let prefix = prefix.trim_end_matches('/');
        let at = self.applications.partition_point(|(other, _)| other.len() >= prefix.len());
        self.applications.insert(at, (prefix.to_owned(), Box::new(application)));
        self
    }
}

impl Application for PathInfoDispatcher {
    fn call(&self, mut environ: Environ, start_response: StartResponse) -> Result<Content, ApplicationError> {
        let path = environ.bytes("PATH_INFO").unwrap_or_default();
        let path: &[u8] = if path.is_empty() { b"/" } else { path };
        let is_below = |prefix: &str| {
            let rest = path.strip_prefix(prefix.as_bytes());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        match self.applications.iter().find(|(prefix, _)| is_below(prefix)) {
            Some((prefix, application)) => {
                environ.shift(prefix.len());
                application.call(environ, start_response)
            }
            None => {
                start_response.start("404 Not Found", [("Content-Type", "text/plain")])?;
                Ok("nothing here\n".into())
            }
        }
    }
}

impl fmt::Debug for PathInfoDispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.applications.iter().map(|(prefix, _)| prefix)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Handler;
    use crate::wsgi::Gateway;

    fn named(
        name: &'static str,
    ) -> impl Fn(Environ, StartResponse) -> Result<String, ApplicationError> + Send + Sync + 'static {
        move |environ, start_response| {
            start_response.start("200 OK", [("X-Name", name)])?;
            let text = |key| environ.text(key).unwrap().into_owned();
            Ok(format!("{name} {}|{}", text("SCRIPT_NAME"), text("PATH_INFO")))
        }
    }

    fn answered(dispatcher: PathInfoDispatcher, path: &str) -> (u16, String) {
        let mut request = crate::message::Request::default();
        *request.uri_mut() = path.parse().unwrap();
        let response = Gateway::new(dispatcher).version("u", 0).unwrap().handle(&mut request);
        (response.status().as_u16(), response.into_body().into_string().unwrap())
    }

    #[test]
    fn the_longest_prefix_of_whole_segments_is_chosen() {
        for (path, told) in [
            ("/", "root |/"),
            ("/teapot", "root |/teapot"),
            ("/tea", "tea /tea|"),
            ("/tea/", "tea /tea|/"),
            ("/tea/pot", "pot /tea/pot|"),
            ("/tea/pot/a%2Fb", "pot /tea/pot|/a%2Fb"),
            ("/tea/potent", "tea /tea|/potent"),
            ("/caf%C3%A9/a", "cafe /caf\u{e9}|/a"),
            ("//tea", "root |//tea"),
        ] {
            let dispatcher = PathInfoDispatcher::new()
                .mount("/", named("root"))
                .mount("/tea/", named("tea"))
                .mount("/tea/pot", named("pot"))
                .mount("/tea", named("never"))
                .mount("/caf\u{e9}", named("cafe"));
            assert_eq!(answered(dispatcher, path), (200, told.to_owned()), "{path}");
        }
    }

    #[test]
    fn path_without_an_application_is_404() {
        assert_eq!(answered(PathInfoDispatcher::new(), "/").0, 404);
        assert_eq!(answered(PathInfoDispatcher::new().mount("/tea", named("tea")), "/teapot").0, 404);
    }

    #[test]
    fn dispatchers_may_be_nested() {
        let inner = PathInfoDispatcher::new().mount("/pot", named("pot")).mount("/", named("rest"));
        let outer = |inner| PathInfoDispatcher::new().mount("/tea", inner);
        assert_eq!(answered(outer(inner), "/tea/pot/x").1, "pot /tea/pot|/x");
        let inner = PathInfoDispatcher::new().mount("/pot", named("pot")).mount("/", named("rest"));
        assert_eq!(answered(outer(inner), "/tea").1, "rest /tea|");
    }
}
