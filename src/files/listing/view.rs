//! The view of a listing that a client asks for.

use super::form::ListingForm;
use super::order::Order;
use crate::message::Request;

/// The order and the form of a listing. There are six orders and two forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::files) struct View {
    pub(super) order: Order,
    pub(super) form: ListingForm,
}

impl View {
    /// Reads the view from the query and from `Accept`.
    pub(in crate::files) fn of(request: &Request) -> Self {
        Self { order: Order::of(request.uri().query()), form: ListingForm::of(request.headers()) }
    }
}
