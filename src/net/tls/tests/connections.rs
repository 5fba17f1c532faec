//! Connections: successful and failed handshakes, bytes in and out, ends and breaks.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;

use super::super::secure::Handshake;
use super::pairs::{Manner, PATIENCE, attempt, connected, read_exactly, rest, shake, sockets, talk, write_all};
use super::*;
use crate::net::poll::Interest;
use crate::net::stream::would_wait;
use crate::tls::Facts;

/// A server with one certificate for `a.test`, and a client that trusts the certificate.
fn one() -> (Arc<Tls>, Manner) {
    let authority = Authority::new("ca");
    let tls = load(in_memory(&authority.issue(&["a.test"]))).unwrap();
    (tls, Manner::new(&authority.pem, "a.test"))
}

#[test]
fn a_read_without_room_sees_no_end() {
    let (tls, manner) = one();
    let (server, mut client) = connected(&tls, &manner);
    talk(&server, &mut client);
    assert_eq!(server.try_read(&mut []).unwrap(), 0);
    assert!(!server.holds_input());
    talk(&server, &mut client);
}

fn facts(server: &crate::net::stream::Stream) -> Arc<Facts> {
    Arc::clone(server.secure().unwrap().facts().unwrap())
}

#[test]
fn both_tls_versions_are_spoken_and_reported() {
    let (tls, manner) = one();
    for (version, protocol, suites, cipher, bits) in [
        (Version::Tls13, "TLSv1.3", "AES_256", "TLS_AES_256_GCM_SHA384", 256),
        (Version::Tls13, "TLSv1.3", "CHACHA20", "TLS_CHACHA20_POLY1305_SHA256", 256),
        (Version::Tls12, "TLSv1.2", "AES_128", "ECDHE-ECDSA-AES128-GCM-SHA256", 128),
    ] {
        let (server, mut client) = connected(&tls, &Manner { version: Some(version), suites, ..manner.clone() });
        talk(&server, &mut client);
        let facts = facts(&server);
        assert_eq!((facts.protocol.as_str(), facts.cipher.as_str(), facts.cipher_bits), (protocol, cipher, Some(bits)));
        assert_eq!((facts.alpn.as_deref(), facts.server_name.as_deref()), (Some("http/1.1"), Some("a.test")));
        assert!(facts.library.starts_with("rustls/"), "{}", facts.library);
        assert_eq!(facts.client_certificate, None);
        let ours = facts.server_certificate.as_ref().unwrap();
        assert_eq!(
            (ours.subject.to_string(), ours.issuer.common_name()),
            ("CN=stone,O=Orchard".to_owned(), Some("ca"))
        );
        assert_eq!((ours.version, &ours.dns_names[..]), (3, &["a.test".to_owned()][..]));
        assert!(ours.days_left(now()).unwrap() > 300_000);
    }
}

#[test]
fn a_certificate_is_read_as_openssl_shows_it() {
    let tls = load(options(data("rsa.pem"), Some(data("rsa.pkcs8.key")))).unwrap();
    let pem = std::fs::read_to_string(data("rsa.pem")).unwrap();
    let (server, _client) = connected(&tls, &Manner::new(&pem, "rsa.test"));
    let facts = facts(&server);
    let ours = facts.server_certificate.as_ref().unwrap();
    assert_eq!(ours.pem, pem);
    assert_eq!(ours.subject.to_string(), "C=CH,O=Orchard\\, Ltd,CN=rsa.test");
    assert_eq!((&ours.issuer, &ours.emails[..]), (&ours.subject, &["root@rsa.test".to_owned()][..]));
    let shown = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-serial", "-startdate", "-enddate", "-dateopt", "iso_8601", "-in"])
        .arg(data("rsa.pem"))
        .output();
    // The `openssl` program is required, like the other external programs of these tests.
    let shown = String::from_utf8(shown.unwrap().stdout).unwrap();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], format!("serial={}", ours.serial));
    for (line, time) in lines[1..].iter().zip([ours.not_before, ours.not_after]) {
        let written = line.split_once('=').unwrap().1;
        let mut parts = written.trim_end_matches('Z').split([' ', '-', ':']).map(|part| part.parse::<u64>().unwrap());
        let mut next = || parts.next().unwrap();
        let (year, month, day, hour, minute, second) = (next(), next(), next(), next(), next(), next());
        // Days since 1970, by the formula for a year that begins in March.
        let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
        assert_eq!(time.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(), seconds, "{line}");
    }
}

