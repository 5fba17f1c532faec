//! Starts of the program that fail: each names the subject, the reason and a remedy, in one line.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::place::{Place, is_root};
use crate::process::is_alone;
use crate::program::{drupe, run};

/// A copy of the program that every user can run, started by a user without rights.
fn as_another_user(place: &Place) -> Command {
    let program = place.path("drupe");
    fs::copy(env!("CARGO_BIN_EXE_drupe"), &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "12345", "--clear-groups"])
        .arg(program)
        .stdin(Stdio::null())
        .env_remove("DRUPE_TEST_ALONE")
        // A program that counts its lines may not write the counts as this user, and would say so.
        .env("LLVM_PROFILE_FILE", "/dev/null");
    command
}

#[test]
fn port_in_use_is_reported_with_its_process() {
    // A child of another test has this listener too until it becomes another program.
    if !is_alone("refused::port_in_use_is_reported_with_its_process") {
        return;
    }
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let in_use =
        |bound: &str| format!("drupe: cannot listen on {bound}:{port}: Address already in use (os error 98); ");
    for (arguments, bound) in [
        (&["-p", &port][..], "127.0.0.1"),
        (&["-b", "0.0.0.0", "-p", &port], "0.0.0.0"),
        (&["-b", "::", "-p", &port], "[::]"),
    ] {
        let ended = run(drupe().args(arguments).arg(place.path("")));
        assert_eq!(ended.code, Some(1));
        let told = ended.errors;
        let process = format!("; process {} (", std::process::id());
        assert!(told.starts_with(in_use(bound).trim_end_matches("; ")), "{told}");
        assert!(told.contains(&process) && told.ends_with(") listens there\n"), "{told}");
    }
    if is_root("a port of a process that the user may not see") {
        let ended = run(as_another_user(&place).args(["-p", &port]).arg(place.path("")));
        let expected = format!("as root, ss -ltnp 'sport = :{port}' shows the process that listens there\n");
        assert_eq!((ended.code, ended.errors), (Some(1), in_use("127.0.0.1") + &expected));
    }
}

#[test]
fn directory_that_serves_nothing_is_refused() {
    let place = Place::new();
    let (file, locked) = (place.write("file", ""), place.path("locked"));
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, Permissions::from_mode(0o700)).unwrap();
    let refused = |command: &mut Command, path: &std::path::Path, reason: &str| {
        let ended = run(command.args(["-p", "0"]).arg(path));
        let expected = format!("drupe: option DIR: cannot serve files from {}: {reason}\n", path.display());
        assert_eq!((ended.code, ended.errors), (Some(2), expected));
    };
    refused(&mut drupe(), &file, "not a directory");
    refused(&mut drupe(), &place.path("missing"), "No such file or directory (os error 2)");
    if is_root("a directory of another user") {
        refused(&mut as_another_user(&place), &locked, "Permission denied (os error 13)");
    }
}

/// The settings of the server are in `program`.
#[test]
fn wrong_value_of_each_flag_of_the_program_is_refused_with_the_right_ones() {
    let switch = "neither true (yes, on, 1) nor false (no, off, 0)";
    for (argument, expected) in [
        ("--dotfiles=x", switch),
        ("--listing=x", switch),
        ("--quiet=x", switch),
        ("--ssl-self-signed=x", switch),
        ("--directory=", "\"\" is not a directory"),
        ("--host-name=a:1", "\"a:1\" is not a host name without a port"),
        ("--log-level=x", "\"x\" is neither error nor warning nor info nor debug"),
        ("--access-log=/no/such", "cannot open the access log /no/such: No such file or directory"),
        ("--access-log-format=x", "\"x\" is neither common nor combined nor json"),
        ("--pid-file=/no/such", "cannot use /no/such: No such file or directory"),
        ("--user=no such", "there is no user \"no such\""),
        ("--group=no such", "there is no group \"no such\""),
        ("--umask=9", "\"9\" is not an octal mode such as 027"),
        ("--statistics-path=x", "\"x\" is not a path below /, such as /statistics"),
        ("--statistics-access=x", "\"x\" is neither local nor all"),
        ("--port=x", "\"x\" is not a port from 0 to 65535"),
        ("--bind=a b", "a b"),
    ] {
        let place = Place::new();
        let ended = run(drupe().args(["-p", "0", argument]).current_dir(place.path("")));
        let flag = argument.split('=').next().unwrap();
        assert_eq!((ended.code, ended.errors.lines().count()), (Some(2), 1), "{}", ended.errors);
        assert!(ended.errors.starts_with(&format!("drupe: option {flag}: ")), "{argument}: {}", ended.errors);
        assert!(ended.errors.contains(expected), "{argument}: {}", ended.errors);
    }
}
