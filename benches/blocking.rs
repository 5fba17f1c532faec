//! Handlers that block for a millisecond, 64 connections, a growing pool: drupe compared with a
//! thread for each connection.
//!
//! Run `cargo bench --bench blocking`. Client and server share the machine. Look at the ratio of
//! the two lines: the first is the bare loop of a thread for each connection, the best possible for
//! handlers that block.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use drupe::Request;
use drupe::testing::TestServer;

const CONNECTIONS: usize = 64;
const BLOCKS: Duration = Duration::from_millis(1);
const RUN: Duration = Duration::from_secs(3);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || listener.incoming().flatten().for_each(|socket| drop(thread::spawn(move || serve(socket)))));
    report("a thread each", measure(address), CONNECTIONS);

    let server = TestServer::with(
        |_: &mut Request| {
            thread::sleep(BLOCKS);
            "hello"
        },
        |settings| settings.thread_pool = 10,
    );
    let answers = measure(server.address());
    report("drupe", answers, server.server().statistics().threads);
}

/// The bare loop: no limits, no parsing.
fn serve(mut socket: TcpStream) {
    let mut buffer = [0; 1024];
    while socket.read(&mut buffer).is_ok_and(|got| got > 0) {
        thread::sleep(BLOCKS);
        if socket.write_all(ANSWER).is_err() {
            return;
        }
    }
}

/// Answers in [`RUN`], after a second to warm up.
fn measure(address: SocketAddr) -> u64 {
    let (answers, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut socket = TcpStream::connect(address).expect("it listens");
                let mut buffer = [0; 1024];
                while !is_over.load(Ordering::Relaxed) {
                    socket.write_all(REQUEST).expect("it reads");
                    // Every answer is one segment on this machine.
                    assert!(socket.read(&mut buffer).expect("it answers") > 0, "it has closed");
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        thread::sleep(Duration::from_secs(1));
        let (before, begun) = (answers.load(Ordering::Relaxed), Instant::now());
        thread::sleep(RUN.saturating_sub(begun.elapsed()));
        let after = answers.load(Ordering::Relaxed);
        is_over.store(true, Ordering::Relaxed);
        after - before
    })
}

#[allow(clippy::print_stdout, reason = "it is what a benchmark is for")]
fn report(name: &str, answers: u64, threads: usize) {
    let millis = u64::try_from(RUN.as_millis()).expect("it is short");
    println!(
        "{name:>14}: {:.1} answers a millisecond of {CONNECTIONS}, {threads} threads",
        answers as f64 / millis as f64
    );
}
