//! Every attribute of CherryPy's server adapter by name, with the tests of its effect and of its
//! invalid values.
//!
//! Two tests of `tests/it/program.rs` cover all settings:
//! `every_setting_is_taken_from_a_file_from_the_environment_and_from_a_flag` and
//! `every_bad_value_is_refused_by_name_from_any_source`. The tests here cover the effects.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use drupe::Request;
use drupe::testing::TestServer;

use crate::client::Client;
use crate::readme::home;

/// Attribute; tests of its effect; tests of its invalid values. Each test is a function behind its
/// file.
const ATTRIBUTES: &[(&str, &[&str], &[&str])] = &[
    (
        "socket_host",
        &["seed: host_and_port_are_read_from_every_source", "listening: a_name_serves_every_address_it_stands_for"],
        &[
            "lifecycle: every_setting_that_cannot_be_used_is_refused_by_name",
            "lifecycle: a_host_without_an_address_is_named",
        ],
    ),
    (
        "socket_port",
        &[
            "seed: host_and_port_are_read_from_every_source",
            "lifecycle: a_restart_takes_changed_settings_and_keeps_a_fixed_port",
        ],
        &["program: wrong_command_line_is_refused_with_a_suggestion", "lifecycle: a_port_in_use_is_named"],
    ),
    (
        "socket_file",
        &["unix: a_connection_persists_and_answers_in_order", "unix: an_abstract_name_has_no_file"],
        &["unix: impossible_settings_are_named", "unix: no_other_file_is_ever_touched"],
    ),
    (
        "bind_addr",
        &["lifecycle: server_reports_configured_and_bound_addresses", "unix: addresses_are_those_of_the_file"],
        &["config: bad_addresses_are_refused"],
    ),
    ("base", &["lifecycle: server_reports_configured_and_bound_addresses"], NONE),
    ("socket_queue_size", &["seed: backlog_is_read_from_every_source"], REFUSED),
    (
        "socket_timeout",
        &["seed: socket_timeout_applies_to_heads_and_content", "config: specific_timeout_overrides_socket_timeout"],
        REFUSED,
    ),
    (
        "accepted_queue_size",
        &["pool: requests_that_wait_for_a_worker_for_too_long_are_refused_in_time_and_those_in_handlers_answered"],
        REFUSED,
    ),
    (
        "accepted_queue_timeout",
        &[
            "pool: client_without_room_at_first_is_served_if_room_comes_in_time",
            "pool: full_queue_without_timeout_answers_503_at_once",
        ],
        REFUSED,
    ),
    (
        "shutdown_timeout",
        &[
            "lifecycle: stop_lets_running_requests_finish_with_close",
            "lifecycle: stop_cuts_requests_that_outlive_shutdown_timeout",
        ],
        REFUSED,
    ),
    (
        "protocol_version",
        &["bodies: a_server_of_1_0_sends_nothing_chunked", "wsgi: environ_has_server_name_and_port"],
        REFUSED,
    ),
    (
        "thread_pool",
        &[
            "pool: the_pool_grows_with_handlers_that_block_and_shrinks_again",
            "regression: a_pool_never_shrinks_below_its_size",
        ],
        REFUSED,
    ),
    (
        "thread_pool_max",
        &["pool: the_pool_does_not_grow_over_its_limit"],
        &[
            "program: each_settings_error_is_one_line",
            "lifecycle: every_setting_that_cannot_be_used_is_refused_by_name",
        ],
    ),
    (
        "max_request_header_size",
        &[
            "limits: a_head_of_the_limit_passes_and_one_byte_more_is_431",
            "limits: the_status_of_a_large_head_can_be_cherrypys",
        ],
        REFUSED,
    ),
    (
        "max_request_body_size",
        &["limits: content_of_the_limit_passes_and_one_byte_more_is_413", "wsgi: content_that_is_too_large_is_a_413"],
        REFUSED,
    ),
    (
        "nodelay",
        &["net/listener: accepted_sockets_inherit_nodelay", "config: values_on_the_edge_resolve"],
        &["program: every_bad_value_is_refused_by_name_from_any_source"],
    ),
    ("ssl_context", &["tls: handler_sees_the_negotiated_tls_parameters"], &["config: a_context_stands_alone"]),
    (
        "ssl_certificate",
        &["environ: tls_keys_equal_those_of_openssl", "tls: certificates_are_replaced_under_load_without_a_failure"],
        &[
            "tls: unusable_certificates_fail_the_start_and_leave_nothing",
            "program: a_certificate_that_cannot_be_read_is_refused_by_check",
        ],
    ),
    ("ssl_certificate_chain", &["tls_files: intermediate_certificates_are_sent"], REFUSED),
    (
        "ssl_private_key",
        &["environ: tls_keys_equal_those_of_openssl"],
        &["tls: unusable_certificates_fail_the_start_and_leave_nothing"],
    ),
    (
        "ssl_ciphers",
        &["net/tls/connections: the_least_version_and_the_ciphers_hold"],
        &[
            "lifecycle: every_setting_that_cannot_be_used_is_refused_by_name",
            "net/tls/loading: ciphers_are_checked_against_keys_and_versions",
        ],
    ),
    ("ssl_module", &["net/tls/other_adapter: registered_adapter_is_used_and_no_other"], REFUSED),
    (
        "peercreds",
        &[
            "environ: environ_has_the_user_of_a_unix_client_unforgeably",
            "identity: each_caller_is_known_by_number_and_name",
        ],
        &["program: every_bad_value_is_refused_by_name_from_any_source"],
    ),
    (
        "peercreds_resolve",
        &[
            "environ: environ_has_the_user_of_a_unix_client_unforgeably",
            "program: the_user_over_a_unix_socket_is_logged",
        ],
        &[
            "identity: credentials_are_not_read_without_the_setting",
            "lifecycle: every_setting_that_cannot_be_used_is_refused_by_name",
        ],
    ),
    (
        "wsgi_version",
        &["wsgi: wsgi_version_selects_the_version", "cheroot: environ_equals_that_of_cheroot_except_for_listed_keys"],
        REFUSED,
    ),
    (
        "statistics",
        &["statistics: times_are_measured_only_while_enabled", "statistics: mixed_load_is_counted_exactly"],
        &["program: every_bad_value_is_refused_by_name_from_any_source"],
    ),
    (
        "instance",
        &["instance: instance_starts_stops_and_restarts_like_the_built_in_server"],
        &["instance: failed_start_reports_to_the_starter_and_to_waiting_threads"],
    ),
    ("httpserver_from_self", &["instance: built_in_server_can_be_used_as_an_instance"], NONE),
    ("start", &["instance: several_servers_share_a_bus_and_a_failure_of_one_ends_the_bus"], NONE),
];

