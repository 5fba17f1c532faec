//! Settings from the environment: `DRUPE_SOCKET_PORT=8080`.

use std::env;
use std::ffi::OsString;

use super::Settings;
use super::layer::{Entry, Layer, Place};
use super::value::Value;
use crate::error::{Error, Origin};

impl Layer {
    /// Reads the variables whose names begin with `prefix`, such as `MYAPP_SERVER_`; what follows is the name of a setting in capitals.
    ///
    /// Values are written as for [`Settings::set`]. What Kubernetes and Docker put into the environment for a service that happens to
    /// have the name of the prefix (`DRUPE_SERVICE_HOST`, `DRUPE_PORT=tcp://...`) is passed over.
    ///
    /// # Errors
    /// [`Error::Located`] for a value that is not UTF-8.
    pub fn from_environment(prefix: &str) -> Result<Layer, Error> {
        of(prefix, env::vars_os())
    }
}

impl Settings {
    /// Sets what the environment says in variables whose names begin with `prefix`; see [`Layer::from_environment`].
    ///
    /// # Errors
    /// Those of [`Layer::from_environment`] and of [`Settings::merge`].
    pub fn merge_environment(&mut self, prefix: &str) -> Result<(), Error> {
        self.merge(Layer::from_environment(prefix)?)
    }
}

fn of(prefix: &str, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Layer, Error> {
    let mut entries = Vec::new();
    for (variable, value) in variables {
        // What begins with the prefix and is not UTF-8 is shown with replacement characters, and is unknown.
        let variable = variable.to_string_lossy().into_owned();
        let Some(name) = variable.strip_prefix(prefix) else { continue };
        // In small letters it is no setting: no key has the prefix.
        let key = if name.contains(char::is_lowercase) { variable.clone() } else { name.to_lowercase() };
        let origin = Origin::Environment { variable: variable.clone() };
        match value.into_string() {
            Ok(value) if is_of_a_service(name, &value) => {}
            Ok(value) => entries.push(Entry { key, value: Value::Plain(value), origin }),
            Err(value) => return Err(Error::malformed(format!("{value:?} is not UTF-8")).at(origin)),
        }
    }
    // The environment has no order; the first error is to be the same each time.
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(Layer::new(Place::Environment { prefix: prefix.to_owned() }, entries))
}

/// Whether Kubernetes, or Docker for links, says so where another service is.
fn is_of_a_service(name: &str, value: &str) -> bool {
    let is_port = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
    match name {
        "SERVICE_HOST" | "SERVICE_PORT" => true,
        "PORT" => value.contains("://"),
        _ => name.starts_with("SERVICE_PORT_") || name.strip_prefix("PORT_").is_some_and(is_port),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn merged(variables: &[(&str, &str)]) -> Result<Settings, Error> {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let mut settings = Settings::default();
        settings.merge(of("DRUPE_", variables)?).map(|()| settings)
    }

    #[test]
    fn variables_are_settings_in_capitals() {
        let settings = merged(&[
            ("DRUPE_SOCKET_PORT", "80"),
            ("DRUPE_NODELAY", "off"),
            ("DRUPE_LISTEN", "fd:3,unix:a"),
            ("HOME", "x"),
            ("MYDRUPE_SOCKET_PORT", "81"),
        ])
        .unwrap();
        assert_eq!((settings.socket_port, settings.nodelay, settings.listen.len()), (80, false, 2));
        assert_eq!(settings.origin("nodelay").to_string(), "environment variable DRUPE_NODELAY");
    }

    #[test]
    fn what_is_wrong_names_its_variable() {
        for (name, value, expected) in [
            (
                "DRUPE_SOCKET_PORT",
                "http",
                "environment variable DRUPE_SOCKET_PORT: \"http\" is not a port from 0 to 65535",
            ),
            (
                "DRUPE_SOCKET_PRT",
                "80",
                "unknown environment variable DRUPE_SOCKET_PRT; did you mean DRUPE_SOCKET_PORT?",
            ),
            (
                "DRUPE_socket_port",
                "80",
                "unknown environment variable DRUPE_socket_port; did you mean DRUPE_SOCKET_PORT?",
            ),
            ("DRUPE_PORT", "80", "unknown environment variable DRUPE_PORT; did you mean DRUPE_SOCKET_PORT?"),
            ("DRUPE_COLOUR", "red", "unknown environment variable DRUPE_COLOUR"),
            ("DRUPE_", "", "unknown environment variable DRUPE_"),
            (
                "DRUPE_INSTANCE",
                "x",
                "environment variable DRUPE_INSTANCE: cannot be written as text, only set by a program",
            ),
        ] {
            assert_eq!(merged(&[(name, value)]).unwrap_err().to_string(), expected);
        }
        let odd = OsString::from_vec(b"\xff".to_vec());
        let text = of("DRUPE_", [(OsString::from("DRUPE_SOFTWARE"), odd)]).unwrap_err().to_string();
        assert_eq!(text, "environment variable DRUPE_SOFTWARE: \"\\xFF\" is not UTF-8");
    }

    #[test]
    fn other_services_are_no_settings() {
        let settings = merged(&[
            ("DRUPE_SERVICE_HOST", "10.0.0.11"),
            ("DRUPE_SERVICE_PORT", "80"),
            ("DRUPE_SERVICE_PORT_HTTP", "80"),
            ("DRUPE_PORT", "tcp://10.0.0.11:80"),
            ("DRUPE_PORT_80_TCP", "tcp://10.0.0.11:80"),
            ("DRUPE_PORT_80_TCP_ADDR", "10.0.0.11"),
        ]);
        assert_eq!(settings.unwrap(), Settings::default());
    }
}
