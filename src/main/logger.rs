//! Where the library's reports go: to standard error, requests to the access log if there is one.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Instant, SystemTime};

use drupe::process::Bus;
use log::{Level, LevelFilter, Log, Metadata, Record};

use super::access::Form;
use super::log_file::{LogFile, Written};
use super::own::Own;
use super::repeats::Repeats;
use super::{Failure, say};

/// The one logger of the program.
pub(super) struct Logger {
    is_quiet: bool,
    access: Option<Access>,
    repeats: Mutex<Repeats>,
}

/// The access log.
struct Access {
    path: PathBuf,
    form: Form,
    /// The file from when it is opened: before anybody is served.
    file: OnceLock<LogFile>,
}

impl Logger {
    /// Opens the access log, unless that is for another user to do, and has everything logged from now on.
    pub(super) fn install(own: &Own) -> Result<&'static Logger, Failure> {
        let access = own.access_log().map(|(path, form)| Access { path, form, file: OnceLock::new() });
        if let Some(access) = access.as_ref().filter(|access| !access.is_of_another_user(own)) {
            access.open("").map_err(|reason| own.refuse("access_log", &reason))?;
        }
        let logger = Logger { is_quiet: own.is("quiet"), access, repeats: Mutex::default() };
        // The library says requests at the level of information, what is wrong above it.
        log::set_max_level(if logger.wants_requests() { LevelFilter::Info } else { LevelFilter::Warn });
        // It lives as long as the program.
        let logger: &'static Logger = Box::leak(Box::new(logger));
        log::set_logger(logger).map_err(|error| Failure::Serve(error.to_string()))?;
        Ok(logger)
    }

    /// Has the access log opened at `start`, if it is not yet: after privileges have been dropped (77), and before anybody is served (80).
    pub(super) fn subscribe(&'static self, own: &Own, bus: &Bus) {
        let Some(access) = self.access.as_ref().filter(|access| access.file.get().is_none()) else { return };
        let own = own.clone();
        bus.subscribe("start", 78, "access log", move |message| {
            // After a failure we may be root still; and a restart finds it open.
            if message.has_failures() || access.file.get().is_some() {
                return Ok(());
            }
            let opened = access.open(" with the rights that it serves with");
            opened.map_err(|reason| AccessLogRefused(own.refuse("access_log", &reason)).into())
        });
    }

    /// Opens the access log anew, because others have moved it.
    pub(super) fn reopen(&self) {
        // Before it has been opened at all nothing is to be done, least of all by root.
        let Some(file) = self.access.as_ref().and_then(|access| access.file.get()) else { return };
        if let Err(error) = file.reopen() {
            let path = file.path().display();
            self.report(&format!("drupe: error: cannot open the access log {path} anew, the old file stays: {error}"));
        }
    }

    fn wants_requests(&self) -> bool {
        self.access.is_some() || !self.is_quiet
    }

    fn request(&self, record: &Record<'_>) {
        let access = self.access.as_ref().and_then(|access| Some((access.file.get()?, access.form)));
        let Some((file, form)) = access else {
            return say(format_args!("{}\n", record.args()));
        };
        let path = file.path().display();
        match file.write(&form.line(record, SystemTime::now())) {
            Written::Whole => {}
            Written::Again(lost) => {
                self.report(&format!(
                    "drupe: warning: the access log {path} is written again; {lost} lines are missing"
                ));
            }
            Written::Lost(error) => {
                self.report(&format!("drupe: error: cannot write the access log {path}: {error}"));
            }
        }
    }

    /// Says what is wrong, unless it was said a moment ago, in one line whatever is in it.
    fn report(&self, text: &str) {
        let text = one_line(text);
        let lines = self.repeats.lock().unwrap_or_else(PoisonError::into_inner).say(&text, Instant::now());
        lines.iter().for_each(|line| say(format_args!("{line}\n")));
    }
}

impl Access {
    /// Opens the file, `how` if that has to be said.
    ///
    /// # Errors
    /// Why that cannot be, in a sentence.
    fn open(&self, how: &str) -> Result<(), String> {
        let file = LogFile::open(&self.path)
            .map_err(|error| format!("cannot open the access log {}{how}: {error}", self.path.display()))?;
        // Whoever opened it before has done the same.
        let _ = self.file.set(file);
        Ok(())
    }

    /// Whether whoever serves has to open it, and not root: a directory that a user can write to, as opening it anew takes, may have a
    /// symbolic link in it to any file.
    fn is_of_another_user(&self, own: &Own) -> bool {
        // What the process was given, such as a pipe, may be another's to open; only root can put links there.
        let is_of_the_system =
            self.path.parent().is_some_and(|parent| SYSTEM.iter().any(|folder| parent == Path::new(folder)));
        ["user", "group"].iter().any(|name| !own.value(name).is_empty()) && !is_of_the_system
    }
}

/// Why a bus did not start: the access log cannot be opened.
#[derive(Debug)]
pub(super) struct AccessLogRefused(Failure);

impl fmt::Display for AccessLogRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.reason())
    }
}

impl Error for AccessLogRefused {}

impl Log for Logger {
    fn enabled(&self, facts: &Metadata<'_>) -> bool {
        facts.level() <= Level::Warn || (facts.target() == ACCESS && self.wants_requests())
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match record.level() {
            Level::Error => self.report(&format!("drupe: error: {}", record.args())),
            Level::Warn => self.report(&format!("drupe: warning: {}", record.args())),
            _ => self.request(record),
        }
    }

    fn flush(&self) {
        let lines = self.repeats.lock().unwrap_or_else(PoisonError::into_inner).rest();
        lines.iter().for_each(|line| say(format_args!("{line}\n")));
    }
}

/// Makes visible what could forge a line or move a terminal: an error may quote what a peer has sent.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() { line.extend(letter.escape_default()) } else { line.push(letter) }
    }
    line
}

/// Directories that nobody but root can write to, on any system.
const SYSTEM: [&str; 3] = ["/dev", "/dev/fd", "/proc/self/fd"];

/// Where the library says one record for each exchange.
const ACCESS: &str = "drupe::access";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_line() {
        assert_eq!(
            one_line("caf\u{e9}: \"a\\b\"\r\ndrupe: error: \u{1b}[2J\0"),
            "caf\u{e9}: \"a\\b\"\\r\\ndrupe: error: \\u{1b}[2J\\u{0}"
        );
    }
}
