//! The page of a server's statistics, in front of its handler or as a handler.

use std::sync::{Arc, Weak};

use http::{Method, Uri};

use super::Server;
use super::life::Shared;
use crate::message::{Handler, Request, Response, ServerHandle};
use crate::statistics::{Page, Statistics, StatisticsSource, not_found};

impl Server {
    /// Mounts the statistics at `page`, in front of the handler, from the next start on.
    ///
    /// ```no_run
    /// use drupe::{Server, handler, statistics};
    ///
    /// let mut server = Server::new(handler(|_| "hello"));
    /// server.settings.statistics = true;
    /// server.mount_statistics(statistics::Page::at("/statistics"));
    /// ```
    pub fn mount_statistics(&mut self, page: Page) {
        let source = Arc::downgrade(&self.shared);
        *self.shared.front.lock() = Some(Box::new(move |handler| {
            Arc::new(Mounted { page: page.clone(), shared: Weak::clone(&source), handler })
        }));
    }
}

impl ServerHandle {
    /// Makes a handler that shows the statistics of this server, and answers paths outside the
    /// page's path with a 404. Meant for another server that only administrators reach.
    ///
    /// ```no_run
    /// use drupe::{Server, handler, statistics};
    ///
    /// # fn main() -> Result<(), drupe::Error> {
    /// let public = Server::new(handler(|_| "hello"));
    /// let mut private = Server::new(public.handle().statistics_page(statistics::Page::at("/")));
    /// private.settings.socket_file = Some("statistics.sock".into());
    /// private.start()?;
    /// public.quickstart()
    /// # }
    /// ```
    #[must_use]
    pub fn statistics_page(&self, page: Page) -> impl Handler + use<> {
        let state = Arc::clone(self.state()).downcast::<Shared>();
        let source: Arc<dyn StatisticsSource> = state.expect("a handle is made by a server, of its own state");
        Alone { page, source }
    }
}

/// A page without a handler behind.
struct Alone {
    page: Page,
    source: Arc<dyn StatisticsSource>,
}

impl Handler for Alone {
    fn handle(&self, request: &mut Request) -> Response {
        self.page.answer(request, &self.source).unwrap_or_else(not_found)
    }

    fn is_prompt(&self, _method: &Method, target: &Uri) -> bool {
        self.page.is_prompt(target)
    }
}

/// A page in front of a handler. The server holds the page, so the reference back is weak.
struct Mounted {
    page: Page,
    shared: Weak<Shared>,
    handler: Arc<dyn Handler>,
}

impl Handler for Mounted {
    fn handle(&self, request: &mut Request) -> Response {
        let source = self.shared.upgrade().map(|shared| shared as Arc<dyn StatisticsSource>);
        match source.and_then(|source| self.page.answer(request, &source)) {
            Some(response) => response,
            None => self.handler.handle(request),
        }
    }

    fn body_limit(&self, method: &Method, target: &Uri) -> Option<u64> {
        self.handler.body_limit(method, target)
    }

    fn is_prompt(&self, method: &Method, target: &Uri) -> bool {
        self.page.is_prompt(target) || self.handler.is_prompt(method, target)
    }
}

impl StatisticsSource for Shared {
    fn statistics(&self) -> Statistics {
        self.counts()
    }

    fn measure(&self, is_wanted: bool) {
        self.measure_times(is_wanted);
    }
}
