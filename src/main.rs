//! The command line: serves a directory; every setting is a flag.
//!
//! Ends with 0 when it was told to stop, 1 when it could not start or go on serving, 2 when an argument is wrong.

use std::error::Error as _;
use std::ffi::OsString;
use std::fmt::{Arguments, Write as _};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use drupe::settings::SslContext;
use drupe::{Error, Files, Server, Settings};
use lexopt::{Arg, Parser};

fn main() -> ExitCode {
    let done = match task(Parser::from_env()) {
        Ok(Task::Help) => print(&help()),
        Ok(Task::Version) => print(concat!("drupe ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Task::Serve(options)) => serve(*options),
        Err(failure) => Err(failure),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(reason)) => {
            say(format_args!("drupe: {reason}\ndrupe: see drupe --help\n"));
            ExitCode::from(2)
        }
        Err(Failure::Serve(reason)) => {
            say(format_args!("drupe: {reason}\n"));
            ExitCode::FAILURE
        }
    }
}

/// What the arguments ask for.
enum Task {
    Help,
    Version,
    Serve(Box<Options>),
}

struct Options {
    directory: PathBuf,
    has_dotfiles: bool,
    has_listing: bool,
    is_quiet: bool,
    is_self_signed: bool,
    settings: Settings,
}

/// Why the program ends, in a sentence.
enum Failure {
    Usage(String),
    Serve(String),
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Setting { name, reason } => Self::Usage(format!("option --{}: {reason}", flag(name))),
            Error::UnknownSetting { name, nearest } => Self::Usage(unknown(&flag(&name), nearest)),
            other => {
                let mut reason = other.to_string();
                let mut cause = other.source();
                while let Some(error) = cause {
                    // Writing to a string cannot fail.
                    let _ = write!(reason, ": {error}");
                    cause = error.source();
                }
                Self::Serve(reason)
            }
        }
    }
}

fn task(mut parser: Parser) -> Result<Task, Failure> {
    let mut directory = None;
    let mut options = Options {
        directory: PathBuf::from("."),
        has_dotfiles: false,
        has_listing: true,
        is_quiet: false,
        is_self_signed: false,
        settings: Settings::default(),
    };
    while let Some(argument) = parser.next()? {
        let name = match argument {
            Arg::Long(name) => flag(name),
            Arg::Short('h') => "help".to_owned(),
            Arg::Short('q') => "quiet".to_owned(),
            Arg::Short('V') => "version".to_owned(),
            Arg::Short(letter) => return Err(Failure::Usage(format!("unknown option -{letter}"))),
            Arg::Value(value) => {
                if directory.replace(PathBuf::from(&value)).is_some() {
                    return Err(Failure::Usage(format!("{value:?} is one directory too many: only one can be served")));
                }
                continue;
            }
        };
        match name.as_str() {
            "help" => return Ok(Task::Help),
            "version" => return Ok(Task::Version),
            "dotfiles" => options.has_dotfiles = true,
            "no-listing" => options.has_listing = false,
            "quiet" => options.is_quiet = true,
            "ssl-self-signed" => options.is_self_signed = true,
            _ => set(&mut options.settings, &name, &mut parser)?,
        }
    }
    options.directory = directory.unwrap_or(options.directory);
    Ok(Task::Serve(Box::new(options)))
}

/// Sets what the flag `flag` stands for to the value that follows it. A switch may do without: it is then on.
fn set(settings: &mut Settings, flag: &str, parser: &mut Parser) -> Result<(), Failure> {
    let name = flag.replace('-', "_");
    let value = match Settings::table().iter().find(|row| row.name() == name) {
        Some(row) if row.unit() == "BOOL" => parser.optional_value().unwrap_or_else(|| OsString::from("true")),
        Some(_) => parser.value()?,
        // No setting: saying so is the table's.
        None => OsString::new(),
    };
    let value =
        value.into_string().map_err(|value| Failure::Usage(format!("option --{flag}: {value:?} is not UTF-8")))?;
    Ok(settings.set(&name, &value)?)
}

/// A setting's name as a flag.
fn flag(name: &str) -> String {
    name.replace('_', "-")
}

/// Says that `flag` is unknown, and which one was probably meant.
fn unknown(flag: &str, nearest: Option<&str>) -> String {
    let mut own = OPTIONS.iter().filter_map(|(own, _)| own.split_once("--")).map(|(_, name)| name);
    let similar =
        own.find(|own| flag.len() > 2 && (own.starts_with(flag) || own.ends_with(flag) || flag.starts_with(own)));
    match nearest.or(similar) {
        Some(nearest) => format!("unknown option --{flag}; did you mean --{}?", self::flag(nearest)),
        None => format!("unknown option --{flag}"),
    }
}

fn serve(options: Options) -> Result<(), Failure> {
    // The library says requests at the level of information, what is wrong above it.
    log::set_max_level(if options.is_quiet { log::LevelFilter::Warn } else { log::LevelFilter::Info });
    let directory = options.directory.display();
    log::set_logger(&Stderr).map_err(|error| Failure::Serve(error.to_string()))?;
    let files = Files::new(&options.directory)
        .map_err(|error| Failure::Serve(format!("cannot serve {directory}: {error}")))?
        .dotfiles(options.has_dotfiles)
        .listing(options.has_listing);
    let mut server = Server::new(files);
    server.settings = options.settings;
    if options.is_self_signed {
        server.settings.ssl_context = Some(self_signed(&server.settings)?);
    }
    server.start()?;
    let base = if server.settings.listen.is_empty() { server.base() } else { server.description() };
    // A Unix socket has a path and no resources to show.
    let slash = if base.starts_with("http") && !base.contains(',') && !base.ends_with('/') { "/" } else { "" };
    say(format_args!("drupe: serving {directory} at {base}{slash}\n"));
    if options.is_self_signed {
        say(format_args!("drupe: {SELF_SIGNED}\n"));
    }
    say(format_args!("drupe: press Ctrl-C to stop\n"));
    Ok(server.quickstart()?)
}

