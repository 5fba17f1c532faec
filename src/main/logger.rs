//! The destination of log records: standard error, or for requests the access log, if set.

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, SystemTime};

use drupe::process::Bus;
use log::kv::Key;
use log::{Level, LevelFilter, Log, Metadata, Record};

use super::access::Form;
use super::failure::{AccessLogRefused, ProgramFailure};
use super::line_queue::{LineQueue, LineSink};
use super::log_file::{LogFile, Written};
use super::own::Own;
use super::repeats::Repeats;
use super::terminal::say;

/// The logger of the program.
pub(super) struct Logger {
    is_quiet: bool,
    /// The least severe level of messages; requests are not messages.
    level: LevelFilter,
    access: Option<Access>,
}

/// The access log.
struct Access {
    path: PathBuf,
    form: Form,
    /// The lines for the file, once opened; always before the first connection is accepted.
    lines: OnceLock<LineQueue>,
}

impl Logger {
    /// Opens the access log, unless the opening is left to the start of the bus, and installs the
    /// logger.
    pub(super) fn install(own: &Own) -> Result<&'static Logger, ProgramFailure> {
        let access = own.access_log().map(|(path, form)| Access { path, form, lines: OnceLock::new() });
        if let Some(access) = access.as_ref().filter(|access| !access.is_opened_by_bus(own)) {
            access.open("", own)?;
        }
        let (is_quiet, level) = (own.is("quiet"), own.log_level());
        let logger = Logger { is_quiet, level, access };
        // The library logs requests at the level `info`.
        log::set_max_level(if logger.wants_requests() { level.max(LevelFilter::Info) } else { level });
        // The logger lives as long as the program.
        let logger: &'static Logger = Box::leak(Box::new(logger));
        log::set_logger(logger).map_err(|error| ProgramFailure::Serve(error.to_string()))?;
        Ok(logger)
    }

    /// Opens the access log at `start`, if not open yet: after the umask is set and privileges have
    /// been dropped (77), and before connections are accepted (80).
    pub(super) fn subscribe(&'static self, own: &Own, bus: &Bus) {
        let Some(access) = self.access.as_ref().filter(|access| access.lines.get().is_none()) else { return };
        let own = own.clone();
        bus.subscribe("start", 78, "access log", move |message| {
            // After a failure the process may still be root; after a restart the file is already
            // open.
            if message.has_failures() || access.lines.get().is_some() {
                return Ok(());
            }
            let how = if has_another_user(&own) { " with the rights of the serving user" } else { "" };
            access.open(how, &own).map_err(|failure| AccessLogRefused(failure).into())
        });
    }

    /// Reopens the access log after another program has moved it.
    pub(super) fn reopen(&self) {
        // A file not opened yet needs no reopening, least of all by root.
        if let Some(lines) = self.access.as_ref().and_then(|access| access.lines.get()) {
            lines.reopen();
        }
    }

    /// Waits until the access log is written, at most until `deadline`.
    pub(super) fn flush_until(&self, deadline: Instant) {
        self.flush();
        if let Some(lines) = self.access.as_ref().and_then(|access| access.lines.get()) {
            lines.flush(deadline);
        }
    }

    fn wants_requests(&self) -> bool {
        self.access.is_some() || !self.is_quiet
    }

    fn request(&self, record: &Record<'_>) {
        match self.access.as_ref().and_then(|access| Some((access.lines.get()?, access.form))) {
            Some((lines, form)) => lines.push(form.line(record, SystemTime::now())),
            None => say(format_args!("{}\n", record.args())),
        }
    }

    /// Prints a message of the library. Messages that differ only in the request are the same, or a
    /// client could fill the log.
    fn message(&self, level: &str, record: &Record<'_>) {
        let text = one_line(&format!("drupe: {level}: {}", record.args()));
        let request = record.key_values().get(Key::from_str("request")).map(|name| one_line(&name.to_string()));
        let key = request.filter(|name| !name.is_empty()).map_or_else(|| text.clone(), |name| text.replace(&name, ""));
        let now = Instant::now();
        let lines = repeats().say_as(&key, &text, now);
        lines.iter().for_each(|line| say(format_args!("{line}\n")));
    }
}

