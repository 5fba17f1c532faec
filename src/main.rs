//! The command line: serves a directory; each setting is a flag, a variable and a line of a file.
//!
//! Exits with 0 after a requested stop, 1 if the server could not start or go on, 2 for a wrong
//! argument or setting.

#[path = "main/access.rs"]
mod access;
#[path = "main/announce.rs"]
mod announce;
#[path = "main/arguments.rs"]
mod arguments;
#[path = "main/check.rs"]
mod check;
#[path = "main/completions.rs"]
mod completions;
#[path = "main/descriptors.rs"]
mod descriptors;
#[path = "main/failure.rs"]
mod failure;
#[path = "main/flags.rs"]
mod flags;
#[path = "main/health.rs"]
mod health;
#[path = "main/help.rs"]
mod help;
#[path = "main/holder.rs"]
mod holder;
#[path = "main/host_names.rs"]
mod host_names;
#[path = "main/line_queue.rs"]
mod line_queue;
#[path = "main/log_file.rs"]
mod log_file;
#[path = "main/logger.rs"]
mod logger;
#[path = "main/machine.rs"]
mod machine;
#[path = "main/man.rs"]
mod man;
#[path = "main/own.rs"]
mod own;
#[path = "main/paged.rs"]
mod paged;
#[path = "main/places.rs"]
mod places;
#[path = "main/process.rs"]
mod process;
#[path = "main/repeats.rs"]
mod repeats;
#[path = "main/self_signed.rs"]
mod self_signed;
#[path = "main/site.rs"]
mod site;
#[path = "main/terminal.rs"]
mod terminal;
#[path = "main/version.rs"]
mod version;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use drupe::process::Bus;
use drupe::{Server, Settings};

use self::announce::announce;
use self::arguments::{Command, ServeOptions, task};
use self::failure::ProgramFailure;
use self::host_names::HostNames;
use self::logger::Logger;
use self::paged::PageSlot;
use self::process::Process;
use self::self_signed::SelfSigned;
use self::terminal::{print, say};

fn main() -> ExitCode {
    let done = match task(lexopt::Parser::from_env()) {
        Ok(Command::Help) => print(&help::text()),
        Ok(Command::ShortHelp) => print(&help::short()),
        Ok(Command::Version) => print(&version::text()),
        Ok(Command::ShortVersion) => print(version::SHORT),
        Ok(Command::Health(health)) => health.run(),
        Ok(Command::Generate(text)) => print(&text()),
        Ok(Command::Check(options)) => check(*options),
        Ok(Command::Serve(options)) => serve(*options),
        Err(failure) => Err(failure),
    };
    let code = match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(ProgramFailure::Usage(reason)) => {
            say(format_args!("drupe: {reason}\ndrupe: see drupe --help\n"));
            ExitCode::from(2)
        }
        Err(ProgramFailure::Settings(reason)) => {
            say(format_args!("drupe: {reason}\n"));
            ExitCode::from(2)
        }
        Err(ProgramFailure::Serve(reason)) => {
            say(format_args!("drupe: {reason}\n"));
            ExitCode::FAILURE
        }
    };
    terminal::flush(Instant::now() + LAST_WRITES);
    code
}

/// Prints the effective settings if they are valid.
fn check(options: ServeOptions) -> Result<(), ProgramFailure> {
    let text = check::text(&options);
    server(&options, self_signed(&options)?.as_ref(), &PageSlot::default())?.check()?;
    Process::new(&options.own)?;
    options.warnings.iter().for_each(|warning| say(format_args!("drupe: warning: {warning}\n")));
    print(&text)
}

/// Makes the certificate of `--ssl-self-signed`.
fn self_signed(options: &ServeOptions) -> Result<Option<SelfSigned>, ProgramFailure> {
    if !options.own.is("ssl_self_signed") {
        return Ok(None);
    }
    if let Some(path) = &options.settings.ssl_certificate {
        let reason = format!("cannot be used together with ssl_certificate, which is {path:?}");
        return Err(options.own.refuse("ssl_self_signed", &reason));
    }
    SelfSigned::new(&options.settings).map(Some)
}

