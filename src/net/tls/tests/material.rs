//! Material as operators have it: pasted together, cut, of kinds that are not supported.

use std::fs;

use super::*;

fn text(options: Options) -> String {
    load(options).map(|_| ()).unwrap_err().to_string()
}

fn with_key(key: &str) -> Options {
    options(data("rsa.pem"), Some(data(key)))
}

#[cfg(not(feature = "tls-aws-lc"))]
#[test]
fn unsupported_key_is_named_by_kind_size_and_curve() {
    for (key, kind) in [("rsa.8192.key", "RSA of 8192 bits"), ("p521.key", "ECDSA on P-521")] {
        let expected = format!(
            "setting ssl_private_key: {:?} contains a private key of an unsupported kind, in line 1: {kind}; supported: \
             RSA of 2048 to 4096 bits, ECDSA on P-256 and P-384, Ed25519 \
             (with the feature tls-aws-lc also RSA of up to 8192 bits and P-521)",
            data(key)
        );
        assert_eq!(text(with_key(key)), expected);
    }
}

#[cfg(feature = "tls-aws-lc")]
#[test]
fn aws_lc_takes_larger_keys() {
    for key in ["rsa.8192.key", "p521.key"] {
        assert!(text(with_key(key)).contains("does not match the first certificate"), "{key}");
    }
}

#[test]
fn key_of_a_kind_without_support_is_named() {
    for (key, kind) in [
        ("rsa.1024.key", "RSA of 1024 bits"),
        ("secp256k1.key", "ECDSA on secp256k1"),
        ("ed448.key", "Ed448"),
        ("rsa.pss.key", "RSA-PSS"),
        ("dsa.key", "DSA"),
    ] {
        let text = text(with_key(key));
        assert!(text.contains(&format!("unsupported kind, in line 1: {kind}; supported: RSA of 2048 to")), "{text}");
    }
}

#[cfg(feature = "tls-encrypted-keys")]
#[test]
fn encryption_without_support_is_named() {
    for password in [None, Some("cherry".into()), Some("wrong".into())] {
        let text = text(Options { password, ..with_key("rsa.pbes1.key") });
        let expected = "contains a private key under an unsupported encryption, in line 1: PBE-SHA1-3DES; supported: \
            PBES2 with PBKDF2 or scrypt, and AES-CBC or 3DES-CBC; convert the key with openssl pkcs8 -topk8 -v2 aes-256-cbc";
        assert!(text.ends_with(expected), "{text}");
    }
}

#[test]
fn cut_key_is_named_in_words() {
    let folder = Folder::new();
    let whole = fs::read_to_string(data("rsa.pkcs8.key")).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let no_end = folder.write("a.key", lines[..10].join("\n"));
    let text_of = |path| text(options(data("rsa.pem"), Some(path)));
    let text = text_of(no_end);
    assert!(text.ends_with("malformed PEM, line 1: the block \"PRIVATE KEY\" has no END line of its own"), "{text}");
    let short = folder.write("b.key", [&lines[..10], &lines[lines.len() - 1..]].concat().join("\n"));
    let text = text_of(short);
    assert!(text.contains("line 1: the block \"PRIVATE KEY\" is incomplete: "), "{text}");
    assert!(text.ends_with(" bytes of its content are missing"), "{text}");
}

#[test]
fn pasted_chain_is_sent_whole() {
    let folder = Folder::new();
    let authority = Authority::new("ca");
    let made = authority.issue(&["a.test"]);
    let (first, second) = (made.pem.trim_end(), authority.pem.trim_end());
    let key = folder.write("key", &made.key);
    for (at, chain) in [
        format!("{first}{second}\n"),
        format!("\u{feff}{first}\n{second}\n"),
        format!("subject=a\n{first}\n\nissuer=b\n{second}"),
        format!("{first}\n{second}\n").replace('\n', "\r"),
        format!("{first}\n{second}\n").replace('\n', " \r\n"),
    ]
    .iter()
    .enumerate()
    {
        let path = folder.write(&format!("chain{at}"), chain);
        let tls = load(options(path, Some(key.clone()))).unwrap();
        let (_server, client) = pairs::connected(&tls, &pairs::Manner::new(&authority.pem, "a.test"));
        assert_eq!(client.conn.peer_certificates().map(<[_]>::len), Some(2), "{chain}");
    }
}

#[test]
fn pasted_bundle_of_authorities_is_used_whole() {
    use super::super::secure::Handshake;
    use super::pairs::{Manner, attempt};

    let folder = Folder::new();
    let [one, two] = ["one", "two"].map(Authority::new);
    let made = one.issue(&["a.test"]);
    let bundle = folder.write("bundle", format!("{}{}", one.pem.trim_end(), two.pem));
    let tls = load(Options { client_ca: Some(bundle), verify: Verify::Required, ..in_memory(&made) }).unwrap();
    for authority in [&one, &two] {
        let client = authority.issue(&["client.test"]);
        let certificate = Some((client.pem, client.key));
        let (_, ended, _) = attempt(&tls, &Manner { certificate, ..Manner::new(&one.pem, "a.test") });
        assert_eq!(ended, Handshake::Done);
    }
}

