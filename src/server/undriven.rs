//! The buses of a build without the feature `process`: there are none.

use std::error;
use std::sync::Arc;

use crate::error::Error;

/// The subscriptions of a server: none.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(());

/// The buses of a server: none.
#[derive(Clone, Default)]
pub(super) struct Buses(());

/// The buses that `quickstart` starts: none.
pub(super) struct Driven;

impl Buses {
    pub(super) fn let_go(&self, _: &Subscriptions) {}

    pub(super) fn fail(&self, _: &Arc<dyn error::Error + Send + Sync>) {}
}

impl Driven {
    pub(super) fn by(_: &Buses) -> Self {
        Self
    }

    pub(super) fn is_empty(&self) -> bool {
        true
    }

    /// Returns false: no bus has requested an end.
    pub(super) fn start(&self) -> Result<bool, Error> {
        Ok(false)
    }

    pub(super) fn end(&self) -> Result<(), Error> {
        Ok(())
    }

    #[cfg(feature = "signals")]
    pub(super) fn settle(&self) {}

    /// Returns true: no start delays the end.
    #[cfg(feature = "signals")]
    pub(super) fn exit(&self) -> bool {
        true
    }

    #[cfg(feature = "signals")]
    pub(super) fn cut(&self) {}

    #[cfg(feature = "signals")]
    pub(super) fn wait_for_start(&self) {}
}
