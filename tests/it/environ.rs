//! Environ keys about the client and the connection: behind proxies, over TLS (compared with
//! another program), over Unix sockets.

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;

use drupe::wsgi::{ApplicationError, Environ, StartResponse, Value};
use drupe::{Server, Settings};

use crate::client::{Answer, Client};
use crate::place::{Place, curl_as, is_root, output, run};

/// Returns every text key with its value, one per line; line ends in a value become `|`.
fn tell(environ: Environ, start_response: StartResponse) -> Result<Vec<u8>, ApplicationError> {
    start_response.start("200 OK", [("Content-Type", "text/plain")])?;
    let texts = environ.iter().filter_map(|(key, value)| match value {
        Value::Text(text) => Some(format!("{key}={}\n", text.text().replace('\n', "|"))),
        _ => None,
    });
    Ok(texts.collect::<String>().into_bytes())
}

fn serving(change: impl FnOnce(&mut Settings)) -> Server {
    let mut server = Server::wsgi(tell);
    server.settings.socket_port = 0;
    change(&mut server.settings);
    server.start().unwrap();
    server
}

type Told = BTreeMap<String, String>;

fn told(answer: &Answer) -> Told {
    assert_eq!(answer.status, 200);
    told_in(answer.text())
}

fn told_in(text: &str) -> Told {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// The values of `keys`, `-` where there is none, between blanks.
fn values(told: &Told, keys: &str) -> String {
    keys.split(' ').map(|key| told.get(key).map_or("-", String::as_str)).collect::<Vec<_>>().join(" ")
}

const WHO: &str = "REMOTE_ADDR REMOTE_PORT wsgi.url_scheme HTTPS SERVER_NAME SERVER_PORT HTTP_HOST";

/// `P`: the port we come from, `S`: the one we come to.
#[track_caller]
fn check(settings: &[(&str, &str)], before: &str, fields: &str, expected: &str) {
    let server = serving(|own| settings.iter().for_each(|(name, value)| own.set(name, value).unwrap()));
    let address = server.bound_addr().unwrap();
    let mut client = Client::connect(address);
    client.send(format!("{before}GET / HTTP/1.1\r\nHost: tea.example\r\n{fields}\r\n"));
    let told = told(&client.answer());
    let port = |mark, port: u16| (mark, port.to_string());
    let [own, its] = [port(" P ", client.address().port()), port(" S ", address.port())];
    let expected = expected.replace(own.0, &format!(" {} ", own.1)).replace(its.0, &format!(" {} ", its.1));
    assert_eq!(values(&told, WHO), expected, "{settings:?} {before:?} {fields:?}");
}

const LEGACY: &[(&str, &str)] = &[
    ("trusted_proxies", "127.0.0.1"),
    ("trusted_proxy_headers", "x-forwarded-for, x-forwarded-proto, x-forwarded-host"),
];

#[test]
fn environ_has_the_claims_of_a_trusted_proxy() {
    let all = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: pot.example\r\n";
    let forwarded = "Forwarded: for=\"[2001:db8::1]:4711\";proto=https;host=\"pot.example:8443\"\r\n";
    let only_forwarded = &[("trusted_proxies", "127.0.0.1"), ("trusted_proxy_headers", "forwarded")];
    check(LEGACY, "", all, "192.0.2.7  https on pot.example 443 pot.example");
    check(only_forwarded, "", forwarded, "2001:db8::1  https on pot.example 8443 pot.example:8443");
    // One claim at a time; facts without a claim stay as observed.
    check(LEGACY, "", "", "127.0.0.1 P http - tea.example S tea.example");
    check(LEGACY, "", "X-Forwarded-For: 127.0.0.1\r\n", "127.0.0.1  http - tea.example S tea.example");
    check(LEGACY, "", "X-Forwarded-For: unknown\r\n", "  http - tea.example S tea.example");
    check(LEGACY, "", "X-Forwarded-Proto: https\r\n", "127.0.0.1 P https on tea.example 443 tea.example");
    check(LEGACY, "", "X-Forwarded-Proto: http\r\n", "127.0.0.1 P http - tea.example 80 tea.example");
    check(LEGACY, "", "X-Forwarded-Host: [::1]:99\r\n", "127.0.0.1 P http - [::1] 99 [::1]:99");
    check(only_forwarded, "", "Forwarded: for=_hidden\r\n", "  http - tea.example S tea.example");
}

#[test]
fn environ_has_no_untrusted_claims() {
    let all = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: pot.example\r\n\
               Forwarded: for=192.0.2.8;proto=https\r\n";
    let seen = "127.0.0.1 P http - tea.example S tea.example";
    check(&[], "", all, seen);
    // Another peer is trusted, or for other fields.
    let others = &[("trusted_proxies", "192.0.2.0/24"), LEGACY[1]];
    check(others, "", all, seen);
    check(&[LEGACY[0], ("trusted_proxy_headers", "forwarded")], "", "X-Forwarded-For: 192.0.2.7\r\n", seen);
    let server = serving(|own| others.iter().for_each(|(name, value)| own.set(name, value).unwrap()));
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{all}\r\n"));
    let told = told(&client.answer());
    assert!(!told.keys().any(|key| key.contains("FORWARDED")), "{told:?}");
}

#[test]
fn environ_has_the_client_of_a_proxy_header() {
    let announced = &[("proxy_protocol", "true"), ("trusted_proxies", "127.0.0.1"), LEGACY[1]];
    let line = "PROXY TCP4 192.0.2.1 192.0.2.9 56324 8443\r\n";
    check(announced, line, "", "192.0.2.1 56324 http - tea.example 8443 tea.example");
    // The announced client is no trusted proxy, so its claims have no effect.
    check(announced, line, "X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.1 56324 http - tea.example 8443 tea.example");
    let chain = &[("proxy_protocol", "true"), ("trusted_proxies", "127.0.0.1, 192.0.2.1"), LEGACY[1]];
    check(chain, line, "X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7  http - tea.example 8443 tea.example");
    // Version 2 can say that the client came over TLS.
    let header = [
        &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14\xc0\0\x02\x01\xc0\0\x02\x09\xdc\x04\x01\xbb"[..],
        b"\x20\0\x05\x01\0\0\0\0",
    ];
    let server = serving(|own| announced.iter().for_each(|(name, value)| own.set(name, value).unwrap()));
    let mut client = Client::connect(server.bound_addr().unwrap());
    client.send(header.concat());
    client.send("GET / HTTP/1.1\r\nHost: tea.example\r\n\r\n");
    let told = told(&client.answer());
    assert_eq!(values(&told, WHO), "192.0.2.1 56324 https on tea.example 443 tea.example");
    assert!(!told.keys().any(|key| key.starts_with("SSL_")), "TLS is not ours: {told:?}");
}

#[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
mod secure {
    use std::fs;

    use super::*;
    use crate::secure::{Made, config, connect};

    /// Certificates that another program has made: one for a server, one for a client that leads to `authority.pem`.
    fn certificates(place: &Place) {
        let path = |name: &str| place.path(name).to_str().unwrap().to_owned();
        fs::write(path("server.ext"), "subjectAltName=DNS:localhost,DNS:tea.example,email:pot@tea.example\n").unwrap();
        fs::write(path("client.ext"), "subjectAltName=email:c@tea.example,email:d@tea.example,DNS:c.example\n")
            .unwrap();
        let key = |name: &str| {
            run("openssl", &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &path(name)])
        };
        key("authority.key");
        let subject = "/C=CH/O=Orchard/CN=authority";
        let arguments = ["-subj", subject, "-days", "900", "-out", &path("authority.pem")];
        run("openssl", &[&["req", "-x509", "-new", "-key", &path("authority.key")], &arguments[..]].concat());
        for (name, subject, serial, days) in [
            ("server", "/C=CH/ST=Bern/L=Thun/O=Orchard/CN=localhost", "0x0ABC", "30"),
            (
                "client",
                "/C=CH/O=Orchard, Ltd/OU=a/OU=b/CN=stone/title=T/GN=G/SN=S/initials=I/description=D/UID=u7/emailAddress=e@f",
                "0xF1F2F3F4F5F6F7F8F9",
                "400",
            ),
        ] {
            key(&format!("{name}.key"));
            let asked = path("asked.csr");
            run("openssl", &["req", "-new", "-key", &path(&format!("{name}.key")), "-subj", subject, "-out", &asked]);
            let by = ["-CA", &path("authority.pem"), "-CAkey", &path("authority.key"), "-set_serial", serial];
            let more =
                ["-days", days, "-extfile", &path(&format!("{name}.ext")), "-out", &path(&format!("{name}.pem"))];
            run("openssl", &[&["x509", "-req", "-in", &asked], &by[..], &more[..]].concat());
        }
    }

    /// Returns the output of another program about a certificate.
    fn said(place: &Place, name: &str, asked: &str) -> String {
        let path = place.path(name);
        let text = run("openssl", &["x509", "-noout", "-in", path.to_str().unwrap(), asked]);
        text.trim().split_once('=').unwrap().1.to_owned()
    }

    #[test]
    fn tls_keys_equal_those_of_openssl() {
        let place = Place::new();
        certificates(&place);
        let server = serving(|settings| {
            settings.ssl_certificate = Some(place.path("server.pem"));
            settings.ssl_private_key = Some(place.path("server.key"));
            settings.ssl_client_ca = Some(place.path("authority.pem"));
            settings.ssl_verify_mode = Some("optional".to_owned());
        });
        let read = |name: &str| fs::read_to_string(place.path(name)).unwrap();
        let roots = Made { pem: read("client.pem"), key: read("client.key") };
        let address = server.bound_addr().unwrap();
        let mut client = connect(address, &crate::secure::trusting(&read("authority.pem"), Some(&roots))).unwrap();
        let told = told(&client.get("/"));

        let mut expected = Told::new();
        let mut add = |key: &str, value: &str| expected.insert(format!("SSL_{key}"), value.to_owned());
        add("PROTOCOL", "TLSv1.3");
        add("CIPHER_EXPORT", "");
        add("TLS_SNI", "localhost");
        add("VERSION_INTERFACE", concat!("drupe/", env!("CARGO_PKG_VERSION")));
        add("CLIENT_VERIFY", "SUCCESS");
        for (side, file) in [("SERVER", "server.pem"), ("CLIENT", "client.pem")] {
            let mut add = |key: &str, value: &str| add(&format!("{side}_{key}"), value);
            add("CERT", read(file).trim().replace('\n', "|").as_str());
            add("M_VERSION", "3");
            add("M_SERIAL", &said(&place, file, "-serial"));
            add("V_START", &said(&place, file, "-startdate"));
            add("V_END", &said(&place, file, "-enddate"));
            add("I_DN", "C=CH,O=Orchard,CN=authority");
            add("I_DN_C", "CH");
            add("I_DN_O", "Orchard");
            add("I_DN_CN", "authority");
            add("S_DN_C", "CH");
        }
        // Made this second: of the last day a part is over.
        for (key, value) in [
            ("SERVER_V_REMAIN", "29"),
            ("SERVER_S_DN", "C=CH,ST=Bern,L=Thun,O=Orchard,CN=localhost"),
            ("SERVER_S_DN_ST", "Bern"),
            ("SERVER_S_DN_L", "Thun"),
            ("SERVER_S_DN_O", "Orchard"),
            ("SERVER_S_DN_CN", "localhost"),
            ("SERVER_SAN_DNS_0", "localhost"),
            ("SERVER_SAN_DNS_1", "tea.example"),
            ("SERVER_SAN_Email_0", "pot@tea.example"),
            ("CLIENT_V_REMAIN", "399"),
            ("CLIENT_S_DN", "C=CH,O=Orchard\\, Ltd,OU=a,OU=b,CN=stone,T=T,G=G,S=S,I=I,D=D,UID=u7,Email=e@f"),
            ("CLIENT_S_DN_O", "Orchard, Ltd"),
            ("CLIENT_S_DN_OU", "a,b"),
            ("CLIENT_S_DN_OU_0", "a"),
            ("CLIENT_S_DN_OU_1", "b"),
            ("CLIENT_S_DN_CN", "stone"),
            ("CLIENT_S_DN_T", "T"),
            ("CLIENT_S_DN_G", "G"),
            ("CLIENT_S_DN_S", "S"),
            ("CLIENT_S_DN_I", "I"),
            ("CLIENT_S_DN_D", "D"),
            ("CLIENT_S_DN_UID", "u7"),
            ("CLIENT_S_DN_Email", "e@f"),
            ("CLIENT_SAN_Email_0", "c@tea.example"),
            ("CLIENT_SAN_Email_1", "d@tea.example"),
            ("CLIENT_SAN_DNS_0", "c.example"),
        ] {
            add(key, value);
        }
        let mut found: Told =
            told.iter().filter(|(key, _)| key.starts_with("SSL_")).map(|(k, v)| (k.clone(), v.clone())).collect();
        // These depend on the TLS library of each side.
        let cipher = found.remove("SSL_CIPHER").unwrap();
        let bits = if cipher.contains("128") { "128" } else { "256" };
        for key in ["SSL_CIPHER_USEKEYSIZE", "SSL_CIPHER_ALGKEYSIZE"] {
            assert_eq!(found.remove(key).as_deref(), Some(bits), "{cipher}");
        }
        assert!(found.remove("SSL_VERSION_LIBRARY").unwrap().starts_with("rustls"));
        assert_eq!(found, expected);
        assert_eq!(values(&told, "HTTPS wsgi.url_scheme SERVER_PORT"), format!("on https {}", address.port()));
    }

    #[test]
    fn environ_without_a_client_certificate_has_no_client_keys() {
        let server = serving(|settings| settings.ssl_context = Some(crate::secure::context()));
        let mut client = connect(server.bound_addr().unwrap(), &config(None)).unwrap();
        let told = told(&client.get("/"));
        assert_eq!(values(&told, "HTTPS wsgi.url_scheme SSL_CLIENT_VERIFY"), "on https NONE");
        let others = told.keys().filter(|key| key.starts_with("SSL_CLIENT_")).collect::<Vec<_>>();
        assert_eq!(others, ["SSL_CLIENT_VERIFY"]);
        assert!(told["SSL_SERVER_I_DN"].contains("the authority of the tests"), "{told:?}");
    }

    #[test]
    fn trusted_proxy_over_tls_may_claim_a_plain_client() {
        let server = serving(|settings| {
            settings.ssl_context = Some(crate::secure::context());
            LEGACY.iter().for_each(|(name, value)| settings.set(name, value).unwrap());
        });
        let mut client = connect(server.bound_addr().unwrap(), &config(None)).unwrap();
        client.send("GET / HTTP/1.1\r\nHost: tea.example\r\nX-Forwarded-Proto: http\r\n\r\n");
        let told = told(&client.answer());
        assert_eq!(values(&told, "wsgi.url_scheme HTTPS SERVER_PORT SSL_PROTOCOL"), "http - 80 TLSv1.3");
    }

    #[test]
    fn early_writes_go_out_over_tls() {
        use std::io::Write;
        let door = crate::door::Door::default();
        let passed = door.clone();
        let mut server = Server::wsgi(move |_: Environ, start_response: StartResponse| {
            let mut write = start_response.start("200 OK", [("Content-Type", "text/plain")])?;
            write.write_all(b"one")?;
            passed.pass();
            Ok::<_, ApplicationError>("two")
        });
        server.settings.socket_port = 0;
        server.settings.ssl_context = Some(crate::secure::context());
        server.start().unwrap();
        let mut client = connect(server.bound_addr().unwrap(), &config(None)).unwrap();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!((client.head().unwrap().status, client.chunk().unwrap()), (200, b"one".to_vec()));
        door.open();
        assert_eq!((client.chunk().unwrap(), client.chunk().unwrap()), (b"two".to_vec(), vec![]));
    }
}

