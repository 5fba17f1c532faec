//! The attributes one by one: what each is for, its default, its range, and what CherryPy has in its place.

use std::path::PathBuf;
use std::time::Duration;

use super::objects::{Instance, SslContext};
use super::origins::Origins;
use crate::address::BindAddr;
use crate::tls::{CertificateFiles, Password};

/// Everything about a server that can be set, with CherryPy's attribute names where CherryPy has the attribute.
///
/// A value takes effect when the server starts or restarts, and is checked then: one that cannot be used is refused with
/// an [`Error::Setting`](crate::Error::Setting) that names it. Where `None` means *no limit*, text says `-1`; any other
/// `None` is an empty text. Unless a field says otherwise, times reach from 1 ms to 365 days, and zero is refused.
///
/// [`Settings::default`] has CherryPy's values but for those known to do harm; [`Settings::cherrypy`] has them all.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Host name or IP address to listen on; `0.0.0.0` stands for every IPv4 address, `::` for every address.
    ///
    /// Default `127.0.0.1`. Never empty; IPv6 is written without brackets. CherryPy: `socket_host`, the same.
    pub socket_host: String,

    /// TCP port to listen on; 0 leaves the choice to the system.
    ///
    /// Default 8080. CherryPy: `socket_port`, the same.
    pub socket_port: u16,

    /// Unix socket to listen on instead of `socket_host` and `socket_port`, which are then ignored.
    ///
    /// Default `None`: TCP. At most 107 bytes. A name of Linux' abstract namespace, which has no file and lets everybody in, begins with
    /// NUL, in text with `@`. A socket that is there already is replaced if nobody answers on it; any other file is left alone, and the
    /// start fails. The file goes when the server stops. CherryPy: `socket_file`, but there whatever is in its place is removed.
    pub socket_file: Option<PathBuf>,

    /// Permissions of the file of a Unix socket, whatever the umask; whoever may write to it may connect.
    ///
    /// Default `0o660`, range 0 to `0o777`; text is octal. CherryPy: not there, 0777 less the umask.
    pub socket_mode: u32,

    /// Name or number of the user whom the file of a Unix socket is given.
    ///
    /// Default `None`: the one who runs the server. CherryPy: not there.
    pub socket_user: Option<String>,

    /// Name or number of the group whom the file of a Unix socket is given.
    ///
    /// Default `None`: that of the server, or of the directory where it hands its own on. CherryPy: not there.
    pub socket_group: Option<String>,

    /// Everything to listen on, instead of `socket_file`, `socket_host` and `socket_port`, which are then ignored: several addresses of any
    /// kind, sockets that systemd has opened among them.
    ///
    /// Default empty: not instead. In text `tcp://host:port`, `unix:/path`, `unix:@name`, `fd:3`, with commas between them; `fd:NAME` stands
    /// for the descriptors with a name in `LISTEN_FDNAMES`, `fd:*` for all that were passed. No address twice, but for TCP with port 0.
    /// The file of a socket that was passed is not removed; its flag `O_NONBLOCK`, which all its owners share, is set while the server
    /// listens, and cleared again at the end if it was not set before. CherryPy: not there; it takes descriptor 3 unasked if `LISTEN_PID` is set.
    pub listen: Vec<BindAddr>,

    /// Connections that the kernel keeps until they are accepted; it may cut the number down (`somaxconn`).
    ///
    /// Default 1024, range 1 to 2147483647. CherryPy: `socket_queue_size`, 5, at which small bursts are turned away.
    pub socket_queue_size: u32,

    /// Whether several processes may listen on the same port (`SO_REUSEPORT`).
    ///
    /// Default `false`. CherryPy: not there; cheroot: `reuse_port`.
    pub reuse_port: bool,

    /// Whether small answers are sent without waiting for more (`TCP_NODELAY`).
    ///
    /// Default `true`. CherryPy: `nodelay`, the same.
    pub nodelay: bool,

    /// Time limit for everything a peer is waited for, unless one of the next four is set.
    ///
    /// Default 10 s. CherryPy: `socket_timeout`, the same, but there each byte starts it anew, and it is also the limit of
    /// an idle connection, here `keep_alive_timeout`.
    pub socket_timeout: Duration,

    /// Time within which a whole request head arrives, from its first byte; for the first from the accept, or the end of the TLS handshake.
    /// Then 408.
    ///
    /// Default `None`: as `socket_timeout`. CherryPy: not there.
    pub header_timeout: Option<Duration>,

    /// Time within which each stretch of a request body arrives; then 408.
    ///
    /// Default `None`: as `socket_timeout`. CherryPy: not there.
    pub body_timeout: Option<Duration>,

    /// Time within which the peer takes each stretch of an answer; then the connection is closed.
    ///
    /// Default `None`: as `socket_timeout`. CherryPy: not there.
    pub write_timeout: Option<Duration>,

    /// Time within which a TLS handshake is done, from the accept; then the connection is closed.
    ///
    /// Default `None`: as `socket_timeout`. CherryPy: `socket_timeout`, while nobody else is served.
    pub handshake_timeout: Option<Duration>,

    /// Time a connection may be idle between two requests before it is closed.
    ///
    /// Default 75 s: longer than a load balancer's 60 s, which must be the first to close. CherryPy: `socket_timeout`.
    pub keep_alive_timeout: Duration,

    /// Time a worker waits for the next request of a connection that has kept it busy alone, before it parks the connection. All
    /// others are parked at once.
    ///
    /// Default 2 ms, range 0, which parks at once, to 100 ms; never above `keep_alive_timeout`. CherryPy: not there.
    pub keep_alive_grace: Duration,

    /// Time for which, at the most, input is discarded: after an early answer, so that the peer can read it, and after any other, of what its
    /// handler has left unread.
    ///
    /// Default 2 s. CherryPy: not there.
    pub linger_timeout: Duration,

    /// Time that a request waits for a worker thread, in the queue or beside a full one, before it is answered with 503.
    ///
    /// Default 10 s; less than 10 ms counts as that. With 0 a request that finds the queue full is answered at once; one in it waits 10 s.
    /// CherryPy: `accepted_queue_timeout`, which counts only the time beside a full queue.
    pub accepted_queue_timeout: Duration,

    /// Time that a stop leaves to the requests being served, and to connections that have left HTTP, before their connections are cut.
    ///
    /// Default 5 s, from 0, which cuts at once. An answer that only the end of its connection would end, as in HTTP/1.0, is cut by a reset.
    /// CherryPy: `shutdown_timeout`, the same, but there it is no upper bound.
    pub shutdown_timeout: Duration,

    /// Bytes of a request head, its request line included; above it, `header_overflow_status`.
    ///
    /// Default 512000, range 64 to 1 GiB. CherryPy: `max_request_header_size`, the same.
    pub max_request_header_size: usize,

    /// Bytes of a request target; above it, 414.
    ///
    /// Default 8192, range 1 to 65534 (no longer one fits [`http::Uri`]). CherryPy: not there.
    pub max_request_target_size: usize,

    /// Field lines of a request head; above it, `header_overflow_status`.
    ///
    /// Default 100, range 1 to 1024. CherryPy: not there.
    pub max_request_header_fields: usize,

    /// Bytes of a request's content; above it, 413.
    ///
    /// Default 104857600 (100 MiB), at least 1; `None`: no limit. CherryPy: `max_request_body_size`, the same; 0 is
    /// refused here because there it means no limit.
    pub max_request_body_size: Option<u64>,

    /// Bytes of a request's content that are received before its handler runs; what is more is received while the handler reads.
    ///
    /// A client that is slow to send them costs no thread. A client that waits for `100 Continue`
    /// gets it before the handler runs.
    ///
    /// With 0, a handler that answers before it has read all, as in a conversation, gets each piece
    /// as it comes. Its first read sends `100 Continue`, so it can refuse a request before the
    /// client sends any content. Each upload then holds a thread.
    ///
    /// Default 65536, range 0 (none) to 1 GiB. CherryPy: not there, always none.
    pub body_buffer_size: usize,

    /// Bytes of memory that all answers together hold while they wait for slow clients without a thread. Above it an answer is waited for
    /// by its thread.
    ///
    /// An answer counts with its whole allocation for as long as that is held, however little is left to send. When less than an eighth is
    /// left, or 16 KiB, the rest is copied and the allocation freed. Constants count nothing, and [`Bytes`](bytes::Bytes) that several
    /// answers share count once. On top come at most one answer for each thread, and about 2 KiB for each connection.
    ///
    /// As many bytes again may be held of requests that slow clients have not sent whole. Above that, content is waited for by its thread; who
    /// has sent more than 8 KiB of a head that is not whole gets 503 with `Retry-After`, and who has sent so much behind a request whose
    /// answer he does not take gets no other (`turned_away` in the statistics counts both).
    ///
    /// Besides, files that wait so take at most a quarter of the descriptors that the process may have (`RLIMIT_NOFILE`).
    ///
    /// Default 268435456 (256 MiB), at least 1; `None`: no limit. CherryPy: not there, every answer has its thread.
    pub max_parked_size: Option<u64>,

    /// Bytes of content left unread by a handler that are read and dropped so as to keep the connection.
    ///
    /// Default 65536, range 1 to 1 GiB. CherryPy: not there, always everything.
    pub max_drain_size: u64,

    /// Bytes a peer may still send after an early answer; what is more cuts the connection before the peer has read it.
    ///
    /// Default 268435456 (256 MiB), range 1 to 1 TiB: what is dropped costs no memory, and `linger_timeout` bounds the
    /// time. CherryPy: not there.
    pub max_linger_size: u64,

    /// Bytes a second that a peer must move, on the average, in either direction, to be waited for.
    ///
    /// Time that the server spends on waiting is paid out of `body_timeout` or `write_timeout`, and is earned back at this rate.
    /// Default 240, range 1 to 1 GiB; `None`: any byte earns all of it back. CherryPy: not there.
    ///
    /// If all threads are taken and requests wait, the slowest peers that a thread has waited for, a second or more, give way,
    /// whatever their rate, one for each request: content ends with 408, an answer in the middle.
    pub minimum_rate: Option<u64>,

    /// Connections that may be open at a time. One more takes the place of the one that has been silent for longest since it was
    /// accepted, or else of the one that has been idle between requests for longest; if there is neither, it is answered with 503,
    /// or, if TLS is spoken, closed. A request that has come is answered first.
    ///
    /// Default `None`: the limit of descriptors at the start (`RLIMIT_NOFILE`) less a quarter, of 16 to 1024, at most 65536. Range 1
    /// to 16777216; `usize::MAX`, in text `-1`: no limit. A value above the limit of descriptors is taken with a warning; connections
    /// give way when they run out. The program `drupe` raises its soft limit to the hard one; an embedded server does not.
    pub max_connections: Option<usize>,

    /// Connections that may be idle between two requests; with one more, the one that has been idle for longest is closed.
    ///
    /// Default `None`, no limit but `max_connections`: an idle connection costs no thread. Range 0, which keeps none, to 16777216.
    /// cheroot: `keep_alive_conn_limit`, 10.
    pub keep_alive_conn_limit: Option<usize>,

    /// Connections that may have left HTTP by [`upgrade`](crate::upgrade()), each with a thread of its own beside `thread_pool_max`; one
    /// more is answered with 503 and `Retry-After`, and closed. Default 1024, range 0 to 1000000; `None`: no limit but `max_connections`.
    pub max_upgraded: Option<usize>,

    /// Worker threads that are started, and kept.
    ///
    /// Default 10, range 1 to 1000000. CherryPy: `thread_pool`, the same.
    pub thread_pool: usize,

    /// Worker threads that there may be when connections have to wait for one.
    ///
    /// Default 256, range `thread_pool` to 1000000; `None`: no limit. CherryPy: `thread_pool_max`, -1 (no limit), which
    /// has no effect there.
    pub thread_pool_max: Option<usize>,

    /// Time after which a worker thread above `thread_pool` ends when there is nothing to do.
    ///
    /// Default 10 s. CherryPy: not there.
    pub thread_idle_timeout: Duration,

    /// Bytes of stack of each worker thread.
    ///
    /// Default 2097152 (2 MiB), range 64 KiB to 1 GiB. CherryPy: not there.
    pub thread_stack_size: usize,

    /// Requests that may wait for a worker thread; the next ones wait beside the queue, for `accepted_queue_timeout` at most.
    ///
    /// Default 1024, range 1 to 1000000; `None`: no limit. CherryPy: `accepted_queue_size`, -1 (no limit).
    pub accepted_queue_size: Option<usize>,

    /// HTTP version that answers name and that limits what is used: `HTTP/1.1` or `HTTP/1.0`.
    ///
    /// Default `HTTP/1.1`. With `HTTP/1.0` nothing is chunked and a connection persists only if the client asks.
    /// CherryPy: `protocol_version`, the same.
    pub protocol_version: String,

    /// Value of the `Server` field of answers; visible ASCII.
    ///
    /// Default `None`: no such field. CherryPy: not there; cheroot: `software`, its name and version.
    pub software: Option<String>,

    /// Status of the answer to a head with too many bytes or field lines: 431 or 413.
    ///
    /// Default 431 (RFC 6585 §5). CherryPy: not there, 413, or 414 where it is met in the request line.
    pub header_overflow_status: u16,

    /// File of the server's certificate, in PEM: with it, or with `ssl_context`, TLS is spoken, and nothing but TLS.
    ///
    /// The server's own certificate comes first, those above it may follow. A certificate that has expired is used, with a warning.
    /// The files are read at each start and at each reload, and never in between. Default `None`: no TLS; any of the settings below is
    /// then refused. Needs the feature `tls` or `tls-aws-lc`. CherryPy: `ssl_certificate`, the same.
    pub ssl_certificate: Option<PathBuf>,

    /// File of certificates between the server's and its root, in PEM, to be sent after those of `ssl_certificate`.
    ///
    /// Default `None`. CherryPy: `ssl_certificate_chain`, there the certificates that clients are verified with, here `ssl_client_ca`.
    pub ssl_certificate_chain: Option<PathBuf>,

    /// File of the certificate's private key, in PEM: PKCS#8, PKCS#1 or SEC 1, of RSA, ECDSA or Ed25519.
    ///
    /// Default `None`: the key is in the file `ssl_certificate`. A key without a certificate is refused; one that every user may read is
    /// used, with a warning, unless it is encrypted. CherryPy: `ssl_private_key`, the same, but without a certificate there is no TLS
    /// there.
    pub ssl_private_key: Option<PathBuf>,

    /// What the private keys are encrypted with (PKCS#8; feature `tls-encrypted-keys`). Where a key is not, it does nothing.
    ///
    /// In text it is the password itself, or `file:` and the path of a file whose first line it is: what stands on a command line
    /// everybody on the machine can see. Default `None`: an encrypted key is refused, nobody is asked. CherryPy: not there; cheroot:
    /// `private_key_password`.
    pub ssl_private_key_password: Option<Password>,

    /// Further certificates, each for the names that are in it (subjectAltName): a client that asks for one of those (SNI) is shown it,
    /// any other client the one of `ssl_certificate`.
    ///
    /// A name itself goes before a `*` in its place. Two certificates may have the same name and keys of different kinds: a client is
    /// shown the first whose key it understands. In text, files are separated by commas, and a certificate's file from that of its key
    /// by a colon: `a.pem:a.key,b.pem`. Default empty. CherryPy: not there.
    pub ssl_sni: Vec<CertificateFiles>,

    /// Names of the cipher suites that may be used, the best first; separated by colons, commas or blanks.
    ///
    /// OpenSSL's names and those of IANA, and of OpenSSL's language `ALL`, `DEFAULT`, `HIGH`, `ECDHE`, `ECDSA`, `aRSA`, `AES`,
    /// `AES128`, `AES256`, `AESGCM`, `CHACHA20`, `TLSv1.2` and `TLSv1.3`, joined by `+`, excluded by `!` or `-`. As there, a list without
    /// any name of TLS 1.3 leaves the suites of TLS 1.3 as they are. What is not known, or selects nothing, is refused.
    /// Default `None`: all of them, AES before ChaCha20; the client's order never counts. CherryPy: `ssl_ciphers`, the same; its module for pyOpenSSL ignores it.
    pub ssl_ciphers: Option<String>,

    /// The least version of TLS that may be used: `TLSv1.2` or `TLSv1.3`.
    ///
    /// Default `TLSv1.2`; nothing below it can be had. CherryPy: not there.
    pub ssl_min_version: String,

    /// File of certificates, in PEM, that a client's certificate has to lead to.
    ///
    /// Default `None`: clients are not asked for one. CherryPy: not there, but see `ssl_certificate_chain`.
    pub ssl_client_ca: Option<PathBuf>,

    /// What is asked of clients: `none`, `optional` or `required`. A certificate that does not lead to `ssl_client_ca` never gets through.
    ///
    /// Default `None`: `required` with `ssl_client_ca`, else `none`. CherryPy: not there.
    pub ssl_verify_mode: Option<String>,

    /// A complete TLS configuration, or a certificate and a key in memory, instead of the files.
    ///
    /// Default `None`. Not together with `ssl_certificate`. CherryPy: `ssl_context`, the same, but its default module needs the files too.
    pub ssl_context: Option<SslContext>,

    /// Name of the TLS adapter: `builtin`, or one that the program has made known by [`tls::register`](crate::tls::register).
    ///
    /// Default `builtin`, which is rustls. CherryPy: `ssl_module`, `builtin` or `pyopenssl`.
    pub ssl_module: String,

    /// Whether it is found out which process, user and group connects to a Unix socket: [`Peer::Unix`](crate::Peer::Unix) then has
    /// its [`Credentials`](crate::Credentials), and the access log its user.
    ///
    /// It is whoever has connected: where a proxy does, that is the proxy, for whomever it asks, and nothing can be decided by it. For
    /// clients that `proxy_protocol` announces it is left out.
    ///
    /// Default `false`. Of clients over TCP nothing is known either way. CherryPy: `peercreds`, the same.
    pub peercreds: bool,

    /// Whether the names of that user and its groups can be asked for; they are looked up when they are, and for the access log.
    ///
    /// Default `false`. Needs `peercreds`: refused without it. CherryPy: `peercreds_resolve`, the same, but without `peercreds` it is
    /// off there, and a number without a name makes each request fail.
    pub peercreds_resolve: bool,

    /// Whether every connection begins with a header of the PROXY protocol, version 1 or 2, which says who the client is.
    ///
    /// Nothing is guessed: one without a sound header is closed without an answer, and counted. The header comes out of the time for the
    /// first head, or for the TLS handshake. It is believed of the `trusted_proxies`, or, if there are none, of whoever can connect: then nobody else must.
    ///
    /// Default `false`. CherryPy: not there.
    pub proxy_protocol: bool,

    /// Proxies in front: addresses, networks (`10.0.0.0/8`, `2001:db8::/32`; `::/0` is every address of both families), and `unix` for
    /// whatever comes over a Unix socket. They are believed what `trusted_proxy_headers` names, and a header of `proxy_protocol`.
    ///
    /// From all others, fields that only a proxy has any business with are removed before a handler sees them: `Forwarded`, all that begin
    /// with `X-Forwarded-`, and whatever else `trusted_proxy_headers` names; with underscores for hyphens too.
    ///
    /// Default empty: nobody is believed, and nothing is removed. waitress: `trusted_proxy`, a single one; CherryPy: a tool, for anybody.
    pub trusted_proxies: Vec<String>,

    /// How many trusted proxies a request passes: so many entries, counted from the last, are theirs.
    ///
    /// Default 1, range 1 to 64. waitress: `trusted_proxy_count`, the same.
    pub trusted_proxy_count: usize,

    /// Fields that `trusted_proxies` are believed: those that they set, or add to, with each request, whatever the client has sent.
    ///
    /// Either `forwarded` (RFC 7239), or some of `x-forwarded-for`, `x-forwarded-proto` and `x-forwarded-host`, say what
    /// [`RequestExt`](crate::RequestExt) has as `client`, `scheme` and `host`; both is refused, because they may differ. A field that does so
    /// and cannot be understood is a 400. Other names, such as `x-real-ip`, only say which fields are left to the handler, and are removed
    /// where they come from anybody else.
    ///
    /// Default empty: has to be set where `trusted_proxies` is, unless `proxy_protocol` is. waitress: `trusted_proxy_headers`, the same.
    pub trusted_proxy_headers: Vec<String>,

    /// The HTTP server to control instead of the built-in one.
    ///
    /// It is told where these settings would listen; `shutdown_timeout` is the controller's, and all else its own affair.
    ///
    /// Default `None`. CherryPy: `instance`, the same.
    pub instance: Option<Instance>,

    /// Whether it is measured how long requests take, and how long workers are at them; everything else that
    /// [`Statistics`](crate::statistics::Statistics) has is counted in any case.
    ///
    /// Default `false`: it costs reading the clock. It can be switched while the server runs
    /// ([`ServerHandle::resume_statistics`](crate::ServerHandle::resume_statistics)). CherryPy: `statistics`, without which nothing is counted.
    pub statistics: bool,

    /// Version of the gateway that [`Server::wsgi`](crate::Server::wsgi) uses: `("1", 0)`, `("u", 0)`, or one made known by
    /// [`wsgi::register`](crate::wsgi::register); any other is refused.
    ///
    /// Default `("1", 0)`. CherryPy: `wsgi_version`, `(1, 0)` or `('u', 0)`, of which the second fails there.
    pub wsgi_version: (String, u32),

    /// Where the values come from that were not set by the program; the crate's own tests name it by `..`.
    pub(crate) origins: Origins,
}