#[test]
fn a_handshake_that_trickles_in_never_waits() {
    let (tls, manner) = one();
    let (server, mut socket) = sockets(&tls);
    let secure = server.secure().unwrap();
    assert_eq!(secure.handshake(), Handshake::Read);
    let mut client = manner.connection();
    let mut steps = 0;
    while client.is_handshaking() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        for byte in &bytes {
            assert_eq!(secure.handshake(), Handshake::Read);
            socket.write_all(&[*byte]).unwrap();
            assert!(server.wait(Interest::Read, PATIENCE).unwrap());
            steps += 1;
        }
        if secure.handshake() != Handshake::Done {
            client.read_tls(&mut socket).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    socket.write_all(&bytes).unwrap();
    assert_eq!(shake(&server), Handshake::Done);
    assert!(steps > 200, "{steps}");
}

#[test]
fn bytes_received_with_the_handshake_can_be_read() {
    let (tls, manner) = one();
    let (server, mut socket) = sockets(&tls);
    let mut client = manner.connection();
    client.writer().write_all(b"GET / HTTP/1.1\r\n").unwrap();
    client.write_tls(&mut socket).unwrap();
    let secure = server.secure().unwrap();
    while secure.facts().is_none() {
        assert!(server.wait(Interest::Read, PATIENCE).unwrap());
        if secure.handshake() == Handshake::Done {
            break;
        }
        while client.is_handshaking() {
            client.read_tls(&mut socket).unwrap();
            client.process_new_packets().unwrap();
        }
        // Finished and the request, in one segment.
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        socket.write_all(&bytes).unwrap();
    }
    assert_eq!(read_exactly(&server, 16), b"GET / HTTP/1.1\r\n");
}

#[test]
fn plain_http_is_seen_and_can_be_answered() {
    let (tls, _) = one();
    let (server, mut client) = sockets(&tls);
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(shake(&server), Handshake::Plain);
    write_all(&server, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(&mut client), b"HTTP/1.1 400 Bad Request\r\n\r\n");
    client.write_all(b"more").unwrap();
    assert_eq!(read_exactly(&server, 4), b"more");
}

#[test]
fn garbage_and_old_versions_get_an_alert() {
    // A ClientHello of TLS 1.1 with one cipher suite, by hand.
    let mut hello = vec![0x03, 0x02];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xC0, 0x14, 1, 0]);
    let body = u8::try_from(hello.len()).unwrap();
    let mut old = vec![0x16, 0x03, 0x01, 0, body + 4, 1, 0, 0, body];
    old.extend(hello);
    let (tls, _) = one();
    let no_hello = vec![0x16, 0x03, 0x01, 0, 4, 20, 0, 0, 0];
    // Input that is not even a TLS record needs no alert.
    for (sent, is_told) in [(old, true), (no_hello, true), (vec![0x80; 64], false), (vec![0; 2000], false)] {
        let (server, mut client) = sockets(&tls);
        client.write_all(&sent).unwrap();
        let ended = shake(&server);
        assert!(matches!(&ended, Handshake::Failed(reason) if !reason.is_empty()), "{ended:?}");
        server.shutdown(Shutdown::Write).unwrap();
        let answer = rest(&mut client);
        // A record with a fatal alert.
        assert!(matches!(answer[..], [0x15, 3, _, 0, 2, 2, _]) || (answer.is_empty() && !is_told), "{answer:?}");
        assert!(server.secure().unwrap().facts().is_none());
    }
}

#[test]
fn a_client_that_leaves_ends_the_handshake() {
    let (tls, manner) = one();
    let (server, socket) = sockets(&tls);
    drop(socket);
    assert_eq!(shake(&server), Handshake::Broken("the client closed the connection".to_owned()));
    let (server, mut socket) = sockets(&tls);
    manner.connection().write_tls(&mut socket).unwrap();
    assert!(server.wait(Interest::Read, PATIENCE).unwrap());
    assert_eq!(server.secure().unwrap().handshake(), Handshake::Read);
    socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(shake(&server), Handshake::Broken("the client closed the connection".to_owned()));
}

