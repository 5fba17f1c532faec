//! Every setting at the ends of its range, and the names in the refusals.

use std::sync::Arc;

use super::check::LONGEST_TIME;
use super::*;
use crate::settings::SslContext;
use crate::tls::{self, Identity, Verify};

/// Resolves the default settings with one setting changed, as by text.
fn resolve(name: &str, value: &str) -> Result<Config, Error> {
    let mut settings = Settings::default();
    settings.set(name, value)?;
    Config::resolve(&settings)
}

/// Checks refusals: each line is a name, a value and the reason.
fn refuses(cases: &str) {
    for case in cases.lines() {
        let [name, value, reason] = case.splitn(3, " | ").collect::<Vec<_>>()[..] else {
            panic!("not a case: {case}");
        };
        let text = resolve(name, value).unwrap_err().to_string();
        assert_eq!(text, format!("setting {name}: {reason}"), "{value:?}");
    }
}

/// Checks that the resolved config satisfies `check`.
fn accepts(name: &str, value: &str, check: fn(&Config) -> bool) {
    let config = resolve(name, value).unwrap();
    assert!(check(&config), "{name} {value:?} gives {config:?}");
}

#[test]
fn defaults_resolve_to_the_documented_values() {
    let config = Config::resolve(&Settings::default()).unwrap();
    assert_eq!(config.bind[0].to_string(), "127.0.0.1:8080");
    assert_eq!(config.socket_queue_size, 1024);
    assert!(config.nodelay && !config.reuse_port);
    for patience in [config.header_timeout, config.body_timeout, config.write_timeout] {
        assert_eq!(patience, Duration::from_secs(10));
    }
    assert_eq!(config.keep_alive_timeout, Duration::from_secs(75));
    assert_eq!(config.keep_alive_grace, Duration::from_millis(2));
    assert_eq!(config.linger_timeout, Duration::from_secs(2));
    assert_eq!(config.accepted_queue_timeout, Duration::from_secs(10));
    assert_eq!(config.shutdown_timeout, Duration::from_secs(5));
    assert_eq!(config.thread_idle_timeout, Duration::from_secs(10));
    assert_eq!((config.thread_pool, config.thread_pool_max, config.accepted_queue_size), (10, Some(256), Some(1024)));
    assert_eq!(config.thread_stack_size, 2 << 20);
    assert_eq!((config.protocol_version, config.software), (Version::HTTP_11, None));
    assert_eq!(config.header_overflow_status, 431);
    assert_eq!(
        (config.max_request_header_size, config.max_request_target_size, config.max_request_header_fields),
        (512_000, 8192, 100)
    );
    assert_eq!((config.max_request_body_size, config.max_drain_size), (Some(104_857_600), 65_536));
}

#[test]
fn values_of_cherrypy_resolve() {
    let config = Config::resolve(&Settings::cherrypy()).unwrap();
    assert_eq!(config.socket_queue_size, 5);
    assert_eq!((config.thread_pool, config.thread_pool_max, config.accepted_queue_size), (10, None, None));
    assert_eq!(config.keep_alive_timeout, Duration::from_secs(10));
    assert_eq!(config.header_overflow_status, 413);
    assert_eq!((config.max_request_target_size, config.max_request_header_fields), (LONGEST_TARGET, MOST_FIELDS));
}

