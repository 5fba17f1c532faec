//! The table of all settings with a text form, for the command line, the environment and files.

use super::Settings;
use super::addresses::Addresses;
use super::nearest::nearest;
use super::text::{
    Automatic, Bool, Bytes, Certificates, Count, GatewayVersion, Mode, NameList, OneName, Path, Port, Seconds, Secret,
    SocketPath, Status, Unlimited, Unset, ValueKind,
};
use crate::error::Error;

/// The description of one setting with a text form.
#[derive(Debug)]
pub struct Row {
    name: &'static str,
    group: &'static str,
    unit: &'static str,
    help: &'static str,
    parse: fn(&mut Settings, &str) -> Result<(), String>,
    show: fn(&Settings) -> String,
}

impl Row {
    /// Returns the setting's name, that of its field in [`Settings`].
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the setting's group; the rows of a group are adjacent.
    #[must_use]
    pub fn group(&self) -> &'static str {
        self.group
    }

    /// Returns the placeholder of a value in help: `SECONDS`, `BYTES`, `COUNT`, `PORT`, `STATUS`,
    /// `NAME`, `NAMES`, `PATH`, `PATHS`, `MODE`, `ADDRESSES`, `PASSWORD`, `VERSION` or `BOOL`.
    #[must_use]
    pub fn unit(&self) -> &'static str {
        self.unit
    }

    /// Returns one line of help.
    #[must_use]
    pub fn help(&self) -> &'static str {
        self.help
    }

    /// Returns the function that shows the setting's value.
    pub(super) fn shows(&self) -> fn(&Settings) -> String {
        self.show
    }

    /// Returns the value of [`Settings::default`] as text; empty if none is set.
    #[must_use]
    pub fn default_text(&self) -> String {
        (self.show)(&Settings::default())
    }
}

impl Settings {
    /// Returns a row for every setting with a text form.
    #[must_use]
    pub fn table() -> &'static [Row] {
        TABLE
    }

    /// Sets the setting called `name` to the text `value`.
    ///
    /// Times are seconds (`0.25`), sizes bytes or with K, M or G (`64K`). `-1` means no limit if
    /// the setting allows no limit, and an empty text unsets an optional setting. Ranges are
    /// checked when a server starts.
    ///
    /// # Errors
    /// [`Error::UnknownSetting`] for a name that is not in the table; [`Error::Setting`] for an
    /// unreadable value, or a setting without a text form. Then no setting is changed.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        if let Some(row) = row(name) {
            return (row.parse)(self, value).map_err(|reason| Error::setting(row.name, reason));
        }
        match OBJECTS.iter().find(|object| **object == name) {
            Some(object) => Err(Error::setting(object, "cannot be written as text, only set by a program")),
            None => {
                Err(Error::UnknownSetting { name: name.to_owned(), nearest: nearest_setting(name).map(str::to_owned) })
            }
        }
    }

    /// Returns the value of the setting called `name`, in a form that [`Settings::set`] reads;
    /// `None` for an unknown name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        row(name).map(|row| (row.show)(self))
    }
}

/// Returns the row of the setting called `name`.
pub(super) fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

fn nearest_setting(name: &str) -> Option<&'static str> {
    nearest(name, TABLE.iter().map(|row| row.name))
}

/// Settings without a row, because they have no text form.
pub(super) const OBJECTS: &[&str] = &["instance", "listen_sockets", "ssl_context"];

macro_rules! table {
    ($($group:literal { $($name:ident: $kind:ty = $help:literal;)* })*) => {
        static TABLE: &[Row] = &[$($(Row {
            name: stringify!($name),
            group: $group,
            unit: <$kind>::UNIT,
            help: $help,
            parse: |settings, text| <$kind>::parse(text).map(|value| settings.$name = value),
            show: |settings| <$kind>::show(&settings.$name),
        },)*)*];
    };
}

