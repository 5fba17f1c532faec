//! The name of this machine.

/// Returns the name; `None` if the machine has none.
pub(crate) fn host_name() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
