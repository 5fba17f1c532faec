//! Authentication by bearer tokens (RFC 6750).

use std::fmt;
use std::sync::Arc;

use http::header::HeaderValue;

use super::Layer;
use super::authorization::{admit, challenge, credentials, is_same, unauthorized};
use super::layered::{Around, Layered};
use crate::message::user::User;
use crate::message::{Handler, Request, Response};

/// A layer that asks for a token: `Authorization: Bearer …` (RFC 6750 §2.1).
///
/// A request with a right token reaches the handler, with the [`User`] in its extensions. Every
/// other request gets a `401` with `WWW-Authenticate: Bearer realm="…"`, and with
/// `error="invalid_token"` if there was a token (RFC 6750 §3.1).
///
/// ```
/// use drupe::layers::BearerAuth;
/// use drupe::{Handler, Request, handler};
///
/// let api = handler(|_| "tea\n").with(BearerAuth::tokens("api", [("exporter", "aBcDeF0123456789")]));
/// # let mut request = Request::default();
/// # assert_eq!(api.handle(&mut request).status(), 401);
/// # request.headers_mut().insert("authorization", "Bearer aBcDeF0123456789".parse().unwrap());
/// # assert_eq!(api.handle(&mut request).status(), 200);
/// ```
///
/// The layer takes no token from a query or a form, knows no scopes, and does not read the claims
/// in a token, such as a JWT: pass a function that does to [`new`](Self::new).
pub struct BearerAuth {
    missing: HeaderValue,
    invalid: HeaderValue,
    check: Box<Check>,
}

type Check = dyn Fn(&str) -> Option<User> + Send + Sync;

impl BearerAuth {
    /// Lets a request in if `check` returns the user of its token.
    ///
    /// The token has the characters of RFC 6750 §2.1 only. The time that `check` takes can reveal a
    /// token: look up a hash of the token instead.
    ///
    /// # Panics
    /// If the realm has other than printable ASCII characters.
    #[track_caller]
    pub fn new(realm: &str, check: impl Fn(&str) -> Option<User> + Send + Sync + 'static) -> Self {
        Self {
            missing: challenge("Bearer", realm, ""),
            invalid: challenge("Bearer", realm, ", error=\"invalid_token\""),
            check: Box::new(check),
        }
    }

    /// Lets these tokens in: pairs of user and token. The time of a comparison depends on the
    /// number of tokens and on the length of the client's token, and not on the tokens themselves.
    ///
    /// # Panics
    /// - If the realm has other than printable ASCII characters.
    /// - If a token is empty, or has a character that RFC 6750 §2.1 excludes.
    #[track_caller]
    pub fn tokens<N, T>(realm: &str, tokens: impl IntoIterator<Item = (N, T)>) -> Self
    where
        N: Into<Arc<str>>,
        T: Into<String>,
    {
        let tokens: Vec<(User, String)> =
            tokens.into_iter().map(|(name, token)| (User::new(name), token.into())).collect();
        for (user, token) in &tokens {
            assert!(is_token(token), "the token of user {user:?} is empty, or has a character that no token has");
        }
        Self::new(realm, move |given| {
            tokens
                .iter()
                .fold(None, |found, (user, token)| if is_same(given, token) { Some(user.clone()) } else { found })
        })
    }
}

impl<H: Handler> Layer<H> for BearerAuth {
    type Handler = Layered<Self, H>;

    fn wrap(self, inner: Arc<H>) -> Self::Handler {
        Layered::new(self, inner)
    }
}

impl Around for BearerAuth {
    fn answer(&self, request: &mut Request, inner: &dyn Handler) -> Response {
        let given = credentials(request, "Bearer");
        let Some(user) = given.filter(|token| is_token(token)).and_then(|token| (self.check)(token)) else {
            // Without a token, or with another scheme, there is no error (RFC 6750 §3.1).
            return unauthorized(if given.is_some() { &self.invalid } else { &self.missing });
        };
        admit(user, request, inner)
    }
}

/// Shows no token.
impl fmt::Debug for BearerAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerAuth").field("challenge", &self.missing).finish_non_exhaustive()
    }
}

/// True for a `b64token` (RFC 6750 §2.1).
fn is_token(text: &str) -> bool {
    let bare = text.trim_end_matches('=');
    !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};

    use super::*;
    use crate::message::handler;

    #[test]
    fn bearer_token_names_its_user_and_anything_else_is_challenged() {
        let page = handler(|request| request.extensions().get::<User>().map(ToString::to_string));
        let page = page.with(BearerAuth::tokens("api", [("ann", "aB1-._~+/=="), ("bob", "b")]));
        let ask = |field: Option<&str>| {
            let mut request = Request::default();
            if let Some(field) = field {
                request.headers_mut().insert(AUTHORIZATION, field.parse().unwrap());
            }
            let response = page.handle(&mut request);
            match response.headers().get(WWW_AUTHENTICATE) {
                Some(challenge) => format!("{} {}", response.status().as_u16(), challenge.to_str().unwrap()),
                None => response.into_body().into_string().unwrap(),
            }
        };
        assert_eq!(ask(Some("Bearer aB1-._~+/==")), "ann");
        assert_eq!(ask(Some("bearer b")), "bob");
        for field in [None, Some("Basic b"), Some("b")] {
            assert_eq!(ask(field), "401 Bearer realm=\"api\"", "{field:?}");
        }
        for field in ["Bearer c", "Bearer bb", "Bearer ", "Bearer b b", "Bearer b,c", "Bearer ="] {
            assert_eq!(ask(Some(field)), "401 Bearer realm=\"api\", error=\"invalid_token\"", "{field}");
        }
    }

    #[test]
    fn token_that_no_client_could_send_is_refused_at_the_start() {
        for token in ["", "=", "a b", "a=b", "caf\u{e9}"] {
            assert!(std::panic::catch_unwind(|| BearerAuth::tokens("api", [("ann", token)])).is_err(), "{token}");
        }
        assert!(!format!("{:?}", BearerAuth::tokens("api", [("ann", "secret")])).contains("secret"));
    }
}