/// No invalid values exist.
const NONE: &[&str] = &[];
const REFUSED: &[&str] = &["lifecycle: every_setting_that_cannot_be_used_is_refused_by_name"];

/// All that the page names.
const PAGE: &str = "accepted_queue_size accepted_queue_timeout base bind_addr httpserver_from_self instance max_request_body_size max_request_header_size nodelay peercreds \
    peercreds_resolve protocol_version shutdown_timeout start statistics socket_file socket_host socket_port socket_queue_size socket_timeout ssl_certificate \
    ssl_certificate_chain ssl_ciphers ssl_context ssl_module ssl_private_key thread_pool thread_pool_max wsgi_version";

#[test]
fn each_attribute_has_its_tests() {
    let names: BTreeSet<&str> = ATTRIBUTES.iter().map(|row| row.0).collect();
    assert_eq!((names.len(), names), (ATTRIBUTES.len(), PAGE.split_whitespace().collect()));
    for (name, effects, refusals) in ATTRIBUTES {
        assert!(!effects.is_empty(), "{name}");
        for test in effects.iter().chain(*refusals) {
            let (file, function) = test.split_once(": ").unwrap();
            assert!(is_test(file, function), "{name}: there is no {function} in {file}");
        }
    }
}

/// True if the file called `file` has a test called `function`.
fn is_test(file: &str, function: &str) -> bool {
    let below = file.replacen("net/tls/", "net/tls/tests/", 1);
    let places = [format!("tests/it/{file}.rs"), format!("src/{file}/tests.rs"), format!("src/{below}.rs")];
    let texts = places.iter().filter_map(|place| fs::read_to_string(Path::new(&home()).join(place)).ok());
    let texts: String = texts.collect();
    let (before, _) = texts.split_once(&format!("fn {function}() {{")).unwrap_or_default();
    before.trim_end().rsplit('\n').take(2).any(|line| line.trim_start().starts_with("#[test]"))
}

