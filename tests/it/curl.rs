//! curl as the client: an independent implementation.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use drupe::Request;
use drupe::testing::TestServer;

/// Runs curl, with `input` on its standard input.
///
/// # Panics
/// If there is no curl: a missing program must fail the test.
fn curl(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new("curl");
    // No proxy and no configuration of the calling user.
    command.args(["-q", "-sS", "--noproxy", "*", "--max-time", "60"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("these tests need curl on the PATH: {error}"));
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeding = std::thread::spawn(move || {
        // curl may have its answer before it has sent everything.
        let _ = pipe.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    output
}

/// Returns the output of curl, which must succeed.
pub(crate) fn printed(arguments: &[&str], input: &[u8]) -> String {
    let output = curl(arguments, input);
    assert!(output.status.success(), "curl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn tell(request: &mut Request) -> std::io::Result<String> {
    let said = format!("{} {} {:?}", request.method(), request.uri(), request.version());
    let length = std::mem::take(request.body_mut()).into_vec()?.len();
    Ok(format!("{said} {length}\n"))
}

#[test]
fn curl_gets_and_heads() {
    let server = TestServer::new(tell);
    assert_eq!(printed(&[&server.url("/a?b=c")], b""), "GET /a?b=c HTTP/1.1 0\n");
    let head = printed(&["-I", &server.url("/a")], b"");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("Content-Length: 19\r\n"), "{head}");
}

#[test]
fn curl_uses_one_connection_for_two_urls() {
    let server = TestServer::new(tell);
    let both = printed(&[&server.url("/1"), &server.url("/2")], b"");
    assert_eq!(both, "GET /1 HTTP/1.1 0\nGET /2 HTTP/1.1 0\n");
    let statistics = server.server().statistics();
    assert_eq!((statistics.accepts, statistics.requests), (1, 2));
}

#[test]
fn curl_uploads_after_an_interim_answer() {
    let server = TestServer::new(tell);
    // Longer than the time limit of the whole: without an interim answer this fails.
    let wait = ["--expect100-timeout", "600", "-H", "Expect: 100-continue", "--data-binary", "@-"];
    let answer = printed(&[&wait[..], &["-v", &server.url("/up")]].concat(), &vec![b'x'; 3 << 20]);
    assert_eq!(answer, "POST /up HTTP/1.1 3145728\n");
}

#[test]
fn curl_uploads_in_chunks() {
    let server = TestServer::new(tell);
    let chunked = ["-T", "-", "-H", "Transfer-Encoding: chunked", &server.url("/up")];
    assert_eq!(printed(&chunked, &vec![b'x'; 1 << 20]), "PUT /up HTTP/1.1 1048576\n");
}

#[test]
fn curl_speaks_1_0() {
    let server = TestServer::new(tell);
    assert_eq!(printed(&["-0", &server.url("/old")], b""), "GET /old HTTP/1.0 0\n");
}

#[test]
fn curl_reads_an_early_refusal_of_an_upload() {
    let server = TestServer::with(tell, |settings| settings.max_request_body_size = Some(1000));
    let upload = ["-H", "Expect:", "-w", "%{http_code}", "-o", "/dev/null", "--data-binary", "@-", &server.url("/up")];
    let output = curl(&upload, &vec![b'x'; 5 << 20]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "413", "{}", String::from_utf8_lossy(&output.stderr));
}