/// Makes a key and a certificate for this machine, which nobody trusts and which end with the program.
fn self_signed(settings: &Settings) -> Result<SslContext, Failure> {
    if settings.ssl_certificate.is_some() {
        return Err(Failure::Usage(
            "--ssl-self-signed stands instead of --ssl-certificate: only one can be".to_owned(),
        ));
    }
    let failed = |error: rcgen::Error| Failure::Serve(format!("cannot make a certificate: {error}"));
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let host = &settings.socket_host;
    let everywhere = ["0.0.0.0", "::"].contains(&host.as_str());
    let name = if everywhere { std::fs::read_to_string("/proc/sys/kernel/hostname").ok() } else { Some(host.clone()) };
    names.extend(name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()));
    names.sort_unstable();
    names.dedup();
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let mut params = rcgen::CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "drupe, self-signed");
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok(SslContext::from_pem(certificate.pem(), key.serialize_pem()))
}

fn help() -> String {
    let mut text = HEAD.to_owned();
    for (option, help) in OPTIONS {
        describe(&mut text, option, help);
    }
    text.push_str(SETTINGS);
    let mut group = "";
    for row in Settings::table() {
        if row.group() != group {
            group = row.group();
            text.push('\n');
            text.extend(group.chars().next().map(|first| first.to_ascii_uppercase()));
            text.extend(group.chars().skip(1));
            text.push_str(":\n");
        }
        let option = match row.unit() {
            "BOOL" => format!("    --{}[=BOOL]", flag(row.name())),
            unit => format!("    --{} {unit}", flag(row.name())),
        };
        let default = row.default_text();
        let default = if default.is_empty() { default } else { format!(" [{default}]") };
        describe(&mut text, &option, &format!("{}{default}", row.help()));
    }
    text.push_str(TAIL);
    text
}

/// Appends an option and its help, in two columns of a terminal 80 wide.
fn describe(text: &mut String, option: &str, help: &str) {
    let _ = write!(text, "  {option}");
    let mut at = 2 + option.len();
    if at + 2 > COLUMN {
        text.push('\n');
        at = 0;
    }
    for word in help.split(' ') {
        if at < COLUMN || at + 1 + word.len() > 80 {
            let line = if at < COLUMN {
                ""
            } else {
                at = 0;
                "\n"
            };
            let _ = write!(text, "{line}{:width$}{word}", "", width = COLUMN - at);
            at = COLUMN + word.len();
        } else {
            let _ = write!(text, " {word}");
            at += 1 + word.len();
        }
    }
    text.push('\n');
}

/// Prints to standard output; whoever closes it early, as `head` does, has read enough.
fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Serve(format!("cannot print: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes to standard error in one go; there is nowhere to report that it is closed.
fn say(text: Arguments<'_>) {
    let _ = io::stderr().lock().write_all(text.to_string().as_bytes());
}

/// Writes what the library has to say to standard error, a line each.
struct Stderr;

impl log::Log for Stderr {
    fn enabled(&self, facts: &log::Metadata<'_>) -> bool {
        facts.level() <= log::Level::Warn || facts.target() == ACCESS
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match record.level() {
            log::Level::Error => say(format_args!("drupe: error: {}\n", record.args())),
            log::Level::Warn => say(format_args!("drupe: warning: {}\n", record.args())),
            _ => say(format_args!("{}\n", record.args())),
        }
    }

    fn flush(&self) {}
}

/// Where the library says one line for each exchange, formatted and escaped.
const ACCESS: &str = "drupe::access";
/// What is said of a certificate that was made on the spot.
const SELF_SIGNED: &str =
    "the certificate was made for this run alone and is trusted by nobody: use it for development only";
/// Where help begins.
const COLUMN: usize = 36;

const HEAD: &str = "\
Serves a directory over HTTP.

Usage: drupe [OPTIONS] [DIR]

DIR is what to serve; without it, the current directory. Nothing outside of it
can be reached, nor, unless asked for, a name that begins with a dot.

Options:
";

/// What the program itself knows; everything else is a setting.
const OPTIONS: &[(&str, &str)] = &[
    ("-h, --help", "show this help"),
    ("-V, --version", "show the version"),
    ("-q, --quiet", "log only what is wrong, no requests"),
    ("    --dotfiles", "serve names that begin with a dot"),
    ("    --no-listing", "refuse (403) a directory without index.html instead of listing it"),
    ("    --ssl-self-signed", "speak TLS with a key and a certificate made for this run, for development"),
];

const SETTINGS: &str = "
Settings, with the value each has if not set in brackets. Sizes may end in K, M
or G.
";

const TAIL: &str = "
Examples:
  drupe                                   this directory, for this machine alone
  drupe --socket-host 0.0.0.0 public      public, for everybody on the network
  drupe --socket-port 0 --quiet public    at a port the system chooses
  drupe --socket-file www.sock public     over a Unix socket
  drupe --listen 'fd:*' public            at what systemd has opened
  drupe --ssl-self-signed                 this directory over TLS, to try it

Exit status: 0 stopped on request, 1 cannot start or serve, 2 wrong argument.
";
