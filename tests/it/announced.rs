//! The first lines of the program: the served directory, its addresses, and the clients they let in.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::client::Client;
use crate::place::Place;
use crate::program::drupe;
use crate::secure::AUTHORITY;

/// Returns the lines up to `press Ctrl-C`, without their prefix, of a program run in `place`.
fn first_lines(place: &Place, arguments: &[&str]) -> Vec<String> {
    let mut command = drupe();
    let mut child = command.current_dir(place.path("")).args(arguments).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let lines: Vec<String> = lines.take_while(|line| line != "drupe: press Ctrl-C to stop").collect();
    if let Some(address) = lines.iter().find_map(|line| line.split_once("from other machines: http://")) {
        // One of the printed addresses leads to the program.
        let address = address.1.split('/').next().unwrap().parse().unwrap();
        assert_eq!(Client::connect(address).get("/").status, 200);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let line = |line: &String| line.strip_prefix("drupe: ").unwrap_or_else(|| panic!("{line}")).to_owned();
    lines.iter().map(line).collect()
}

#[test]
fn first_line_names_the_directory_the_address_and_the_clients() {
    let place = Place::new();
    let folder = place.path("").canonicalize().unwrap();
    for (arguments, scheme, host, audience) in [
        (&["-p0"][..], "http", "127.0.0.1", "this machine only"),
        (&["-p0", "-b", "0.0.0.0"], "http", "0.0.0.0", "this machine and others"),
        (&["-p0", "--ssl-self-signed"], "https", "127.0.0.1", "this machine only"),
    ] {
        let lines = first_lines(&place, arguments);
        let (begin, rest) = lines[0].split_once(&format!("{scheme}://{host}:")).unwrap_or_else(|| panic!("{lines:?}"));
        assert_eq!(begin, format!("serving {} at ", folder.display()));
        let (port, end) = rest.split_once('/').unwrap();
        assert!(port.parse::<u16>().is_ok_and(|port| port > 0), "{lines:?}");
        assert_eq!(end, format!(" ({audience})"));
        let of_others = lines.iter().filter(|line| line.starts_with("from other machines: ")).count();
        assert_eq!(of_others, usize::from(host == "0.0.0.0"), "{lines:?}");
    }
}

#[test]
fn scheme_is_that_of_all_listeners() {
    let place = Place::new();
    let certificate = place.write("both.pem", AUTHORITY.issue(&["localhost"]).both());
    let certificate = format!("--ssl-certificate={}", certificate.display());
    let listen = "--listen=unix:w.sock,tcp://0.0.0.0:0";
    let lines = first_lines(&place, &[&certificate, listen, "--auth=a:b"]);
    assert!(lines.iter().any(|line| line.contains("curl") && line.contains("https://localhost/")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("http://") || line.contains("in clear")), "{lines:?}");
}

#[test]
fn line_for_a_unix_socket_is_a_command_that_reaches_it() {
    let place = Place::new();
    let name = format!("drupe-it-{}-announced", std::process::id());
    for (address, option) in
        [("unix:it's a".to_owned(), "--unix-socket"), (format!("unix:@{name}"), "--abstract-unix-socket")]
    {
        let mut command = drupe();
        command.current_dir(place.path("")).args(["--listen", &address]).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let lines: Vec<String> = lines.take_while(|line| line != "drupe: press Ctrl-C to stop").collect();
        assert!(lines[0].ends_with(&format!(" at {address} (this machine only)")), "{lines:?}");
        let try_it = lines[1].strip_prefix("drupe: try ").unwrap();
        assert!(try_it.contains(option), "{try_it}");
        std::fs::write(place.path("index.html"), "found").unwrap();
        let answer = Command::new("sh").current_dir(place.path("")).args(["-c", try_it]).output().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(String::from_utf8_lossy(&answer.stdout), "found", "{try_it}: {answer:?}");
    }
}

/// Starts the program at a terminal that python3 makes, and prints the first bytes.
const TERMINAL: &str = "
import os, pty, subprocess, sys
ours, theirs = pty.openpty()
child = subprocess.Popen([sys.argv[1], '-p0', *sys.argv[2:]], stderr=theirs)
os.close(theirs)
text = b''
while b'stop' not in text and child.poll() is None: text += os.read(ours, 1000)
child.kill()
child.wait()
sys.stdout.buffer.write(text)
";

#[test]
fn addresses_are_bold_on_terminals_that_have_styles() {
    let place = Place::new();
    for (variables, is_styled) in [
        (&[("TERM", "xterm")][..], true),
        (&[("TERM", "xterm"), ("NO_COLOR", "")], true),
        (&[("TERM", "xterm"), ("NO_COLOR", "1")], false),
        (&[("TERM", "dumb")], false),
        (&[], false),
    ] {
        let mut command = Command::new("python3");
        let path = std::env::var_os("PATH").unwrap();
        command.env_clear().env("PATH", path).envs(variables.iter().copied());
        command.current_dir(place.path("")).args(["-c", TERMINAL, env!("CARGO_BIN_EXE_drupe")]);
        let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
        assert!(text.contains("http://127.0.0.1:"), "{text}");
        assert_eq!(text.contains("\u{1b}[1mhttp://"), is_styled, "{variables:?}: {text}");
        assert_eq!(text.contains('\u{1b}'), is_styled, "{variables:?}: {text}");
    }
}