/// Creates the configured server; opens only the directory so far.
fn server(options: &ServeOptions, certificate: Option<&SelfSigned>, page: &PageSlot) -> Result<Server, ProgramFailure> {
    let files = site::handler(&options.own, page)?;
    let names = options.own.value("host_name").to_string_lossy();
    let mut server = Server::new(HostNames::guard(files, &names, &options.settings));
    server.settings = options.settings.clone();
    if let Some(certificate) = certificate {
        server.settings.ssl_context = Some(certificate.context.clone());
    }
    Ok(server)
}

fn serve(options: ServeOptions) -> Result<(), ProgramFailure> {
    let certificate = self_signed(&options)?;
    let slot = PageSlot::default();
    let server = server(&options, certificate.as_ref(), &slot)?;
    let page = options.own.statistics().filter(|_| server.settings.statistics);
    let is_shown = page.is_some();
    if let Some(page) = page {
        slot.get_or_init(|| Box::new(server.handle().statistics_page(page)));
    }
    // With wrong settings, no file is opened, not even a log file.
    server.check()?;
    let process = Process::new(&options.own)?;
    let logger = Logger::install(&options.own)?;
    panics_are_logged();
    descriptors::raise_limit();
    server.on_graceful(|| logger.reopen());
    options.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    let (own, certificate) = (options.own.clone(), Mutex::new(certificate));
    server.on_reload(move || again(&options, &certificate));
    let (bus, server) = (Bus::new(), Arc::new(server));
    process.subscribe(&bus);
    logger.subscribe(&own, &bus);
    server.subscribe(&bus);
    announce(&own, is_shown, &server, &bus);
    let done = server.quickstart();
    logger.flush_until(Instant::now() + LAST_WRITES);
    done.map_err(|error| Process::failure(error, &own))
}

/// Prints panics as other lines: the standard library would wait for a reader.
fn panics_are_logged() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("without a name");
        let trace = Backtrace::capture();
        let trace = if trace.status() == BacktraceStatus::Captured { format!("\n{trace}") } else { String::new() };
        say(format_args!("drupe: error: thread {name} {panic}{trace}\n"));
        // The panic may be the end of the process.
        terminal::flush(Instant::now() + LAST_WRITES);
    }));
}

/// Reads all settings again, from the same sources as at the start, with `options`.
fn again(options: &ServeOptions, certificate: &Mutex<Option<SelfSigned>>) -> Result<Settings, String> {
    let mut settings = read_again(options)?;
    if let Some(certificate) = &mut *certificate.lock().unwrap_or_else(PoisonError::into_inner) {
        if certificate.is_old(SystemTime::now()) {
            *certificate = SelfSigned::new(&settings).map_err(|failure| failure.reason().to_owned())?;
        }
        settings.ssl_context = Some(certificate.context.clone());
    }
    Ok(settings)
}

fn read_again(options: &ServeOptions) -> Result<Settings, String> {
    if let Some(path) = options.config.as_ref().filter(|path| is_read_once(path)) {
        log::warn!(
            "settings of {} are not read again: a pipe can be read only once; the old ones stay",
            path.display()
        );
        return Ok(options.settings.clone());
    }
    let new = match task(lexopt::Parser::from_env()) {
        Ok(Command::Serve(new)) => new,
        // The arguments are the same as at the start.
        Ok(_) => return Err("the arguments do not ask the program to serve".to_owned()),
        Err(failure) => return Err(failure.reason().to_owned()),
    };
    for name in options.own.changed(&new.own) {
        log::warn!("setting drupe.{name} changed but needs a restart; the old value stays in effect");
    }
    let names = options.own.value("host_name").to_string_lossy();
    if let Some(warning) = host_names::warning(&names, &options.settings, &new.settings) {
        log::warn!("{warning}");
    }
    Ok(new.settings)
}

/// True for a pipe, a socket or a terminal. Does not open the file, which could block.
fn is_read_once(path: &Path) -> bool {
    let kind = std::fs::metadata(path).map(|facts| facts.file_type());
    kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket() || kind.is_char_device()) && path != Path::new("/dev/null")
}

/// The time for lines that wait at the end of the process.
const LAST_WRITES: Duration = Duration::from_secs(1);
