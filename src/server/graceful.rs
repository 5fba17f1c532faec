//! Reopening of files while the server runs, such as log files: CherryPy's channel `graceful`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Server, ServerHandle};
use crate::sync::Mutex;

/// The callbacks that reopen files.
#[derive(Default)]
pub(super) struct Listeners(Mutex<Vec<Arc<dyn Fn() + Send + Sync>>>);

impl Listeners {
    fn add(&self, listener: Arc<dyn Fn() + Send + Sync>) {
        self.0.lock().push(listener);
    }

    #[cfg(feature = "signals")]
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Calls the listeners in order; a panic does not stop the others.
    pub(super) fn tell(&self) {
        let listeners = self.0.lock().clone();
        for listener in listeners {
            if catch_unwind(AssertUnwindSafe(|| listener())).is_err() {
                log::error!("what was to open something anew panicked");
            }
        }
    }
}

impl Server {
    /// Calls `listener` when files are to be reopened because another process has moved them, as
    /// logrotate does. That is at SIGUSR1 and SIGHUP while [`quickstart`](Self::quickstart) blocks
    /// (feature `signals`), and at [`ServerHandle::graceful`].
    ///
    /// The server goes on serving meanwhile. `listener` runs on a thread of the server or of the
    /// caller; a panic is logged. `quickstart` catches the signals only if there was a listener or
    /// TLS at the start; for SIGHUP, [`on_reload`](Self::on_reload) is enough.
    pub fn on_graceful(&self, listener: impl Fn() + Send + Sync + 'static) {
        self.shared.graceful.add(Arc::new(listener));
    }
}

impl ServerHandle {
    /// Reloads certificates, as [`reload_tls`](Self::reload_tls) does, and logs errors. Then calls
    /// the listeners of [`Server::on_graceful`], in the order of registration.
    pub fn graceful(&self) {
        self.shared.go_gracefully();
    }
}
