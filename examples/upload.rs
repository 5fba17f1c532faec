//! Uploads of any size by a form, and large ones that resume after a break.
//!
//! Try `cargo run --features files,multipart,router --example upload -- some-folder`, then open
//! http://127.0.0.1:8080/, or send the rest of a file: `curl -X PATCH -H 'Upload-Offset: 1000'
//! --data-binary @rest http://127.0.0.1:8080/resume/name`. `HEAD /files/name` returns the length so far.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use drupe::http::StatusCode;
use drupe::multipart::{Multipart, safe_file_name};
use drupe::response::{Html, NoContent};
use drupe::router::Router;
use drupe::{Failure, Files, IntoResponse, OrStatus, Request, RequestExt, Response, Server, try_handler};

const PAGE: &str = "<!doctype html><title>upload</title><a href=files/>files</a>
<form method=post enctype=multipart/form-data><input type=file name=file multiple><button>send</button></form>";

/// Writes each file of a form to `folder`, while it arrives.
fn receive(folder: &Path, request: &mut Request) -> Result<String, Failure> {
    let mut form = Multipart::new(request)?;
    let mut report = String::new();
    while let Some(mut part) = form.next()? {
        // A name without folders: no upload leaves this one.
        let Some(name) = part.safe_file_name().map(str::to_owned) else { continue };
        let file = File::create_new(folder.join(&name));
        let mut file = file.or_status_if(StatusCode::CONFLICT, |error| error.kind() == ErrorKind::AlreadyExists)?;
        report += &format!("{name}: {} bytes\n", io::copy(&mut part, &mut file)?);
    }
    Ok(report)
}

/// Appends content to a file, if the client knows how much of it is here.
fn resume(folder: &Path, request: &mut Request) -> Result<Response, Failure> {
    let name = request.param("name").filter(|name| safe_file_name(name) == Some(name));
    let path = folder.join(name.or_status(StatusCode::NOT_FOUND)?);
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let offset = file.metadata()?.len().to_string();
    let claimed = request.headers().get("upload-offset").and_then(|value| value.to_str().ok());
    if claimed != Some(&*offset) {
        return Ok((StatusCode::CONFLICT, [("upload-offset", offset)], ()).into_response());
    }
    io::copy(&mut request.take_body(), &mut file)?;
    Ok(NoContent.into_response())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: upload FOLDER")?);
    let (files, other) = (Files::new(&folder)?, folder.clone());
    let router = Router::new()
        .get("/", |_| Html(PAGE))
        .post("/", try_handler(move |request| receive(&folder, request)))
        .body_limit("/", LARGEST)
        .patch("/resume/{name}", try_handler(move |request| resume(&other, request)))
        .body_limit("/resume/{name}", LARGEST)
        .mount("/files", files);
    let mut server = Server::new(router);
    server.settings.merge_environment("UPLOAD_")?;
    Ok(server.quickstart()?)
}

const LARGEST: u64 = 10 << 30;