#[test]
fn other_forms_than_pem_are_named() {
    let folder = Folder::new();
    let pem = fs::read_to_string(data("rsa.pem")).unwrap();
    let der = {
        use rustls_pki_types::pem::PemObject;
        rustls_pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
    };
    let utf16: Vec<u8> = "\u{feff}-----BEGIN".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, form) in [
        (der, "the file is DER; convert the file with openssl x509 or openssl pkey, and -inform der"),
        (
            b"0\x82\x0a\x0b\x02\x01\x030".to_vec(),
            "the file is a PKCS#12 archive; convert the file with openssl pkcs12 -nodes",
        ),
        (utf16, "the file is UTF-16; save the file as ASCII or UTF-8"),
    ] {
        let path = folder.write("file", bytes);
        let expected = format!("setting ssl_certificate: {path:?} is not in PEM: {form}");
        assert_eq!(text(options(path, None)), expected);
    }
}

#[test]
fn certificate_of_version_1_is_named() {
    let text = text(options(data("v1.pem"), Some(data("rsa.pkcs8.key"))));
    let expected = "contains a certificate of X.509 version 1, in line 1, which is not supported; \
        issue a certificate of version 3 for CN=v1.test";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn certificates_in_the_wrong_order_are_named() {
    let folder = Folder::new();
    let authority = Authority::new("ca");
    let made = authority.issue(&["a.test"]);
    let chain = folder.write("chain", format!("{}{}", authority.pem, made.pem));
    let line = 1 + authority.pem.lines().count();
    let text = text(options(chain, Some(folder.write("key", &made.key))));
    let expected = format!("the private key belongs to the certificate in line {line}, which must come first");
    assert!(text.starts_with("setting ssl_certificate: ") && text.ends_with(&expected), "{text}");
}

#[test]
fn revoked_client_is_refused_by_a_list_in_the_bundle() {
    use super::super::secure::Handshake;
    use super::pairs::{Manner, attempt};
    use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber};

    let folder = Folder::new();
    let authority = Authority::new("ca");
    let made = authority.issue(&["a.test"]);
    let serial = SerialNumber::from_slice(&[7, 7]);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["client.test".to_owned()]).unwrap();
    params.serial_number = Some(serial.clone());
    let client = Made { pem: params.signed_by(&key, &authority.issuer).unwrap().pem(), key: key.serialize_pem() };
    let revoked = RevokedCertParams {
        serial_number: serial,
        revocation_time: rcgen::date_time_ymd(2020, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let list = CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2020, 1, 1),
        next_update: rcgen::date_time_ymd(2999, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![revoked],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&authority.issuer).unwrap().pem().unwrap();
    let bundle = folder.write("bundle", format!("{}{}", authority.pem.trim_end(), list));
    let tls = load(Options { client_ca: Some(bundle), verify: Verify::Required, ..in_memory(&made) }).unwrap();
    let manner =
        |client: Made| Manner { certificate: Some((client.pem, client.key)), ..Manner::new(&authority.pem, "a.test") };
    assert_eq!(attempt(&tls, &manner(authority.issue(&["other.test"]))).1, Handshake::Done);
    assert!(matches!(attempt(&tls, &manner(client)).1, Handshake::Refused { .. }));
}

/// The certificate and the reason of a refused client.
fn refused(client: &Made, ca: &Authority) -> (String, String) {
    use super::super::secure::Handshake;
    use super::pairs::{Manner, attempt};

    let folder = Folder::new();
    let made = ca.issue(&["a.test"]);
    let bundle = folder.write("ca", &ca.pem);
    let tls = load(Options { client_ca: Some(bundle), verify: Verify::Required, ..in_memory(&made) }).unwrap();
    let certificate = Some((client.pem.clone(), client.key.clone()));
    for version in [Version::Tls12, Version::Tls13] {
        let manner =
            Manner { certificate: certificate.clone(), version: Some(version), ..Manner::new(&ca.pem, "a.test") };
        match attempt(&tls, &manner).1 {
            Handshake::Refused { certificate: Some(certificate), reason } if version == Version::Tls13 => {
                return (certificate.subject.to_string(), reason);
            }
            Handshake::Refused { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    unreachable!("the loop ends with TLS 1.3");
}

fn client(change: impl FnOnce(&mut CertificateParams), issuer: Option<&Authority>) -> Made {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "plum");
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let made = match issuer {
        Some(authority) => params.signed_by(&key, &authority.issuer),
        None => params.self_signed(&key),
    };
    Made { pem: made.unwrap().pem(), key: key.serialize_pem() }
}

#[test]
fn refused_client_certificate_has_a_subject_and_a_reason() {
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    let day = rcgen::date_time_ymd;
    for (client, expected) in [
        (client(|_| (), None), "is self-signed, and not itself in ssl_client_ca"),
        (client(|_| (), Some(&other)), "the issuer CN=other"),
        (client(|params| params.not_after = day(2001, 1, 1), Some(&ca)), "expired"),
        (client(|params| params.not_before = day(2901, 1, 1), Some(&ca)), "not valid yet"),
        (
            client(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth], Some(&ca)),
            "is not for clients: the extended key usage lacks clientAuth",
        ),
        (
            client(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained), Some(&ca)),
            "is invalid: CaUsedAsEndEntity",
        ),
    ] {
        let (subject, reason) = refused(&client, &ca);
        assert!(subject == "CN=plum" && reason.contains(expected), "{subject}: {reason}, not {expected}");
    }
}