impl LineSink for LogFile {
    fn write(&self, lines: &str, count: u64) {
        let path = self.path().display();
        match self.write(lines, count) {
            Written::Whole => {}
            Written::Again(lost) => {
                report(&format!("drupe: warning: the access log {path} is writable again; {lost} lines were lost"));
            }
            Written::Lost(error) => {
                report(&format!("drupe: error: cannot write the access log {path}: {error}; lines are lost"));
            }
        }
    }

    fn report_lost(&self, count: u64) {
        let path = self.path().display();
        report(&format!("drupe: warning: the access log {path} took no lines for too long; {count} lines were lost"));
    }

    fn reopen(&self) {
        if let Err(error) = self.reopen() {
            let path = self.path().display();
            report(&format!("drupe: error: cannot reopen the access log {path}: {error}; the old file stays in use"));
        }
    }
}

impl Access {
    /// Opens the file, and starts the thread that writes. `how` is a text for the error message.
    fn open(&self, how: &str, own: &Own) -> Result<(), ProgramFailure> {
        let file = LogFile::open(&self.path).map_err(|error| {
            let reason = format!("cannot open the access log {}{how}: {error}", self.path.display());
            own.refuse("access_log", &reason).unless_passing(&error)
        })?;
        let lines = LineQueue::start(Box::new(file))
            .map_err(|error| ProgramFailure::Serve(format!("cannot start the thread of the access log: {error}")))?;
        // A file that is already set stays in use.
        let _ = self.lines.set(lines);
        Ok(())
    }

    /// True if the file is opened at the start of the bus, by the serving user and with the umask.
    /// A user who can write to the directory, as reopening needs, could put a symbolic link to any
    /// file there, which root must not open.
    fn is_opened_by_bus(&self, own: &Own) -> bool {
        // Descriptors given to the process, such as a pipe, may belong to another user, and need
        // root. Only root can put links into these directories.
        let is_of_the_system = self.path == Path::new("-")
            || self.path.parent().is_some_and(|parent| SYSTEM.iter().any(|folder| parent == Path::new(folder)));
        (has_another_user(own) || !own.value("umask").is_empty()) && !is_of_the_system
    }
}

impl Log for Logger {
    fn enabled(&self, facts: &Metadata<'_>) -> bool {
        if facts.target() == ACCESS { self.wants_requests() } else { facts.level() <= self.level }
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match record.level() {
            _ if record.target() == ACCESS => self.request(record),
            Level::Error => self.message("error", record),
            Level::Warn => self.message("warning", record),
            Level::Info => self.message("info", record),
            Level::Debug | Level::Trace => self.message("debug", record),
        }
    }

    fn flush(&self) {
        let lines = repeats().rest();
        lines.iter().for_each(|line| say(format_args!("{line}\n")));
    }
}

/// True if the process changes its user or group.
fn has_another_user(own: &Own) -> bool {
    ["user", "group"].iter().any(|name| !own.value(name).is_empty())
}

/// Prints a problem on one line, unless it was printed a moment ago.
fn report(text: &str) {
    let text = one_line(text);
    let lines = repeats().say(&text, Instant::now());
    lines.iter().for_each(|line| say(format_args!("{line}\n")));
}

/// The problems printed by all threads.
fn repeats() -> MutexGuard<'static, Repeats> {
    static REPEATS: LazyLock<Mutex<Repeats>> = LazyLock::new(Mutex::default);
    REPEATS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Escapes characters that could forge a line or control a terminal, because an error may quote a
/// peer.
pub(super) fn one_line(text: &str) -> String {
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
