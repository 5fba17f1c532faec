//! Parses the arguments, the environment and a file into a command.
//!
//! A flag takes precedence over the environment, and the environment over the file, in any order of
//! reading.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use drupe::settings::{Origin, SettingsLayer};
use drupe::{Error, Settings};
use lexopt::{Arg, Parser};

use super::failure::{ProgramFailure, chain};
use super::flags::{is_switch, name, of_letter, own_row, unit, unknown};
use super::health::HealthCheck;
use super::own::Own;
use super::places::Places;
use super::{completions, man};

/// The command requested by the arguments.
#[derive(Debug)]
pub(super) enum Command {
    Help,
    ShortHelp,
    Version,
    ShortVersion,
    /// Prints the text that a function returns.
    Generate(fn() -> String),
    Health(HealthCheck),
    Check(Box<ServeOptions>),
    Serve(Box<ServeOptions>),
}

/// All options of the program.
#[derive(Debug, Default)]
pub(super) struct ServeOptions {
    pub(super) settings: Settings,
    pub(super) own: Own,
    /// The file of settings, if any.
    pub(super) config: Option<PathBuf>,
    /// Variables that set nothing.
    pub(super) warnings: Vec<String>,
}

/// The arguments as given.
#[derive(Default)]
struct Given {
    is_check: bool,
    config: Option<PathBuf>,
    /// The URL of the server to ask, and the time limit.
    health: Option<OsString>,
    health_timeout: Option<OsString>,
    /// The arguments without a name.
    places: Places,
    flags: Vec<GivenFlag>,
}

impl Given {
    /// True if the flag before is `--cors` without a value.
    fn is_cors_open(&self) -> bool {
        self.flags.last().is_some_and(|flag| flag.name == "cors" && flag.value.is_none())
    }
}

struct GivenFlag {
    /// The flag as given, with dashes.
    spelled: String,
    /// The long name without dashes.
    name: String,
    value: Option<OsString>,
}

/// Determines the command.
pub(super) fn task(parser: Parser) -> Result<Command, ProgramFailure> {
    let given = match read(parser)? {
        Ok(given) => given,
        Err(task) => return Ok(task),
    };
    if given.health.is_some() || given.health_timeout.is_some() {
        return health(given).map(Command::Health);
    }
    let mut options = ServeOptions::default();
    let mut environment = SettingsLayer::from_environment(PREFIX)?;
    // An empty variable names no file.
    let of_environment = environment.take("config", "PATH")?.filter(|(path, _)| !path.is_empty());
    let is_check = given.is_check;
    let named = match config(&given)? {
        Some(path) => Some((path, Origin::Default)),
        None => of_environment.map(|(path, origin)| (PathBuf::from(path), origin)),
    };
    if let Some((path, origin)) = named {
        let mut file = SettingsLayer::from_file(&path).map_err(|error| match (&error, origin) {
            (Error::Unreadable { .. }, Origin::Environment { variable }) => {
                ProgramFailure::Settings(format!("environment variable {variable}: {}", chain(&error)))
            }
            _ => error.into(),
        })?;
        options.own.take(&mut file, "drupe.")?;
        options.settings.merge(file)?;
        options.config = Some(path);
    }
    options.own.take(&mut environment, "")?;
    options.warnings = environment.take_unknown().iter().map(|error| format!("ignored: {error}")).collect();
    options.settings.merge(environment)?;
    options.take_flags(given)?;
    let options = Box::new(options);
    Ok(if is_check { Command::Check(options) } else { Command::Serve(options) })
}

