//! A page behind layers: ids, a JSON log, compression, passwords, CORS, limits, errors as JSON.
//!
//! Try `PASSWORD=tea cargo run --features compression,json,layers --example layers`, then
//! `curl -i --compressed -u ann:tea http://127.0.0.1:8080/`.

use std::error::Error;

use drupe::exchange::RequestId;
use drupe::layers::{BasicAuth, CatchPanics, Cors, OnFailure, RateLimit, RequestIds, SecurityHeaders, User, compress};
use drupe::response::Json;
use drupe::{Failure, Handler, IntoResponse, Request, Server, http::StatusCode};
use serde_json::json;

fn page(request: &mut Request) -> Result<String, Failure> {
    let user: &User = request.extensions().get().ok_or("no layer has asked for a password")?;
    if request.uri().path() != "/" {
        return Err(Failure::new(StatusCode::NOT_FOUND, "there is one page only\n"));
    }
    Ok(format!("hello, {}\n", user.as_str()).repeat(100))
}

/// Makes the answer to an error.
fn error(status: StatusCode, text: &str) -> impl IntoResponse + use<> {
    (
        [("content-type", "application/problem+json")],
        Json(json!({ "status": status.as_u16(), "detail": text.trim_end() })),
    )
}

fn main() -> Result<(), Box<dyn Error>> {
    let password = std::env::var("PASSWORD")?;
    let handler = page
        .with(CatchPanics::new())
        .with(BasicAuth::users("tea room", [("ann", password)]))
        .with(RateLimit::per_second(100))
        .with(Cors::new().origin("https://app.example").credentials())
        .with(OnFailure::new(|failure, _| error(failure.status(), &failure.text())))
        .with(compress)
        .with(SecurityHeaders::new())
        .with(RequestIds::new());
    let mut server = Server::new(handler);
    // Refusals by the server itself get the same form.
    server.on_refusal(|refusal| Some(error(refusal.status, &refusal.reason).into_response()));
    server.on_access(|record| {
        let status = record.status.map(|status| status.as_u16());
        let id = record.id.as_ref().map(RequestId::as_str);
        log::info!("{}", json!({ "target": record.target, "status": status, "bytes": record.bytes, "id": id }));
    });
    server.settings.max_request_body_size = Some(10_000);
    server.settings.merge_environment("LAYERS_")?;
    Ok(server.quickstart()?)
}
