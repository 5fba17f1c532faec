//! Writes the cases of `tests/data`, forwarding fields and settings files into `found`, as seeds
//! for the fuzzers beside the corpus.
//!
//! Run `cargo run --example seeds` in this folder.

#[allow(dead_code, reason = "seeds are bytes; what must come of them is not asked here")]
#[path = "../../tests/data/reader.rs"]
mod reader;

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data");
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("found");
    for target in ["head", "framing", "decode", "exchange", "encode", "connection", "proxy", "forwarded", "settings"] {
        fs::create_dir_all(found.join(target))?;
    }
    for (at, seed) in HEADERS.iter().enumerate() {
        fs::write(found.join("proxy").join(format!("header-{at}")), seed)?;
    }
    for (at, seed) in FIELDS.iter().enumerate() {
        fs::write(found.join("forwarded").join(format!("field-{at}")), [b"\x01", seed.as_bytes()].concat())?;
    }
    for (at, seed) in FILES.iter().enumerate() {
        fs::write(found.join("settings").join(format!("file-{at}")), seed)?;
    }
    for file in fs::read_dir(data)? {
        let path = file?.path();
        if path.extension().is_none_or(|extension| extension != "http") {
            continue;
        }
        let subject = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for case in reader::read(&fs::read_to_string(&path)?) {
            let name = format!("{subject}-{}", case.line);
            let find =
                |mark: &[u8]| case.input.windows(mark.len()).position(|part| part == mark).map(|at| at + mark.len());
            let fields = find(b"\r\n").unwrap_or(0);
            let body = find(b"\r\n\r\n").unwrap_or(0);
            fs::write(found.join("head").join(&name), &case.input)?;
            fs::write(found.join("exchange").join(&name), &case.input)?;
            fs::write(found.join("connection").join(&name), [b"\x07\x00\x40\x02", &case.input[..]].concat())?;
            fs::write(found.join("framing").join(&name), &case.input[fields..])?;
            fs::write(found.join("decode").join(&name), [&[1, 64], &case.input[body..]].concat())?;
        }
    }
    Ok(())
}

/// PROXY headers: lines; binary ones for TCP over IPv4, with a checksum and TLS behind it, over IPv6, from a Unix socket, and for the proxy.
const HEADERS: &[&[u8]] = &[
    b"PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n",
    b"PROXY TCP6 2001:db8::1 ::1 1 80\r\n",
    b"PROXY UNKNOWN ffff:: 1\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x09\xdc\x04\x01\xbb",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x1b\xc0\0\x02\x01\xc0\0\x02\x09\xdc\x04\x01\xbb\x03\0\x04\0\0\0\0\x20\0\x05\x01\0\0\0\0",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24aaaabbbbccccddddeeeeffffgggghhhh\0\x01\0\x02",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8",
    b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
];
/// Values of `Forwarded`, and of the three fields in turn.
const FIELDS: &[&str] = &[
    "for=192.0.2.60;proto=http;by=203.0.113.43, for=\"[2001:db8::1]:4711\";host=\"a.b:80\"",
    "for=\"_hid\\den\", For=unknown\nfor=_x;secret=\"a, b;\\\"\"",
    "192.0.2.43, 2001:db8::1, [::1]:80\nhttp, https\nexample.org:8443",
];
/// Files of settings: the sample; each kind of value in each spelling of its key; what is refused.
const FILES: &[&str] = &[
    include_str!("../../examples/drupe.toml"),
    "[global]\n\"server.socket_port\" = 8_080\nserver.nodelay = false\n[server]\nsocket_mode = 0o600\nsocket_timeout = 2.5\n",
    "server = { listen = [\"fd:3\", \"unix:@a\", \"tcp://[::1]:80\"], wsgi_version = [\"u\", 0] }\n",
    "[global.server]\nsocket_file = \"@\\u0000\"\nmax_request_body_size = -1\nbody_buffer_size = \"64K\"\nheader_timeout = ''\n",
    "server.ssl_private_key_password = \"file:/a\"\nserver.ssl_sni = \"a:b,c\"\nserver.trusted_proxies = \"unix, ::1\"\n",
    "server.socket_prt = 1979-05-27\n[[server]]\nsoftware = {}\n",
    "server.a = 1\n[global]\nserver.a = 1e3\nserver.software = \"\"\"\nb\"\"\"\n",
];
