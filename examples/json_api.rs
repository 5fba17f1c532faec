//! A JSON API: notes that clients create, read, change and delete.
//!
//! Try `cargo run --features json,forms,router --example json_api`, then
//! `curl -H 'Content-Type: application/json' -d '{"title":"tea"}' http://127.0.0.1:8080/notes`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use drupe::http::StatusCode;
use drupe::response::{Json, NoContent};
use drupe::router::Router;
use drupe::{Failure, OrStatus, Request, RequestExt, Server, try_handler};
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize)]
struct Note {
    id: u64,
    #[serde(flatten)]
    content: Content,
}

#[derive(Clone, Serialize, Deserialize)]
struct Content {
    title: String,
    #[serde(default)]
    done: bool,
}

#[derive(Deserialize)]
struct Selection {
    done: Option<bool>,
}

/// The notes, by id.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<BTreeMap<u64, Note>>>);

impl Store {
    fn notes(&self) -> MutexGuard<'_, BTreeMap<u64, Note>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self, request: &mut Request) -> Result<Json<Vec<Note>>, Failure> {
        let Selection { done } = request.query()?;
        let is_selected = |note: &&Note| done.is_none_or(|done| note.content.done == done);
        Ok(Json(self.notes().values().filter(is_selected).cloned().collect()))
    }

    fn create(&self, request: &mut Request) -> Result<(StatusCode, Json<Note>), Failure> {
        let content = valid(request.json()?)?;
        let mut notes = self.notes();
        let id = notes.last_key_value().map_or(1, |(last, _)| last + 1);
        let note = Note { id, content };
        notes.insert(id, note.clone());
        Ok((StatusCode::CREATED, Json(note)))
    }

    fn read(&self, request: &mut Request) -> Result<Json<Note>, Failure> {
        let note = self.notes().get(&request.param_as("id")?).cloned();
        Ok(Json(note.or_status(StatusCode::NOT_FOUND)?))
    }

    fn change(&self, request: &mut Request) -> Result<Json<Note>, Failure> {
        let (id, content) = (request.param_as("id")?, valid(request.json()?)?);
        let mut notes = self.notes();
        let note = notes.get_mut(&id).or_status(StatusCode::NOT_FOUND)?;
        note.content = content;
        Ok(Json(note.clone()))
    }

    fn delete(&self, request: &mut Request) -> Result<NoContent, Failure> {
        self.notes().remove(&request.param_as("id")?).or_status(StatusCode::NOT_FOUND)?;
        Ok(NoContent)
    }
}

fn valid(content: Content) -> Result<Content, Failure> {
    match content.title.chars().count() {
        1..=100 => Ok(content),
        _ => Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "a title has 1 to 100 characters\n")),
    }
}

fn main() -> Result<(), drupe::Error> {
    let store = Store::default();
    let [list, create, read, change, delete] = [(); 5].map(|()| store.clone());
    let router = Router::new()
        .get("/notes", try_handler(move |request| list.list(request)))
        .post("/notes", try_handler(move |request| create.create(request)))
        .get("/notes/{id}", try_handler(move |request| read.read(request)))
        .put("/notes/{id}", try_handler(move |request| change.change(request)))
        .delete("/notes/{id}", try_handler(move |request| delete.delete(request)));
    let mut server = Server::new(router);
    server.settings.merge_environment("NOTES_")?;
    server.quickstart()
}
