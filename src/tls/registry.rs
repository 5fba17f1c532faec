//! The registered adapters: the possible values of `ssl_module`.

use std::sync::Arc;

use super::adapter::Adapter;
use crate::error::Error;
use crate::sync::{Mutex, MutexGuard};

/// Registers `adapter` under `name`, for the setting [`ssl_module`](crate::Settings::ssl_module) of
/// every server of this process.
///
/// The name is case-insensitive. The adapter can be used from the next start on.
///
/// # Errors
/// [`Error::Setting`] if the name is empty or taken; `builtin` is always taken.
pub fn register(name: &str, adapter: impl Adapter + 'static) -> Result<(), Error> {
    let key = name.to_ascii_lowercase();
    let refuse = |reason| Err(Error::setting("ssl_module", format!("{name:?} {reason}")));
    let mut adapters = adapters();
    if key.is_empty() {
        return refuse("is empty");
    }
    if key == BUILTIN || adapters.iter().any(|(known, _)| *known == key) {
        return refuse("is already registered");
    }
    adapters.push((key, Arc::new(adapter)));
    Ok(())
}

/// Finds the adapter called `name`; `None` for the built-in adapter.
///
/// # Errors
/// `Setting` with the known names.
pub(crate) fn find(name: &str) -> Result<Option<Arc<dyn Adapter>>, Error> {
    let key = name.to_ascii_lowercase();
    if key == BUILTIN {
        return Ok(None);
    }
    let adapters = adapters();
    let found = adapters.iter().find(|(known, _)| *known == key);
    found.map(|(_, adapter)| Some(Arc::clone(adapter))).ok_or_else(|| {
        let known: Vec<&str> = [BUILTIN].into_iter().chain(adapters.iter().map(|(name, _)| name.as_str())).collect();
        Error::setting("ssl_module", format!("{name:?} is not registered; known: {}", known.join(", ")))
    })
}

fn adapters() -> MutexGuard<'static, Adapters> {
    ADAPTERS.lock()
}

/// The name of the built-in adapter.
pub(crate) const BUILTIN: &str = "builtin";

static ADAPTERS: Mutex<Adapters> = Mutex::new(Vec::new());

/// The adapters with their names in lower case.
type Adapters = Vec<(String, Arc<dyn Adapter>)>;

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::{Acceptor, Options};
    use super::*;

    struct Refusing;

    impl Adapter for Refusing {
        fn load(&self, _: &Options, _: SystemTime) -> Result<Box<dyn Acceptor>, Error> {
            Err(Error::setting("ssl_context", "never"))
        }
    }

    #[test]
    fn adapters_are_found_by_name() {
        assert!(find("Builtin").unwrap().is_none());
        register("Registry-Test", Refusing).unwrap();
        assert!(find("registry-test").unwrap().is_some());
        for name in ["registry-TEST", "BuiltIn", ""] {
            assert!(register(name, Refusing).unwrap_err().to_string().starts_with("setting ssl_module: "), "{name}");
        }
        let text = find("pyopenssl").unwrap_err().to_string();
        assert!(text.starts_with("setting ssl_module: \"pyopenssl\" is not registered; known: builtin"), "{text}");
        assert!(text.contains("registry-test"), "{text}");
    }
}
