//! Text form of the addresses to listen on.

use super::text::ValueKind;
use crate::address::BindAddr;
use crate::error::Error;

/// Addresses separated by commas, each in a form of [`BindAddr`]; an empty text for none. TCP is
/// written with `tcp://`.
///
/// Only a program can set a path with a comma.
pub(super) struct Addresses;

impl ValueKind for Addresses {
    type Value = Vec<BindAddr>;
    const UNIT: &'static str = "ADDRESSES";

    fn parse(text: &str) -> Result<Vec<BindAddr>, String> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        text.split(',').map(|part| address(part.trim_matches(' '))).collect()
    }

    fn show(value: &Vec<BindAddr>) -> String {
        value.iter().map(written).collect::<Vec<_>>().join(",")
    }
}

fn address(text: &str) -> Result<BindAddr, String> {
    text.parse().map_err(|error: Error| error.to_string())
}

fn written(address: &BindAddr) -> String {
    match address {
        BindAddr::Tcp { .. } if !address.to_string().starts_with("tcp://") => format!("tcp://{address}"),
        _ => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn reads(text: &str, expected: &[BindAddr]) {
        assert_eq!(Addresses::parse(text).as_deref(), Ok(expected), "{text}");
        let shown = Addresses::show(&expected.to_vec());
        assert_eq!(Addresses::parse(&shown).as_deref(), Ok(expected), "{text}: {shown}");
    }

    fn host(host: &str, port: u16) -> BindAddr {
        BindAddr::Tcp { host: host.to_owned(), port }
    }

    #[test]
    fn each_form_is_read_and_written() {
        reads("", &[]);
        reads("tcp://localhost:80", &[host("localhost", 80)]);
        reads("localhost:80", &[host("localhost", 80)]);
        reads("tcp://fd:80", &[host("fd", 80)]);
        reads("tcp://[::1]:0", &[host("::1", 0)]);
        reads("tcp://[fe80::1%eth0]:65535", &[host("fe80::1%eth0", 65535)]);
        reads("unix:/run/a b.sock", &[BindAddr::Unix("/run/a b.sock".into())]);
        reads("unix:a:b", &[BindAddr::Unix("a:b".into())]);
        reads("unix:@name", &[BindAddr::Unix("\0name".into())]);
        reads("fd:3", &[BindAddr::Inherited("3".to_owned())]);
        reads("fd:web.socket", &[BindAddr::Inherited("web.socket".to_owned())]);
        let several = [host("0.0.0.0", 80), BindAddr::Unix(PathBuf::from("s")), BindAddr::Inherited("*".to_owned())];
        reads("tcp://0.0.0.0:80, unix:s,fd:*", &several);
    }

    #[test]
    fn malformed_addresses_are_quoted() {
        for text in [
            "tcp://localhost",
            "tcp://localhost:",
            "tcp://localhost:http",
            "tcp://localhost:65536",
            "tcp://localhost:+1",
            "tcp://:80",
            "tcp://::1:80",
            "tcp://[::1]",
            "tcp://[localhost]:80",
            "tcp://user@host:80",
            "tcp://host:80/",
            "http://localhost:80",
            "unix:",
            "fd:",
            "fd",
            "/run/a.sock",
            "7",
        ] {
            let reason = Addresses::parse(text).unwrap_err();
            assert!(reason.starts_with(&format!("{text:?} is not an address such as ")), "{reason}");
        }
        assert!(Addresses::parse("unix:a,").unwrap_err().starts_with("\"\" is not an address"));
    }
}
