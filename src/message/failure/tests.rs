//! Failures made of errors of many kinds, and the responses made of failures.

use std::error::Error as _;
use std::num::IntErrorKind;

use super::*;
use crate::message::content_error::RefusedContent;

/// An error around another, as libraries make them.
#[derive(Debug)]
struct Outer<E>(E);

impl<E: Error> fmt::Display for Outer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer")
    }
}

impl<E: Error + 'static> Error for Outer<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// An error that hides its own type and shows only its causes, like those of `anyhow`.
#[derive(Debug)]
struct Hiding(Box<dyn Error + Send + Sync>);

impl fmt::Display for Hiding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Hiding {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, RefusedContent(ProtocolError::Timeout))
}

fn content(response: Response) -> String {
    response.into_body().into_string().unwrap()
}

#[test]
fn unexpected_error_of_any_type_is_a_500_that_shows_nothing_to_the_client() {
    let boxed: Box<dyn Error + Send + Sync> = "secret".into();
    let failures = [
        Failure::from("secret"),
        Failure::from("secret".to_owned()),
        Failure::from(boxed),
        Failure::from(io::Error::other("secret")),
        Failure::from(Outer(io::Error::other("secret"))),
        Failure::from(ContentError::taken()),
    ];
    for failure in failures {
        let response = failure.clone().into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{failure:?}");
        assert_eq!(content(response), "internal server error\n", "{failure:?}");
    }
}

#[test]
fn errors_of_reading_the_content_keep_their_status_however_they_are_wrapped() {
    let failures = [
        Failure::from(late()),
        Failure::from(Outer(late())),
        Failure::from(Outer(Outer(late()))),
        Failure::from(io::Error::other(late())),
        Failure::from(ContentError::from(late())),
        Failure::from(Hiding(Box::new(late()))),
        Failure::from(Hiding(Box::new(Outer(late())))),
        Failure::from(Hiding(Box::new(ContentError::from(late())))),
    ];
    for failure in failures {
        assert_eq!(failure.status(), StatusCode::REQUEST_TIMEOUT, "{failure:?}");
        assert_eq!(content(failure.into_response()), format!("{}\n", ProtocolError::Timeout));
    }
    for hidden in [false, true] {
        let error = ContentError::malformed("the query", "pair 2 is not UTF-8");
        let failure = if hidden { Hiding(Box::new(error)).into() } else { Failure::from(error) };
        assert_eq!(
            (failure.status(), &*failure.text()),
            (StatusCode::BAD_REQUEST, "the query is malformed: pair 2 is not UTF-8\n")
        );
    }
}

#[test]
fn status_given_by_the_handler_hides_the_error_and_keeps_it_as_the_source() {
    let failure = "x".parse::<u8>().or_status(StatusCode::NOT_FOUND).unwrap_err();
    assert_eq!((failure.status(), &*failure.text()), (StatusCode::NOT_FOUND, "not found\n"));
    assert!(failure.downcast_ref::<std::num::ParseIntError>().is_some());
    assert_eq!(failure.to_string(), "invalid digit found in string");
    assert_eq!(None::<u8>.or_status(StatusCode::GONE).unwrap_err().status(), StatusCode::GONE);
    let number = |text: &str| {
        text.parse::<u8>().or_status_if(StatusCode::NOT_FOUND, |error| *error.kind() == IntErrorKind::PosOverflow)
    };
    assert_eq!(number("256").unwrap_err().status(), StatusCode::NOT_FOUND);
    let other = number("x").unwrap_err();
    assert_eq!(other.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(other.to_string(), "invalid digit found in string");
    assert_eq!(Some(1).or_status(StatusCode::GONE).unwrap(), 1);
    assert_eq!("1".parse::<u8>().or_status(StatusCode::GONE).unwrap(), 1);

    let again = Err::<(), _>(failure).or_status(StatusCode::CONFLICT).unwrap_err();
    assert_eq!((again.status(), &*again.text()), (StatusCode::CONFLICT, "conflict\n"));
    assert!(again.source().is_some());
}

#[test]
fn failure_in_words_is_what_the_client_gets() {
    let failure = Failure::new(StatusCode::IM_A_TEAPOT, "short and stout\n");
    assert!(failure.source().is_none());
    let response = failure.into_response();
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(Failure::of(&response).map(Failure::status), Some(StatusCode::IM_A_TEAPOT));
    assert_eq!(content(response), "short and stout\n");
}

#[test]
fn text_of_a_failure_for_the_log_has_all_causes() {
    let failure = Failure::from(Outer(Outer(io::Error::other("the disk is full"))));
    // A text that only repeats the one before is left out.
    assert_eq!(failure.to_string(), "outer: the disk is full");
    assert_eq!(format!("{failure:?}"), "500 Internal Server Error: outer: the disk is full");
    assert_eq!(failure.downcast_ref::<Outer<Outer<io::Error>>>().unwrap().source().unwrap().to_string(), "outer");
}