#[test]
fn client_that_offers_http_1_0_alone_is_served() {
    let (tls, manner) = one();
    let (server, _client) = connected(&tls, &Manner { alpn: &["http/1.0"], ..manner.clone() });
    assert_eq!(facts(&server).alpn.as_deref(), Some("http/1.0"));
    let (server, _client) = connected(&tls, &Manner { alpn: &["http/1.0", "http/1.1"], ..manner });
    assert_eq!(facts(&server).alpn.as_deref(), Some("http/1.1"));
}

#[test]
fn a_client_that_wants_another_protocol_is_refused() {
    let (tls, manner) = one();
    let (_, ended, client) = attempt(&tls, &Manner { alpn: &["h2"], ..manner.clone() });
    assert!(matches!(ended, Handshake::Failed(_)));
    assert!(client.is_err());
    let (server, _client) = connected(&tls, &Manner { alpn: &[], ..manner });
    assert_eq!(facts(&server).alpn, None);
}

#[test]
fn the_least_version_and_the_ciphers_hold() {
    let authority = Authority::new("ca");
    let made = authority.issue(&["a.test"]);
    let manner = Manner::new(&authority.pem, "a.test");
    let only_13 = load(Options { min_version: Version::Tls13, ..in_memory(&made) }).unwrap();
    let (_, ended, _) = attempt(&only_13, &Manner { version: Some(Version::Tls12), ..manner.clone() });
    assert!(matches!(ended, Handshake::Failed(_)), "{ended:?}");
    connected(&only_13, &manner);
    let list = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
    let ordered = load(Options { ciphers: Some(list.to_owned()), ..in_memory(&made) }).unwrap();
    for (version, cipher) in
        [(Version::Tls12, "ECDHE-ECDSA-CHACHA20-POLY1305"), (Version::Tls13, "TLS_CHACHA20_POLY1305_SHA256")]
    {
        let (server, _client) = connected(&ordered, &Manner { version: Some(version), ..manner.clone() });
        assert_eq!(facts(&server).cipher, cipher);
    }
    let (_, ended, _) = attempt(&ordered, &Manner { version: Some(Version::Tls12), suites: "AES_256", ..manner });
    assert!(matches!(ended, Handshake::Failed(_)), "{ended:?}");
}

#[test]
fn less_than_a_full_buffer_is_everything() {
    let (tls, manner) = one();
    let (server, mut client) = connected(&tls, &manner);
    // Several records, larger than one read.
    client.write_all(&[b'x'; 50_000]).unwrap();
    client.write_all(b"end").unwrap();
    let (mut buffer, mut total) = ([0; 1000], 0);
    while total < 50_003 {
        assert!(server.wait(Interest::Read, PATIENCE).unwrap());
        let got = server.read(&mut buffer).unwrap();
        total += got;
        if got < buffer.len() {
            assert!(!server.wait(Interest::Read, Duration::ZERO).unwrap() || total < 50_003);
        }
    }
    assert!(!server.wait(Interest::Read, Duration::ZERO).unwrap());
    assert!(would_wait(&server.read(&mut buffer).unwrap_err()));
    client.write_all(b"12345678").unwrap();
    assert!(server.wait(Interest::Read, PATIENCE).unwrap());
    // From here on the socket is empty, but not the session.
    assert_eq!(server.read(&mut buffer[..5]).unwrap(), 5);
    assert!(server.wait(Interest::Read, Duration::ZERO).unwrap());
    assert_eq!(server.read(&mut buffer[..5]).unwrap(), 3);
    assert!(!server.wait(Interest::Read, Duration::ZERO).unwrap());
}

