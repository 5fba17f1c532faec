//! The user that a layer has authenticated.

use std::fmt;
use std::sync::Arc;

/// The user of a request. [`BasicAuth`](crate::layers::BasicAuth) and
/// [`BearerAuth`](crate::layers::BearerAuth) put the user into the extensions of the request, for
/// the handler, and of the response, for the access log and
/// [`Server::on_access`](crate::Server::on_access).
///
/// ```
/// use drupe::Request;
/// use drupe::layers::User;
///
/// fn greet(request: &mut Request) -> String {
///     let user = request.extensions().get::<User>();
///     format!("hello, {}\n", user.map_or("stranger", User::as_str))
/// }
/// # assert_eq!(greet(&mut Request::default()), "hello, stranger\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct User(Arc<str>);

impl User {
    /// Makes a user of a name; for tests of handlers, and for layers of your own.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
