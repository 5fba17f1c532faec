//! Hostile TLS clients.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use drupe::statistics::Statistics;
use drupe::testing::TestServer;
use drupe::{Request, RequestExt, Settings};
use log::Level;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::client::{Client, wait_until};
use crate::logging;
use crate::place::Place;
use crate::process::is_alone;
use crate::secure::{AUTHORITY, Authority, Secure, config, connect, connect_raw, connect_to, shake};

fn secure(settings: &mut Settings) {
    settings.ssl_context = Some(crate::secure::context());
    (settings.thread_pool, settings.thread_pool_max) = (2, Some(2));
}

fn path(request: &mut Request) -> String {
    request.uri().path().to_owned()
}

fn statistics(server: &TestServer) -> Statistics {
    server.server().statistics()
}

// ---- handshakes ----

/// A handshake message in records of `length` bytes each.
fn records(message: &[u8], length: usize) -> Vec<Vec<u8>> {
    let record = |part: &[u8]| [&[0x16, 3, 1][..], &u16::try_from(part.len()).unwrap().to_be_bytes(), part].concat();
    message.chunks(length).map(record).collect()
}

/// Nothing says that a `ClientHello` comes in one record or one segment (RFC 8446 §5.1).
#[test]
fn a_client_hello_in_pieces_is_a_client_hello() {
    let server = TestServer::with(path, secure);
    for length in [1, 2, 100] {
        let mut connection = ClientConnection::new(config(None), "localhost".try_into().unwrap()).unwrap();
        let mut hello = Vec::new();
        connection.write_tls(&mut hello).unwrap();
        let mut socket = connect_raw(server.address());
        for record in records(&hello[5..], length) {
            socket.write_all(&record).unwrap();
        }
        let mut stream = rustls::StreamOwned::new(connection, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        Client::over_line(Box::new(Secure(stream))).assert_in_step("/", "/");
    }
    assert_eq!(statistics(&server).handshakes_failed, 0);
}

/// The length of a handshake message is the client's claim: the server neither stores nor awaits
/// more than any real message needs.
#[test]
fn client_hello_of_sixteen_megabytes_is_refused_early() {
    let server = TestServer::with(path, secure);
    let mut socket = connect_raw(server.address());
    let whole = [&[1, 0xFF, 0xFF, 0xFF][..], &[b'x'; 200_000]].concat();
    for record in records(&whole, 16_384) {
        if socket.write_all(&record).is_err() {
            break;
        }
    }
    wait_until("it is refused", || statistics(&server).handshakes_failed == 1);
    drop(socket);
    // Records without anything in them are no progress.
    let mut socket = connect_raw(server.address());
    for _ in 0..10_000 {
        if socket.write_all(&[0x16, 3, 1, 0, 0]).is_err() {
            break;
        }
    }
    wait_until("so are these", || statistics(&server).handshakes_failed == 2);
    connect_to(server.address()).assert_in_step("/", "/");
}

#[test]
fn a_thousand_handshakes_that_fail_are_counted_and_cost_no_thread() {
    const TIMES: u64 = 1000;
    if !is_alone("tls_hostile::a_thousand_handshakes_that_fail_are_counted_and_cost_no_thread") {
        return;
    }
    logging::listen();
    let server = TestServer::with(path, secure);
    // Two that work, one that accepts, one that keeps the time; they take their names when they begin.
    wait_until("all threads run", || crate::process::threads().len() == 4);
    for number in 0..TIMES {
        let mut socket = connect_raw(server.address());
        let sent: &[u8] = match number % 3 {
            0 => b"\x80\x2e\x01\x03\x01",
            1 => b"\x16\x03\x01\x00\x05\x01\xFF\xFF\xFF\xFF",
            _ => b"\x16\x03\x01\x02\x00\x01",
        };
        socket.write_all(sent).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let _ = socket.read_to_end(&mut Vec::new());
    }
    wait_until("all are counted", || statistics(&server).handshakes_failed == TIMES);
    connect_to(server.address()).assert_in_step("/", "/");
    assert_eq!(crate::process::threads().len(), 4);
    // A few lines, and nothing above the level `info`.
    let lines = logging::records(|level, target| level == Level::Info && target.starts_with("drupe"));
    let lines = lines.iter().filter(|line| line.starts_with("TLS handshake with ")).count() as u64;
    assert!((1..TIMES / 10).contains(&lines), "{lines}");
    assert_eq!(logging::records(|level, _| level < Level::Info), [""; 0]);
}

/// A client that presents `chain`, and its key.
fn showing(chain: Vec<CertificateDer<'static>>, key: &str) -> Arc<ClientConfig> {
    let plain = config(None);
    let builder = ClientConfig::builder_with_provider(Arc::clone(plain.crypto_provider()));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(AUTHORITY.pem.as_bytes()).unwrap()).unwrap();
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    Arc::new(builder.with_client_auth_cert(chain, key).unwrap())
}

