//! Files of settings without the feature `config`: a call is a compile error that names the feature.

use super::{Settings, SettingsLayer};
use crate::error::Error;

impl SettingsLayer {
    #[doc(hidden)]
    pub fn from_file<P: ConfigFeature>(_path: P) -> Result<SettingsLayer, Error> {
        P::absent()
    }
}

impl Settings {
    #[doc(hidden)]
    pub fn from_file<P: ConfigFeature>(_path: P) -> Result<Settings, Error> {
        P::absent()
    }

    #[doc(hidden)]
    pub fn merge_file<P: ConfigFeature>(&mut self, _path: P) -> Result<(), Error> {
        P::absent()
    }
}

/// The bound of the feature `config`: no type satisfies it.
#[diagnostic::on_unimplemented(
    message = "the feature `config` of drupe is off",
    label = "needs the feature `config`",
    note = "to switch it on: `cargo add drupe --features config`"
)]
pub trait ConfigFeature {
    fn absent<T>() -> T;
}
