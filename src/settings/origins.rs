//! Origins of the values of settings, for messages.

use std::collections::BTreeMap;

use crate::error::Origin;

/// The origin of each setting that was read, and the value at that time, as text.
///
/// A value that differs now has another origin: fields are public, and may be changed at any time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins(pub(super) BTreeMap<&'static str, (String, Origin)>);

impl PartialEq for Origins {
    /// Returns true: the origin makes no difference between settings.
    fn eq(&self, _: &Origins) -> bool {
        true
    }
}