#[test]
fn a_chain_of_certificates_is_not_followed_for_ever() {
    let folder = Place::new();
    let ca = folder.write("ca.pem", &AUTHORITY.pem);
    let server = TestServer::with(path, |settings| {
        secure(settings);
        settings.ssl_client_ca = Some(ca);
    });
    let made = AUTHORITY.issue(&["client"]);
    let own = CertificateDer::from_pem_slice(made.pem.as_bytes()).unwrap();
    // Strangers with the authority's name, each of which must be tried; then more than a message may hold.
    let strangers = |count| {
        let pem = |_| Authority::new("the authority of the tests").pem;
        (0..count).map(pem).map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
    };
    let unknown = Authority::new("the authority of the tests").issue(&["client"]);
    let unknown_own = CertificateDer::from_pem_slice(unknown.pem.as_bytes()).unwrap();
    for (leaf, key, count, is_let_in) in [
        (&own, &made.key, 0, true),
        (&own, &made.key, 20, true),
        (&unknown_own, &unknown.key, 100, false),
        (&own, &made.key, 250, false),
    ] {
        let chain = std::iter::once(leaf.clone()).chain(strangers(count)).collect();
        let answer = connect(server.address(), &showing(chain, key)).map_err(|error| error.to_string());
        let answer = answer.and_then(|mut client| {
            client.try_send(crate::client::get("/").as_bytes()).map_err(|error| error.to_string())?;
            client.answer_to("GET")
        });
        assert_eq!(answer.is_ok(), is_let_in, "{count} strangers: {answer:?}");
    }
    wait_until("those are counted", || statistics(&server).handshakes_failed == 2);
}

/// An attacker can replay bytes sent before the end of the handshake (RFC 8446 §8).
#[test]
fn no_request_is_taken_before_the_handshake_is_over() {
    let server = TestServer::with(path, secure);
    let mut hasty = ClientConfig::clone(&config(None));
    hasty.enable_early_data = true;
    let hasty = Arc::new(hasty);
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let mut connection = ClientConnection::new(Arc::clone(&hasty), "localhost".try_into().unwrap()).unwrap();
        assert!(connection.early_data().is_none(), "the ticket allows for it");
        let mut stream = rustls::StreamOwned::new(connection, connect_raw(server.address()));
        stream.conn.complete_io(&mut stream.sock).unwrap();
        assert_eq!(stream.conn.handshake_kind(), Some(kind));
        let mut client = Client::over_line(Box::new(Secure(stream)));
        client.assert_in_step("/", "/");
        client.end();
        client.assert_closed();
    }
    // Nor by a configuration of the program, because the server would not read early data.
    let mut own = ServerConfig::builder_with_provider(Arc::clone(config(None).crypto_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new()));
    own.max_early_data_size = 1000;
    let mut server = drupe::Server::new(path);
    server.settings.ssl_context = Some(drupe::settings::SslContext::new(Arc::new(own)));
    let text = server.start().unwrap_err().to_string();
    assert!(text.starts_with("setting ssl_context: accepts early data"), "{text}");
}

// ---- facts known to the server only ----

/// Fields under the names that other servers put such facts into are fields like any other.
#[test]
fn request_fields_do_not_change_tls_facts() {
    let server = TestServer::with(
        |request: &mut Request| {
            let connection = request.connection();
            let tls = connection.tls().unwrap();
            assert!(tls.client_certificate.is_none() && tls.protocol == "TLSv1.3");
            format!("{} {}", connection.peer().unwrap(), connection.scheme())
        },
        secure,
    );
    let mut client = connect_to(server.address());
    let mine = client.address();
    client.send(
        "GET http://elsewhere/ HTTP/1.1\r\nHost: elsewhere\r\nSSL_CLIENT_S_DN: CN=root\r\nSSL-CLIENT-VERIFY: SUCCESS\r\n\
         X-SSL-Client-S-DN: CN=root\r\nSSL_PROTOCOL: SSLv2\r\nHTTPS: off\r\nX-Forwarded-For: 192.0.2.1\r\n\
         X-Forwarded-Proto: http\r\nForwarded: for=192.0.2.1;proto=http\r\nREMOTE_ADDR: 192.0.2.1\r\n\r\n",
    );
    assert_eq!(client.answer().text(), format!("{mine} https"));
}

// ---- content ----

/// The same with a reset: an upload of unknown length must not pass for complete, buffered or read.
#[test]
fn an_upload_in_chunks_that_is_reset_is_noticed() {
    for buffer in [0, 64 << 10] {
        let (told, tells) = std::sync::mpsc::channel();
        let told = std::sync::Mutex::new(told);
        let server = TestServer::with(
            move |request: &mut Request| {
                let content = std::mem::take(request.body_mut()).into_vec();
                told.lock().unwrap().send(content.map(|content| content.len()).map_err(|error| error.kind())).unwrap();
            },
            |settings| {
                secure(settings);
                settings.body_buffer_size = buffer;
            },
        );
        let mut client = shake(connect_raw(server.address()), &config(None)).unwrap();
        write!(client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").unwrap();
        wait_until("it waits for more", || {
            let statistics = statistics(&server);
            if buffer == 0 { statistics.requests == 1 } else { statistics.parked == 1 }
        });
        reset(&client.0.sock);
        drop(client);
        wait_until("it is over", || statistics(&server).parked == 0 && statistics(&server).threads_idle == 2);
        let heard: Vec<_> = tells.try_iter().collect();
        assert!(heard.iter().all(Result::is_err) && heard.len() == usize::from(buffer == 0), "{heard:?}");
    }
}

/// Makes closing `socket` reset the connection.
fn reset(socket: &TcpStream) {
    socket2::SockRef::from(socket).set_linger(Some(std::time::Duration::ZERO)).unwrap();
}
