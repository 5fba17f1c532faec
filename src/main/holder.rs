//! The process that holds a TCP port, found in `/proc`, for the message of a failed start.

use std::ffi::OsString;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Describes the process that listens at `address`: `process 123 (nginx)`, or a command that shows
/// the process to root, if this user may not see it.
pub(super) fn describe(address: SocketAddr) -> String {
    match listening(address).and_then(process_with) {
        Some((process, name)) => format!("process {process} ({name}) listens there"),
        None => format!("as root, ss -ltnp 'sport = :{}' shows the process that listens there", address.port()),
    }
}

/// The inode of the socket that listens at `address`, or at an address that includes it.
fn listening(address: SocketAddr) -> Option<u64> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let lines = tables.iter().filter_map(|path| fs::read_to_string(path).ok());
    let lines: Vec<String> = lines.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.iter().filter_map(|line| socket(line)).find(|(bound, _)| excludes(*bound, address)).map(|(_, inode)| inode)
}

/// The address and the inode in a line of `/proc/net/tcp`, if the socket listens.
fn socket(line: &str) -> Option<(SocketAddr, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (ip, port) = words.get(1)?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let inode = words.get(9)?.parse().ok()?;
    // 0A is the state LISTEN.
    (words.get(3) == Some(&"0A")).then_some((SocketAddr::new(address(ip)?, port), inode))
}

/// An address as the kernel prints it: words of 32 bits in the byte order of the machine.
fn address(text: &str) -> Option<IpAddr> {
    let mut bytes = Vec::new();
    for at in (0..text.len()).step_by(8) {
        bytes.extend(u32::from_str_radix(text.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    }
    let v4 = <[u8; 4]>::try_from(bytes.as_slice()).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
    let v6 = || <[u8; 16]>::try_from(bytes.as_slice()).map(|bytes| Ipv6Addr::from(bytes).to_canonical());
    v4.or_else(|_| v6()).ok()
}

/// True if no other socket can be bound to `asked` beside `bound`.
fn excludes(bound: SocketAddr, asked: SocketAddr) -> bool {
    let is_any = bound.ip().is_unspecified() || asked.ip().is_unspecified();
    bound.port() == asked.port() && (is_any || bound.ip() == asked.ip().to_canonical())
}

/// The number and the name of the oldest process that this user may see with a descriptor for the
/// socket `inode`.
fn process_with(inode: u64) -> Option<(u32, String)> {
    let link = OsString::from(format!("socket:[{inode}]"));
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let mut processes: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    processes.sort_unstable();
    let is_held = |process: &u32| {
        let descriptors = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        descriptors.map(|entry| entry.path()).any(|path| fs::read_link(path).is_ok_and(|to| to.as_os_str() == link))
    };
    let process = processes.into_iter().find(is_held)?;
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    Some((process, name.trim().escape_debug().to_string()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn lines_of_the_kernel_are_read_in_the_byte_order_of_the_machine() {
        let loopback = u32::from_ne_bytes([127, 0, 0, 1]);
        let line = |ip: &str, state: &str| format!("  0: {ip}:1F90 00000000:0000 {state} 0:0 0:0 0 1000 0 4242 1 0");
        let v4 = format!("{loopback:08X}");
        let v6 = format!("{:024X}{:08X}", 0, u32::from_ne_bytes([0, 0, 0, 1]));
        let expected = |address: &str| Some((address.parse().expect("an address"), 4242));
        assert_eq!(socket(&line(&v4, "0A")), expected("127.0.0.1:8080"));
        assert_eq!(socket(&line(&v6, "0A")), expected("[::1]:8080"));
        assert_eq!(socket(&line(&v4, "01")), None);
        assert_eq!(socket("  sl  local_address rem_address   st tx_queue"), None);
    }

    #[test]
    fn addresses_exclude_each_other_if_equal_or_unspecified() {
        for (bound, asked, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.2:80", "127.0.0.1:80", false),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "[::]:80", true),
            ("[::1]:80", "127.0.0.1:80", false),
        ] {
            let (bound, asked) = (bound.parse().expect("an address"), asked.parse().expect("an address"));
            assert_eq!(excludes(bound, asked), expected, "{bound} {asked}");
        }
    }

    #[test]
    fn holder_of_a_port_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let told = describe(address);
        assert!(told.starts_with(&format!("process {} (", std::process::id())), "{told}");
    }
}
