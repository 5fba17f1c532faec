//! The destination of log records: standard error, or for requests the access log, if set.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Instant, SystemTime};

use drupe::process::Bus;
use log::kv::Key;
use log::{Level, LevelFilter, Log, Metadata, Record};

use super::access::Form;
use super::failure::{AccessLogRefused, ProgramFailure};
use super::log_file::{LogFile, Written};
use super::own::Own;
use super::repeats::Repeats;
use super::terminal::say;

/// The logger of the program.
pub(super) struct Logger {
    is_quiet: bool,
    access: Option<Access>,
    repeats: Mutex<Repeats>,
}

/// The access log.
struct Access {
    path: PathBuf,
    form: Form,
    /// The file, once opened; always before the first connection is accepted.
    file: OnceLock<LogFile>,
}

impl Logger {
    /// Opens the access log, unless another user must open it, and installs the logger.
    pub(super) fn install(own: &Own) -> Result<&'static Logger, ProgramFailure> {
        let access = own.access_log().map(|(path, form)| Access { path, form, file: OnceLock::new() });
        if let Some(access) = access.as_ref().filter(|access| !access.is_of_another_user(own)) {
            access.open("").map_err(|reason| own.refuse("access_log", &reason))?;
        }
        let logger = Logger { is_quiet: own.is("quiet"), access, repeats: Mutex::default() };
        // The library logs requests at the level `info`, and problems above it.
        log::set_max_level(if logger.wants_requests() { LevelFilter::Info } else { LevelFilter::Warn });
        // The logger lives as long as the program.
        let logger: &'static Logger = Box::leak(Box::new(logger));
        log::set_logger(logger).map_err(|error| ProgramFailure::Serve(error.to_string()))?;
        Ok(logger)
    }

    /// Opens the access log at `start`, if not open yet: after privileges have been dropped (77),
    /// and before connections are accepted (80).
    pub(super) fn subscribe(&'static self, own: &Own, bus: &Bus) {
        let Some(access) = self.access.as_ref().filter(|access| access.file.get().is_none()) else { return };
        let own = own.clone();
        bus.subscribe("start", 78, "access log", move |message| {
            // After a failure the process may still be root; after a restart the file is already
            // open.
            if message.has_failures() || access.file.get().is_some() {
                return Ok(());
            }
            let opened = access.open(" with the rights of the serving user");
            opened.map_err(|reason| AccessLogRefused(own.refuse("access_log", &reason)).into())
        });
    }

    /// Reopens the access log after another program has moved it.
    pub(super) fn reopen(&self) {
        // A file not opened yet needs no reopening, least of all by root.
        let Some(file) = self.access.as_ref().and_then(|access| access.file.get()) else { return };
        if let Err(error) = file.reopen() {
            let path = file.path().display();
            self.report(&format!(
                "drupe: error: cannot reopen the access log {path}: {error}; the old file stays in use"
            ));
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
                    "drupe: warning: the access log {path} is writable again; {lost} lines were lost"
                ));
            }
            Written::Lost(error) => {
                self.report(&format!("drupe: error: cannot write the access log {path}: {error}; lines are lost"));
            }
        }
    }

    /// Prints a problem told by the library. Problems that differ only in the request are the same,
    /// or a client could fill the log.
    fn problem(&self, level: &str, record: &Record<'_>) {
        let text = one_line(&format!("drupe: {level}: {}", record.args()));
        let request = record.key_values().get(Key::from_str("request")).map(|name| one_line(&name.to_string()));
        let key = request.filter(|name| !name.is_empty()).map_or_else(|| text.clone(), |name| text.replace(&name, ""));
        let now = Instant::now();
        let lines = self.repeats.lock().unwrap_or_else(PoisonError::into_inner).say_as(&key, &text, now);
        lines.iter().for_each(|line| say(format_args!("{line}\n")));
    }

    /// Prints a problem on one line, unless it was printed a moment ago.
    fn report(&self, text: &str) {
        let text = one_line(text);
        let lines = self.repeats.lock().unwrap_or_else(PoisonError::into_inner).say(&text, Instant::now());
        lines.iter().for_each(|line| say(format_args!("{line}\n")));
    }
}

impl Access {
    /// Opens the file. `how` is a text for the error message.
    ///
    /// # Errors
    /// The reason, in one sentence.
    fn open(&self, how: &str) -> Result<(), String> {
        let file = LogFile::open(&self.path)
            .map_err(|error| format!("cannot open the access log {}{how}: {error}", self.path.display()))?;
        // A file that is already set stays in use.
        let _ = self.file.set(file);
        Ok(())
    }

    /// True if the serving user must open the file instead of root. A user who can write to the
    /// directory, as reopening needs, could put a symbolic link to any file there.
    fn is_of_another_user(&self, own: &Own) -> bool {
        // Descriptors given to the process, such as a pipe, may belong to another user, and need
        // root. Only root can put links into these directories.
        let is_of_the_system =
            self.path.parent().is_some_and(|parent| SYSTEM.iter().any(|folder| parent == Path::new(folder)));
        ["user", "group"].iter().any(|name| !own.value(name).is_empty()) && !is_of_the_system
    }
}

impl Log for Logger {
    fn enabled(&self, facts: &Metadata<'_>) -> bool {
        facts.level() <= Level::Warn || (facts.target() == ACCESS && self.wants_requests())
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match record.level() {
            Level::Error => self.problem("error", record),
            Level::Warn => self.problem("warning", record),
            _ => self.request(record),
        }
    }

    fn flush(&self) {
        let lines = self.repeats.lock().unwrap_or_else(PoisonError::into_inner).rest();
        lines.iter().for_each(|line| say(format_args!("{line}\n")));
    }
}

/// Escapes characters that could forge a line or control a terminal, because an error may quote a
/// peer.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() { line.extend(letter.escape_default()) } else { line.push(letter) }
    }
    line
}

/// Directories writable by root alone, on any system.
const SYSTEM: [&str; 3] = ["/dev", "/dev/fd", "/proc/self/fd"];

/// The target of one record per exchange.
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
