//! reqwest with its blocking interface, over hyper.

use std::io::Read;

use drupe_interop::{Broken, Lines, check};
use reqwest::blocking::{Body, Client, Response};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (base, step) = (&arguments[1], arguments[2].as_str());
    let client = Client::builder().no_proxy().timeout(None).build().expect("a client");
    let get = |target: &str| client.get(format!("{base}{target}")).send().expect("an answer");
    let text = |answer: Response| answer.text().expect("text");
    let put = |target: &str, body: Body| client.put(format!("{base}{target}")).body(body).send();
    match step {
        "keep-alive" => (0..2000).for_each(|_| assert_eq!(text(get("/hello")), "hello\n")),
        "upload" => {
            for _ in 0..20 {
                let content = Body::sized(Lines::new(4 << 20), 4 << 20);
                assert_eq!(text(put("/upload", content).expect("an answer")), "4194304\n");
            }
        }
        "chunked" => {
            for _ in 0..20 {
                let content = Body::new(Lines::new(4 << 20));
                assert_eq!(text(put("/upload", content).expect("an answer")), "4194304\n");
            }
        }
        "download" => {
            for (target, length) in [("/bytes/268435456", 256 << 20), ("/stream/67108864", 64 << 20)] {
                assert_eq!(check(&mut get(target)).expect("lines"), length);
            }
        }
        "range" => {
            for _ in 0..10 {
                let answer = client.get(format!("{base}/files/large")).header("Range", "bytes=1600-3199").send();
                let answer = answer.expect("an answer");
                assert_eq!(answer.status(), 206);
                assert_eq!(text(answer).as_bytes(), &Lines::all(3200)[1600..]);
            }
        }
        "early" => {
            for _ in 0..5 {
                assert_eq!(put("/refuse", Body::from(Lines::all(8 << 20))).expect("an answer").status(), 413);
            }
        }
        "abort" => {
            for _ in 0..20 {
                get("/bytes/1073741824").read_exact(&mut vec![0; 1 << 20]).expect("a beginning");
            }
            for _ in 0..20 {
                let broken = Body::sized(Lines::new(1 << 20).chain(Broken), 4 << 20);
                put("/upload", broken).expect_err("it was given up");
            }
        }
        "short" => {
            for _ in 0..3 {
                check(&mut get("/abort")).expect_err("it is not whole");
            }
        }
        _ => panic!("no step is called {step}"),
    }
}
