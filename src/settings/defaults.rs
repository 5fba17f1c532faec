//! The two sets of initial values.

use std::time::Duration;

use super::Settings;
use super::origins::Origins;

impl Default for Settings {
    /// Returns CherryPy's values, but bounded queues and threads, a longer backlog, an idle timeout
    /// of 75 s, and 431.
    fn default() -> Settings {
        Settings {
            socket_host: SOCKET_HOST.to_owned(),
            socket_port: SOCKET_PORT,
            socket_file: None,
            socket_mode: 0o660,
            socket_user: None,
            socket_group: None,
            listen: Vec::new(),
            listen_sockets: Vec::new(),
            socket_queue_size: 1024,
            reuse_port: false,
            nodelay: true,
            socket_timeout: Duration::from_secs(10),
            header_timeout: None,
            body_timeout: None,
            write_timeout: None,
            request_timeout: None,
            handshake_timeout: None,
            keep_alive_timeout: Duration::from_secs(75),
            keep_alive_grace: Duration::from_millis(2),
            linger_timeout: Duration::from_secs(2),
            accepted_queue_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(5),
            max_request_header_size: 512_000,
            max_request_target_size: 8192,
            max_request_header_fields: 100,
            max_request_body_size: Some(100 << 20),
            body_buffer_size: 64 << 10,
            max_parked_size: Some(256 << 20),
            max_drain_size: 64 << 10,
            max_linger_size: 256 << 20,
            minimum_rate: Some(240),
            max_connections: None,
            keep_alive_conn_limit: None,
            max_upgraded: Some(1024),
            thread_pool: 10,
            thread_pool_max: Some(256),
            thread_idle_timeout: Duration::from_secs(10),
            thread_stack_size: 2 << 20,
            accepted_queue_size: Some(1024),
            protocol_version: "HTTP/1.1".to_owned(),
            software: None,
            header_overflow_status: 431,
            title_case_headers: false,
            answer_silence: false,
            accept_connect: false,
            ssl_certificate: None,
            ssl_certificate_chain: None,
            ssl_private_key: None,
            ssl_private_key_password: None,
            ssl_sni: Vec::new(),
            ssl_ciphers: None,
            ssl_min_version: SSL_MIN_VERSION.to_owned(),
            ssl_client_ca: None,
            ssl_verify_mode: None,
            ssl_context: None,
            ssl_module: "builtin".to_owned(),
            peercreds: false,
            peercreds_resolve: false,
            proxy_protocol: false,
            trusted_proxies: Vec::new(),
            trusted_proxy_count: 1,
            trusted_proxy_headers: Vec::new(),
            instance: None,
            statistics: false,
            wsgi_version: ("1".to_owned(), 0),
            origins: Origins::default(),
        }
    }
}

impl Settings {
    /// True if the program's own sockets are all to listen on: no address is set beside them.
    pub(crate) fn has_only_sockets(&self) -> bool {
        let is_default = self.socket_host == SOCKET_HOST && self.socket_port == SOCKET_PORT;
        !self.listen_sockets.is_empty() && self.listen.is_empty() && self.socket_file.is_none() && is_default
    }

    /// Returns the values documented by CherryPy: no limit on queue and threads, a backlog of 5, an
    /// idle timeout of 10 s, 413 for a head too large.
    ///
    /// Limits unknown to CherryPy, on the target and the number of field lines, have their maximum.
    #[must_use]
    pub fn cherrypy() -> Settings {
        let settings = Settings::default();
        Settings {
            socket_queue_size: 5,
            keep_alive_timeout: settings.socket_timeout,
            max_request_target_size: 65_534,
            max_request_header_fields: 1024,
            thread_pool_max: None,
            accepted_queue_size: None,
            max_connections: Some(usize::MAX),
            header_overflow_status: 413,
            ..settings
        }
    }
}

/// The default of `ssl_min_version`.
pub(crate) const SSL_MIN_VERSION: &str = "TLSv1.2";
/// The default of `socket_host`.
const SOCKET_HOST: &str = "127.0.0.1";
/// The default of `socket_port`.
const SOCKET_PORT: u16 = 8080;
