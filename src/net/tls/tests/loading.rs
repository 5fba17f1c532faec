//! Accepted and refused options, and the error texts.

use std::fs;

use rustls::ServerConfig;

use super::super::builtin::provider::provider;
use super::*;

/// Checks that `options` are refused with a text that begins and ends as given.
#[track_caller]
fn refuses(options: Options, begin: &str, end: &str) {
    let text = load(options).map(|_| ()).unwrap_err().to_string();
    assert!(text.starts_with(begin) && text.ends_with(end), "{text}");
}

#[test]
fn keys_may_have_any_of_the_usual_forms() {
    for (certificate, key) in [
        ("rsa.pem", Some("rsa.pkcs8.key")),
        ("rsa.pem", Some("rsa.pkcs1.key")),
        ("ec.pem", Some("ec.sec1.key")),
        ("ec.pem", Some("ec.pkcs8.key")),
        ("ec.both.pem", None),
    ] {
        load(options(data(certificate), key.map(data)))
            .unwrap_or_else(|error| panic!("{certificate} {key:?}: {error}"));
    }
    let folder = Folder::new();
    let made = Authority::new("ca").issue_for(&["a.test"], &KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap());
    load(options(folder.both("ed25519.pem", &made), None)).unwrap();
    load(in_memory(&made)).unwrap();
}

#[cfg(feature = "tls-encrypted-keys")]
#[test]
fn keys_may_be_encrypted() {
    use crate::tls::Password;

    let with = |password: Option<Password>, certificate: &str, key: Option<&str>| Options {
        password,
        ..options(data(certificate), key.map(data))
    };
    let folder = Folder::new();
    for password in [Password::new("cherry"), Password::from_file(folder.write("password", "cherry\r\nplum\n"))] {
        for key in ["rsa.aes.key", "rsa.3des.key", "rsa.scrypt.key"] {
            load(with(Some(password.clone()), "rsa.pem", Some(key))).unwrap_or_else(|error| panic!("{key}: {error}"));
        }
        load(with(Some(password.clone()), "rsa.both.pem", None)).unwrap();
        // An unneeded password does no harm.
        load(with(Some(password), "ec.both.pem", None)).unwrap();
    }
    let wrong = with(Some("plum".into()), "rsa.pem", Some("rsa.aes.key"));
    refuses(
        wrong,
        "setting ssl_private_key_password: wrong password: does not decrypt the private key in \"",
        "rsa.aes.key\"",
    );
    let none = with(None, "rsa.pem", Some("rsa.aes.key"));
    refuses(none, "setting ssl_private_key: \"", "is encrypted; set ssl_private_key_password");
    let missing = with(Some(Password::from_file("no/such/file")), "rsa.pem", Some("rsa.aes.key"));
    refuses(missing, "setting ssl_private_key_password: cannot read \"no/such/file\": ", "(os error 2)");
    let text = fs::read_to_string(data("rsa.aes.key")).unwrap();
    let broken = folder.write("broken.key", text.replace("-----END ENCRYPTED PRIVATE KEY-----", ""));
    let broken = Options { password: Some("cherry".into()), ..options(data("rsa.pem"), Some(broken)) };
    refuses(broken, "setting ssl_private_key: \"", "");
}

#[cfg(not(feature = "tls-encrypted-keys"))]
#[test]
fn an_encrypted_key_is_refused_by_the_name_of_the_feature() {
    let encrypted = Options { password: Some("cherry".into()), ..options(data("rsa.pem"), Some(data("rsa.aes.key"))) };
    refuses(encrypted, "setting ssl_private_key: ", "is encrypted, which needs the feature tls-encrypted-keys");
}

