//! Clients killed in every phase of TLS: as in `killed`, from the first byte of the handshake on.

use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::thread;

use rustls::ClientConnection;

use crate::client::{Client, PATIENCE};
use crate::killed::{
    ADDRESS, PHASE, Reached, SETTINGS, Sight, Victim, check, hear, is_handled, is_handled_early, is_idle, is_slow,
    is_taking, is_upgraded, take, waits,
};
use crate::place::Place;
use crate::secure::{AUTHORITY, connect_raw, connect_to, shake, trusting};
use crate::service::Service;

/// A step of a client before its death.
enum Step {
    /// Sends this, before TLS begins.
    Announces(&'static str),
    /// Sends half of its `ClientHello`.
    HalfHello,
    /// Sends its `ClientHello` and reads the answer, without sending `Finished`.
    Hello,
    /// Shakes hands, to the end.
    Handshake,
    /// Sends this in records, `BIG` being more than is received before a handler runs.
    Sends(&'static str),
    /// Sends the first half of the record that contains this text.
    HalfRecord(&'static str),
    /// Reads until this has come.
    Hears(&'static str),
    /// Sends `close_notify`.
    CloseNotify,
    /// Reads.
    Takes,
}

use Step::{Announces, CloseNotify, HalfHello, HalfRecord, Handshake, Hears, Hello, Sends, Takes};

type Phase = (&'static str, &'static [Step], Reached);

const GET: &str = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
const HELD: &str = "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n";
const HALF: &str = "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf";

const PHASES: &[Phase] = &[
    ("connected", &[], waits),
    ("in its ClientHello", &[HalfHello], waits),
    ("before its Finished", &[Hello], waits),
    ("before a request", &[Handshake], waits),
    ("in a record", &[Handshake, HalfRecord(GET)], waits),
    ("in the header section", &[Handshake, Sends("GET /hello HTTP/1.1\r\nHost: a\r\nX-")], waits),
    ("idle", &[Handshake, Sends(GET), Hears("\r\n\r\n/hello")], is_idle),
    ("in a record of a second request", &[Handshake, Sends(GET), Hears("\r\n\r\n/hello"), HalfRecord(GET)], is_idle),
    ("in its content", &[Handshake, Sends(HALF)], waits),
    ("in a record of its content", &[Handshake, Sends(HALF), HalfRecord("and more")], waits),
    (
        "in content that the handler reads",
        &[Handshake, Sends("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nBIG")],
        is_handled_early,
    ),
    (
        "in a chunk",
        &[Handshake, Sends("POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")],
        waits,
    ),
    ("while a handler runs", &[Handshake, Sends(HELD)], is_handled),
    ("while bytes are sent to it", &[Handshake, Sends("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")], is_slow),
    (
        "while what is made is sent to it",
        &[Handshake, Sends("GET /bytes/1073741824 HTTP/1.1\r\nHost: a\r\n\r\n"), Takes],
        is_taking,
    ),
    (
        "out of HTTP",
        &[
            Handshake,
            Sends("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello"),
            Hears("\r\n\r\nhello"),
        ],
        is_upgraded,
    ),
    ("after its close_notify", &[Handshake, Sends(GET), Hears("\r\n\r\n/hello"), CloseNotify], is_gone),
    ("after its close_notify in its content", &[Handshake, Sends(HALF), CloseNotify], is_cut),
    ("after its close_notify while a handler runs", &[Handshake, Sends(HELD), CloseNotify], is_handled),
];

/// Phases behind a PROXY header in clear.
const PROXIED: &[Phase] = &[
    ("before a PROXY header", &[], waits),
    ("in a PROXY header", &[Announces("PROXY TCP4 192.0.")], waits),
    ("behind a PROXY header", &[Announces(HEADER)], waits),
    ("in a ClientHello behind it", &[Announces(HEADER), HalfHello], waits),
    ("before a request behind it", &[Announces(HEADER), Handshake], waits),
];

const HEADER: &str = "PROXY TCP4 192.0.2.1 192.0.2.9 1000 443\r\n";

/// The client had its answer, has sent `close_notify`, and the connection has been closed.
fn is_gone(sight: &Sight) -> bool {
    sight.more("answered") == 1 && sight.now("connections") == 0
}

/// The client has ended its request early by `close_notify`, and the connection has been closed.
fn is_cut(sight: &Sight) -> bool {
    sight.is_read() && sight.more("requests") == 0 && sight.now("connections") == 0
}

#[test]
fn killed_tls_client_leaves_nothing_in_any_phase() {
    let folder = Place::new();
    let service = Service::start(&settings(&folder));
    let start = |phase: &str| start(&service, &folder, &format!("0 {phase}"));
    check(&service, PHASES, connect_to, start);
    // Clients that leave during the handshake or before.
    assert_eq!(service.counts().of("handshakes_failed"), 3 * 3);
}

#[test]
fn killed_tls_client_behind_a_proxy_leaves_nothing() {
    let folder = Place::new();
    let service = Service::start(&format!("{} proxy_protocol=true trusted_proxies=127.0.0.1", settings(&folder)));
    let start = |phase: &str| start(&service, &folder, &format!("1 {phase}"));
    let connect = |address| {
        let mut socket = connect_raw(address);
        socket.write_all(HEADER.as_bytes()).unwrap();
        Client::over_line(Box::new(shake(socket, &trusting(&AUTHORITY.pem, None)).unwrap()))
    };
    check(&service, PROXIED, connect, start);
    let counts = service.counts();
    assert_eq!((counts.of("handshakes_failed"), counts.of("proxy_refused")), (3 * 2, 3));
}

fn settings(folder: &Place) -> String {
    folder.write("ca.pem", &AUTHORITY.pem);
    let both = folder.write("both.pem", AUTHORITY.issue(&["localhost"]).both());
    // Else every user could read it, which would be logged.
    fs::set_permissions(&both, Permissions::from_mode(0o600)).unwrap();
    format!("{SETTINGS} ssl_certificate={}", both.display())
}

fn start(service: &Service, folder: &Place, phase: &str) -> Victim {
    let authority = folder.path("ca.pem");
    Victim::of("killed_tls::live", service.address(), &[(PHASE, phase), (TRUSTED, authority.to_str().unwrap())])
}

// ---- the other side ----

/// The client in the child process; does nothing by itself.
#[test]
fn live() {
    let (Ok(address), Ok(phase)) = (std::env::var(ADDRESS), std::env::var(PHASE)) else { return };
    let (table, number) = phase.split_once(' ').unwrap();
    let table = [PHASES, PROXIED][table.parse::<usize>().unwrap()];
    let authority = fs::read_to_string(std::env::var(TRUSTED).unwrap()).unwrap();
    let session = ClientConnection::new(trusting(&authority, None), "localhost".try_into().unwrap()).unwrap();
    let address: SocketAddr = address.parse().unwrap();
    let mut client = Dying { socket: connect_raw(address), session, sent: 0 };
    for step in table[number.parse::<usize>().unwrap()].1 {
        client.take_step(step);
    }
    println!("\n{} sent", client.sent);
    loop {
        thread::park();
    }
}

/// A client that counts its sent bytes.
struct Dying {
    socket: TcpStream,
    session: ClientConnection,
    sent: usize,
}

impl Dying {
    fn take_step(&mut self, step: &Step) {
        match step {
            Announces(text) => self.send(text.as_bytes()),
            HalfHello => {
                let hello = self.records();
                self.send(&hello[..hello.len() / 2]);
            }
            Hello => {
                let hello = self.records();
                self.send(&hello);
                self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
                assert!(self.socket.read(&mut [0; 4096]).unwrap() > 0);
            }
            Handshake => {
                while self.session.is_handshaking() {
                    self.flush();
                    if self.session.wants_read() {
                        self.receive().unwrap();
                    }
                }
                self.flush();
            }
            Sends(text) => {
                let text = text.replace("BIG", &"x".repeat(100_000));
                for part in text.as_bytes().chunks(16_000) {
                    self.session.writer().write_all(part).unwrap();
                    self.flush();
                }
            }
            HalfRecord(text) => {
                self.session.writer().write_all(text.as_bytes()).unwrap();
                let record = self.records();
                self.send(&record[..record.len() / 2]);
            }
            Hears(text) => hear(self, text),
            CloseNotify => {
                self.session.send_close_notify();
                self.flush();
            }
            Takes => {
                println!("\n{} sent", self.sent);
                take(self);
            }
        }
    }

    /// The records to send.
    fn records(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.session.wants_write() {
            self.session.write_tls(&mut records).unwrap();
        }
        records
    }

    fn flush(&mut self) {
        let records = self.records();
        self.send(&records);
    }

    fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
        self.sent += bytes.len();
    }

    fn receive(&mut self) -> io::Result<usize> {
        let length = self.session.read_tls(&mut self.socket)?;
        self.session.process_new_packets().map_err(io::Error::other)?;
        Ok(length)
    }
}

impl Read for Dying {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.receive()?,
                done => return done,
            };
        }
    }
}

const TRUSTED: &str = "DRUPE_TEST_TRUSTED";
