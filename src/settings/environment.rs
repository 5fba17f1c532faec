//! Settings from the environment: `DRUPE_SOCKET_PORT=8080`.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;

use super::Settings;
use super::layer::{LayerEntry, LayerPlace, SettingsLayer};
use super::table::row;
use super::value::{FileValue, NOT_UTF8};
use crate::error::{Error, Origin};

impl SettingsLayer {
    /// Reads the variables whose names begin with `prefix`, such as `MYAPP_SERVER_`, followed by
    /// the name of a setting in capitals.
    ///
    /// Values are written as for [`Settings::set`]. Variables of Kubernetes and Docker for a
    /// service with a name that begins with the prefix (`DRUPE_SERVICE_HOST`,
    /// `DRUPE_ADMIN_PORT=tcp://...`) are neither settings nor unknown. A program can still
    /// [`take`](Self::take) them, except for the addresses in `..._PORT`.
    ///
    /// # Errors
    /// [`Error::Located`] for a setting with a value that is not UTF-8.
    pub fn from_environment(prefix: &str) -> Result<SettingsLayer, Error> {
        of(prefix, env::vars_os())
    }
}

impl Settings {
    /// Sets the values of the environment variables whose names begin with `prefix`; see
    /// [`SettingsLayer::from_environment`].
    ///
    /// # Errors
    /// The errors of [`SettingsLayer::from_environment`] and of [`Settings::merge`].
    pub fn merge_environment(&mut self, prefix: &str) -> Result<(), Error> {
        self.merge(SettingsLayer::from_environment(prefix)?)
    }
}

fn of(prefix: &str, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<SettingsLayer, Error> {
    // A name that begins with the prefix and is not UTF-8 is shown with replacement characters, and
    // is unknown.
    let lossy = |(name, value): (OsString, OsString)| (name.to_string_lossy().into_owned(), value);
    let mut variables: Vec<_> = variables.into_iter().map(lossy).filter(|(name, _)| name.starts_with(prefix)).collect();
    let services: HashSet<String> = variables
        .iter()
        .filter_map(|(variable, value)| address_of(&variable[prefix.len()..], value.to_str()?).map(str::to_owned))
        .collect();
    // The environment has no order; sorting makes the first error the same each time.
    variables.sort();
    let mut entries = Vec::new();
    for (variable, value) in variables {
        let name = &variable[prefix.len()..];
        // A name in small letters is no setting: no key has the prefix.
        let key = if name.contains(char::is_lowercase) { variable.clone() } else { name.to_lowercase() };
        let origin = Origin::Environment { variable: variable.clone() };
        let value = match value.into_string() {
            Ok(value) if address_of(name, &value).is_some() => continue,
            Ok(value) => FileValue::Plain(value),
            // The value is not shown: it may be a password.
            Err(_) if row(&key).is_some() => return Err(Error::malformed(NOT_UTF8.to_owned()).at(origin)),
            // A variable of another program must not fail a start.
            Err(_) => FileValue::NotUtf8,
        };
        let is_of_service = matches!(&value, FileValue::Plain(value) if is_of_service(name, value, &services));
        entries.push(LayerEntry { key, value, origin, is_of_service });
    }
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(SettingsLayer::new(LayerPlace::Environment { prefix: prefix.to_owned() }, entries))
}

/// Returns the name of the service that has its address in this variable, such as `ADMIN` for
/// `ADMIN_PORT=tcp://10.0.0.12:80`; empty for the service with the name of the prefix.
fn address_of<'n>(name: &'n str, value: &str) -> Option<&'n str> {
    let service = if name == "PORT" { "" } else { name.strip_suffix("_PORT")? };
    (value.contains("://") && !is_setting(name)).then_some(service)
}

