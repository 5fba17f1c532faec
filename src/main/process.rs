//! The process around the server: its PID file, its user and group.

use drupe::process::{Bus, BusError, DropPrivileges, PidFile, Plugin};

use super::logger::AccessLogRefused;
use super::own::Own;
use super::{Failure, chain, is_of_settings};

/// The plugins of the bus, beside the server.
pub(super) struct Process {
    pid_file: Option<PidFile>,
    privileges: DropPrivileges,
}

impl Process {
    /// Creates the plugins configured in `own`; opens and drops nothing yet.
    pub(super) fn new(own: &Own) -> Result<Self, Failure> {
        let text = |name: &'static str| {
            own.value(name).to_str().filter(|text| !text.is_empty()).map(|text| (name, text.to_owned()))
        };
        let refused = |name| move |error: BusError| own.refuse(name, &chain(&error));
        let mut privileges = DropPrivileges::new();
        // The group comes first, because a user without a name has no default group.
        if let Some((name, group)) = text("group") {
            privileges = privileges.group(&group).map_err(refused(name))?;
        }
        if let Some((name, user)) = text("user") {
            privileges = privileges.user(&user).map_err(refused(name))?;
        }
        if let Some(mask) = text("umask").and_then(|(_, text)| umask(&text)) {
            privileges = privileges.umask(mask);
        }
        let pid_file = Some(own.value("pid_file")).filter(|path| !path.is_empty()).map(PidFile::new);
        Ok(Self { pid_file, privileges })
    }

    pub(super) fn subscribe(&self, bus: &Bus) {
        if let Some(file) = &self.pid_file {
            file.subscribe(bus);
        }
        self.privileges.subscribe(bus);
    }
}

/// Parses nine permission bits in octal digits.
pub(super) fn umask(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let mask = u32::from_str_radix(digits, 8).ok()?;
    (mask <= 0o777 && !digits.starts_with('+')).then_some(mask)
}

/// The reason why a bus did not start, from the errors of its listeners.
pub(super) fn failure(error: &BusError) -> Failure {
    let BusError::Failed(failures) = error else { return Failure::Serve(chain(error)) };
    let reasons: Vec<String> = failures.iter().map(|(_, error)| chain(error)).collect();
    let is_of_settings = failures.iter().all(|(_, error)| {
        error.downcast_ref::<drupe::Error>().is_some_and(is_of_settings)
            || matches!(error.downcast_ref::<BusError>(), Some(BusError::Held { .. }))
            || error.is::<AccessLogRefused>()
    });
    let reason = reasons.join("; ");
    if is_of_settings { Failure::Settings(reason) } else { Failure::Serve(reason) }
}