#[test]
fn values_on_the_edge_resolve() {
    accepts("socket_host", "::", |c| c.bind[0].to_string() == "[::]:8080");
    accepts("socket_host", "fe80::1%eth0", |c| c.bind[0].to_string() == "[fe80::1%eth0]:8080");
    accepts("socket_file", "a", |c| (c.bind[0].to_string(), c.bind_setting) == ("unix:a".to_owned(), "socket_file"));
    accepts("socket_file", &"a".repeat(107), |c| c.bind.len() == 1);
    if crate::system::names::HAS_ABSTRACT {
        accepts("socket_file", &format!("@{}", "a".repeat(107)), |c| c.bind[0].to_string().starts_with("unix:@a"));
    } else {
        refuses("socket_file | @a | \"@a\" is an abstract name, which only Linux has; give a path");
    }
    accepts("listen", "fd:3,unix:a,tcp://b:0,tcp://b:0", |c| (c.bind.len(), c.bind_setting) == (4, "listen"));
    accepts("socket_mode", "0", |c| c.socket_mode == 0);
    accepts("socket_mode", "0777", |c| c.socket_mode == 0o777);
    accepts("socket_user", "0", |c| c.socket_user.as_deref() == Some("0"));
    accepts("peercreds", "on", |c| (c.peercreds, c.peercreds_resolve) == (true, false));
    accepts("socket_port", "0", |c| c.bind[0].to_string() == "127.0.0.1:0");
    accepts("socket_queue_size", "2147483647", |c| c.socket_queue_size == i32::MAX);
    accepts("socket_timeout", "31536000", |c| c.header_timeout == LONGEST_TIME);
    accepts("socket_timeout", "0.001", |c| c.header_timeout.as_millis() == 1);
    accepts("shutdown_timeout", "0", |c| c.shutdown_timeout.is_zero());
    accepts("accepted_queue_timeout", "0", |c| c.accepted_queue_timeout.is_zero());
    accepts("keep_alive_grace", "0", |c| c.keep_alive_grace.is_zero());
    accepts("keep_alive_grace", "0.1", |c| c.keep_alive_grace == Duration::from_millis(100));
    accepts("thread_pool", "256", |c| c.thread_pool == 256);
    accepts("thread_pool_max", "10", |c| c.thread_pool_max == Some(10));
    accepts("thread_pool_max", "-1", |c| c.thread_pool_max.is_none());
    accepts("accepted_queue_size", "-1", |c| c.accepted_queue_size.is_none());
    accepts("max_request_body_size", "-1", |c| c.max_request_body_size.is_none());
    accepts("max_request_header_size", "64", |c| (c.max_request_header_size, c.max_request_target_size) == (64, 8192));
    accepts("protocol_version", "HTTP/1.0", |c| c.protocol_version == Version::HTTP_10);
    accepts("software", "cherry/1 (tree)", |c| c.software.as_ref().unwrap() == "cherry/1 (tree)");
    accepts("software", "", |c| c.software.is_none());
    accepts("header_overflow_status", "413", |c| c.header_overflow_status == 413);
    accepts("reuse_port", "on", |c| c.reuse_port);
    accepts("nodelay", "off", |c| !c.nodelay);
    #[cfg(feature = "wsgi")]
    accepts("wsgi_version", "u.0", |c| format!("{:?}", c.wsgi_version) == "WsgiVersion(u.0)");
}

#[test]
fn specific_timeout_overrides_socket_timeout() {
    for (name, expected) in [
        ("header_timeout", [1, 10, 10, 10]),
        ("body_timeout", [10, 1, 10, 10]),
        ("write_timeout", [10, 10, 1, 10]),
        ("handshake_timeout", [10, 10, 10, 1]),
        ("socket_timeout", [1, 1, 1, 1]),
    ] {
        let config = resolve(name, "1").unwrap();
        let times = [config.header_timeout, config.body_timeout, config.write_timeout, config.handshake_timeout];
        assert_eq!(times.map(|time| time.as_secs()), expected, "{name}");
    }
}