/// True for a variable of Kubernetes, or of Docker for links, about another service. The service
/// has the name of the prefix, or a name that begins with the prefix, such as
/// `DRUPE_ADMIN_SERVICE_HOST`. `services` are those with an address.
fn is_of_service(name: &str, value: &str, services: &HashSet<String>) -> bool {
    if is_setting(name) {
        return false;
    }
    // Lets the patterns below match at the start as well.
    let name = format!("_{name}");
    let is_container = |value: &str| value.starts_with('/') && value.matches('/').count() == 2;
    // Docker gives a linked container with a name an address, too.
    let is_linked = |stem: &str| services.contains(stem.strip_prefix('_').unwrap_or_default());
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.match_indices("_PORT_").any(|(at, part)| is_of_a_port(&name[at + part.len()..]))
        || name.strip_suffix("_NAME").is_some_and(|stem| is_container(value) && is_linked(stem))
        || name.match_indices("_ENV_").any(|(at, _)| is_linked(&name[..at]))
}

/// True unless a variable of a service may have this name: such names are in capitals, and no names
/// of settings.
fn is_setting(name: &str) -> bool {
    name.contains(char::is_lowercase) || row(&name.to_lowercase()).is_some()
}

/// True for `80_TCP`, or `80_TCP` followed by a part of an address.
fn is_of_a_port(rest: &str) -> bool {
    let Some((number, rest)) = rest.split_once('_') else { return false };
    let (protocol, part) = rest.split_once('_').unwrap_or((rest, "ADDR"));
    !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && ["TCP", "UDP", "SCTP"].contains(&protocol)
        && ["PROTO", "PORT", "ADDR"].contains(&part)
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
    fn environment_errors_name_the_variable() {
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
        assert_eq!(text, "environment variable DRUPE_SOFTWARE: the value is not UTF-8");
    }

    #[test]
    fn variables_of_kubernetes_services_are_ignored() {
        let settings = merged(&[
            ("DRUPE_SERVICE_HOST", "10.0.0.11"),
            ("DRUPE_SERVICE_PORT", "80"),
            ("DRUPE_SERVICE_PORT_HTTP", "80"),
            ("DRUPE_PORT", "tcp://10.0.0.11:80"),
            ("DRUPE_PORT_80_TCP", "tcp://10.0.0.11:80"),
            ("DRUPE_PORT_80_TCP_ADDR", "10.0.0.11"),
            // Variables of a service drupe-admin.
            ("DRUPE_ADMIN_SERVICE_HOST", "10.0.0.12"),
            ("DRUPE_ADMIN_SERVICE_PORT", "80"),
            ("DRUPE_ADMIN_SERVICE_PORT_HTTP_ALT", "80"),
            ("DRUPE_ADMIN_PORT", "tcp://10.0.0.12:80"),
            ("DRUPE_ADMIN_PORT_80_TCP", "tcp://10.0.0.12:80"),
            ("DRUPE_ADMIN_PORT_80_TCP_PROTO", "tcp"),
            ("DRUPE_ADMIN_PORT_80_TCP_PORT", "80"),
            ("DRUPE_ADMIN_PORT_80_TCP_ADDR", "10.0.0.12"),
            ("DRUPE_ADMIN_PORT_443_UDP", "udp://10.0.0.12:443"),
            ("DRUPE_ADMIN_PORT_9_SCTP_ADDR", "10.0.0.12"),
            // Variables of a linked container.
            ("DRUPE_NAME", "/web/drupe"),
            ("DRUPE_ENV_PATH", "/bin"),
            ("DRUPE_ADMIN_NAME", "/web/drupe_admin"),
            ("DRUPE_ADMIN_ENV_LANG", "C"),
        ]);
        assert_eq!(settings.unwrap(), Settings::default());
    }

    #[test]
    fn variables_that_set_nothing_can_be_taken_out_as_warnings() {
        let given = [
            ("DRUPE_VERSION", "1"),
            ("DRUPE_COLOUR", "red"),
            ("DRUPE_COLOR", "red"),
            ("DRUPE_SOCKET_PORT", "tcp://10.0.0.1:80"),
            ("DRUPE_THREAD_POOL", "7"),
        ];
        let mut layer = of("DRUPE_", given.map(|(name, value)| (name.into(), value.into()))).unwrap();
        assert!(layer.take("colour", "NAME").unwrap().is_some());
        let errors: Vec<String> = layer.take_unknown().iter().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            [
                "unknown environment variable DRUPE_COLOR; did you mean DRUPE_COLOUR?",
                "environment variable DRUPE_SOCKET_PORT: \"tcp://10.0.0.1:80\" is the address of a service",
                "unknown environment variable DRUPE_VERSION; did you mean DRUPE_PROTOCOL_VERSION?",
            ]
        );
        let mut settings = Settings::default();
        settings.merge(layer).unwrap();
        assert_eq!((settings.socket_port, settings.thread_pool), (8080, 7));
    }

    #[test]
    fn program_can_take_variables_that_look_like_those_of_a_service() {
        let given = [
            ("DRUPE_ENV_FILE", "/a"),
            ("DRUPE_SOCKET_NAME", "/run/a.sock"),
            ("DRUPE_BACK_SERVICE_HOST", "10.0.0.1"),
            ("DRUPE_WEB_PORT", "tcp://10.0.0.2:80"),
            ("DRUPE_WEB_NAME", "/a/web"),
            ("DRUPE_WEB_ENV_LANG", "C"),
        ];
        let layer = || of("DRUPE_", given.map(|(name, value)| (name.into(), value.into()))).unwrap();
        let mut taken = layer();
        for (name, value) in given {
            let key = name["DRUPE_".len()..].to_lowercase();
            let found = taken.take(&key, "NAME").unwrap().map(|(text, _)| text);
            assert_eq!(found.as_deref(), (!value.contains("://")).then_some(value), "{name}");
        }
        let mut left = layer();
        let errors: Vec<String> = left.take_unknown().iter().map(ToString::to_string).collect();
        let expected =
            ["unknown environment variable DRUPE_ENV_FILE", "unknown environment variable DRUPE_SOCKET_NAME"];
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors.iter().zip(expected).all(|(error, expected)| error.starts_with(expected)), "{errors:?}");
        let mut settings = Settings::default();
        settings.merge(left).unwrap();
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn value_that_is_not_utf8_fails_only_a_setting_or_the_taker() {
        let odd = || [(OsString::from("DRUPE_COLOUR"), OsString::from_vec(b"\xff".to_vec()))];
        let mut layer = of("DRUPE_", odd()).unwrap();
        let errors: Vec<String> = layer.take_unknown().iter().map(ToString::to_string).collect();
        assert_eq!(errors, ["unknown environment variable DRUPE_COLOUR"]);
        Settings::default().merge(layer).unwrap();
        let taken = of("DRUPE_", odd()).unwrap().take("colour", "NAME").unwrap_err().to_string();
        assert_eq!(taken, "environment variable DRUPE_COLOUR: the value is not UTF-8");
        let merged = Settings::default().merge(of("DRUPE_", odd()).unwrap()).unwrap_err().to_string();
        assert_eq!(merged, "unknown environment variable DRUPE_COLOUR");
    }

    #[test]
    fn lookalikes_of_service_variables_are_refused() {
        for (name, value) in [
            ("DRUPE_SOCKET_PORT", "tcp://10.0.0.11:80"),
            ("DRUPE_SOCKT_PORT", "80"),
            ("DRUPE_PORT_80", "x"),
            ("DRUPE_PORT_TCP", "x"),
            ("DRUPE_PORT_80_ICMP", "x"),
            ("DRUPE_ADMINSERVICE_HOST", "x"),
            ("DRUPE_SERVICE", "x"),
            ("DRUPE_admin_SERVICE_HOST", "x"),
            ("DRUPE_SERVER_NAME", "example.org"),
            ("DRUPE_OPEN_V", "x"),
            ("DRUPE_NAME", "/web/drupe"),
            ("DRUPE_ADMIN_ENV_LANG", "C"),
        ] {
            merged(&[(name, value)]).expect_err(name);
        }
    }
}
