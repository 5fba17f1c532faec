//! The first lines of output: the served directory, its addresses, and the clients that reach them.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use drupe::process::Bus;
use drupe::{BindAddr, Server};

use super::logger::one_line;
use super::machine;
use super::own::Own;
use super::self_signed;
use super::terminal::{bold, say};

/// Prints the directory and the addresses after the start. Signals are handled by then.
pub(super) fn announce(own: &Own, is_shown: bool, server: &Arc<Server>, bus: &Bus) {
    let own = own.clone();
    let server = Arc::clone(server);
    // After the server's own priority, 80.
    bus.subscribe("start", 90, "announcement", move |message| {
        if !message.has_failures() {
            say(format_args!("{}", text(&own, is_shown, &server)));
        }
        Ok(())
    });
}

fn text(own: &Own, is_shown: bool, server: &Server) -> String {
    let directory = own.directory();
    let directory = directory.canonicalize().unwrap_or(directory);
    let listening = server.listening();
    let is_secure = server.settings.ssl_certificate.is_some() || own.is("ssl_self_signed");
    let scheme = if is_secure { "https" } else { "http" };
    let at = match listening.as_slice() {
        // The URL of a single server ends in a slash, as browsers show it.
        [BindAddr::Tcp { .. }] => format!("{}/", server.description().trim_end_matches('/')),
        _ => server.description(),
    };
    let mut lines = vec![format!(
        "serving {} at {} ({})",
        one_line(&directory.display().to_string()),
        bold(&at),
        audience(&listening)
    )];
    lines.extend(from_others(scheme, &listening, machine::addresses));
    lines.extend(listening.iter().filter_map(|address| over_unix(scheme, address)));
    if own.is("ssl_self_signed") {
        lines.push(self_signed::WARNING.to_owned());
    }
    let is_in_clear = scheme == "http" && audience(&listening) != LOCAL;
    if is_in_clear && !own.value("auth").is_empty() {
        lines.push("warning: passwords of --auth go over the network in clear, because there is no TLS".to_owned());
    }
    if is_shown {
        let path = own.value("statistics_path").to_string_lossy();
        lines.push(format!("statistics at /{}/", path.trim_matches('/')));
    }
    lines.push("press Ctrl-C to stop".to_owned());
    lines.iter().map(|line| format!("drupe: {line}\n")).collect()
}

/// The clients that the addresses let in.
fn audience(listening: &[BindAddr]) -> &'static str {
    let is_local = |address: &BindAddr| match address {
        BindAddr::Tcp { host, .. } => host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback()),
        _ => true,
    };
    if listening.iter().all(is_local) { LOCAL } else { "this machine and others" }
}

/// The URLs that stand for `0.0.0.0` and `::` on other machines, which a firewall may still block.
fn from_others(scheme: &str, listening: &[BindAddr], machine: impl FnOnce() -> Vec<IpAddr>) -> Option<String> {
    let bound = listening.iter().filter_map(|address| match address {
        BindAddr::Tcp { host, port } => Some((host.parse::<IpAddr>().ok()?, *port)),
        _ => None,
    });
    let bound: Vec<(IpAddr, u16)> = bound.filter(|(ip, _)| ip.is_unspecified()).collect();
    if bound.is_empty() {
        return None;
    }
    let machine: Vec<IpAddr> = machine().into_iter().filter(|ip| !ip.is_loopback()).collect();
    let mut reached = BTreeSet::new();
    for (any, port) in bound {
        // A listener on `::` takes IPv4 clients too.
        let of_kind = machine.iter().filter(|ip| any.is_ipv6() || ip.is_ipv4());
        reached.extend(of_kind.map(|ip| SocketAddr::new(*ip, port)));
    }
    let urls: Vec<String> = reached.iter().map(|address| bold(&format!("{scheme}://{address}/"))).collect();
    let none = "this machine has no address beside loopback".to_owned();
    Some(format!("from other machines: {}", if urls.is_empty() { none } else { urls.join(", ") }))
}

/// The command line of a client for the Unix socket `address`.
fn over_unix(scheme: &str, address: &BindAddr) -> Option<String> {
    let BindAddr::Unix(path) = address else { return None };
    let path = path.to_str()?;
    let (option, name) = match path.strip_prefix(['@', '\0']) {
        Some(name) => ("--abstract-unix-socket", name),
        None => ("--unix-socket", path),
    };
    Some(format!("try curl {option} {} {scheme}://localhost/", quoted(name)))
}

/// Quotes a word for a shell, if needed.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@,%=".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", one_line(word).replace('\'', r"'\''"))
}

/// The audience of loopback addresses and Unix sockets.
const LOCAL: &str = "this machine only";

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Vec<BindAddr> {
        text.split(' ').map(|address| address.parse().expect("it is an address")).collect()
    }

    #[test]
    fn audience_is_this_machine_unless_an_address_lets_others_in() {
        for (listening, is_local) in [
            ("127.0.0.1:80", true),
            ("[::1]:80 unix:/run/a.sock unix:@a", true),
            ("127.0.0.1:80 192.0.2.7:80", false),
            ("0.0.0.0:80", false),
            ("[::]:80", false),
        ] {
            assert_eq!(audience(&addresses(listening)) == "this machine only", is_local, "{listening}");
        }
    }

    #[test]
    fn unspecified_addresses_stand_for_those_that_others_reach() {
        let machine = ["127.0.0.1", "::1", "192.0.2.7", "2001:db8::7"].map(|ip| ip.parse().expect("an address"));
        for (listening, expected) in [
            ("127.0.0.1:80", None),
            ("192.0.2.7:80", None),
            ("0.0.0.0:80", Some("from other machines: http://192.0.2.7:80/")),
            ("[::]:81", Some("from other machines: http://192.0.2.7:81/, http://[2001:db8::7]:81/")),
            ("0.0.0.0:80 [::]:80 unix:a", Some("from other machines: http://192.0.2.7:80/, http://[2001:db8::7]:80/")),
        ] {
            assert_eq!(
                from_others("http", &addresses(listening), || machine.to_vec()).as_deref(),
                expected,
                "{listening}"
            );
        }
        let alone = from_others("http", &addresses("0.0.0.0:80"), || machine[..2].to_vec());
        assert_eq!(alone.as_deref(), Some("from other machines: this machine has no address beside loopback"));
    }

    #[test]
    fn command_line_for_a_unix_socket_survives_the_shell() {
        for (address, expected) in [
            ("unix:/run/a.sock", Some("try curl --unix-socket /run/a.sock http://localhost/")),
            ("unix:/run/it's a", Some(r"try curl --unix-socket '/run/it'\''s a' http://localhost/")),
            ("unix:@name", Some("try curl --abstract-unix-socket name http://localhost/")),
            ("127.0.0.1:80", None),
        ] {
            let address: BindAddr = address.parse().expect("it is an address");
            assert_eq!(over_unix("http", &address).as_deref(), expected);
        }
    }
}
