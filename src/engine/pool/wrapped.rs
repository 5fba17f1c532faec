//! The life of a worker inside the program's callback.

use std::mem;
use std::sync::Arc;

use super::Pool;
use crate::engine::service::handle::WorkerHandle;
use crate::sync::catch;

impl Pool {
    /// Runs the life of the worker `handle`, inside the callback around workers if there is one.
    pub(super) fn run_worker(self: &Arc<Self>, handle: &Arc<WorkerHandle>) {
        let Some(around) = &self.service().hooks.around_worker else { return (self.work)(self, handle) };
        let mut is_due = true;
        let mut work = || {
            if mem::take(&mut is_due) {
                (self.work)(self, handle);
            }
        };
        if catch(|| around(&mut work)).is_err() {
            log::error!("the callback around a worker panicked; the worker goes on without the callback");
        }
        work();
    }
}
