//! The statistics page in front of the files, behind the guards of both.

use std::sync::{Arc, OnceLock};

use drupe::http::{Method, Uri};
use drupe::{Handler, Request, Response};

/// The handler of the page, set once the server exists.
pub(super) type PageSlot = Arc<OnceLock<Box<dyn Handler>>>;

/// A handler with the page at `path`, if the page is set.
pub(super) struct Paged<H> {
    path: String,
    page: PageSlot,
    inner: H,
}

impl<H: Handler> Paged<H> {
    pub(super) fn new(path: &str, page: &PageSlot, inner: H) -> Self {
        Self { path: path.trim_end_matches('/').to_owned(), page: Arc::clone(page), inner }
    }

    /// Returns the page if `target` is below its path.
    fn page_of(&self, target: &Uri) -> Option<&dyn Handler> {
        let below = target.path().strip_prefix(self.path.as_str())?;
        let page = self.page.get().filter(|_| below.is_empty() || below.starts_with('/'));
        page.map(|page| &**page)
    }
}

impl<H: Handler> Handler for Paged<H> {
    fn handle(&self, request: &mut Request) -> Response {
        match self.page_of(request.uri()) {
            Some(page) => page.handle(request),
            None => self.inner.handle(request),
        }
    }

    fn body_limit(&self, method: &Method, target: &Uri) -> Option<u64> {
        self.inner.body_limit(method, target)
    }

    fn is_prompt(&self, method: &Method, target: &Uri) -> bool {
        self.page_of(target).map_or_else(|| self.inner.is_prompt(method, target), |page| page.is_prompt(method, target))
    }
}
