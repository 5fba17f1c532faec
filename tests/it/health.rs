//! `drupe --health`: one question to a server, answered by the exit status.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use drupe::http::StatusCode;
use drupe::testing::TestServer;
use drupe::{IntoResponse, Request, RequestExt};

use crate::place::Place;
use crate::program::{Ended, drupe, run};

fn ask(arguments: &[&str]) -> Ended {
    run(drupe().arg("--health").args(arguments))
}

/// Checks that the server at `url` is unhealthy for `reason`.
fn unhealthy(arguments: &[&str], reason: &str) {
    let ended = ask(arguments);
    let expected = format!("drupe: unhealthy: {}: {reason}\n", arguments[0]);
    assert_eq!((ended.code, ended.output.as_str(), ended.errors), (Some(1), "", expected));
}

/// Answers `/NNN` with this status, and checks the request.
fn status(request: &mut Request) -> StatusCode {
    assert!(request.host().is_some_and(|host| host.starts_with("localhost")) && request.method() == "GET");
    request.uri().path().trim_start_matches('/').parse().unwrap_or(StatusCode::OK)
}

#[test]
fn server_is_healthy_if_the_status_is_2xx_or_3xx() {
    let server = TestServer::new(|request: &mut Request| status(request).into_response());
    let url = |path: &str| format!("http://localhost:{}{path}", server.address().port());
    for path in ["", "/", "/204", "/304", "/308?a=b"] {
        let ended = ask(&[&url(path)]);
        assert_eq!((ended.code, ended.output.as_str(), ended.errors.as_str()), (Some(0), "", ""), "{path}");
    }
    for code in ["400", "404", "500", "503"] {
        unhealthy(&[&url(&format!("/{code}"))], &format!("the status is {code}"));
    }
}

#[test]
fn server_at_a_unix_socket_is_asked_for_its_root() {
    let place = Place::new();
    let server = place.server(|request: &mut Request| status(request).into_response());
    server.start().unwrap();
    let url = format!("unix:{}", place.socket().display());
    assert_eq!(ask(&[&url]).code, Some(0));
    server.stop();
    unhealthy(&[&url], "No such file or directory (os error 2)");
}

#[test]
fn server_without_an_answer_is_unhealthy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // The kernel accepts, and no program answers.
    unhealthy(&[&url, "--health-timeout", "0.2"], "no answer within 0.2 s");
    let foreign = thread::spawn(move || {
        // The client of the first question is still there.
        for _ in 0..2 {
            let mut client = listener.accept().unwrap().0;
            // A socket closed with unread bytes would reset the connection.
            let _ = client.read(&mut [0; 1000]);
            let _ = client.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        }
    });
    unhealthy(&[&url], "the answer is not HTTP/1");
    foreign.join().unwrap();
    unhealthy(&[&url], "Connection refused (os error 111)");
}

#[test]
fn wrong_arguments_of_a_health_check_are_refused() {
    let expected = "expected http://HOST:PORT/PATH or unix:PATH";
    for url in ["https://localhost/", "localhost:8080", "unix:", "http://"] {
        unhealthy(&[url], expected);
    }
    for (arguments, expected) in [
        (
            &["--health=http://a/", "--health-timeout=x"][..],
            "option --health-timeout: \"x\" is not a number of seconds above 0, such as 5 or 0.5",
        ),
        (
            &["--health=http://a/", "--health-timeout=0"],
            "option --health-timeout: \"0\" is not a number of seconds above 0, such as 5 or 0.5",
        ),
        (&["--health-timeout=1"], "--health-timeout needs --health URL\ndrupe: see drupe --help"),
        (
            &["--health=http://a/", "-q"],
            "--health URL takes no other option than --health-timeout\ndrupe: see drupe --help",
        ),
    ] {
        let ended = run(drupe().args(arguments));
        assert_eq!((ended.code, ended.errors), (Some(2), format!("drupe: {expected}\n")));
    }
}