#[test]
fn a_client_that_does_not_read_fills_no_more_than_a_bound() {
    let (tls, manner) = one();
    let (server, mut client) = connected(&tls, &manner);
    let chunk = vec![b'y'; 1 << 20];
    let mut taken = 0;
    let error = loop {
        match server.write(&[IoSlice::new(b"z"), IoSlice::new(&chunk)]) {
            Ok(count) => taken += count,
            Err(error) => break error,
        }
    };
    assert!(would_wait(&error), "{error}");
    // The records of the buffered bytes are not sent yet.
    let sent = usize::try_from(server.moved_below(Interest::Write).unwrap()).unwrap();
    assert!(taken > sent && taken - sent <= 64 * 1024 + 1, "{taken} taken, {sent} sent");
    assert!(would_wait(&server.flush().unwrap_err()));
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut all = Vec::new();
            client.read_to_end(&mut all).map(|_| all)
        });
        write_all(&server, b"end");
        server.shutdown(Shutdown::Write).unwrap();
        let all = reading.join().unwrap().unwrap();
        assert_eq!(all.len(), taken + 3);
        assert!(all.ends_with(b"yend"));
    });
}

#[test]
fn a_write_takes_as_much_as_the_client_does() {
    const ALL: usize = 3 << 20;
    let (tls, manner) = one();
    let (server, mut client) = connected(&tls, &manner);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut all = vec![0; ALL];
            client.read_exact(&mut all).map(|()| all)
        });
        // Parts that end in the middle of a batch.
        let content: Vec<u8> = (0..=250).cycle().take(ALL).collect();
        let (mut sent, mut calls) = (0, 0);
        while sent < ALL {
            let rest = &content[sent..];
            let (one, two) = rest.split_at(rest.len().min(100_000));
            match server.write(&[IoSlice::new(one), IoSlice::new(two)]) {
                Ok(count) => (sent, calls) = (sent + count, calls + 1),
                Err(error) => assert!(would_wait(&error) && server.wait(Interest::Write, PATIENCE).unwrap()),
            }
        }
        write_all(&server, b"");
        assert!(reading.join().unwrap().unwrap() == content, "what came is not what was sent");
        assert!(calls < ALL / (64 << 10), "{calls} calls: one for each piece");
    });
}

#[test]
fn non_blocking_write_takes_as_much_as_there_is_room_for() {
    let (tls, manner) = one();
    let (server, _client) = connected(&tls, &manner);
    let piece = vec![b'x'; 1 << 16];
    let mut taken = 0;
    let error = loop {
        match server.try_write(&[IoSlice::new(&piece)]) {
            Ok(count) => taken += count,
            Err(error) => break error,
        }
    };
    assert!(would_wait(&error) && taken > piece.len(), "{error} after {taken} bytes");
    assert!(would_wait(&server.try_flush().unwrap_err()));
}

#[test]
fn bytes_of_a_partial_record_count_as_progress() {
    let (tls, manner) = one();
    let (server, mut client) = connected(&tls, &manner);
    talk(&server, &mut client);
    let before = server.moved_below(Interest::Read).unwrap();
    client.conn.writer().write_all(&[b'x'; 10_000]).unwrap();
    let mut record = Vec::new();
    client.conn.write_tls(&mut record).unwrap();
    client.sock.write_all(&record[..4000]).unwrap();
    assert!(server.wait(Interest::Read, PATIENCE).unwrap());
    assert!(would_wait(&server.read(&mut [0; 100]).unwrap_err()));
    assert_eq!(server.moved_below(Interest::Read).unwrap() - before, 4000);
    client.sock.write_all(&record[4000..]).unwrap();
    assert_eq!(read_exactly(&server, 10_000), [b'x'; 10_000]);
}

#[test]
fn close_notify_can_be_sent_with_the_last_content() {
    let (tls, manner) = one();
    let (server, mut client) = connected(&tls, &manner);
    assert_eq!(server.write(&[IoSlice::new(b"last")]).unwrap(), 4);
    server.finish();
    server.finish();
    server.flush().unwrap();
    let mut last = Vec::new();
    client.read_to_end(&mut last).unwrap();
    assert_eq!(last, b"last");
}

