//! The statistics of a server.

use super::Server;
use super::life::Shared;
use crate::message::ServerHandle;
use crate::statistics::Statistics;

impl Server {
    /// Returns the statistics since the last start; all zero before the first start.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared.counts()
    }
}

impl ServerHandle {
    /// Returns the statistics since the last start; see [`Server::statistics`].
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared().counts()
    }

    /// Stops measuring [`latency`](Statistics::latency) and [`work_time`](Statistics::work_time),
    /// until [`resume_statistics`](Self::resume_statistics) or the next start. The other counters
    /// go on.
    pub fn pause_statistics(&self) {
        self.shared().measure_times(false);
    }

    /// Measures latency and work time until the server stops, for any value of
    /// [`statistics`](crate::Settings::statistics). Requests under way are not measured.
    pub fn resume_statistics(&self) {
        self.shared().measure_times(true);
    }
}

impl Shared {
    /// The statistics since the last start.
    pub(super) fn counts(&self) -> Statistics {
        let running = self.running();
        running.map_or_else(|| self.life().counted.clone(), |running| running.statistics())
    }

    /// Measures latency and work time, or stops measuring.
    pub(super) fn measure_times(&self, is_wanted: bool) {
        if let Some(running) = self.running() {
            running.measure(is_wanted);
        }
    }
}
