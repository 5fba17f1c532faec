//! The table of all settings with a text form, for the command line, the environment and files.

use super::Settings;
use super::addresses::Addresses;
use super::nearest::nearest_of;
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
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the setting's group; the rows of a group are adjacent.
    pub fn group(&self) -> &'static str {
        self.group
    }

    /// Returns the placeholder of a value in help: `SECONDS`, `BYTES`, `COUNT`, `PORT`, `STATUS`,
    /// `NAME`, `NAMES`, `PATH`, `PATHS`, `MODE`, `ADDRESSES`, `PASSWORD`, `VERSION` or `BOOL`.
    pub fn unit(&self) -> &'static str {
        self.unit
    }

    /// Returns one line of help.
    pub fn help(&self) -> &'static str {
        self.help
    }

    /// Returns the value of [`Settings::default`] as text; empty if none is set.
    pub fn default_text(&self) -> String {
        (self.show)(&Settings::default())
    }
}

impl Settings {
    /// Returns a row for every setting with a text form.
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
            None => Err(Error::UnknownSetting { name: name.to_owned(), nearest: nearest(name).map(str::to_owned) }),
        }
    }

    /// Returns the value of the setting called `name`, in a form that [`Settings::set`] reads;
    /// `None` for an unknown name.
    pub fn get(&self, name: &str) -> Option<String> {
        row(name).map(|row| (row.show)(self))
    }
}

/// Returns the row of the setting called `name`.
pub(super) fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

fn nearest(name: &str) -> Option<&'static str> {
    nearest_of(name, TABLE.iter().map(|row| row.name))
}

/// Settings without a row, because they have no text form.
pub(super) const OBJECTS: &[&str] = &["instance", "ssl_context"];

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
        socket_file: Unset<SocketPath> = "Unix socket to listen on instead; @NAME: an abstract one";
        socket_mode: Mode = "permissions of the Unix socket, in octal";
        socket_user: Unset<OneName> = "name or number of the user whom the Unix socket is given";
        socket_group: Unset<OneName> = "name or number of the group whom the Unix socket is given";
        listen: Addresses = "tcp://HOST:PORT, unix:PATH, fd:3, with commas, instead of all these";
        socket_queue_size: Count<u32> = "connections that the kernel keeps until they are accepted";
        reuse_port: Bool = "let several processes listen on the same port";
        nodelay: Bool = "send small answers without waiting for more";
    }
    "time limits" {
        socket_timeout: Seconds = "for a peer, wherever no other time limit is set";
        header_timeout: Unset<Seconds> = "for a whole request head; empty: socket_timeout";
        body_timeout: Unset<Seconds> = "for each stretch of a request body; empty: socket_timeout";
        write_timeout: Unset<Seconds> = "for each stretch of an answer; empty: socket_timeout";
        handshake_timeout: Unset<Seconds> = "for a TLS handshake; empty: socket_timeout";
        keep_alive_timeout: Seconds = "for an idle connection between two requests";
        keep_alive_grace: Seconds = "for a worker to wait for a connection's next request; 0: not at all";
        linger_timeout: Seconds = "for discarding input after an early answer";
        accepted_queue_timeout: Seconds = "for a request to wait for a worker before a 503; 0: none if full";
        shutdown_timeout: Seconds = "for running requests to end when the server stops; 0: cut at once";
    }
    "size limits" {
        max_request_header_size: Bytes<usize> = "request line and header section together";
        max_request_target_size: Bytes<usize> = "request target";
        max_request_header_fields: Count<usize> = "field lines of a request";
        max_request_body_size: Unlimited<Bytes<u64>> = "content of a request; -1: no limit";
        body_buffer_size: Bytes<usize> = "content that is received before the handler runs; 0: none";
        max_parked_size: Unlimited<Bytes<u64>> = "answers that wait for slow clients without a thread, and requests; -1: no limit";
        max_drain_size: Bytes<u64> = "unread content that is dropped so as to keep a connection";
        max_linger_size: Bytes<u64> = "input that is dropped after an early answer";
        minimum_rate: Unlimited<Bytes<u64>> = "a second that a peer must move to be waited for; -1: any";
    }
    "threads and queues" {
        max_connections: Automatic = "that may be open; empty: as descriptors allow, to 65536; -1: no limit";
        keep_alive_conn_limit: Unlimited<Count<usize>> = "connections that may be idle at a time; -1: no limit";
        max_upgraded: Unlimited<Count<usize>> = "connections that may have left HTTP at a time; -1: no limit";
        thread_pool: Count<usize> = "worker threads that are always there";
        thread_pool_max: Unlimited<Count<usize>> = "worker threads that there may be; -1: no limit";
        thread_idle_timeout: Seconds = "after which a worker thread that is not needed ends";
        thread_stack_size: Bytes<usize> = "stack of each worker thread";
        accepted_queue_size: Unlimited<Count<usize>> = "requests that wait for a worker thread; -1: no limit";
    }
    "answers" {
        protocol_version: OneName = "HTTP/1.1 or HTTP/1.0";
        software: Unset<OneName> = "value of the Server field; empty: no such field";
        header_overflow_status: Status = "answer to a request head that is too large, 431 or 413";
    }
    "TLS" {
        ssl_certificate: Unset<Path> = "PEM file of the server's certificate; empty: no TLS";
        ssl_certificate_chain: Unset<Path> = "PEM file of certificates to send after it";
        ssl_private_key: Unset<Path> = "PEM file of its private key; empty: in the certificate's file";
        ssl_private_key_password: Unset<Secret> = "of an encrypted private key, or file: and the file it is in";
        ssl_sni: Certificates = "further certificates for the names in them, as in a.pem:a.key,b.pem";
        ssl_ciphers: Unset<OneName> = "cipher suites that may be used, best first; empty: all safe ones";
        ssl_min_version: OneName = "least version of TLS, TLSv1.2 or TLSv1.3";
        ssl_client_ca: Unset<Path> = "PEM file of what clients' certificates must lead to";
        ssl_verify_mode: Unset<OneName> = "none, optional or required; empty: required with ssl_client_ca";
        ssl_module: OneName = "TLS adapter, builtin or one that a program has registered";
    }
    "identity" {
        peercreds: Bool = "find out who is at the other end of a Unix socket";
        peercreds_resolve: Bool = "find the names of that user and group, when asked";
    }
    "proxies in front" {
        proxy_protocol: Bool = "each connection begins with a PROXY header, version 1 or 2";
        trusted_proxies: NameList = "addresses, networks or unix, with commas; all others are not believed";
        trusted_proxy_count: Count<usize> = "proxies of these that a request passes";
        trusted_proxy_headers: NameList = "forwarded, or x-forwarded-for, x-forwarded-proto, x-forwarded-host";
    }
    "other" {
        statistics: Bool = "measure how long requests take, beside what is counted in any case";
        wsgi_version: GatewayVersion = "version of the WSGI-style gateway: 1.0, u.0 or one of the program's own";
    }
}

#[cfg(test)]
mod tests;