#[test]
fn error_about_a_file_names_the_file_and_the_setting() {
    let folder = Folder::new();
    let missing = folder.0.join("missing");
    let empty = folder.write("empty", "");
    let garbage = folder.write("garbage", "-----BEGIN CERTIFICATE-----\nAAAA!\n-----END CERTIFICATE-----\n");
    let no_certificate = folder.write("der", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let two_keys = folder.write("two", fs::read_to_string(data("ec.sec1.key")).unwrap().repeat(2));
    let (rsa, key) = (data("rsa.pem"), Some(data("rsa.pkcs8.key")));

    refuses(
        options(missing.clone(), None),
        "setting ssl_certificate: cannot read \"",
        "missing\": No such file or directory (os error 2)",
    );
    refuses(options(folder.0.clone(), None), "setting ssl_certificate: cannot read \"", "Is a directory (os error 21)");
    refuses(options(empty.clone(), None), "setting ssl_certificate: \"", "empty\" contains no certificate in PEM");
    refuses(
        options(data("rsa.pkcs8.key"), None),
        "setting ssl_certificate: \"",
        "rsa.pkcs8.key\" contains no certificate in PEM, only \"PRIVATE KEY\"",
    );
    refuses(options(garbage, None), "setting ssl_certificate: \"", "");
    refuses(options(no_certificate, key.clone()), "setting ssl_certificate: \"", "");
    refuses(options(rsa.clone(), Some(missing.clone())), "setting ssl_private_key: cannot read \"", "(os error 2)");
    refuses(options(rsa.clone(), Some(empty)), "setting ssl_private_key: \"", "empty\" contains no private key in PEM");
    refuses(
        options(rsa.clone(), None),
        "setting ssl_private_key: \"",
        "rsa.pem\" contains no private key in PEM, only \"CERTIFICATE\"",
    );
    refuses(
        options(rsa.clone(), Some(two_keys)),
        "setting ssl_private_key: \"",
        "contains 2 private keys instead of one, in lines 4, 12",
    );
    refuses(
        options(rsa.clone(), Some(data("rsa.old.key"))),
        "setting ssl_private_key: \"",
        "in line 1; convert the key with openssl pkcs8 -topk8",
    );
    let belongs = "contains a private key that does not match the first certificate in";
    refuses(
        options(rsa.clone(), Some(data("ec.pkcs8.key"))),
        "setting ssl_private_key: \"",
        &format!("{belongs} {rsa:?}"),
    );

    let with_chain = |chain| Options {
        identity: Identity::Files {
            files: CertificateFiles { certificate: rsa.clone(), private_key: key.clone() },
            chain,
        },
        ..options(PathBuf::new(), None)
    };
    refuses(with_chain(Some(missing.clone())), "setting ssl_certificate_chain: cannot read \"", "(os error 2)");
    refuses(
        with_chain(Some(data("ec.sec1.key"))),
        "setting ssl_certificate_chain: \"",
        "contains no certificate in PEM, only \"EC PARAMETERS\", \"EC PRIVATE KEY\"",
    );
    load(with_chain(Some(rsa.clone()))).unwrap();

    let with_sni = |certificate, private_key| Options {
        sni: vec![CertificateFiles { certificate, private_key }],
        ..options(rsa.clone(), key.clone())
    };
    refuses(with_sni(missing.clone(), None), "setting ssl_sni: cannot read \"", "(os error 2)");
    refuses(
        with_sni(data("ec.pem"), None),
        "setting ssl_sni: \"",
        "ec.pem\" contains no private key in PEM, only \"CERTIFICATE\"",
    );
    let nameless = folder.both("nameless", &Authority::new("ca").issue(&[]));
    refuses(
        with_sni(nameless, None),
        "setting ssl_sni: \"",
        "names no host, so the server could never choose the certificate",
    );

    let with_ca = |client_ca| Options {
        client_ca: Some(client_ca),
        verify: Verify::Required,
        ..options(rsa.clone(), key.clone())
    };
    refuses(with_ca(missing), "setting ssl_client_ca: cannot read \"", "(os error 2)");
    refuses(with_ca(data("ec.sec1.key")), "setting ssl_client_ca: \"", "only \"EC PARAMETERS\", \"EC PRIVATE KEY\"");
}

#[test]
fn ciphers_are_checked_against_keys_and_versions() {
    let with = |ciphers: &str, min_version| Options {
        ciphers: Some(ciphers.to_owned()),
        min_version,
        ..options(data("rsa.pem"), Some(data("rsa.pkcs8.key")))
    };
    load(with("HIGH:!aNULL", Version::Tls12)).unwrap();
    load(with("aRSA:!TLSv1.3", Version::Tls12)).unwrap();
    load(with("TLS_AES_128_GCM_SHA256", Version::Tls13)).unwrap();
    refuses(
        with("HIGH:nonsense", Version::Tls12),
        "setting ssl_ciphers: \"nonsense\" is not a known cipher suite; supported: TLS_",
        "",
    );
    let sole = with("ECDSA:!TLSv1.3", Version::Tls12);
    refuses(
        sole,
        "setting ssl_ciphers: no selected cipher suite works with the RSA key of the certificate of C=CH,O=Orchard\\, Ltd,CN=rsa.test",
        "",
    );
    refuses(
        with("aRSA", Version::Tls13),
        "setting ssl_ciphers: \"aRSA\" names no suite of TLSv1.3",
        "the only version that ssl_min_version allows",
    );
    let none = "setting ssl_ciphers: no selected cipher suite is of TLSv1.3, which ssl_min_version requires";
    refuses(with("aRSA:!TLSv1.3", Version::Tls13), none, "");
}

#[test]
fn a_context_is_used_as_it_is_or_refused() {
    let key = rustls_pki_types::PrivateKeyDer::try_from(KeyPair::generate().unwrap().serialize_der()).unwrap();
    let made = Authority::new("ca").issue(&["a.test"]);
    let context = |alpn: &[&str]| {
        use rustls_pki_types::pem::PemObject;
        let certificate = rustls_pki_types::CertificateDer::from_pem_slice(made.pem.as_bytes()).unwrap();
        let key = rustls_pki_types::PrivateKeyDer::from_pem_slice(made.key.as_bytes()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(provider())).with_safe_default_protocol_versions();
        let mut config = builder.unwrap().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Options { identity: Identity::Context(Arc::new(config)), ..options(PathBuf::new(), None) }
    };
    for alpn in [&[][..], &["http/1.1"], &["http/1.1", "http/1.0"]] {
        load(context(alpn)).unwrap();
    }
    refuses(
        context(&["h2", "http/1.1"]),
        "setting ssl_context: offers an ALPN protocol other than http/1.1 and http/1.0",
        "",
    );
    let Identity::Context(object) = context(&[]).identity else { panic!("no context") };
    let mut hasty = ServerConfig::clone(&object.downcast::<ServerConfig>().unwrap());
    hasty.max_early_data_size = 1;
    let hasty = Options { identity: Identity::Context(Arc::new(hasty)), ..context(&[]) };
    refuses(hasty, "setting ssl_context: accepts early data (0-RTT)", "");
    let stranger = Options { identity: Identity::Context(Arc::new(key)), ..context(&[]) };
    refuses(stranger, "setting ssl_context: is not a rustls::ServerConfig", "");
    let complete = "has no effect together with ssl_context, which is complete";
    let ciphers = Options { ciphers: Some("HIGH".to_owned()), ..context(&[]) };
    refuses(ciphers, "setting ssl_ciphers: ", complete);
    refuses(Options { min_version: Version::Tls13, ..context(&[]) }, "setting ssl_min_version: ", complete);
    let broken = Made { pem: made.key.clone(), key: made.key.clone() };
    refuses(in_memory(&broken), "setting ssl_context: its certificate contains no certificate in PEM", "");
}
