//! The statistics page beside the files, each behind its own guards.

use std::sync::{Arc, OnceLock};

use drupe::http::{Method, StatusCode, Uri};
use drupe::{Handler, IntoResponse, Request, Response};

/// The handler of the page, set once the server exists.
pub(super) type PageSlot = Arc<OnceLock<Box<dyn Handler>>>;

/// The page, as a handler for layers; a 404 until the page is set.
pub(super) struct SlottedPage(PageSlot);

impl SlottedPage {
    pub(super) fn of(slot: &PageSlot) -> Self {
        Self(Arc::clone(slot))
    }
}

impl Handler for SlottedPage {
    fn handle(&self, request: &mut Request) -> Response {
        self.0.get().map_or_else(|| StatusCode::NOT_FOUND.into_response(), |page| page.handle(request))
    }

    fn is_prompt(&self, method: &Method, target: &Uri) -> bool {
        self.0.get().is_some_and(|page| page.is_prompt(method, target))
    }
}

/// A handler with a page at `path`, if the slot is filled.
pub(super) struct Paged<P, H> {
    path: String,
    slot: PageSlot,
    /// The page of the slot, with its layers.
    page: P,
    inner: H,
}

impl<P: Handler, H: Handler> Paged<P, H> {
    pub(super) fn new(path: &str, slot: &PageSlot, page: P, inner: H) -> Self {
        Self { path: path.trim_end_matches('/').to_owned(), slot: Arc::clone(slot), page, inner }
    }

    /// Returns the handler of `target`: the page at and below its path.
    fn handler_of(&self, target: &Uri) -> &dyn Handler {
        let below = target.path().strip_prefix(self.path.as_str());
        let is_below = below.is_some_and(|below| below.is_empty() || below.starts_with('/'));
        if is_below && self.slot.get().is_some() { &self.page } else { &self.inner }
    }
}

impl<P: Handler, H: Handler> Handler for Paged<P, H> {
    fn handle(&self, request: &mut Request) -> Response {
        self.handler_of(request.uri()).handle(request)
    }

    fn body_limit(&self, method: &Method, target: &Uri) -> Option<u64> {
        self.handler_of(target).body_limit(method, target)
    }

    fn is_prompt(&self, method: &Method, target: &Uri) -> bool {
        self.handler_of(target).is_prompt(method, target)
    }
}
