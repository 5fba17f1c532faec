//! The methods of features that are off: a call is a compile error that names the feature.
//!
//! Each method has a bound that no type satisfies. Without the methods, the compiler would only say
//! that there is none of the name.

/// Declares methods of a trait with the bound of a feature.
macro_rules! absent {
    ($feature:ident: $(fn $name:ident $(<$value:ident>)? ($($arguments:tt)*) -> $result:ty;)*) => {$(
        #[doc(hidden)]
        fn $name $(<$value>)? ($($arguments)*) -> $result
        where
            Self: super::absent::$feature,
        {
            Self::absent()
        }
    )*};
}

/// The bound of the feature `json`.
#[cfg(not(feature = "json"))]
#[diagnostic::on_unimplemented(
    message = "the feature `json` of drupe is off",
    label = "needs the feature `json`",
    note = "to switch it on: `cargo add drupe --features json`"
)]
pub trait JsonFeature {
    fn absent<T>() -> T;
}

/// The bound of the feature `forms`.
#[cfg(not(feature = "forms"))]
#[diagnostic::on_unimplemented(
    message = "the feature `forms` of drupe is off",
    label = "needs the feature `forms`",
    note = "to switch it on: `cargo add drupe --features forms`"
)]
pub trait FormsFeature {
    fn absent<T>() -> T;
}

/// The bound of the feature `router`.
#[cfg(not(feature = "router"))]
#[diagnostic::on_unimplemented(
    message = "the feature `router` of drupe is off",
    label = "needs the feature `router`",
    note = "to switch it on: `cargo add drupe --features router`"
)]
pub trait RouterFeature {
    fn absent<T>() -> T;
}
