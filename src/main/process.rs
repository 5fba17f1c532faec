//! The process around the server: its PID file, its user and group.

use drupe::Error;
use drupe::process::{Bus, BusError, DropPrivileges, PidFile, Plugin};

use super::failure::{ProgramFailure, chain};
use super::own::{Own, umask};

/// The plugins of the bus, beside the server.
pub(super) struct Process {
    pid_file: Option<PidFile>,
    privileges: DropPrivileges,
}

impl Process {
    /// Creates the plugins configured in `own`; opens and drops nothing yet.
    pub(super) fn new(own: &Own) -> Result<Self, ProgramFailure> {
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

    /// The reason why the bus did not start, with the origin of the PID file's path if that file is the
    /// reason.
    pub(super) fn failure(error: Error, own: &Own) -> ProgramFailure {
        let refused = match &error {
            Error::Bus { source: BusError::Failed(failures), .. } => {
                let mut causes = failures.iter().filter_map(|(_, cause)| cause.downcast_ref::<BusError>());
                causes.find_map(|cause| match cause {
                    BusError::File { source, .. } => Some(own.refuse("pid_file", &chain(cause)).unless_passing(source)),
                    _ => None,
                })
            }
            _ => None,
        };
        refused.unwrap_or_else(|| error.into())
    }

    pub(super) fn subscribe(&self, bus: &Bus) {
        if let Some(file) = &self.pid_file {
            file.subscribe(bus);
        }
        self.privileges.subscribe(bus);
    }
}
