//! Runs a CGI program (RFC 3875) for each request.
//!
//! Try `cargo run --features wsgi --example cgi ./program`, then
//! `curl http://127.0.0.1:8080/a?b=c`.
use std::io::{Read, Result, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use drupe::Server;
use drupe::wsgi::{ApplicationError, Content, Environ, StartResponse};

/// The output of a program. If the client leaves, the program is killed.
struct Output(Child, ChildStdout);

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.1.read(buffer)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

fn run(program: &str, mut environ: Environ, start: &StartResponse) -> std::result::Result<Content, ApplicationError> {
    let content = environ.take_input().into_vec()?;
    let length = (!content.is_empty()).then(|| ("CONTENT_LENGTH", content.len().to_string())); // also for chunked content
    let mut command = Command::new(program); // of our own environment it gets the PATH and nothing else
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.envs(environ.variables()?).envs(length); // 400 for a NUL, which no variable can have
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (mut stdin, stdout) = (child.stdin.take().ok_or("no input")?, child.stdout.take().ok_or("no output")?);
    // The program may speak before it has heard everything, or end early. Rust ignores the SIGPIPE of this write;
    // a host that has set SIGPIPE to its default action must block the signal in this thread.
    std::thread::spawn(move || stdin.write_all(&content));
    Content::from_cgi(Output(child, stdout), start)
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let program = std::env::args().nth(1).ok_or("which program?")?;
    let mut server = Server::wsgi(move |environ: Environ, start: StartResponse| run(&program, environ, &start));
    server.settings.socket_file = std::env::args_os().nth(2).map(Into::into); // else at 127.0.0.1:8080
    Ok(server.quickstart()?)
}