#[test]
fn bad_addresses_are_refused() {
    refuses(
        "\
socket_host |  | \"\" is empty; use 0.0.0.0 or :: for every address
socket_host | a b | \"a b\" contains a blank or a control character
socket_host | a\0 | \"a\\0\" contains a blank or a control character
socket_host | a\t | \"a\\t\" contains a blank or a control character
socket_host | [::1] | \"[::1]\" is neither a host name nor an IP address without brackets
socket_host | http://a | \"http://a\" is neither a host name nor an IP address without brackets
socket_host | localhost:80 | \"localhost:80\" contains a port, which belongs in socket_port: set socket_host to \"localhost\" and socket_port to 80
socket_host | [::1]:80 | \"[::1]:80\" contains a port, which belongs in socket_port: set socket_host to \"::1\" and socket_port to 80
socket_host | unix:/a | \"unix:/a\" is a Unix socket, which belongs in socket_file
socket_host | fd:3 | \"fd:3\" is a passed socket, which belongs in listen
socket_file | @ | \"@\" is empty
socket_file | a\0b | \"a\\0b\" contains a NUL byte
socket_file | @a\0b | \"@a\\0b\" contains a NUL byte
listen | tcp://a b:80 | \"a b\" contains a blank or a control character
listen | fd:3,unix:@ | \"@\" is empty
listen | fd:3,unix:a,fd:3 | fd:3 is listed twice
listen | tcp://a:80,tcp://a:80 | a:80 is listed twice
listen | a | \"a\" is not an address such as host:80, unix:/path, unix:@name or fd:3
socket_mode | 0888 | \"0888\" is not an octal mode such as 0660
socket_mode | 1777 | 1777 is out of range: from 0000 to 0777
peercreds_resolve | on | needs peercreds, which is off
socket_queue_size | 0 | 0 is out of range: from 1 to 2147483647
socket_queue_size | 4294967295 | 4294967295 is out of range: from 1 to 2147483647",
    );
}

#[test]
fn a_path_that_no_socket_can_have_is_refused() {
    let long = "a".repeat(108);
    refuses(&format!("socket_file | {long} | \"{long}\" has 108 bytes; the path of a Unix socket may have 107"));
    refuses(&format!("socket_file | @{long} | \"@{long}\" has 108 bytes; the path of a Unix socket may have 107"));
    let settings = Settings { socket_file: Some("".into()), ..Settings::default() };
    let text = Config::resolve(&settings).unwrap_err().to_string();
    assert_eq!(text, "setting socket_file: \"\" is empty");
    let settings = Settings { socket_user: Some(String::new()), ..Settings::default() };
    let text = Config::resolve(&settings).unwrap_err().to_string();
    assert_eq!(text, "setting socket_user: \"\" is empty; unset it to keep the owner of the process");
}

