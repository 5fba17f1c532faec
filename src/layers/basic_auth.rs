//! Basic authentication (RFC 7617).

use std::fmt;
use std::sync::Arc;

use http::header::HeaderValue;

use super::Layer;
use super::authorization::{admit, challenge, credentials, is_same, unauthorized};
use super::base64;
use super::layered::{Around, Layered};
use crate::message::user::User;
use crate::message::{Handler, Request, Response};

/// A layer that asks for a user name and a password: basic authentication (RFC 7617).
///
/// A request with a right pair reaches the handler, with the [`User`] in its extensions. Every
/// other request gets a `401` with `WWW-Authenticate: Basic realm="…", charset="UTF-8"`.
///
/// ```
/// use drupe::layers::{BasicAuth, User};
/// use drupe::{Handler, Request, handler};
///
/// let page = handler(|request| {
///     let user = request.extensions().get::<User>().expect("BasicAuth is around it");
///     format!("hello, {user}\n")
/// });
/// let page = page.with(BasicAuth::users("tea room", [("ann", "a long password")]));
/// # let mut request = Request::default();
/// # assert_eq!(page.handle(&mut request).status(), 401);
/// # request.headers_mut().insert("authorization", "Basic YW5uOmEgbG9uZyBwYXNzd29yZA==".parse().unwrap());
/// # assert_eq!(page.handle(&mut request).into_body().into_string().unwrap(), "hello, ann\n");
/// ```
///
/// The password is sent in clear with each request: use TLS. The layer never logs a password.
///
/// # Malformed credentials
///
/// These get the same `401`:
///
/// - several `Authorization` fields,
/// - base64 without its padding, or with other characters,
/// - credentials without a colon, with control characters, or not in UTF-8.
///
/// # What the layer does not do
///
/// - It does not limit attempts: put a [`RateLimit`](super::RateLimit) around it.
/// - It does not hash passwords: [`new`](Self::new) takes a function that does.
/// - It compares names and passwords as they are, without Unicode normalization.
/// - It does not answer preflights, which have no credentials: put [`Cors`](super::Cors) around it.
pub struct BasicAuth {
    challenge: HeaderValue,
    check: Box<Check>,
}

type Check = dyn Fn(&str, &str) -> bool + Send + Sync;

impl BasicAuth {
    /// Lets users in if `check` returns true for their name and password.
    ///
    /// Name and password may be empty. The time that `check` takes can reveal secrets: verify a
    /// hash made for passwords, even for users that do not exist.
    ///
    /// # Panics
    /// If the realm has other than printable ASCII characters.
    #[track_caller]
    pub fn new(realm: &str, check: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        Self { challenge: challenge("Basic", realm, ", charset=\"UTF-8\""), check: Box::new(check) }
    }

    /// Lets these users in: pairs of name and password.
    ///
    /// The time of a comparison depends on the number of users and on the length of the client's
    /// name and password, and not on the users' names and passwords.
    ///
    /// # Panics
    /// - If the realm has other than printable ASCII characters.
    /// - If a name has a colon: no client could send it.
    /// - If a password is empty, as an unset variable of the environment would be.
    #[track_caller]
    pub fn users<N, P>(realm: &str, users: impl IntoIterator<Item = (N, P)>) -> Self
    where
        N: Into<String>,
        P: Into<String>,
    {
        let users: Vec<(String, String)> =
            users.into_iter().map(|(name, password)| (name.into(), password.into())).collect();
        for (name, password) in &users {
            assert!(!name.contains(':'), "the user name {name:?} has a colon");
            assert!(!password.is_empty(), "the password of user {name:?} is empty");
        }
        Self::new(realm, move |name, password| {
            // Every user is compared in full, so that time does not give a name away.
            users.iter().fold(false, |found, user| found | (is_same(name, &user.0) & is_same(password, &user.1)))
        })
    }
}

impl<H: Handler> Layer<H> for BasicAuth {
    type Handler = Layered<Self, H>;

    fn wrap(self, inner: Arc<H>) -> Self::Handler {
        Layered::new(self, inner)
    }
}

impl Around for BasicAuth {
    fn answer(&self, request: &mut Request, inner: &dyn Handler) -> Response {
        let pair = pair(request).filter(|(name, password)| (self.check)(name, password));
        let Some((name, _)) = pair else { return unauthorized(&self.challenge) };
        admit(User::new(name), request, inner)
    }
}