table! {
    "listening" {
        socket_host: OneName = "host name or IP address to listen on; 0.0.0.0 or :: for all";
        socket_port: Port = "TCP port to listen on; 0 lets the system choose";
        socket_file: Unset<SocketPath> = "Unix socket to listen on instead; @NAME for an abstract socket";
        socket_mode: Mode = "permissions of the Unix socket, in octal";
        socket_user: Unset<OneName> = "user that owns the Unix socket, by name or number; empty: the server's";
        socket_group: Unset<OneName> = "group that owns the Unix socket, by name or number; empty: the server's";
        listen: Addresses = "addresses instead of host, port and socket_file: tcp://HOST:PORT,unix:PATH,fd:3";
        socket_queue_size: Count<u32> = "backlog: connections that the kernel queues until accepted";
        reuse_port: Bool = "let several processes listen on the same port";
        nodelay: Bool = "send small packets at once (TCP_NODELAY)";
    }
    "time limits" {
        socket_timeout: Seconds = "default of header_timeout, body_timeout, write_timeout and handshake_timeout";
        header_timeout: Unset<Seconds> = "limit for receiving a whole request head; empty: socket_timeout";
        body_timeout: Unset<Seconds> = "longest stall while receiving a request body; empty: socket_timeout";
        write_timeout: Unset<Seconds> = "longest stall while sending an answer; empty: socket_timeout";
        request_timeout: Unset<Seconds> = "limit for a handler, then 503; empty: no limit";
        handshake_timeout: Unset<Seconds> = "limit for a whole TLS handshake; empty: socket_timeout";
        keep_alive_timeout: Seconds = "longest idle time between two requests of a connection";
        keep_alive_grace: Seconds = "how long a worker waits for the next request itself; 0: not at all";
        linger_timeout: Seconds = "limit for discarding input after an early answer";
        accepted_queue_timeout: Seconds = "longest wait of a request for a worker, then 503; 0: none if the queue is full";
        shutdown_timeout: Seconds = "time for requests in progress at a stop; 0: cut at once";
    }
    "size limits" {
        max_request_header_size: Bytes<usize> = "largest request head: request line and header section";
        max_request_target_size: Bytes<usize> = "longest request target";
        max_request_header_fields: Count<usize> = "most field lines in a request head";
        max_request_body_size: Unlimited<Bytes<u64>> = "largest content of a request, then 413; -1: no limit";
        body_buffer_size: Bytes<usize> = "content received before the handler runs; 0: none";
        max_parked_size: Unlimited<Bytes<u64>> = "memory for waiting answers, and again for partial requests; -1: no limit";
        max_drain_size: Bytes<u64> = "most unread content to discard to keep a connection open";
        max_linger_size: Bytes<u64> = "most input to discard after an early answer";
        minimum_rate: Unlimited<Bytes<u64>> = "slowest transfer rate tolerated, bytes per second; -1: any rate";
    }
    "threads and queues" {
        max_connections: Automatic = "most open connections; empty: as descriptors allow, to 65536; -1: no limit";
        keep_alive_conn_limit: Unlimited<Count<usize>> = "most idle connections; -1: no limit";
        max_upgraded: Unlimited<Count<usize>> = "most upgraded connections (WebSocket), then 503; -1: no limit";
        thread_pool: Count<usize> = "least number of worker threads";
        thread_pool_max: Unlimited<Count<usize>> = "most worker threads; -1: no limit";
        thread_idle_timeout: Seconds = "idle time after which a worker above thread_pool ends";
        thread_stack_size: Bytes<usize> = "stack size of each worker thread";
        accepted_queue_size: Unlimited<Count<usize>> = "most requests queued for a worker; more wait beside the queue; -1: no limit";
    }
    "answers" {
        protocol_version: OneName = "highest protocol version: HTTP/1.1 or HTTP/1.0";
        software: Unset<OneName> = "value of the Server field; empty: no Server field";
        header_overflow_status: Status = "status for a request head over a limit: 431 or 413";
        title_case_headers: Bool = "send field names in title case, for old clients";
        answer_silence: Bool = "answer 408 to a client that connects and sends nothing";
        accept_connect: Bool = "pass CONNECT to the handler instead of answering 405";
    }
    "TLS" {
        ssl_certificate: Unset<Path> = "PEM file of the server's certificate; empty: no TLS";
        ssl_certificate_chain: Unset<Path> = "PEM file of intermediate certificates";
        ssl_private_key: Unset<Path> = "PEM file of the private key; empty: in the certificate's file";
        ssl_private_key_password: Unset<Secret> = "password of an encrypted private key, or file:PATH to read it from";
        ssl_sni: Certificates = "more certificates, chosen by host name (SNI), such as a.pem:a.key,b.pem";
        ssl_ciphers: Unset<OneName> = "allowed cipher suites, best first; empty: all safe suites";
        ssl_min_version: OneName = "lowest TLS version: TLSv1.2 or TLSv1.3";
        ssl_client_ca: Unset<Path> = "PEM file of authorities that sign client certificates";
        ssl_verify_mode: Unset<OneName> = "client certificates: none, optional or required; empty: by ssl_client_ca";
        ssl_module: OneName = "TLS adapter: builtin, or the name of a registered adapter";
    }
    "identity" {
        peercreds: Bool = "read process, user and group of each client of a Unix socket";
        peercreds_resolve: Bool = "resolve the names of the user and group on demand";
    }
    "proxies in front" {
        proxy_protocol: Bool = "expect a PROXY header, version 1 or 2, on each connection";
        trusted_proxies: NameList = "trusted proxies: addresses, networks or unix, separated by commas";
        trusted_proxy_count: Count<usize> = "most trusted proxies that a request passes";
        trusted_proxy_headers: NameList = "trusted fields: forwarded, or x-forwarded-for, -proto and -host";
    }
    "other" {
        statistics: Bool = "measure request and work times; counters are always on";
        wsgi_version: GatewayVersion = "version of the WSGI-style gateway: 1.0, u.0 or a registered version";
    }
}

#[cfg(test)]
mod tests;