#[test]
fn socket_timeout_applies_to_heads_and_content() {
    // The default is as long as a client waits here, so an earlier end comes from the setting.
    let server = TestServer::with(
        |request: &mut Request| std::mem::take(request.body_mut()).into_string(),
        |settings| settings.socket_timeout = Duration::from_millis(200),
    );
    for sent in ["GET / HTTP/1.1\r\nHos", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhal"] {
        let mut client = Client::connect(server.address());
        client.send(sent);
        assert_eq!(client.answer().status, 408, "{sent:?}");
    }
    assert_eq!(Client::connect(server.address()).over(), b"", "a silent client");
    assert_eq!(server.server().statistics().timed_out, 3);
}

#[cfg(feature = "cli")]
mod program {
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::process::Command;

    use socket2::{Domain, SockAddr, Socket, Type};

    use super::Client;
    use crate::place::Place;
    use crate::program::{Program, drupe};

    /// Runs `check` with the program under these settings: from a file, from variables, from flags.
    fn each_way(place: &Place, settings: &[(&str, &str)], check: impl Fn(&str, &mut Command)) {
        let file = place.path("settings.toml");
        let quoted = |value: &str| if value.parse::<u32>().is_ok() { value.to_owned() } else { format!("{value:?}") };
        let lines = settings.iter().map(|(name, value)| format!("server.{name} = {}\n", quoted(value)));
        std::fs::write(&file, lines.collect::<String>()).unwrap();
        check("file", drupe().arg("--config").arg(&file).arg(place.path(".")));
        let variables = settings.iter().map(|(name, value)| (format!("DRUPE_{}", name.to_uppercase()), *value));
        check("environment", drupe().envs(variables).arg(place.path(".")));
        let flags = settings.iter().map(|(name, value)| format!("--{}={value}", name.replace('_', "-")));
        check("flag", drupe().args(flags).arg(place.path(".")));
    }

    #[test]
    fn host_and_port_are_read_from_every_source() {
        let place = Place::new();
        // No other server listens at this address.
        let port = TcpListener::bind(("127.0.0.77", 0)).unwrap().local_addr().unwrap().port();
        let settings = [("socket_host", "127.0.0.77"), ("socket_port", &port.to_string())];
        each_way(&place, &settings, |way, command| {
            let program = Program::start_as_it_is(command);
            assert_eq!(program.address, SocketAddr::from(([127, 0, 0, 77], port)), "{way}");
            assert_eq!(Client::connect(program.address).get("/").status, 200, "{way}");
            assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "{way}");
            program.end();
        });
    }

    #[test]
    fn backlog_is_read_from_every_source() {
        for size in [3_usize, 9] {
            let place = Place::new();
            let socket = place.socket();
            let listen = format!("tcp://127.0.0.1:0,unix:{}", socket.display());
            each_way(&place, &[("socket_queue_size", &size.to_string()), ("listen", &listen)], |way, command| {
                let program = Program::start_as_it_is(command);
                // From now on it accepts nothing.
                program.signal("STOP");
                program.wait_until_stopped();
                let mut kept = Vec::new();
                loop {
                    let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
                    client.set_nonblocking(true).unwrap();
                    match client.connect(&SockAddr::unix(&socket).unwrap()) {
                        Ok(()) => kept.push(client),
                        Err(error) => break assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{way}"),
                    }
                    assert!(kept.len() < 100, "{way}");
                }
                // Linux keeps one more than it is told; a thread that waits in accept may have taken one already.
                assert!((size + 1..=size + 2).contains(&kept.len()), "{way}: {} of {size}", kept.len());
                program.signal("CONT");
                program.end();
            });
        }
    }
}
