//! The command line: serves a directory; each setting is a flag, a variable and a line of a file.
//!
//! Exits with 0 after a requested stop, 1 if the server could not start or go on, 2 for a wrong
//! argument or setting.

#[path = "main/access.rs"]
mod access;
#[path = "main/arguments.rs"]
mod arguments;
#[path = "main/check.rs"]
mod check;
#[path = "main/descriptors.rs"]
mod descriptors;
#[path = "main/failure.rs"]
mod failure;
#[path = "main/help.rs"]
mod help;
#[path = "main/log_file.rs"]
mod log_file;
#[path = "main/logger.rs"]
mod logger;
#[path = "main/own.rs"]
mod own;
#[path = "main/process.rs"]
mod process;
#[path = "main/repeats.rs"]
mod repeats;
#[path = "main/self_signed.rs"]
mod self_signed;
#[path = "main/terminal.rs"]
mod terminal;

use std::process::ExitCode;
use std::sync::Arc;

use drupe::process::Bus;
use drupe::settings::SslContext;
use drupe::{Files, Server, Settings};

use self::arguments::{Command, ServeOptions, task};
use self::failure::ProgramFailure;
use self::logger::Logger;
use self::own::Own;
use self::process::Process;
use self::terminal::{print, say};

fn main() -> ExitCode {
    let done = match task(lexopt::Parser::from_env()) {
        Ok(Command::Help) => print(&help::text()),
        Ok(Command::Version) => print(concat!("drupe ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Command::Check(options)) => check(*options),
        Ok(Command::Serve(options)) => serve(*options),
        Err(failure) => Err(failure),
    };
    match done {
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
    }
}

/// Prints the effective settings if they are valid.
fn check(options: ServeOptions) -> Result<(), ProgramFailure> {
    let text = check::text(&options);
    server(&options)?.check()?;
    Process::new(&options.own)?;
    print(&text)
}

/// Creates the configured server; opens only the directory so far.
fn server(options: &ServeOptions) -> Result<Server, ProgramFailure> {
    let directory = options.own.directory();
    let files = Files::new(&directory).map_err(|error| options.own.refuse("directory", &error.to_string()))?;
    let mut server = Server::new(files.dotfiles(options.own.is("dotfiles")).listing(options.own.is("listing")));
    server.settings = options.settings.clone();
    if options.own.is("ssl_self_signed") {
        if let Some(path) = &options.settings.ssl_certificate {
            let reason = format!("cannot be used together with ssl_certificate, which is {path:?}");
            return Err(options.own.refuse("ssl_self_signed", &reason));
        }
        server.settings.ssl_context = Some(self_signed::context(&server.settings)?);
    }
    Ok(server)
}

fn serve(options: ServeOptions) -> Result<(), ProgramFailure> {
    let mut server = server(&options)?;
    let page = options.own.statistics().filter(|_| server.settings.statistics);
    let is_shown = page.is_some();
    if let Some(page) = page {
        server.mount_statistics(page);
    }
    // With wrong settings, no file is opened, not even a log file.
    server.check()?;
    let process = Process::new(&options.own)?;
    let logger = Logger::install(&options.own)?;
    descriptors::raise_limit();
    server.on_graceful(|| logger.reopen());
    let (own, context) = (options.own.clone(), server.settings.ssl_context.clone());
    server.on_reload(move || again(&own, context.clone()));
    let (bus, server) = (Bus::new(), Arc::new(server));
    process.subscribe(&bus);
    logger.subscribe(&options.own, &bus);
    server.subscribe(&bus);
    announce(&options.own, is_shown, &server, &bus);
    let done = server.quickstart();
    log::logger().flush();
    Ok(done?)
}

/// Prints the directory and the address after the start. Signals are handled by then.
fn announce(own: &Own, is_shown: bool, server: &Arc<Server>, bus: &Bus) {
    let shown = own.directory().display().to_string();
    let mut rest = String::new();
    if own.is("ssl_self_signed") {
        rest.push_str(&format!("drupe: {}\n", self_signed::WARNING));
    }
    if is_shown {
        let path = own.value("statistics_path").to_string_lossy();
        rest.push_str(&format!("drupe: statistics at /{}/\n", path.trim_matches('/')));
    }
    let server = Arc::clone(server);
    // After the server's own priority, 80.
    bus.subscribe("start", 90, "announcement", move |message| {
        if !message.has_failures() {
            let base = if server.settings.listen.is_empty() { server.base() } else { server.description() };
            // The path of a Unix socket takes no trailing slash.
            let slash = if base.starts_with("http") && !base.contains(',') && !base.ends_with('/') { "/" } else { "" };
            say(format_args!("drupe: serving {shown} at {base}{slash}\n{rest}drupe: press Ctrl-C to stop\n"));
        }
        Ok(())
    });
}

/// Reads all settings again, from the same sources as at the start.
fn again(own: &Own, context: Option<SslContext>) -> Result<Settings, String> {
    let options = match task(lexopt::Parser::from_env()) {
        Ok(Command::Serve(options)) => options,
        // The arguments are the same as at the start.
        Ok(_) => return Err("the arguments do not ask the program to serve".to_owned()),
        Err(failure) => return Err(failure.reason().to_owned()),
    };
    for name in own.changed(&options.own) {
        log::warn!("setting drupe.{name} changed but needs a restart; the old value stays in effect");
    }
    let mut settings = options.settings;
    settings.ssl_context = context;
    Ok(settings)
}
