//! Parses the arguments, the environment and a file into a command.
//!
//! A flag takes precedence over the environment, and the environment over the file, in any order of
//! reading.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use drupe::settings::{Origin, SettingsLayer};
use drupe::{Error, Settings};
use lexopt::{Arg, Parser};

use super::failure::ProgramFailure;
use super::own::{self, Own};

/// The command requested by the arguments.
#[derive(Debug)]
pub(super) enum Command {
    Help,
    Version,
    Check(Box<ServeOptions>),
    Serve(Box<ServeOptions>),
}

/// All options of the program.
#[derive(Debug, Default)]
pub(super) struct ServeOptions {
    pub(super) settings: Settings,
    pub(super) own: Own,
}

/// The arguments as given.
#[derive(Default)]
struct Given {
    is_check: bool,
    config: Option<PathBuf>,
    /// The directory to serve, or the file to check.
    place: Option<OsString>,
    /// Names without leading dashes, with values, if any.
    flags: Vec<(String, Option<OsString>)>,
}

/// Determines the command.
pub(super) fn task(parser: Parser) -> Result<Command, ProgramFailure> {
    let given = match read(parser)? {
        Ok(given) => given,
        Err(task) => return Ok(task),
    };
    let mut options = ServeOptions::default();
    let mut environment = SettingsLayer::from_environment(PREFIX)?;
    let of_environment = environment.take("config", "PATH")?.map(|(path, _)| PathBuf::from(path));
    let is_check = given.is_check;
    if let Some(path) = config(&given)?.or(of_environment) {
        let mut file = SettingsLayer::from_file(path)?;
        options.own.take(&mut file, "drupe.")?;
        options.settings.merge(file)?;
    }
    options.own.take(&mut environment, "")?;
    options.settings.merge(environment)?;
    options.take_flags(given)?;
    let options = Box::new(options);
    Ok(if is_check { Command::Check(options) } else { Command::Serve(options) })
}

/// Reads all arguments. The inner error is a command that needs no arguments.
fn read(mut parser: Parser) -> Result<Result<Given, Command>, ProgramFailure> {
    let mut given = Given::default();
    let mut is_first = true;
    while let Some(argument) = parser.next()? {
        let name = match argument {
            Arg::Long(name) => name.to_owned(),
            Arg::Short('c') => "config".to_owned(),
            Arg::Short('h') => "help".to_owned(),
            Arg::Short('q') => "quiet".to_owned(),
            Arg::Short('V') => "version".to_owned(),
            Arg::Short(letter) => return Err(ProgramFailure::Usage(format!("unknown option -{letter}"))),
            Arg::Value(value) if is_first && value == "check" => {
                (given.is_check, is_first) = (true, false);
                continue;
            }
            Arg::Value(value) => {
                is_first = false;
                let what = if given.is_check { "file" } else { "directory" };
                if given.place.replace(value.clone()).is_some() {
                    return Err(ProgramFailure::Usage(format!(
                        "unexpected argument {value:?}: there is already a {what}"
                    )));
                }
                continue;
            }
        };
        match name.as_str() {
            "help" => return Ok(Err(Command::Help)),
            "version" => return Ok(Err(Command::Version)),
            "config" => given.config = Some(PathBuf::from(parser.value()?)),
            "no-listing" => given.flags.push(("listing".to_owned(), Some("false".into()))),
            _ => {
                let value = match unit(&name) {
                    Some("BOOL") => parser.optional_value(),
                    Some(_) => Some(parser.value()?),
                    // An unknown flag, reported later.
                    None => None,
                };
                given.flags.push((name, value));
            }
        }
    }
    Ok(Ok(given))
}

/// The configuration file named by the arguments.
fn config(given: &Given) -> Result<Option<PathBuf>, ProgramFailure> {
    match (&given.config, given.place.as_ref().filter(|_| given.is_check)) {
        (Some(_), Some(file)) => {
            Err(ProgramFailure::Usage(format!("unexpected argument {file:?}: --config already names a file")))
        }
        (Some(path), None) => Ok(Some(path.clone())),
        (None, file) => Ok(file.map(PathBuf::from)),
    }
}

impl ServeOptions {
    fn take_flags(&mut self, given: Given) -> Result<(), ProgramFailure> {
        for (flag, value) in given.flags {
            // A flag without a value is switched on.
            let value = value.unwrap_or_else(|| "true".into());
            let origin = Origin::Flag { flag: format!("--{flag}") };
            match own_row(&flag) {
                Some(row) => self.own.set(row, value, origin)?,
                None => self.set(&flag, &value, origin)?,
            }
        }
        match given.place.filter(|_| !given.is_check) {
            Some(directory) => {
                let row = own_row("directory").ok_or_else(|| unknown("directory", None))?;
                self.own.set(row, directory, Origin::Flag { flag: "DIR".to_owned() })
            }
            None => Ok(()),
        }
    }

    fn set(&mut self, flag: &str, value: &OsStr, origin: Origin) -> Result<(), ProgramFailure> {
        let Some(text) = value.to_str() else {
            // The value is hidden, because it may be a password.
            return Err(ProgramFailure::Settings(format!("{origin}: the value is not UTF-8")));
        };
        match self.settings.set_from(&name(flag), text, origin) {
            Err(Error::Located { error, .. }) if matches!(*error, Error::UnknownSetting { .. }) => {
                let Error::UnknownSetting { nearest, .. } = *error else { return Ok(()) };
                Err(unknown(flag, nearest))
            }
            done => Ok(done?),
        }
    }
}

/// Creates an error for the unknown `flag`, with the most similar flag.
fn unknown(flag: &str, nearest: Option<String>) -> ProgramFailure {
    let mut own = own::TABLE.iter().map(|row| self::flag(row.name)).chain(OTHERS.map(str::to_owned));
    let similar = own
        .find(|own| flag.len() > 2 && (own.starts_with(flag) || own.ends_with(flag) || flag.starts_with(own.as_str())));
    ProgramFailure::Usage(match nearest.map(|name| self::flag(&name)).or(similar) {
        Some(nearest) => format!("unknown option --{flag}; did you mean --{nearest}?"),
        None => format!("unknown option --{flag}"),
    })
}

/// The unit of the value of a flag, if the flag exists.
fn unit(flag: &str) -> Option<&'static str> {
    let row = Settings::table().iter().find(|row| row.name() == name(flag));
    own_row(flag).map(|row| row.unit).or(row.map(drupe::settings::Row::unit))
}

fn own_row(flag: &str) -> Option<&'static own::OwnRow> {
    own::TABLE.iter().find(|row| row.name == name(flag))
}

/// The flag of a setting.
pub(super) fn flag(name: &str) -> String {
    name.replace('_', "-")
}

/// The name of the setting of a flag.
fn name(flag: &str) -> String {
    flag.replace('-', "_")
}

/// The prefix of environment variables.
pub(super) const PREFIX: &str = "DRUPE_";
/// Flags without a setting.
const OTHERS: [&str; 4] = ["help", "version", "config", "no-listing"];