const CREDENTIALS: &str = "X_REMOTE_UID X_REMOTE_GID X_REMOTE_USER X_REMOTE_GROUP REMOTE_USER";

#[test]
fn environ_has_the_user_of_a_unix_client_unforgeably() {
    let place = Place::new();
    let mut server = Server::wsgi(tell);
    server.settings.socket_file = Some(place.socket());
    server.settings.socket_mode = 0o666;
    let name = |database: &str, id: &str| {
        let found = output("getent", &[database, id]);
        let text = String::from_utf8(found.stdout).unwrap();
        if text.is_empty() { "-".to_owned() } else { text.split(':').next().unwrap().to_owned() }
    };
    let unnamed = "54321";
    assert_eq!(name("passwd", unnamed), "-", "a number that nobody has");
    for (peercreds, resolves) in [(false, false), (true, false), (true, true)] {
        (server.settings.peercreds, server.settings.peercreds_resolve) = (peercreds, resolves);
        server.restart().unwrap();
        let expected = |user: &str, group: &str| match (peercreds, resolves) {
            (false, _) => "- - - - -".to_owned(),
            (true, false) => format!("{user} {group} - - -"),
            (true, true) => {
                let (name, group_name) = (name("passwd", user), name("group", group));
                format!("{user} {group} {name} {group_name} {name}")
            }
        };
        let mut client = Client::over_unix(UnixStream::connect(place.socket()).unwrap());
        client.send(
            "GET / HTTP/1.1\r\nHost: a\r\nRemote-User: root\r\nX-Remote-Uid: 0\r\nRemote_User: root\r\nX_Remote_User: root\r\n\r\n",
        );
        let told = told(&client.answer());
        let me = |flag| run("id", &[flag]).trim().to_owned();
        assert_eq!(values(&told, CREDENTIALS), expected(&me("-u"), &me("-g")));
        let pid = if peercreds { std::process::id().to_string() } else { "-".to_owned() };
        assert_eq!(values(&told, "X_REMOTE_PID"), pid);
        assert_eq!(values(&told, "REMOTE_ADDR REMOTE_PORT HTTP_REMOTE_USER HTTP_X_REMOTE_UID"), "  root 0");
        if !is_root("callers that are other users") {
            continue;
        }
        for (user, group) in [("65534", "65534"), ("1", "65534"), (unnamed, unnamed)] {
            let answer = curl_as(user.parse().unwrap(), group.parse().unwrap(), &place.socket(), "/");
            assert_eq!(values(&told_in(&answer), CREDENTIALS), expected(user, group));
        }
    }
}