#[test]
fn other_addresses_are_ignored_beside_listen() {
    let settings =
        Settings { listen: vec![BindAddr::Unix("a".into())], socket_file: Some("".into()), ..Settings::default() };
    assert_eq!(Config::resolve(&settings).unwrap().bind, [BindAddr::Unix("a".into())]);
    let doubled = BindAddr::Tcp { host: "a:80".to_owned(), port: 80 };
    let error = Config::resolve(&Settings { listen: vec![doubled], ..Settings::default() }).unwrap_err();
    let expected = "setting listen: \"a:80\" contains a port; give host and port of an address apart";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn host_and_port_are_ignored_beside_a_socket_file() {
    let settings = Settings { socket_file: Some("a".into()), socket_host: String::new(), ..Settings::default() };
    assert_eq!(Config::resolve(&settings).unwrap().bind, [BindAddr::Unix("a".into())]);
}

#[test]
fn bad_times_are_refused() {
    refuses(
        "\
socket_timeout | 0 | 0ns is out of range: from 1ms to 31536000s
socket_timeout | 0.000999 | 999µs is out of range: from 1ms to 31536000s
socket_timeout | -1 | \"-1\" is not a number of seconds such as 10 or 0.25
header_timeout | 0 | 0ns is out of range: from 1ms to 31536000s
body_timeout | 0 | 0ns is out of range: from 1ms to 31536000s
write_timeout | 0 | 0ns is out of range: from 1ms to 31536000s
keep_alive_timeout | 0 | 0ns is out of range: from 1ms to 31536000s
linger_timeout | 0 | 0ns is out of range: from 1ms to 31536000s
thread_idle_timeout | 0 | 0ns is out of range: from 1ms to 31536000s
thread_idle_timeout | 31536001 | 31536001s is out of range: from 1ms to 31536000s
keep_alive_grace | 0.101 | 101ms is out of range: from 0ns to 100ms
accepted_queue_timeout | 31536001 | 31536001s is out of range: from 0ns to 31536000s
shutdown_timeout | 31536001 | 31536001s is out of range: from 0ns to 31536000s",
    );
}

#[test]
fn bad_sizes_are_refused() {
    refuses(
        "\
max_request_header_size | 0 | 0 is out of range: from 64 to 1073741824
max_request_header_size | 63 | 63 is out of range: from 64 to 1073741824
max_request_header_size | 1073741825 | 1073741825 is out of range: from 64 to 1073741824
max_request_target_size | 0 | 0 is out of range: from 1 to 65534
max_request_target_size | 64K | 65536 is out of range: from 1 to 65534
max_request_header_fields | 0 | 0 is out of range: from 1 to 1024
max_request_header_fields | 1025 | 1025 is out of range: from 1 to 1024
max_request_body_size | 0 | 0 is out of range: from 1 to 18446744073709551615, or -1 (None) for no limit
body_buffer_size | 2G | 2147483648 is out of range: from 0 to 1073741824
max_parked_size | 0 | 0 is out of range: from 1 to 18446744073709551615, or -1 (None) for no limit
max_drain_size | 0 | 0 is out of range: from 1 to 1073741824
max_drain_size | 2G | 2147483648 is out of range: from 1 to 1073741824",
    );
}

#[test]
fn bad_threads_and_queues_are_refused() {
    refuses(
        "\
thread_pool | 0 | 0 is out of range: from 1 to 1000000
thread_pool | 1000001 | 1000001 is out of range: from 1 to 1000000
thread_pool_max | 0 | 0 is out of range: from 1 to 1000000, or -1 (None) for no limit
thread_pool_max | 1000001 | 1000001 is out of range: from 1 to 1000000, or -1 (None) for no limit
thread_pool_max | 9 | 9 is below thread_pool, which is 10
max_upgraded | 1000001 | 1000001 is out of range: from 0 to 1000000, or -1 (None) for no limit
accepted_queue_size | 0 | 0 is out of range: from 1 to 1000000, or -1 (None) for no limit
accepted_queue_size | 1000001 | 1000001 is out of range: from 1 to 1000000, or -1 (None) for no limit
thread_stack_size | 65535 | 65535 is out of range: from 65536 to 1073741824
thread_stack_size | 2G | 2147483648 is out of range: from 65536 to 1073741824",
    );
}

#[test]
fn bad_answers_are_refused() {
    refuses(
        "\
protocol_version |  | \"\" is neither HTTP/1.1 nor HTTP/1.0
protocol_version | HTTP/2.0 | \"HTTP/2.0\" is neither HTTP/1.1 nor HTTP/1.0
protocol_version | http/1.1 | \"http/1.1\" is neither HTTP/1.1 nor HTTP/1.0
software |   | \" \" is empty; unset it to leave the Server field out
software |  a | \" a\" begins or ends with a blank
software | a\t | \"a\\t\" begins or ends with a blank
software | a\0 | \"a\\0\" is not a field value of visible ASCII characters
software | é | \"é\" is not a field value of visible ASCII characters
header_overflow_status | 200 | 200 is neither 431 nor 413
header_overflow_status | 0 | 0 is neither 431 nor 413",
    );
}

#[cfg(feature = "wsgi")]
#[test]
fn a_version_that_is_not_known_is_refused_with_those_that_are() {
    for version in ["1.1", "u.1", "U.0", "cherry.9"] {
        let text = resolve("wsgi_version", version).unwrap_err().to_string();
        let start = format!("setting wsgi_version: {version} is not registered; known: 1.0, u.0");
        assert!(text.starts_with(&start), "{text}");
    }
}

#[test]
fn connections_leave_descriptors_for_everything_else_unless_a_number_is_set() {
    for (limit, expected) in [
        (0, 1),
        (16, 1),
        (20, 4),
        (64, 48),
        (100, 75),
        (1024, 768),
        (4096, 3072),
        (20_000, 18_976),
        (65_536, 64_512),
        (66_559, 65_535),
        (66_560, 65_536),
        (1 << 30, 65_536),
        (usize::MAX, 65_536),
    ] {
        assert_eq!(connections(None, limit).unwrap(), Some(expected), "of {limit}");
        assert_eq!(connections(Some(70_000), limit).unwrap(), Some(70_000), "of {limit}");
        assert_eq!(connections(Some(usize::MAX), limit).unwrap(), None, "of {limit}");
    }
    accepts("max_upgraded", "-1", |c| c.max_upgraded.is_none());
    accepts("max_upgraded", "0", |c| c.max_upgraded == Some(0));
    accepts("max_upgraded", "1000000", |c| c.max_upgraded == Some(1_000_000));
    accepts("max_connections", "-1", |c| c.max_connections.is_none());
    accepts("max_connections", "16777216", |c| c.max_connections == Some(1 << 24));
    accepts("max_connections", "", |c| c.max_connections == connections(None, descriptors::limit()).unwrap());
    refuses(
        "\
max_connections | 0 | 0 is out of range: from 1 to 16777216, or -1 (usize::MAX) for no limit
max_connections | 16777217 | 16777217 is out of range: from 1 to 16777216, or -1 (usize::MAX) for no limit
max_connections | -2 | \"-2\" is not a whole number, or is too large",
    );
}

#[test]
fn an_answer_cannot_be_split_through_software() {
    let software = Some("a\r\nSet-Cookie: b".to_owned());
    let settings = Settings { software, ..Settings::default() };
    let text = Config::resolve(&settings).unwrap_err().to_string();
    assert!(text.ends_with("is not a field value of visible ASCII characters"), "{text}");
}

#[test]
fn tls_settings_without_a_certificate_are_refused() {
    const NEEDS: &str = "needs ssl_certificate: without a certificate there is no TLS";
    refuses(&format!(
        "\
ssl_private_key | a.key | {NEEDS}
ssl_private_key_password | cherry | {NEEDS}
ssl_certificate_chain | a.pem | {NEEDS}
ssl_sni | a.pem | {NEEDS}
ssl_ciphers | HIGH | {NEEDS}
ssl_min_version | TLSv1.3 | {NEEDS}
ssl_client_ca | ca.pem | {NEEDS}
ssl_verify_mode | none | {NEEDS}
ssl_min_version | TLSv1.1 | \"TLSv1.1\" is neither TLSv1.2 nor TLSv1.3
ssl_verify_mode | maybe | \"maybe\" is neither none nor optional nor required"
    ));
    let text = resolve("ssl_module", "pyopenssl").unwrap_err().to_string();
    assert!(text.starts_with("setting ssl_module: \"pyopenssl\" is not registered; known: builtin"), "{text}");
    accepts("ssl_module", "BUILTIN", |c| c.tls.is_none());
    accepts("ssl_sni", "", |c| c.tls.is_none());
}

#[test]
fn a_certificate_means_tls() {
    let tls = |pairs: &[(&str, &str)]| {
        let mut settings = Settings::default();
        for (name, value) in pairs.iter().chain(&[("ssl_certificate", "a.pem")]) {
            settings.set(name, value).unwrap();
        }
        Config::resolve(&settings).map(|config| config.tls.unwrap().options)
    };
    let plain = tls(&[]).unwrap();
    assert!(matches!(&plain.identity, Identity::Files { files, chain: None } if files.private_key.is_none()));
    assert_eq!((plain.min_version, plain.verify), (tls::Version::Tls12, Verify::None));
    assert_eq!(tls(&[("ssl_min_version", "TLSv1.3")]).unwrap().min_version, tls::Version::Tls13);
    let with_ca = ("ssl_client_ca", "ca.pem");
    assert_eq!(tls(&[with_ca]).unwrap().verify, Verify::Required);
    assert_eq!(tls(&[with_ca, ("ssl_verify_mode", "optional")]).unwrap().verify, Verify::Optional);
    assert_eq!(tls(&[with_ca, ("ssl_verify_mode", "none")]).unwrap().verify, Verify::None);
    let text = tls(&[("ssl_verify_mode", "required")]).unwrap_err().to_string();
    assert_eq!(text, "setting ssl_verify_mode: needs ssl_client_ca, against which client certificates are verified");
}

#[test]
fn a_context_stands_alone() {
    let settings = |context| Settings { ssl_context: Some(context), ..Settings::default() };
    let object = Config::resolve(&settings(SslContext::new(Arc::new(7)))).unwrap().tls.unwrap();
    assert!(matches!(&object.options.identity, Identity::Context(any) if any.is::<i32>()));
    let pem = Config::resolve(&settings(SslContext::from_pem("a", "b"))).unwrap().tls.unwrap();
    assert!(matches!(&pem.options.identity, Identity::Pem { certificate, .. } if certificate == b"a"));
    for name in ["ssl_certificate", "ssl_private_key", "ssl_certificate_chain"] {
        let mut both = settings(SslContext::from_pem("a", "b"));
        both.set(name, "a.pem").unwrap();
        let text = Config::resolve(&both).unwrap_err().to_string();
        assert_eq!(text, format!("setting {name}: has no effect together with ssl_context; unset one of them"));
    }
}

/// Checks refusals: each line is `trusted_proxies`, `trusted_proxy_headers`, and the reason.
fn refuses_trust(cases: &str) {
    for case in cases.lines() {
        let [proxies, headers, reason] = case.splitn(3, " | ").collect::<Vec<_>>()[..] else {
            panic!("not a case: {case}");
        };
        let mut settings = Settings::default();
        settings.set("trusted_proxies", proxies).unwrap();
        settings.set("trusted_proxy_headers", headers).unwrap();
        assert_eq!(Config::resolve(&settings).unwrap_err().to_string(), format!("setting {reason}"), "{case}");
    }
}

#[test]
fn no_peer_is_trusted_by_mistake() {
    refuses_trust(
        "\
::1 |  | trusted_proxy_headers: is empty, so trusted_proxies has no effect; name the fields that the proxies set: forwarded, or \
x-forwarded-for, x-forwarded-proto and x-forwarded-host
 | x-forwarded-for | trusted_proxy_headers: has no effect without trusted_proxies, which is empty
::1 | a b | trusted_proxy_headers: \"a b\" is not a field name
::1 | forwarded,Host | trusted_proxy_headers: \"Host\" is reserved for the server
::1 | content-length | trusted_proxy_headers: \"content-length\" is reserved for the server
::1 | x-forwarded-proto,Forwarded | trusted_proxy_headers: \"forwarded\" and \"x-forwarded-proto\" may contradict each other; \
name only the fields that the proxies set
proxy | forwarded | trusted_proxies: \"proxy\" is neither an IP address, nor a network such as 10.0.0.0/8, nor unix
::1,10.0.0.1/8 | forwarded | trusted_proxies: \"10.0.0.1/8\" has bits set beyond its prefix length
10.0.0.0/33 | forwarded | trusted_proxies: \"10.0.0.0/33\" has an invalid prefix length",
    );
    refuses(
        "\
trusted_proxy_count | 0 | 0 is out of range: from 1 to 64
trusted_proxy_count | 65 | 65 is out of range: from 1 to 64
trusted_proxies | a,,b | \"a,,b\" is a list with an empty item",
    );
}

#[test]
fn trust_resolves_to_the_configured_proxies() {
    assert!(Config::resolve(&Settings::default()).unwrap().trust.is_none());
    let mut settings = Settings::default();
    settings.set("trusted_proxies", "unix").unwrap();
    settings.set("trusted_proxy_headers", "X-Forwarded-For, x-real-ip, x-forwarded-for").unwrap();
    settings.set("trusted_proxy_count", "64").unwrap();
    let trust = Config::resolve(&settings).unwrap().trust.unwrap();
    assert!(trust.has(None) && !trust.has(Some("::1".parse().unwrap())));
    assert_eq!((trust.hops, trust.fields.len()), (64, 2));
    // With the PROXY protocol, trusted proxies need no trusted field.
    settings.set("trusted_proxy_headers", "").unwrap();
    settings.proxy_protocol = true;
    assert!(Config::resolve(&settings).unwrap().trust.unwrap().fields.is_empty());
    accepts("proxy_protocol", "on", |c| c.proxy_protocol && c.trust.is_none());
}
