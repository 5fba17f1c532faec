//! Times whole exchanges in memory, without sockets: scanning and parsing the head, decoding
//! chunks, writing the head of the answer.
//!
//! Run `cargo bench --bench h1`. Each figure is the best of several rounds, because any disturbance
//! makes a round slower.
#![expect(clippy::print_stdout, reason = "what a benchmark has to say goes to the terminal")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use drupe::testing::Conversation;
use drupe::{Body, Request, Settings};

/// Requests that are sent one behind the other on one connection, so that its beginning and end weigh little.
const PIPELINED: u32 = 200;
const ROUNDS: usize = 50;

fn main() -> Result<(), drupe::Error> {
    println!("{:40} {:>12} {:>12}", "exchange", "ns", "bytes");
    let hello = |_request: &mut Request| "hello\n";
    let echo = |request: &mut Request| -> Body { std::mem::take(request.body_mut()) };
    let count =
        |request: &mut Request| std::mem::take(request.body_mut()).into_vec().map(|bytes| bytes.len().to_string());
    let fields =
        |count: usize| (0..count).map(|field| format!("X-Field-{field}: some value {field}\r\n")).collect::<String>();
    time("smallest head", &Conversation::new(hello, &Settings::default())?, &get(""));
    time("head of a browser", &Conversation::new(hello, &Settings::default())?, &get(BROWSER));
    time("head with 90 fields", &Conversation::new(hello, &Settings::default())?, &get(&fields(90)));
    time("1 KiB with a length, sent back", &Conversation::new(echo, &Settings::default())?, &sized(1024));
    time("16 KiB in chunks of 1 KiB", &Conversation::new(count, &Settings::default())?, &chunked(16, 1024));
    time("16 KiB in chunks of 16 bytes", &Conversation::new(count, &Settings::default())?, &chunked(1024, 16));
    Ok(())
}

fn time(name: &str, conversation: &Conversation, request: &str) {
    let input = request.repeat(PIPELINED as usize).into_bytes();
    // Bytes that arrive at once, as from a socket.
    let pieces: Vec<Vec<u8>> = input.chunks(16 << 10).map(<[u8]>::to_vec).collect();
    let best = (0..ROUNDS).map(|_| round(conversation, pieces.clone())).min().unwrap_or_default();
    println!("{name:40} {:>12} {:>12}", best.as_nanos() / u128::from(PIPELINED), request.len());
}

fn round(conversation: &Conversation, pieces: Vec<Vec<u8>>) -> Duration {
    let begun = Instant::now();
    let answers = black_box(conversation.run(pieces));
    let took = begun.elapsed();
    let count = answers.windows(16).filter(|part| part == b"HTTP/1.1 200 OK\r").count();
    assert_eq!(count, PIPELINED as usize, "an exchange was refused");
    took
}

fn get(fields: &str) -> String {
    format!("GET /a/path?with=query HTTP/1.1\r\nHost: example.org\r\n{fields}\r\n")
}

fn sized(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(length))
}

fn chunked(count: usize, length: usize) -> String {
    let chunk = format!("{length:x}\r\n{}\r\n", "x".repeat(length));
    let head = "POST / HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n";
    format!("{head}{}0\r\n\r\n", chunk.repeat(count))
}

const BROWSER: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\nReferer: http://example.org/a/\r\n\
    Cookie: session=0123456789abcdef; theme=dark\r\nUpgrade-Insecure-Requests: 1\r\nPriority: u=0, i\r\n";