#[test]
fn one_thread_reads_while_another_writes() {
    const ALL: usize = 4 << 20;
    let (tls, manner) = one();
    let (server, mut client) = connected(&tls, &manner);
    let down: Vec<u8> = (0..=250).cycle().take(ALL).collect();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_exactly(&server, ALL));
        let writer = scope.spawn(|| write_all(&server, &down));
        // Alternates, so that neither side has to buffer everything.
        let (mut received, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
        for piece in down.chunks(64 << 10) {
            client.write_all(piece).unwrap();
            client.read_exact(&mut buffer[..piece.len()]).unwrap();
            received.extend_from_slice(&buffer[..piece.len()]);
        }
        assert!(received == down, "what came down is not what was sent");
        assert!(reader.join().unwrap() == down, "what came up is not what was sent");
        writer.join().unwrap();
    });
}

#[test]
fn both_sides_end_with_close_notify() {
    for version in [Version::Tls12, Version::Tls13] {
        let (tls, manner) = one();
        let (server, mut client) = connected(&tls, &Manner { version: Some(version), ..manner });
        client.conn.send_close_notify();
        client.conn.complete_io(&mut client.sock).unwrap();
        assert!(server.wait(Interest::Read, PATIENCE).unwrap());
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 0);
        write_all(&server, b"bye");
        server.shutdown(Shutdown::Write).unwrap();
        let mut last = Vec::new();
        client.read_to_end(&mut last).unwrap();
        assert_eq!(last, b"bye");
    }
}

#[test]
fn dropping_ends_well_and_breaking_does_not() {
    type Way = fn(crate::net::stream::Stream);
    let ways: [(Way, Option<ErrorKind>); 3] = [
        (|server| drop(server), None),
        (|server| server.shutdown(Shutdown::Both).unwrap(), Some(ErrorKind::UnexpectedEof)),
        (|server| server.abort(), Some(ErrorKind::ConnectionReset)),
    ];
    for (way, expected) in ways {
        let (tls, manner) = one();
        let (server, mut client) = connected(&tls, &manner);
        talk(&server, &mut client);
        way(server);
        assert_eq!(client.read(&mut [0; 8]).map_err(|error| error.kind()).err(), expected);
    }
}