/// Reads all arguments. The inner error is a command that needs no arguments.
fn read(mut parser: Parser) -> Result<Result<Given, Command>, ProgramFailure> {
    let mut given = Given::default();
    let mut level = "info";
    while let Some(argument) = parser.next()? {
        let (spelled, name, is_short) = match argument {
            Arg::Long(name) => (format!("--{name}"), name.to_owned(), false),
            Arg::Short(letter) => match of_letter(letter) {
                Some(name) => (format!("-{letter}"), name, true),
                None => return Err(ProgramFailure::Usage(format!("unknown option -{letter}"))),
            },
            Arg::Value(value) if value == "check" && !given.is_check && given.places.is_empty() => {
                given.is_check = true;
                continue;
            }
            Arg::Value(value) if given.is_cors_open() && value.to_string_lossy().contains("://") => {
                let reason = format!("unexpected argument {value:?}: a value of --cors is joined by =");
                return Err(ProgramFailure::Usage(reason));
            }
            Arg::Value(value) => {
                given.places.push(value, given.is_check)?;
                continue;
            }
        };
        let mut take = |name: &str, value| {
            given.flags.push(GivenFlag { spelled: spelled.clone(), name: name.to_owned(), value });
        };
        match name.as_str() {
            "help" => return Ok(Err(if is_short { Command::ShortHelp } else { Command::Help })),
            "version" => return Ok(Err(if is_short { Command::ShortVersion } else { Command::Version })),
            "config" => given.config = Some(PathBuf::from(parser.value()?)),
            "generate" => return Ok(Err(Command::Generate(generator(&parser.value()?)?))),
            "health" => given.health = Some(parser.value()?),
            "health-timeout" => given.health_timeout = Some(parser.value()?),
            "no-listing" => take("listing", Some("false".into())),
            "verbose" => {
                take("log-level", Some(level.into()));
                level = "debug";
            }
            _ => {
                let value = match unit(&name) {
                    // Letters can be joined, as in `-qv`.
                    Some(unit) if is_switch(unit) && is_short => None,
                    Some(unit) if is_switch(unit) => parser.optional_value(),
                    Some(_) => Some(parser.value()?),
                    // Before the next argument, which may be its value.
                    None => return Err(unknown(&name)),
                };
                take(&name, value);
            }
        }
    }
    Ok(Ok(given))
}

/// The health check; the settings of the server are not those of the check.
fn health(given: Given) -> Result<HealthCheck, ProgramFailure> {
    let usage = |reason: &str| ProgramFailure::Usage(reason.to_owned());
    let url = given.health.ok_or_else(|| usage("--health-timeout needs --health URL"))?;
    if given.is_check || given.config.is_some() || !given.flags.is_empty() || !given.places.is_empty() {
        return Err(usage("--health URL takes no other option than --health-timeout"));
    }
    HealthCheck::new(url, given.health_timeout.as_deref())
}

/// The function that makes the text called `name`.
fn generator(name: &OsStr) -> Result<fn() -> String, ProgramFailure> {
    match name.to_str() {
        Some("man") => Ok(man::text),
        Some("bash") => Ok(completions::bash),
        Some("zsh") => Ok(completions::zsh),
        Some("fish") => Ok(completions::fish),
        _ => Err(ProgramFailure::Settings(format!(
            "option --generate: {name:?} is neither man nor bash nor zsh nor fish"
        ))),
    }
}

/// The configuration file named by the arguments.
fn config(given: &Given) -> Result<Option<PathBuf>, ProgramFailure> {
    match (&given.config, given.places.file.as_ref()) {
        (Some(_), Some(file)) => {
            Err(ProgramFailure::Usage(format!("unexpected argument {file:?}: --config already names a file")))
        }
        (Some(path), None) => Ok(Some(path.clone())),
        (None, file) => Ok(file.map(PathBuf::from)),
    }
}

impl ServeOptions {
    fn take_flags(&mut self, given: Given) -> Result<(), ProgramFailure> {
        for flag in given.flags {
            // A flag without a value is switched on.
            let value = flag.value.unwrap_or_else(|| "true".into());
            self.set(&flag.name, value, Origin::Flag { flag: flag.spelled })?;
        }
        let Places { directory, port, .. } = given.places;
        for (name, value, place) in [("directory", directory, "DIR"), ("socket-port", port, "PORT")] {
            let Some(value) = value else { continue };
            if let Origin::Flag { flag } = self.origin(name) {
                let reason = format!("unexpected argument {value:?}: {flag} already sets the {place}");
                return Err(ProgramFailure::Usage(reason));
            }
            self.set(name, value, Origin::Flag { flag: place.to_owned() })?;
        }
        Ok(())
    }

    fn set(&mut self, flag: &str, value: OsString, origin: Origin) -> Result<(), ProgramFailure> {
        if let Some(row) = own_row(flag) {
            return self.own.set(row, value, origin);
        }
        let Some(text) = value.to_str() else {
            // The value is hidden, because it may be a password.
            return Err(ProgramFailure::Settings(format!("{origin}: the value is not UTF-8")));
        };
        match self.settings.set_from(&name(flag), text, origin) {
            Err(Error::Located { error, .. }) if matches!(*error, Error::UnknownSetting { .. }) => Err(unknown(flag)),
            done => Ok(done?),
        }
    }

    fn origin(&self, flag: &str) -> Origin {
        own_row(flag).map_or_else(|| self.settings.origin(&name(flag)), |row| self.own.origin(row.name))
    }
}

/// The prefix of environment variables.
pub(super) const PREFIX: &str = "DRUPE_";
