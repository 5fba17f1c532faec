//! A handler with one of the layers of this module around it.

use std::fmt;
use std::sync::Arc;

use crate::message::{Handler, Request, Response};

/// The work of a layer around one call of a handler.
pub trait Around: Send + Sync + 'static {
    /// Answers `request`, by calling `inner` or alone.
    fn answer(&self, request: &mut Request, inner: &dyn Handler) -> Response;
}

/// A handler with a layer around it.
pub struct Layered<L, H> {
    layer: L,
    inner: Arc<H>,
}

impl<L, H> Layered<L, H> {
    pub(super) fn new(layer: L, inner: Arc<H>) -> Self {
        Self { layer, inner }
    }
}

impl<L: Around, H: Handler> Handler for Layered<L, H> {
    fn handle(&self, request: &mut Request) -> Response {
        self.layer.answer(request, &*self.inner)
    }
}

impl<L: fmt::Debug, H> fmt::Debug for Layered<L, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layered").field("layer", &self.layer).finish_non_exhaustive()
    }
}
