//! The marks that routers leave on a request: parameters, and the target before it was shortened.

use std::{error::Error, str::FromStr};

use http::StatusCode;
use http::{Request, Uri};

use super::body::Body;
use super::failure::{Failure, OrStatus};

/// The way of a request through its routers, outermost first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routing {
    /// The decoded parameters of all patterns, by name.
    pub(crate) params: Vec<(String, String)>,
    /// The way of the request through mounts; `None` if none matched.
    pub(crate) mounted: Option<Mounted>,
}

/// The part of a target that was taken off for a mounted handler.
#[derive(Clone, Debug)]
pub(crate) struct Mounted {
    /// The target as the client sent it.
    pub(crate) original: Uri,
    /// The length of the part, in bytes of the original path.
    pub(crate) length: usize,
    /// The pattern of the part.
    pub(crate) pattern: String,
}

/// Returns the target of `request` as the client sent it.
pub(crate) fn original_target(request: &Request<Body>) -> &Uri {
    mounted(request).map_or(request.uri(), |mounted| &mounted.original)
}

/// Returns the part of the original path that was taken off for a mounted handler.
pub(crate) fn mount_path(request: &Request<Body>) -> &str {
    mounted(request).and_then(|mounted| mounted.original.path().get(..mounted.length)).unwrap_or_default()
}

/// True if the client's path is that of a mount, without the slash that the handler sees.
pub(crate) fn is_mount_itself(request: &Request<Body>) -> bool {
    request.uri().path() == "/" && original_target(request).path() == mount_path(request)
}

/// Returns the parameter `name`. An inner router's hides an outer one's of the same name.
pub(super) fn param<'a>(request: &'a Request<Body>, name: &str) -> Option<&'a str> {
    let params = &request.extensions().get::<Routing>()?.params;
    params.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// Parses the parameter `name`: a `404` if the text does not fit, because the path then names
/// nothing.
pub(super) fn param_as<T>(request: &Request<Body>, name: &str) -> Result<T, Failure>
where
    T: FromStr<Err: Into<Box<dyn Error + Send + Sync>>>,
{
    let text = param(request, name).ok_or_else(|| format!("the route has no parameter {{{name}}}"))?;
    text.parse().or_status(StatusCode::NOT_FOUND)
}

fn mounted(request: &Request<Body>) -> Option<&Mounted> {
    request.extensions().get::<Routing>()?.mounted.as_ref()
}
