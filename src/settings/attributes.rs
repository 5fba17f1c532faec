//! The attributes of a server: purpose, default, range, and the CherryPy equivalent of each.

use std::path::PathBuf;
use std::time::Duration;

use super::objects::{Instance, SslContext};
use super::origins::Origins;
use crate::address::BindAddr;
use crate::net::given::ListeningSocket;
use crate::tls::{CertificateFiles, Password};

/// All settings of a server, with CherryPy's attribute names for attributes of CherryPy.
///
/// A value is checked and takes effect when the server starts or restarts. An unusable value is
/// refused with an [`Error::Setting`](crate::Error::Setting) that names the setting. A `None` for
/// *no limit* is written `-1` in text; any other `None` is an empty text. Unless a field says
/// otherwise, times range from 1 ms to 365 days, and zero is refused.
///
/// [`Settings::default`] gives CherryPy's values, except those known to do harm;
/// [`Settings::cherrypy`] gives all of CherryPy's values. A literal needs `..`, because later
/// versions may have more settings:
///
/// ```
/// use std::time::Duration;
/// use drupe::{Request, Server, Settings};
///
/// let mut server = Server::new(|_request: &mut Request| "hello\n");
/// server.settings = Settings {
///     socket_port: 0,
///     header_timeout: Some(Duration::from_secs(5)),
///     ..Settings::default()
/// };
/// # server.start().unwrap();
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Host name or IP address to listen on; `0.0.0.0` stands for every IPv4 address, `::` for
    /// every address, and a name for all of its addresses: `localhost` often has `127.0.0.1` and
    /// `::1`. An IPv4 client of `::` has an IPv4 address everywhere, not `::ffff:192.0.2.1`.
    ///
    /// Default `127.0.0.1`. Never empty; IPv6 is written without brackets. CherryPy: `socket_host`,
    /// the same.
    pub socket_host: String,

    /// TCP port to listen on; 0 lets the system choose.
    ///
    /// Default 8080. CherryPy: `socket_port`, the same.
    pub socket_port: u16,

    /// Unix socket to listen on instead of `socket_host` and `socket_port`, which are then ignored.
    ///
    /// Default `None`: TCP. At most 107 bytes, 103 on systems other than Linux. A name in Linux'
    /// abstract namespace begins with NUL, written `@` in text; an abstract socket has no file and
    /// admits every local process. An existing socket is replaced if no server answers on the
    /// socket. Any other existing file is kept, and the start fails. The server removes the file
    /// when the server stops. CherryPy: `socket_file`, but CherryPy removes any existing file.
    pub socket_file: Option<PathBuf>,

    /// Permissions of the file of a Unix socket, regardless of the umask. A process needs write
    /// permission to connect.
    ///
    /// Default `0o660`, range 0 to `0o777`; text is octal. Not in CherryPy, which uses 0777 less
    /// the umask.
    pub socket_mode: u32,

    /// Name or number of the user to own the file of a Unix socket.
    ///
    /// Default `None`: the user of the server process. Not in CherryPy.
    pub socket_user: Option<String>,

    /// Name or number of the group to own the file of a Unix socket.
    ///
    /// Default `None`: the group of the server process, or of a directory with the setgid bit. Not
    /// in CherryPy.
    pub socket_group: Option<String>,

    /// All addresses to listen on, instead of `socket_file`, `socket_host` and `socket_port`, which
    /// are then ignored: any number of addresses of any kind, including sockets opened by systemd.
    ///
    /// Default empty: the other settings apply. In text `host:port` or `tcp://host:port`,
    /// `unix:/path`, `unix:@name`, `fd:3`, separated by commas, as [`BindAddr`] is parsed;
    /// `fd:NAME` stands for the descriptors with a name in `LISTEN_FDNAMES`, `fd:*` for all passed
    /// descriptors. Duplicate addresses are refused, except TCP with port 0. If `0.0.0.0` has the
    /// same port, here or in another server on the same bus, `::` takes IPv6 clients only. If an
    /// unrelated server or process has it, the start fails. The server does not remove the file of
    /// a passed socket. The server sets `O_NONBLOCK`, a flag shared by all owners of the socket,
    /// while listening, and clears the flag at the end if it was not set before. Not in CherryPy,
    /// which takes descriptor 3 unasked if `LISTEN_PID` is set.
    pub listen: Vec<BindAddr>,

    /// Listening sockets that the program has opened itself, beside the addresses of the settings
    /// above; [`Server::listen_on`](crate::Server::listen_on) adds one.
    ///
    /// Default empty. If `socket_host`, `socket_port`, `socket_file` and `listen` all have their
    /// defaults, the server listens on these sockets only; name `127.0.0.1:8080` in `listen` to have
    /// it as well. A [`restart`](crate::Server::restart) keeps the sockets open. A stop closes them,
    /// and so does a restart that fails; another start with a closed socket fails. After a start
    /// that fails, the sockets stay as they were. The flag `O_NONBLOCK` is handled as for passed
    /// sockets in `listen`; backlog, `reuse_port` and the file of a Unix socket are left to the
    /// program. Only a program can set it. Not in CherryPy.
    pub listen_sockets: Vec<ListeningSocket>,

    /// Length of the kernel's backlog of connections to be accepted; the kernel may reduce the
    /// number (`somaxconn`).
    ///
    /// Default 1024, range 1 to 2147483647. CherryPy: `socket_queue_size`, 5, too few for small
    /// bursts.
    pub socket_queue_size: u32,

    /// True if several processes may listen on the same port (`SO_REUSEPORT`).
    ///
    /// Default `false`. Not in CherryPy; cheroot: `reuse_port`.
    pub reuse_port: bool,

    /// True to send small answers without waiting for more data (`TCP_NODELAY`).
    ///
    /// Default `true`. CherryPy: `nodelay`, the same.
    pub nodelay: bool,

    /// Time limit for every wait for a peer: the default of `header_timeout`, `body_timeout`,
    /// `write_timeout` and `handshake_timeout`.
    ///
    /// Default 10 s. CherryPy: `socket_timeout`, the same, but each byte restarts CherryPy's limit,
    /// and the limit also applies to an idle connection, here `keep_alive_timeout`.
    pub socket_timeout: Duration,

    /// Time limit for a whole request head, from the head's first byte; then 408. For the first
    /// request of a connection, the limit starts at the accept or at the end of the TLS handshake.
    /// If no byte of that head comes, the connection is closed without an answer or a log line.
    ///
    /// Default `None`: as `socket_timeout`. Not in CherryPy.
    pub header_timeout: Option<Duration>,

    /// The longest stall while reading a request body; then 408.
    ///
    /// Default `None`: as `socket_timeout`. Not in CherryPy.
    pub body_timeout: Option<Duration>,

    /// The longest stall while the peer receives an answer; then the connection is closed.
    ///
    /// Default `None`: as `socket_timeout`. Not in CherryPy.
    pub write_timeout: Option<Duration>,

    /// Time limit for a handler; then the client gets a 503 with `Retry-After: 1`, and the
    /// connection is closed after it.
    ///
    /// The time begins with the call of the handler and ends with its return. The wait for a
    /// worker, and the receipt of content before the handler runs, do not count. The sending of the
    /// response does not count either, even of a [`Body::stream`](crate::Body::stream):
    /// [`write_timeout`](Self::write_timeout) limits the sending. A limit of
    /// [`Handler::within`](crate::Handler::within) or of a router applies in place of this one.
    ///
    /// The server cannot end a thread. A handler beyond its limit goes on, keeps its locks, and may
    /// still carry out the request. Until the handler returns, its worker counts as lost, and the
    /// server may start another worker instead, up to twice
    /// [`thread_pool_max`](Self::thread_pool_max) in all. The response of the handler is dropped;
    /// layers around the handler see the response as usual. The access log gets the line with the
    /// 503 when the handler returns.
    ///
    /// The connection is cut without a 503 in these cases:
    /// - the handler has begun its answer, as a WSGI application can;
    /// - answers to earlier pipelined requests are still unsent;
    /// - the client waits for `100 Continue`;
    /// - the client reads too slowly to take the 503 at once.
    ///
    /// If the answer has begun over plain TCP, the server resets the connection when the handler
    /// returns.
    ///
    /// Default `None`: no limit; range 1 ms to 1 year. CherryPy had `response.timeout` until
    /// version 17, without an answer before the handler returned.
    pub request_timeout: Option<Duration>,

    /// Time limit for a TLS handshake, from the accept; then the connection is closed.
    ///
    /// Default `None`: as `socket_timeout`. CherryPy: `socket_timeout`; CherryPy serves no other
    /// client during a handshake.
    pub handshake_timeout: Option<Duration>,

    /// Idle timeout of a connection between two requests; then the connection is closed.
    ///
    /// Default 75 s: longer than the usual 60 s of a load balancer, which must close first.
    /// CherryPy: `socket_timeout`.
    pub keep_alive_timeout: Duration,

    /// Time a worker waits for the next request of a connection before parking the connection, if
    /// that connection was the only active one for several requests. All other connections are
    /// parked at once.
    ///
    /// Default 2 ms, range 0 (parks at once) to 100 ms; never above `keep_alive_timeout`. Not in
    /// CherryPy.
    pub keep_alive_grace: Duration,

    /// Time limit for discarding input. Input is discarded after an early answer, so that the peer
    /// can read the answer, and after any other answer if the handler has left content unread.
    ///
    /// Default 2 s. Not in CherryPy.
    pub linger_timeout: Duration,

    /// Time a request waits for a worker thread, in the queue or beside a full queue, before a 503
    /// with `Retry-After: 1`.
    ///
    /// Default 10 s; values below 10 ms count as 10 ms. With 0, a request is refused at once if the
    /// queue is full; a request in the queue waits up to 10 s. CherryPy: `accepted_queue_timeout`,
    /// which counts only the time beside a full queue.
    pub accepted_queue_timeout: Duration,

    /// Time a stop leaves to running requests, and to connections that have left HTTP, before the
    /// server cuts their connections.
    ///
    /// Default 5 s, from 0 (cuts at once). An answer delimited by the end of the connection, as in
    /// HTTP/1.0, is cut by a reset. CherryPy: `shutdown_timeout`, the same, but not an upper bound.
    pub shutdown_timeout: Duration,

    /// Maximum bytes of a request head, including the request line; above it,
    /// `header_overflow_status`.
    ///
    /// Default 512000, range 64 to 1 GiB. CherryPy: `max_request_header_size`, the same.
    pub max_request_header_size: usize,

    /// Maximum bytes of a request target; above it, 414.
    ///
    /// Default 8192, range 1 to 65534 (the maximum of [`http::Uri`]). Not in CherryPy.
    pub max_request_target_size: usize,

    /// Maximum number of field lines of a request head; above it, `header_overflow_status`.
    ///
    /// Default 100, range 1 to 1024. Not in CherryPy.
    pub max_request_header_fields: usize,

    /// Maximum bytes of a request's content; above it, 413.
    ///
    /// Default 104857600 (100 MiB), at least 1; `None`: no limit. CherryPy:
    /// `max_request_body_size`, the same; 0 is refused here because 0 means no limit in CherryPy.
    ///
    /// Text, JSON and forms are under a lower limit: see
    /// [`RequestExt::text`](crate::RequestExt::text).
    pub max_request_body_size: Option<u64>,

    /// Bytes of a request's content received before the handler runs; further content is received
    /// while the handler reads.
    ///
    /// Buffered content costs no thread while a slow client sends. A client waiting for
    /// `100 Continue` gets it before the handler runs.
    ///
    /// With 0, a handler that answers before reading all content, as in a conversation, gets each
    /// piece on arrival. The handler's first read sends `100 Continue`, so the handler can refuse a
    /// request before the client sends any content. Each upload then holds a thread.
    ///
    /// Default 65536, range 0 (none) to 1 GiB. Not in CherryPy, which buffers none.
    pub body_buffer_size: usize,

    /// Bytes of memory for all answers that wait for slow clients without a thread. Above the
    /// limit, each further answer holds a thread until sent.
    ///
    /// An answer counts with its whole allocation until the allocation is freed, however little is
    /// left to send. When less than an eighth or 16 KiB is left, the server copies the rest and
    /// frees the allocation. Constants count nothing; [`Bytes`](bytes::Bytes) shared by several
    /// answers count once. In addition there is at most one answer for each thread, and about 2 KiB
    /// for each connection. Content that waits in [`Body::channel`](crate::Body::channel)s counts
    /// too; at the limit, senders get [`SendError::Full`](crate::stream::SendError::Full).
    ///
    /// The same limit applies once more to incomplete requests of slow clients. Above that limit:
    /// - a thread waits for the content of a request;
    /// - a client gets 503 with `Retry-After` after more than 8 KiB of an incomplete head;
    /// - a client that leaves its answer unread and goes on sending gets no further answer.
    ///
    /// `turned_away` in the statistics counts the last two.
    ///
    /// Files that wait for slow clients use at most a quarter of the process's descriptors
    /// (`RLIMIT_NOFILE`).
    ///
    /// Default 268435456 (256 MiB), at least 1; `None`: no limit. Not in CherryPy: every answer
    /// holds a thread.
    pub max_parked_size: Option<u64>,

    /// Maximum bytes of content, left unread by a handler, to read and drop so as to keep the
    /// connection.
    ///
    /// Default 65536, range 1 to 1 GiB. Not in CherryPy, which reads everything.
    pub max_drain_size: u64,

    /// Maximum bytes a peer may still send after an early answer. Above the limit the connection is
    /// cut, possibly before the peer has read the answer.
    ///
    /// Default 268435456 (256 MiB), range 1 to 1 TiB: dropped bytes cost no memory, and
    /// `linger_timeout` bounds the time. Not in CherryPy.
    pub max_linger_size: u64,

    /// Minimum average rate of a peer in bytes a second, in either direction.
    ///
    /// Waiting for a peer uses up `body_timeout` or `write_timeout`; transferred bytes restore the
    /// time at this rate. Default 240, range 1 to 1 GiB; `None`: any byte restores all of the time.
    /// Not in CherryPy.
    ///
    /// If all threads are busy and requests wait, the server ends the slowest transfers, one for
    /// each waiting request. Only peers that a thread has waited for, a second or more, are chosen,
    /// regardless of rate. A request body ends with 408, an answer is cut in the middle.
    pub minimum_rate: Option<u64>,

    /// Maximum number of open connections. A further connection evicts another without unread
    /// input:
    /// - the connection silent for longest since the accept, or else
    /// - the connection idle between requests for longest.
    ///
    /// If there is neither, the new connection gets 503, or is closed if TLS is on.
    ///
    /// Default `None`: the limit of descriptors at the start (`RLIMIT_NOFILE`) less a quarter (at
    /// least 16, at most 1024), and at most 65536. Range 1 to 16777216; `usize::MAX`, in text `-1`:
    /// no limit. A value above the limit of descriptors is accepted with a warning; connections are
    /// evicted when descriptors run out. The program `drupe` raises its soft limit to the hard
    /// limit; an embedded server does not.
    pub max_connections: Option<usize>,

    /// Maximum number of connections idle between two requests; above it, the connection idle for
    /// longest is closed.
    ///
    /// Default `None`, no limit but `max_connections`: an idle connection costs no thread. Range 0
    /// (keeps none) to 16777216. cheroot: `keep_alive_conn_limit`, 10.
    pub keep_alive_conn_limit: Option<usize>,

    /// Maximum number of connections that have left HTTP by [`upgrade`](crate::upgrade()), each
    /// with a thread in addition to `thread_pool_max`; those of
    /// [`upgrade_parked`](crate::stream::upgrade_parked) do not count. A further upgrade gets 503 with
    /// `Retry-After`, and the connection is closed. Default 1024, range 0 to 1000000; `None`: no
    /// limit but `max_connections`.
    pub max_upgraded: Option<usize>,

    /// Number of worker threads that are always kept.
    ///
    /// Default 10, range 1 to 1000000. CherryPy: `thread_pool`, the same.
    pub thread_pool: usize,

    /// Maximum number of worker threads if requests have to wait for a worker.
    ///
    /// One more thread serves prompt requests only, see
    /// [`Handler::is_prompt`](crate::Handler::is_prompt). Up to as many again replace workers whose
    /// handlers exceed [`request_timeout`](Self::request_timeout) or a limit of their own.
    ///
    /// Default 256, range `thread_pool` to 1000000; `None`: no limit. CherryPy: `thread_pool_max`,
    /// -1 (no limit), without effect.
    pub thread_pool_max: Option<usize>,

    /// Idle timeout of worker threads above `thread_pool`; then the thread ends.
    ///
    /// Default 10 s. Not in CherryPy.
    pub thread_idle_timeout: Duration,

    /// Stack size of each worker thread, in bytes.
    ///
    /// Default 2097152 (2 MiB), range 64 KiB to 1 GiB. Not in CherryPy.
    pub thread_stack_size: usize,

    /// Length of the queue of requests for a worker thread; further requests wait beside the queue,
    /// for `accepted_queue_timeout` at most.
    ///
    /// Default 1024, range 1 to 1000000; `None`: no limit. CherryPy: `accepted_queue_size`, -1 (no
    /// limit).
    pub accepted_queue_size: Option<usize>,

    /// HTTP version of answers, which limits the features in use: `HTTP/1.1` or `HTTP/1.0`.
    ///
    /// Default `HTTP/1.1`. With `HTTP/1.0` no answer is chunked, and a connection persists only if
    /// the client asks. CherryPy: `protocol_version`, the same.
    pub protocol_version: String,

    /// Value of the `Server` field of answers; visible ASCII.
    ///
    /// Default `None`: no `Server` field. Not in CherryPy; cheroot: `software`, its name and
    /// version.
    pub software: Option<String>,

    /// Status of the answer to a head with too many bytes or field lines: 431 or 413.
    ///
    /// Default 431 (RFC 6585 §5). Not in CherryPy, which sends 413, or 414 for the request line.
    pub header_overflow_status: u16,

    /// Field names of answers in title case, such as `Content-Type` and `ETag`, and `Keep-Alive` as the
    /// value of `Connection`, for old clients that compare byte by byte.
    ///
    /// Default `false`: as the handler gives them, in lower case. Not in CherryPy, which always
    /// sends title case.
    pub title_case_headers: bool,

    /// Answer 408 to a client that connects and sends nothing for `header_timeout`.
    ///
    /// Default `false`: the server closes the connection, because browsers open spare connections
    /// and some take the 408 for the answer to a later request. Not in CherryPy, which always
    /// answers 408.
    pub answer_silence: bool,

    /// Pass CONNECT to the handler, with the authority-form target `host:port`.
    ///
    /// The connection is closed after the answer. A successful answer has neither `Content-Length`
    /// nor `Transfer-Encoding` (RFC 9110 §9.3.6): its content ends with the connection. A target
    /// other than `host:port` is answered with 400.
    ///
    /// Default `false`: the server answers 405. Not in CherryPy, which always passes CONNECT;
    /// cheroot: `proxy_mode`.
    pub accept_connect: bool,

    /// File of the server's certificate, in PEM. With this setting or `ssl_context`, the server
    /// speaks only TLS.
    ///
    /// The server's own certificate comes first; the certificates above it may follow. An expired
    /// certificate, a chain out of order and a PEM block without a use are accepted, with a warning;
    /// a malformed block is refused with its line. The files, of up to 16 MiB, are read only at each
    /// start and each reload. A pipe is read once, and its content must end within 5 s.
    /// Default `None`: no TLS; any of the settings below is then refused. Needs the feature `tls`
    /// or `tls-aws-lc`. CherryPy: `ssl_certificate`, the same.
    pub ssl_certificate: Option<PathBuf>,

    /// File of the certificates between the server's certificate and its root, in PEM, to be sent
    /// after those of `ssl_certificate`.
    ///
    /// Default `None`. CherryPy: `ssl_certificate_chain`, but CherryPy verifies clients with it;
    /// here `ssl_client_ca` is for that.
    pub ssl_certificate_chain: Option<PathBuf>,

    /// File of the certificate's private key, in PEM: PKCS#8, PKCS#1 or SEC 1.
    ///
    /// Supported are RSA of 2048 to 4096 bits (8192 with the feature `tls-aws-lc`), ECDSA on P-256
    /// and P-384 (also P-521 with `tls-aws-lc`), and Ed25519.
    /// Default `None`: the key is in the file `ssl_certificate`. A key without a certificate is
    /// refused. An unencrypted key readable by every user is used, with a warning. CherryPy:
    /// `ssl_private_key`, the same, but without a certificate CherryPy runs without TLS.
    pub ssl_private_key: Option<PathBuf>,

    /// Password of the encrypted private keys (PKCS#8 under PBES2; feature `tls-encrypted-keys`);
    /// ignored for unencrypted keys.
    ///
    /// In text: the password itself, or `file:` and the path of a file with the password in the
    /// first line. Every user on the machine can see a password on a command line. Default `None`:
    /// an encrypted key is refused without a prompt. Not in CherryPy; cheroot:
    /// `private_key_password`.
    pub ssl_private_key_password: Option<Password>,

    /// Further certificates, each for the names in the certificate (subjectAltName). A client that
    /// asks for one of those names (SNI) gets that certificate, any other client that of
    /// `ssl_certificate`.
    ///
    /// An exact name is preferred to a name with `*`. Two certificates may have the same name and
    /// keys of different kinds: a client gets the first certificate with a key of a supported kind.
    /// In text, entries are separated by commas, and the file of a certificate from the file of its
    /// key by a colon: `a.pem:a.key,b.pem`. Default empty. Not in CherryPy.
    pub ssl_sni: Vec<CertificateFiles>,

    /// Names of the allowed cipher suites, the best first; separated by colons, commas or blanks.
    ///
    /// Accepts the names of OpenSSL and IANA, and from OpenSSL's language `ALL`, `DEFAULT`, `HIGH`,
    /// `ECDHE`, `ECDSA`, `aRSA`, `AES`, `AES128`, `AES256`, `AESGCM`, `CHACHA20`, `TLSv1.2` and
    /// `TLSv1.3`, joined by `+`, excluded by `!` or `-`. As in OpenSSL, a list without any name of
    /// TLS 1.3 keeps all suites of TLS 1.3. An unknown name, or a list that selects nothing, is
    /// refused. Default `None`: all suites, AES before ChaCha20; the client's order never counts.
    /// CherryPy: `ssl_ciphers`, the same; CherryPy's pyOpenSSL module ignores the setting.
    pub ssl_ciphers: Option<String>,

    /// The lowest allowed version of TLS: `TLSv1.2` or `TLSv1.3`.
    ///
    /// Default `TLSv1.2`; lower versions are not supported. Not in CherryPy.
    pub ssl_min_version: String,

    /// File of CA certificates, in PEM, to verify client certificates with. Revocation lists in the
    /// file (`X509 CRL`) are applied; an authority without a list revokes nothing.
    ///
    /// Default `None`: clients are not asked for a certificate. Not in CherryPy, but see
    /// `ssl_certificate_chain`.
    pub ssl_client_ca: Option<PathBuf>,

    /// Demand for a client certificate: `none`, `optional` or `required`. A certificate that does
    /// not lead to `ssl_client_ca` is always refused.
    ///
    /// Default `None`: `required` with `ssl_client_ca`, else `none`. Not in CherryPy.
    pub ssl_verify_mode: Option<String>,

    /// A complete TLS configuration, or a certificate and a key in memory, instead of the files.
    ///
    /// Default `None`. Not together with `ssl_certificate`. CherryPy: `ssl_context`, the same, but
    /// CherryPy's default module needs the files too.
    pub ssl_context: Option<SslContext>,

    /// Name of the TLS adapter: `builtin`, or one registered by the program with
    /// [`tls::register`](crate::tls::register).
    ///
    /// Default `builtin`, which is rustls. CherryPy: `ssl_module`, `builtin` or `pyopenssl`.
    pub ssl_module: String,

    /// True to look up the process, user and group of each client of a Unix socket:
    /// [`Peer::Unix`](crate::Peer::Unix) then has the client's [`Credentials`](crate::Credentials),
    /// and the access log the user.
    ///
    /// The credentials are those of the connecting process. Behind a proxy the credentials are
    /// always the proxy's, so no access decision may rest on them. Clients announced by
    /// `proxy_protocol` have no credentials.
    ///
    /// Default `false`. No effect on TCP. CherryPy: `peercreds`, the same.
    pub peercreds: bool,

    /// True if the names of the client's user and groups can be asked for. The names are looked up
    /// on request, and for the access log.
    ///
    /// Default `false`. Refused without `peercreds`. CherryPy: `peercreds_resolve`, the same, but
    /// without `peercreds` CherryPy ignores the setting, and a number without a name makes each
    /// request fail.
    pub peercreds_resolve: bool,

    /// True if every connection begins with a header of the PROXY protocol, version 1 or 2, with
    /// the address of the client.
    ///
    /// A connection without a valid header is closed without an answer, and counted. The header
    /// counts towards the time limit of the first head, or of the TLS handshake. The server accepts
    /// the header from the `trusted_proxies`. If there are none, the server accepts the header from
    /// every peer; then only proxies must be able to connect.
    ///
    /// Default `false`. Not in CherryPy.
    pub proxy_protocol: bool,

    /// Trusted proxies: addresses, networks (`10.0.0.0/8`, `2001:db8::/32`; `::/0` is every address
    /// of both families), and `unix` for all peers on a Unix socket. The server trusts the fields
    /// of `trusted_proxy_headers`, and the header of `proxy_protocol`, from these peers only.
    ///
    /// From all other peers, the server removes the fields of proxies before the handler runs:
    /// `Forwarded`, all fields that begin with `X-Forwarded-`, and all fields in
    /// `trusted_proxy_headers`; also with underscores for hyphens.
    ///
    /// Default empty: no peer is trusted, and no field is removed. waitress: `trusted_proxy`, a
    /// single one; CherryPy: a tool that trusts every client.
    pub trusted_proxies: Vec<String>,

    /// Most trusted proxies on the way of a request, the peer included.
    ///
    /// The entries of `x-forwarded-for` or `forwarded` are read from the last on. The last entry is
    /// believed. An earlier entry is believed only if the address in the next entry is in
    /// `trusted_proxies`, for at most this number of entries in all; the leftmost believed address
    /// is the client. So a client that reaches an inner proxy directly cannot pass for another.
    /// List the addresses of outer proxies in `trusted_proxies`. Scheme and host are taken from as
    /// many entries as addresses, and from the last entry alone if addresses are not among the
    /// trusted fields. Behind an address that a proxy hides (`unknown`), no further entry is
    /// believed.
    ///
    /// Default 1: the last entry alone. Range 1 to 64. nginx: `real_ip_recursive`, without a number. waitress: `trusted_proxy_count`, the same.
    pub trusted_proxy_count: usize,

    /// Fields accepted from `trusted_proxies`: fields that the proxies set, or add to, in each
    /// request, whatever the client has sent.
    ///
    /// Either `forwarded` (RFC 7239), or some of `x-forwarded-for`, `x-forwarded-proto` and
    /// `x-forwarded-host`, set `client`, `scheme` and `host` of [`RequestExt`](crate::RequestExt).
    /// Both together are refused, because they may differ. A malformed field of these gets a 400;
    /// empty entries are ignored.
    /// Other names, such as `x-real-ip`, are left to the handler, and are removed from requests of
    /// untrusted peers.
    ///
    /// Default empty: required with `trusted_proxies`, unless `proxy_protocol` is set. waitress:
    /// `trusted_proxy_headers`, the same.
    pub trusted_proxy_headers: Vec<String>,

    /// The HTTP server to control instead of the built-in server.
    ///
    /// The instance is given the address of these settings. Of the other settings only
    /// `shutdown_timeout` applies, to stopping the instance.
    ///
    /// Default `None`. CherryPy: `instance`, the same.
    pub instance: Option<Instance>,

    /// True to measure the time of requests, also by route, and of workers' work; all other values
    /// of [`Statistics`](crate::statistics::Statistics) are always counted.
    ///
    /// Default `false`: measuring reads the clock. Can be switched while the server runs
    /// ([`ServerHandle::resume_statistics`](crate::ServerHandle::resume_statistics)). CherryPy:
    /// `statistics`, without which CherryPy counts nothing.
    pub statistics: bool,

    /// Version of the gateway that [`Server::wsgi`](crate::Server::wsgi) uses: `("1", 0)`,
    /// `("u", 0)`, or one registered with [`wsgi::register`](crate::wsgi::register); any other is
    /// refused. Without the feature `wsgi`, only the default is accepted.
    ///
    /// Default `("1", 0)`. CherryPy: `wsgi_version`, `(1, 0)` or `('u', 0)`; the latter fails in
    /// CherryPy.
    pub wsgi_version: (String, u32),

    /// Origins of the values that were not set by the program. Public, or no program could write
    /// `..`; of a private type, so that each literal needs `..`.
    #[doc(hidden)]
    pub origins: Origins<Self>,
}
