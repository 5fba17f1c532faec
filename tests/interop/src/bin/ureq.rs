//! ureq: an agent that keeps connections.

use std::io::Read;

use drupe_interop::{Broken, Lines, check};
use ureq::http::Response;
use ureq::{Agent, Body, SendBody};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (base, step) = (&arguments[1], arguments[2].as_str());
    let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
    let get = |target: &str| agent.get(format!("{base}{target}")).call().expect("an answer");
    let text = |mut answer: Response<Body>| answer.body_mut().read_to_string().expect("text");
    let put = |target: &str| agent.put(format!("{base}{target}"));
    match step {
        "keep-alive" => (0..2000).for_each(|_| assert_eq!(text(get("/hello")), "hello\n")),
        "upload" => {
            let content = Lines::all(4 << 20);
            for _ in 0..20 {
                assert_eq!(text(put("/upload").send(&content[..]).expect("an answer")), "4194304\n");
            }
        }
        "chunked" => {
            for _ in 0..20 {
                let answer = put("/upload").send(SendBody::from_owned_reader(Lines::new(4 << 20)));
                assert_eq!(text(answer.expect("an answer")), "4194304\n");
            }
        }
        "expect" => {
            let content = Lines::all(1 << 20);
            for _ in 0..5 {
                let answer = put("/upload").header("Expect", "100-continue").send(&content[..]);
                assert_eq!(text(answer.expect("an answer")), "1048576\n");
            }
        }
        "download" => {
            for (target, length) in [("/bytes/268435456", 256 << 20), ("/stream/67108864", 64 << 20)] {
                let mut answer = get(target);
                assert_eq!(check(&mut answer.body_mut().as_reader()).expect("lines"), length);
            }
        }
        "range" => {
            for _ in 0..10 {
                let answer = agent.get(format!("{base}/files/large")).header("Range", "bytes=1600-3199").call();
                let answer = answer.expect("an answer");
                assert_eq!(answer.status(), 206);
                assert_eq!(text(answer).as_bytes(), &Lines::all(3200)[1600..]);
            }
        }
        "early" => {
            let content = Lines::all(8 << 20);
            for _ in 0..5 {
                assert_eq!(put("/refuse").send(&content[..]).expect("an answer").status(), 413);
            }
        }
        "abort" => {
            for _ in 0..20 {
                let mut answer = get("/bytes/1073741824");
                answer.body_mut().as_reader().read_exact(&mut vec![0; 1 << 20]).expect("a beginning");
            }
            for _ in 0..20 {
                let broken = Lines::new(1 << 20).chain(Broken);
                put("/upload").send(SendBody::from_owned_reader(broken)).expect_err("it was given up");
            }
        }
        "short" => {
            for _ in 0..3 {
                check(&mut get("/abort").body_mut().as_reader()).expect_err("it is not whole");
            }
        }
        _ => panic!("no step is called {step}"),
    }
}
