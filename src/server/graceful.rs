//! What is opened anew while the server runs, such as log files: CherryPy's channel `graceful`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Server, ServerHandle};

/// Who wants to know.
#[derive(Default)]
pub(super) struct Listeners(Mutex<Vec<Arc<dyn Fn() + Send + Sync>>>);

impl Listeners {
    fn add(&self, listener: Arc<dyn Fn() + Send + Sync>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    #[cfg(feature = "signals")]
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Tells each in turn, whatever the others do.
    pub(super) fn tell(&self) {
        let listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for listener in listeners {
            if catch_unwind(AssertUnwindSafe(|| listener())).is_err() {
                log::error!("what was to open something anew panicked");
            }
        }
    }
}

impl Server {
    /// Has `listener` called whenever files are to be opened anew because others have moved them, as logrotate does: at SIGUSR1 and SIGHUP
    /// while [`quickstart`](Self::quickstart) blocks (feature `signals`), and at [`ServerHandle::graceful`].
    ///
    /// The server goes on serving meanwhile. `listener` runs on a thread of the server's or of whoever asks; a panic is logged. Both are
    /// left alone if no listener was there when `quickstart` began, and no TLS; SIGHUP not if there is [`on_reload`](Self::on_reload).
    pub fn on_graceful(&self, listener: impl Fn() + Send + Sync + 'static) {
        self.shared.graceful.add(Arc::new(listener));
    }
}

impl ServerHandle {
    /// Loads certificates anew, as [`reload_tls`](Self::reload_tls) does, logging what goes wrong; then calls everything that was given to
    /// [`Server::on_graceful`], one after the other, in the order in which it was given.
    pub fn graceful(&self) {
        self.shared.go_gracefully();
    }
}
