//! Addresses to listen on and owners of socket files: the choice among the settings, and their
//! checks.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::address::BindAddr;
use crate::error::Error;
use crate::net::given::ListeningSocket;
use crate::settings::Settings;
use crate::system::names;

/// Returns the setting that applies and its addresses: `listen` if set, else `socket_file`, else
/// host and port; no address if the default would stand beside sockets of the program's own.
pub(super) fn bind(settings: &Settings) -> Result<(&'static str, Vec<BindAddr>), Error> {
    if !settings.listen.is_empty() {
        several(&settings.listen).map_err(|reason| Error::setting("listen", reason))?;
        return Ok(("listen", settings.listen.clone()));
    }
    if let Some(path) = &settings.socket_file {
        let checked = unix(path).map_err(|reason| Error::setting("socket_file", reason));
        return checked.map(|()| ("socket_file", vec![BindAddr::Unix(path.clone())]));
    }
    if settings.has_only_sockets() {
        return Ok(("listen_sockets", Vec::new()));
    }
    let host = settings.socket_host.clone();
    let checked = elsewhere(&host).map_or_else(|| tcp(&host), Err);
    checked.map_err(|reason| Error::setting("socket_host", reason))?;
    Ok(("socket_host", vec![BindAddr::Tcp { host, port: settings.socket_port }]))
}

/// Checks `listen_sockets`; a start checks the sockets themselves.
pub(super) fn sockets(settings: &Settings) -> Result<Vec<ListeningSocket>, Error> {
    let sockets = &settings.listen_sockets;
    if !sockets.is_empty() && settings.instance.is_some() {
        let reason = "has no effect together with instance; unset one of them";
        return Err(Error::contradiction("listen_sockets", "instance", reason));
    }
    if (1..sockets.len()).any(|at| sockets[..at].contains(&sockets[at])) {
        return Err(Error::setting("listen_sockets", "a socket is listed twice"));
    }
    Ok(sockets.clone())
}

pub(super) fn mode(mode: u32) -> Result<u32, Error> {
    if mode <= 0o777 {
        return Ok(mode);
    }
    Err(Error::setting("socket_mode", format!("{mode:04o} is out of range: from 0000 to 0777")))
}

pub(super) fn owner(name: &'static str, owner: Option<&str>) -> Result<Option<String>, Error> {
    match owner {
        Some("") => Err(Error::setting(name, "\"\" is empty; unset it to keep the owner of the process")),
        owner => Ok(owner.map(str::to_owned)),
    }
}

/// Checks `peercreds_resolve`. CherryPy ignores the setting without `peercreds`; here it is
/// refused.
pub(super) fn resolve(is_resolved: bool, is_known: bool) -> Result<bool, Error> {
    if is_resolved && !is_known {
        let reason = "needs peercreds, which is off";
        return Err(Error::contradiction("peercreds_resolve", "peercreds", reason));
    }
    Ok(is_resolved)
}

fn several(addresses: &[BindAddr]) -> Result<(), String> {
    for (at, address) in addresses.iter().enumerate() {
        match address {
            BindAddr::Tcp { host, .. } if matches!(host.parse(), Ok(BindAddr::Tcp { .. })) => {
                return Err(format!("{host:?} contains a port; give host and port of an address apart"));
            }
            BindAddr::Tcp { host, .. } => tcp(host)?,
            BindAddr::Unix(path) => unix(path)?,
            BindAddr::Inherited(which) if which.is_empty() => return Err("fd: needs a number or a name".to_owned()),
            BindAddr::Inherited(_) => {}
        }
        let is_free_port = matches!(address, BindAddr::Tcp { port: 0, .. });
        if !is_free_port && addresses[..at].contains(address) {
            return Err(format!("{address} is listed twice"));
        }
    }
    Ok(())
}

/// Returns the reason to refuse a whole address as `socket_host`, naming the right settings.
fn elsewhere(host: &str) -> Option<String> {
    match host.parse().ok()? {
        BindAddr::Tcp { host: bare, port } => Some(format!(
            "{host:?} contains a port, which belongs in socket_port: set socket_host to {bare:?} and socket_port to {port}"
        )),
        BindAddr::Unix(_) => Some(format!("{host:?} is a Unix socket, which belongs in socket_file")),
        BindAddr::Inherited(_) => Some(format!("{host:?} is a passed socket, which belongs in listen")),
    }
}

fn tcp(host: &str) -> Result<(), String> {
    let refuse = |reason: &str| Err(format!("{host:?} {reason}"));
    if host.is_empty() {
        return refuse("is empty; use 0.0.0.0 or :: for every address");
    }
    if host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refuse("contains a blank or a control character");
    }
    if host.contains(['[', ']', '/']) {
        return refuse("is neither a host name nor an IP address without brackets");
    }
    Ok(())
}

fn unix(path: &Path) -> Result<(), String> {
    let bytes = path.as_os_str().as_bytes();
    let (shown, name) = match bytes {
        [0, name @ ..] => (format!("{:?}", format!("@{}", String::from_utf8_lossy(name))), name),
        _ => (format!("{path:?}"), bytes),
    };
    if name.is_empty() {
        return Err(format!("{shown} is empty"));
    }
    if name.contains(&0) {
        return Err(format!("{shown} contains a NUL byte"));
    }
    if name.len() > names::LONGEST {
        let (length, most) = (name.len(), names::LONGEST);
        return Err(format!("{shown} has {length} bytes; the path of a Unix socket may have {most}"));
    }
    if bytes.first() == Some(&0) && !names::HAS_ABSTRACT {
        return Err(format!("{shown} {}", names::NO_ABSTRACT));
    }
    Ok(())
}
