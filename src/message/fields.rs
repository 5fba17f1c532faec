//! Fields of a response, given in a tuple.

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

use super::failure::Failure;
use super::response::{IntoResponse, Response};

/// The response of `T`, with these fields in place of its own of the same names.
impl<T: IntoResponse> IntoResponse for (HeaderMap, T) {
    fn into_response(self) -> Response {
        let mut response = self.1.into_response();
        let mut last = None;
        for (name, value) in self.0 {
            // A map names a field once, before the first of its values.
            match (name, &last) {
                (Some(name), _) => {
                    response.headers_mut().insert(name.clone(), value);
                    last = Some(name);
                }
                (None, Some(name)) => {
                    response.headers_mut().append(name.clone(), value);
                }
                (None, None) => {}
            }
        }
        response
    }
}

/// The response of `T`, with these fields in place of its own of the same names. Fields of one
/// array that share a name are all sent.
impl<N, V, T, const COUNT: usize> IntoResponse for ([(N, V); COUNT], T)
where
    N: TryInto<HeaderName, Error: Into<http::Error>>,
    V: TryInto<HeaderValue, Error: Into<http::Error>>,
    T: IntoResponse,
{
    fn into_response(self) -> Response {
        match fields(self.0) {
            Ok(fields) => (fields, self.1).into_response(),
            Err(failure) => failure.into_response(),
        }
    }
}

/// The response of `T`, with this status and these fields.
impl<T: IntoResponse> IntoResponse for (StatusCode, HeaderMap, T) {
    fn into_response(self) -> Response {
        (self.0, (self.1, self.2)).into_response()
    }
}

/// The response of `T`, with this status and these fields.
impl<N, V, T, const COUNT: usize> IntoResponse for (StatusCode, [(N, V); COUNT], T)
where
    N: TryInto<HeaderName, Error: Into<http::Error>>,
    V: TryInto<HeaderValue, Error: Into<http::Error>>,
    T: IntoResponse,
{
    fn into_response(self) -> Response {
        match fields(self.1) {
            Ok(fields) => (self.0, fields, self.2).into_response(),
            // A field that cannot be sent is a failure whatever the status was to be.
            Err(failure) => failure.into_response(),
        }
    }
}

/// Converts the fields of an array.
fn fields<N, V, const COUNT: usize>(pairs: [(N, V); COUNT]) -> Result<HeaderMap, Failure>
where
    N: TryInto<HeaderName, Error: Into<http::Error>>,
    V: TryInto<HeaderValue, Error: Into<http::Error>>,
{
    let mut fields = HeaderMap::with_capacity(COUNT);
    for (at, (name, value)) in pairs.into_iter().enumerate() {
        let name = name.try_into().map_err(|error| unfit(format!("the name of field {}", at + 1), error.into()))?;
        let value = value.try_into().map_err(|error| unfit(format!("the value of field {name}"), error.into()))?;
        fields.append(name, value);
    }
    Ok(fields)
}

/// Makes the failure for a field that cannot be sent.
fn unfit(what: String, error: http::Error) -> Failure {
    Failure::from(format!("{what} of a response cannot be sent: {error}"))
}

#[cfg(test)]
mod tests {
    use http::header::{CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE};

    use super::*;

    #[track_caller]
    fn check(value: impl IntoResponse, status: u16, content_type: Option<&str>, content: &str) {
        let response = value.into_response();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().get(CONTENT_TYPE).map(|found| found.to_str().unwrap()), content_type);
        assert_eq!(response.into_body().into_string().unwrap(), content);
    }

    #[test]
    fn fields_of_a_tuple_replace_those_of_its_value() {
        check(([(CONTENT_TYPE, "text/css")], "a"), 200, Some("text/css"), "a");
        check((StatusCode::CREATED, [("Content-Type", String::from("text/css"))], "a"), 201, Some("text/css"), "a");
        let failure = || Failure::new(StatusCode::BAD_REQUEST, "a");
        let own = failure().into_response().headers().get(CONTENT_TYPE).map(|own| own.to_str().unwrap().to_owned());
        check((StatusCode::CONFLICT, [(CACHE_CONTROL, "no-store")], failure()), 409, own.as_deref(), "a");
        check((StatusCode::CONFLICT, HeaderMap::new(), failure()), 409, own.as_deref(), "a");
        let pairs = [(SET_COOKIE, "a=b"), (SET_COOKIE, "c=d")];
        let response = (pairs, ([(SET_COOKIE, "e=f"), (CACHE_CONTROL, "no-store")], ())).into_response();
        assert_eq!(response.headers().get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["a=b", "c=d"]);
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        let map: HeaderMap = response.headers().clone();
        let response = (StatusCode::ACCEPTED, map, "a").into_response();
        assert_eq!(
            (response.status(), response.headers().get_all(SET_COOKIE).iter().count()),
            (StatusCode::ACCEPTED, 2)
        );
    }

    #[test]
    fn field_that_cannot_be_sent_is_a_500_and_names_itself_in_the_log() {
        let told = |response: Response| {
            assert_eq!(response.status(), 500);
            assert!(!response.headers().contains_key(SET_COOKIE));
            Failure::of(&response).unwrap().to_string()
        };
        let fields = |value: &'static str| [("set-cookie", value)];
        let text = "the value of field set-cookie of a response cannot be sent: failed to parse header value";
        assert_eq!(told((fields("a\r\nb: c"), "a").into_response()), text);
        assert_eq!(told((StatusCode::CREATED, fields("a\n"), "a").into_response()), text);
        let text = "the name of field 1 of a response cannot be sent: invalid HTTP header name";
        assert_eq!(told(([("a b", "c")], "a").into_response()), text);
    }
}
