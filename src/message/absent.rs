//! The methods of features that are off: a call is a compile error that names the feature.
//!
//! Each method has a bound that no type satisfies. Without the methods, the compiler would only say
//! that there is none of the name.
//!
//! All methods take `&self`: on a `&mut Request` the compiler prefers a method of the same name with
//! `&mut self`, so that the program may have a reader of its own.

/// Declares methods of a trait with the bound of a feature.
macro_rules! absent {
    ($feature:ident: $(fn $name:ident $(<$value:ident>)? () -> $result:ty;)*) => {$(
        #[doc(hidden)]
        fn $name $(<$value>)? (&self) -> $result
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

#[cfg(not(feature = "json"))]
#[cfg(test)]
mod tests {
    use crate::message::{Request, RequestExt};

    trait ReaderOfTheProgram {
        fn json(&mut self) -> String;
    }

    impl ReaderOfTheProgram for Request {
        fn json(&mut self) -> String {
            self.text().unwrap()
        }
    }

    #[test]
    fn absent_method_leaves_its_name_to_a_reader_of_the_program() {
        fn handler(request: &mut Request) -> String {
            request.json()
        }
        assert_eq!(handler(&mut Request::new("{}".into())), "{}");
    }
}
