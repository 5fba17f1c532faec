//! The statistics of a server, and their page.

use std::sync::{Arc, Weak};

use super::life::Shared;
use super::{Server, ServerHandle};
use crate::message::{Handler, Request, Response};
use crate::statistics::{Page, Statistics, StatisticsSource, not_found};

impl Server {
    /// Returns the statistics since the last start; all zero before the first start.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared.statistics()
    }

    /// Mounts the statistics at `page`, in front of the handler, from the next start on.
    ///
    /// ```no_run
    /// use drupe::{Request, Server, statistics};
    ///
    /// let mut server = Server::new(|_request: &mut Request| "hello");
    /// server.settings.statistics = true;
    /// server.mount_statistics(statistics::Page::at("/statistics"));
    /// ```
    pub fn mount_statistics(&mut self, page: Page) {
        *self.shared.page.lock() = Some(page);
    }
}

impl Shared {
    /// Puts the page, if there is one, in front of `handler`.
    pub(super) fn with_page(self: &Arc<Self>, handler: Arc<dyn Handler>) -> Arc<dyn Handler> {
        match self.page.lock().clone() {
            Some(page) => Arc::new(Mounted { page, shared: Arc::downgrade(self), handler }),
            None => handler,
        }
    }
}

impl ServerHandle {
    /// Returns the statistics since the last start; see [`Server::statistics`].
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared.statistics()
    }

    /// Stops measuring [`latency`](Statistics::latency) and [`work_time`](Statistics::work_time),
    /// until [`resume_statistics`](Self::resume_statistics) or the next start. The other counters
    /// go on.
    pub fn pause_statistics(&self) {
        self.shared.measure(false);
    }

    /// Measures latency and work time until the server stops, for any value of
    /// [`statistics`](crate::Settings::statistics). Requests under way are not measured.
    pub fn resume_statistics(&self) {
        self.shared.measure(true);
    }

    /// Makes a handler that shows the statistics of this server, and answers paths outside the
    /// page's path with a 404. Meant for another server that only administrators reach.
    ///
    /// ```no_run
    /// use drupe::{Request, Server, statistics};
    ///
    /// # fn main() -> Result<(), drupe::Error> {
    /// let public = Server::new(|_request: &mut Request| "hello");
    /// let mut private = Server::new(public.handle().statistics_page(statistics::Page::at("/")));
    /// private.settings.socket_file = Some("statistics.sock".into());
    /// private.start()?;
    /// public.quickstart()
    /// # }
    /// ```
    pub fn statistics_page(&self, page: Page) -> impl Handler + use<> {
        let source = Arc::clone(&self.shared) as Arc<dyn StatisticsSource>;
        move |request: &mut Request| page.answer(request, &source).unwrap_or_else(not_found)
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

    fn begins_early(&self) -> bool {
        self.handler.begins_early()
    }
}

impl StatisticsSource for Shared {
    fn statistics(&self) -> Statistics {
        let running = self.running();
        running.map_or_else(|| self.life().counted.clone(), |running| running.statistics())
    }

    fn measure(&self, is_wanted: bool) {
        if let Some(running) = self.running() {
            running.measure(is_wanted);
        }
    }
}
