//! Values as JSON.

use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;

use crate::message::{Failure, IntoResponse, Response};

/// A value as JSON: content of type `application/json`.
///
/// A value that serde cannot write, such as a map whose keys are lists, becomes a `500` and is
/// logged.
///
/// ```
/// use drupe::response::Json;
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Tea { name: String }
///
/// fn tea(_: &mut drupe::Request) -> Json<Tea> {
///     Json(Tea { name: "oolong".to_owned() })
/// }
/// # let response = drupe::testing::call(&tea, Default::default());
/// # assert_eq!(response.into_body().into_string().unwrap(), r#"{"name":"oolong"}"#);
/// ```
///
/// [`RequestExt::json`](crate::RequestExt::json) reads the content of a request.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(content) => {
                let mut response = Response::new(content.into());
                response.headers_mut().insert(CONTENT_TYPE, JSON);
                response
            }
            Err(error) => Failure::from(error).into_response(),
        }
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
