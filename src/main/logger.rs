//! Where the library's reports go: to standard error, requests to the access log if there is one.

use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use log::{Level, LevelFilter, Log, Metadata, Record};

use super::access::Form;
use super::log_file::{LogFile, Written};
use super::own::Own;
use super::repeats::Repeats;
use super::{Failure, say};

/// The one logger of the program.
pub(super) struct Logger {
    is_quiet: bool,
    access: Option<(LogFile, Form)>,
    repeats: Mutex<Repeats>,
}

impl Logger {
    /// Opens the access log and has everything logged from now on.
    pub(super) fn install(own: &Own) -> Result<&'static Logger, Failure> {
        let access = match own.access_log() {
            Some((path, form)) => {
                let shown = path.display();
                let cannot = |error| own.refuse("access_log", &format!("cannot open the access log {shown}: {error}"));
                Some((LogFile::open(&path).map_err(cannot)?, form))
            }
            None => None,
        };
        let logger = Logger { is_quiet: own.is("quiet"), access, repeats: Mutex::default() };
        // The library says requests at the level of information, what is wrong above it.
        log::set_max_level(if logger.wants_requests() { LevelFilter::Info } else { LevelFilter::Warn });
        // It lives as long as the program.
        let logger: &'static Logger = Box::leak(Box::new(logger));
        log::set_logger(logger).map_err(|error| Failure::Serve(error.to_string()))?;
        Ok(logger)
    }

    /// Opens the access log anew, because others have moved it.
    pub(super) fn reopen(&self) {
        let Some((file, _)) = &self.access else { return };
        if let Err(error) = file.reopen() {
            let path = file.path().display();
            self.report(&format!("drupe: error: cannot open the access log {path} anew, the old file stays: {error}"));
        }
    }

    fn wants_requests(&self) -> bool {
        self.access.is_some() || !self.is_quiet
    }

    fn request(&self, record: &Record<'_>) {
        let Some((file, form)) = &self.access else {
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