#[test]
fn truncation_differs_from_an_end() {
    let (tls, manner) = one();
    let (server, mut client) = connected(&tls, &manner);
    client.write_all(b"part").unwrap();
    client.sock.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_exactly(&server, 4), b"part");
    assert!(server.wait(Interest::Read, PATIENCE).unwrap());
    for _ in 0..2 {
        assert_eq!(server.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}

#[test]
fn a_record_that_was_tampered_with_ends_the_connection() {
    let (tls, manner) = one();
    let (server, mut client) = connected(&tls, &manner);
    client.write_all(b"part").unwrap();
    client.sock.write_all(&[0x17, 3, 3, 0, 20]).unwrap();
    client.sock.write_all(&[9; 20]).unwrap();
    assert_eq!(read_exactly(&server, 4), b"part");
    server.wait(Interest::Read, PATIENCE).unwrap();
    for _ in 0..2 {
        assert_eq!(server.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::InvalidData);
    }
    assert!(client.read(&mut [0; 8]).unwrap_err().to_string().contains("BadRecordMac"));
}

#[test]
fn files_are_not_sent_by_the_kernel() {
    let (tls, manner) = one();
    let (server, _client) = connected(&tls, &manner);
    let sent = server.send_file(&File::open(data("rsa.pem")).unwrap(), &mut 0, 10);
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn proxy_header_is_read_in_clear_and_surplus_bytes_go_to_tls() {
    let (tls, manner) = one();
    let (server, mut socket) = sockets(&tls);
    let mut connection = manner.connection();
    let mut sent = b"PROXY\r\n".to_vec();
    connection.write_tls(&mut sent).unwrap();
    socket.write_all(&sent).unwrap();
    assert!(server.wait(Interest::Read, PATIENCE).unwrap());
    let mut received = vec![0; sent.len()];
    let count = server.read(&mut received).unwrap();
    assert_eq!(&received[..7], b"PROXY\r\n");
    server.secure().unwrap().begin_with(&received[7..count]);
    std::thread::scope(|scope| {
        let client = scope.spawn(move || {
            let mut client = rustls::StreamOwned::new(connection, socket);
            client.write_all(b"ping").map(|()| client)
        });
        assert_eq!(shake(&server), Handshake::Done);
        assert_eq!(read_exactly(&server, 4), b"ping");
        client.join().unwrap().unwrap();
    });
}

#[test]
fn nothing_is_written_before_the_handshake() {
    let (tls, _) = one();
    let (server, _client) = sockets(&tls);
    assert_eq!(server.write(&[IoSlice::new(b"503")]).unwrap_err().kind(), ErrorKind::NotConnected);
}

#[test]
fn client_certificates_are_verified_as_configured() {
    let (authority, stranger) = (Authority::new("ca"), Authority::new("other ca"));
    let folder = Folder::new();
    let ca = folder.write("ca.pem", &authority.pem);
    let made = authority.issue(&["a.test"]);
    let by = |authority: &Authority| {
        let made = authority.issue(&["client.test"]);
        Some((made.pem, made.key))
    };
    let cases = [
        (Verify::None, by(&authority), Ok(None)),
        (Verify::None, None, Ok(None)),
        (Verify::Optional, None, Ok(None)),
        (Verify::Optional, by(&authority), Ok(Some("stone"))),
        (Verify::Optional, by(&stranger), Err(())),
        (Verify::Required, None, Err(())),
        (Verify::Required, by(&authority), Ok(Some("stone"))),
        (Verify::Required, by(&stranger), Err(())),
    ];
    for (verify, certificate, expected) in cases {
        let tls = load(Options { client_ca: Some(ca.clone()), verify, ..in_memory(&made) }).unwrap();
        for version in [Version::Tls12, Version::Tls13] {
            let manner = Manner {
                certificate: certificate.clone(),
                version: Some(version),
                ..Manner::new(&authority.pem, "a.test")
            };
            let (server, ended, _client) = attempt(&tls, &manner);
            let found = match ended {
                Handshake::Done => Ok(facts(&server).client_certificate.clone()),
                _ => Err(()),
            };
            let found = found.as_ref().map(|certificate| certificate.as_ref().and_then(|c| c.subject.common_name()));
            assert_eq!(found, expected.as_ref().copied(), "{verify:?}");
        }
    }
}

#[test]
fn the_name_a_client_asks_for_chooses_the_certificate() {
    let authority = Authority::new("ca");
    let folder = Folder::new();
    let sni = |name: &str, made: Made| CertificateFiles { certificate: folder.both(name, &made), private_key: None };
    let rsa = KeyPair::from_pem_and_sign_algo(
        &std::fs::read_to_string(data("rsa.pkcs8.key")).unwrap(),
        &rcgen::PKCS_RSA_SHA256,
    );
    let tls = load(Options {
        sni: vec![
            sni("star", authority.issue(&["*.b.test"])),
            sni("exact", authority.issue(&["a.b.test", "c.test"])),
            sni("rsa", authority.issue_for(&["c.test"], &rsa.unwrap())),
        ],
        ..in_memory(&authority.issue(&["first.test", "unknown.test"]))
    })
    .unwrap();
    for (name, suites, shown) in [
        ("first.test", "", "first.test"),
        ("unknown.test", "", "first.test"),
        ("A.b.test", "", "a.b.test"),
        ("x.b.test", "", "*.b.test"),
        ("c.test", "", "a.b.test"),
        ("c.test", "ECDHE_RSA", "c.test"),
    ] {
        let version = if suites.is_empty() { None } else { Some(Version::Tls12) };
        let (server, mut client) = connected(&tls, &Manner { version, suites, ..Manner::new(&authority.pem, name) });
        talk(&server, &mut client);
        assert_eq!(facts(&server).server_certificate.as_ref().unwrap().dns_names[0], shown, "{name}");
    }
}

#[test]
fn reload_applies_to_new_handshakes_and_broken_files_change_nothing() {
    let authority = Authority::new("ca");
    let folder = Folder::new();
    let file = folder.both("server.pem", &authority.issue(&["a.test", "old.test"]));
    let tls = load(options(file.clone(), None)).unwrap();
    let manner = Manner::new(&authority.pem, "a.test");
    let shown = |server| facts(server).server_certificate.as_ref().unwrap().dns_names[1].clone();
    let (old, mut old_client) = connected(&tls, &manner);
    assert_eq!(shown(&old), "old.test");

    folder.write("server.pem", "garbage");
    assert!(tls.reload(now()).unwrap_err().to_string().starts_with("setting ssl_certificate: "));
    let (server, _client) = connected(&tls, &manner);
    assert_eq!(shown(&server), "old.test");

    folder.both("server.pem", &authority.issue(&["a.test", "new.test"]));
    tls.reload(now()).unwrap();
    let (server, mut client) = connected(&tls, &manner);
    assert_eq!(shown(&server), "new.test");
    talk(&server, &mut client);
    talk(&old, &mut old_client);
}

#[test]
fn a_session_is_resumed_but_not_across_a_reload() {
    let (tls, manner) = one();
    // One configuration, so that the client remembers its session.
    let config = manner.config();
    let kind = |expected: &str| {
        let (server, socket) = sockets(&tls);
        let connection = rustls::ClientConnection::new(Arc::clone(&config), "a.test".try_into().unwrap()).unwrap();
        let mut client = rustls::StreamOwned::new(connection, socket);
        std::thread::scope(|scope| {
            let client = scope.spawn(|| -> io::Result<()> {
                client.write_all(b"ping")?;
                client.read_exact(&mut [0; 4])?;
                assert_eq!(format!("{:?}", client.conn.handshake_kind().unwrap()), expected);
                Ok(())
            });
            assert_eq!(shake(&server), Handshake::Done);
            assert_eq!(read_exactly(&server, 4), b"ping");
            write_all(&server, b"pong");
            client.join().unwrap().unwrap();
        });
        assert!(facts(&server).server_certificate.is_some());
    };
    kind("Full");
    kind("Resumed");
    tls.reload(now()).unwrap();
    kind("Full");
    kind("Resumed");
}

#[test]
fn certificate_that_expires_ends_the_resumptions_of_its_client() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let client_ca = Some(folder.write("ca.pem", &authority.pem));
    let server = in_memory(&authority.issue(&["a.test"]));
    let tls = load(Options { client_ca, verify: Verify::Required, ..server }).unwrap();
    let end = SystemTime::now() + Duration::from_secs(4);
    let made = authority.issue_until(end, &["plum.test"], &KeyPair::generate().unwrap());
    let configs = [Version::Tls12, Version::Tls13].map(|version| {
        let certificate = Some((made.pem.clone(), made.key.clone()));
        Manner { version: Some(version), certificate, ..Manner::new(&authority.pem, "a.test") }.config()
    });
    // The kind of the handshake for the client, and its result.
    let shake_by = |config: &Arc<rustls::ClientConfig>| {
        let (server, socket) = sockets(&tls);
        let connection = rustls::ClientConnection::new(Arc::clone(config), "a.test".try_into().unwrap()).unwrap();
        let mut client = rustls::StreamOwned::new(connection, socket);
        std::thread::scope(|scope| {
            let client = scope.spawn(move || {
                let answer = client.write_all(b"ping").and_then(|()| client.read_exact(&mut [0; 4]));
                (format!("{:?}", client.conn.handshake_kind().unwrap()), answer.is_ok())
            });
            let ended = shake(&server);
            if ended == Handshake::Done {
                assert_eq!(read_exactly(&server, 4), b"ping");
                write_all(&server, b"pong");
            }
            server.shutdown(Shutdown::Both).unwrap();
            (client.join().unwrap(), ended)
        })
    };
    for config in &configs {
        for kind in ["Full", "Resumed", "Resumed"] {
            assert_eq!(shake_by(config), ((kind.to_owned(), true), Handshake::Done));
        }
    }
    // Certificates count whole seconds.
    while SystemTime::now() < end + Duration::from_secs(1) {
        std::thread::sleep(Duration::from_millis(50));
    }
    for config in &configs {
        let (client, ended) = shake_by(config);
        assert_eq!(client, ("Resumed".to_owned(), false));
        let Handshake::Refused { certificate: Some(certificate), reason } = ended else { panic!("{ended:?}") };
        assert_eq!((&certificate.dns_names[..], &*reason), (&["plum.test".to_owned()][..], "has expired"));
    }
}