/// Shows no password.
impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicAuth").field("challenge", &self.challenge).finish_non_exhaustive()
    }
}

/// Returns the name and the password of `request`. The password may have colons, the name cannot.
fn pair(request: &Request) -> Option<(String, String)> {
    let content = base64::decode(credentials(request, "Basic")?.as_bytes())?;
    let text = String::from_utf8(content).ok()?;
    let (name, password) = text.split_once(':')?;
    // RFC 7617 §2: neither has control characters.
    (!text.contains(char::is_control)).then(|| (name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};

    use super::*;
    use crate::message::{Failure, handler};

    fn ask(layer: BasicAuth, field: &str) -> Response {
        let page = handler(|request| request.extensions().get::<User>().map(ToString::to_string));
        let mut request = Request::default();
        request.headers_mut().insert(AUTHORIZATION, field.parse().unwrap());
        page.with(layer).handle(&mut request)
    }

    /// Returns the pair that the function of the program is asked for.
    fn asked(field: &str) -> Option<(String, String)> {
        let mut request = Request::default();
        request.headers_mut().insert(AUTHORIZATION, field.parse().unwrap());
        pair(&request)
    }

    #[test]
    fn credentials_are_split_at_the_first_colon() {
        for (field, name, password) in [
            ("Basic YTpi", "a", "b"),
            ("basic YTpi", "a", "b"),
            ("Basic YTpiOmM=", "a", "b:c"),
            ("Basic YTo=", "a", ""),
            ("Basic OmI=", "", "b"),
            ("Basic Og==", "", ""),
            // RFC 7617 §2 and §2.1.
            ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"),
            ("Basic dGVzdDoxMjPCow==", "test", "123\u{a3}"),
        ] {
            assert_eq!(asked(field), Some((name.to_owned(), password.to_owned())), "{field}");
        }
    }

    #[test]
    fn malformed_credentials_reach_no_function() {
        for field in [
            "Basic ",
            "Basic",
            "Basic YWI=",
            "Basic YTpiOmM",
            "Basic YTpi YTpi",
            "Basic YTpi, Basic YTpi",
            "Basic YTr/",
            "Basic YQA6Yg==",
            "Basic YTpiCg==",
            "Basic realm=\"a\"",
            "Digest YTpi",
        ] {
            assert_eq!(asked(field), None, "{field}");
        }
        let all = BasicAuth::new("tea", |_, _| true);
        assert_eq!(ask(all, "Basic YWI=").status(), 401);
    }

    #[test]
    fn only_a_listed_pair_is_let_in_and_names_the_user() {
        let list = || BasicAuth::users("tea", [("ann", "b"), ("bob", "c:d")]);
        assert_eq!(ask(list(), "Basic YW5uOmI=").into_body().into_string().unwrap(), "ann");
        assert_eq!(ask(list(), "Basic Ym9iOmM6ZA==").into_body().into_string().unwrap(), "bob");
        // ann:c:d, bob:b, ann:, ann:bb, Ann:b, annb:
        for text in ["YW5uOmM6ZA==", "Ym9iOmI=", "YW5uOg==", "YW5uOmJi", "QW5uOmI=", "YW5uYjo="] {
            assert_eq!(ask(list(), &format!("Basic {text}")).status(), 401, "{text}");
        }
    }

    #[test]
    fn refusal_challenges_and_is_a_failure() {
        let response = ask(BasicAuth::users("the \"tea\" room", [("ann", "b")]), "Basic YW5uOmM=");
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], r#"Basic realm="the \"tea\" room", charset="UTF-8""#);
        assert_eq!(Failure::of(&response).map(Failure::status), Some(http::StatusCode::UNAUTHORIZED));
    }

    #[test]
    fn list_with_a_mistake_is_refused_at_the_start() {
        assert!(std::panic::catch_unwind(|| BasicAuth::users("tea", [("a:b", "c")])).is_err());
        assert!(std::panic::catch_unwind(|| BasicAuth::users("tea", [("a", "")])).is_err());
    }

    #[test]
    fn passwords_are_not_shown() {
        let page = handler(|_| ()).with(BasicAuth::users("tea", [("ann", "open sesame")]));
        let layer = BasicAuth::users("tea", [("ann", "open sesame")]);
        assert!(!format!("{layer:?}").contains("sesame"));
        assert_eq!(page.handle(&mut Request::default()).status(), 401);
    }
}
