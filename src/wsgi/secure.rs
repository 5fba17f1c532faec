//! The environ keys of a TLS connection, named as in Apache's mod_ssl and in cheroot.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::environ::Environ;
use crate::tls::{Certificate, Facts, Name};

/// Adds the keys of a TLS connection; `software` is the server's name, `now` the time for the
/// remaining validity of certificates.
///
/// Unknown values have no key.
pub(super) fn add(environ: &mut Environ, facts: &Facts, software: &str, now: SystemTime) {
    let mut add = |key: String, value: String| {
        if !value.is_empty() {
            environ.insert(key, value);
        }
    };
    let bits = facts.cipher_bits.map(|bits| bits.to_string()).unwrap_or_default();
    let verified = if facts.client_certificate.is_some() { "SUCCESS" } else { "NONE" };
    for (key, value) in [
        ("SSL_PROTOCOL", facts.protocol.as_str()),
        ("SSL_CIPHER", &facts.cipher),
        ("SSL_CIPHER_USEKEYSIZE", &bits),
        ("SSL_CIPHER_ALGKEYSIZE", &bits),
        ("SSL_TLS_SNI", facts.server_name.as_deref().unwrap_or_default()),
        ("SSL_VERSION_INTERFACE", software),
        ("SSL_VERSION_LIBRARY", &facts.library),
        ("SSL_CLIENT_VERIFY", verified),
    ] {
        add(key.to_owned(), value.to_owned());
    }
    let both = [("SSL_SERVER", &facts.server_certificate), ("SSL_CLIENT", &facts.client_certificate)];
    for (prefix, certificate) in both {
        let described = certificate.iter().flat_map(|certificate| describe(certificate, now));
        described.for_each(|(key, value)| add(format!("{prefix}_{key}"), value));
    }
    // Export ciphers have not been in use since TLS 1.1: the key is only for applications that read
    // it.
    environ.insert("SSL_CIPHER_EXPORT", "");
}

fn describe(certificate: &Certificate, now: SystemTime) -> Vec<(String, String)> {
    let version = if certificate.version == 0 { String::new() } else { certificate.version.to_string() };
    let days_left = certificate.days_left(now).map(|days| days.max(0).to_string());
    let mut keys = vec![
        ("CERT".to_owned(), certificate.pem.trim().to_owned()),
        ("M_VERSION".to_owned(), version),
        ("M_SERIAL".to_owned(), certificate.serial.clone()),
        ("V_START".to_owned(), certificate.not_before.and_then(date).unwrap_or_default()),
        ("V_END".to_owned(), certificate.not_after.and_then(date).unwrap_or_default()),
        ("V_REMAIN".to_owned(), days_left.unwrap_or_default()),
    ];
    keys.extend(name("S_DN", &certificate.subject));
    keys.extend(name("I_DN", &certificate.issuer));
    for (key, names) in [("SAN_DNS", &certificate.dns_names), ("SAN_Email", &certificate.emails)] {
        keys.extend(names.iter().enumerate().map(|(at, name)| (format!("{key}_{at}"), name.clone())));
    }
    keys
}

/// Returns the keys of a whole name and of each part; a repeated part also has a key for each
/// value.
fn name(key: &str, name: &Name) -> Vec<(String, String)> {
    let mut keys = vec![(key.to_owned(), name.to_string())];
    for part in PARTS {
        let values: Vec<&str> = name.values(part).collect();
        keys.push((format!("{key}_{part}"), values.join(",")));
        if values.len() > 1 {
            let each = values.iter().enumerate().map(|(at, value)| (format!("{key}_{part}_{at}"), (*value).to_owned()));
            keys.extend(each);
        }
    }
    keys
}

/// Formats a date like OpenSSL: `Jan  2 15:04:05 2026 GMT`; `None` before 1970 and after 9999.
fn date(time: SystemTime) -> Option<String> {
    let age = time.duration_since(UNIX_EPOCH).ok().filter(|age| *age < BEYOND)?;
    // `Fri, 02 Jan 2026 15:04:05 GMT`.
    let fixdate = httpdate::fmt_http_date(UNIX_EPOCH + age);
    let [_, day, month, year, clock, _] = fixdate.split(' ').collect::<Vec<_>>()[..] else { return None };
    Some(format!("{month} {:>2} {clock} {year} GMT", day.trim_start_matches('0')))
}

const PARTS: [&str; 13] = ["C", "ST", "L", "O", "OU", "CN", "T", "I", "G", "S", "D", "UID", "Email"];

/// The year 10000.
const BEYOND: Duration = Duration::from_secs(253_402_300_800);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn at(secs: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(secs)
    }

    fn told(facts: &Facts) -> Vec<String> {
        let mut environ = Environ::default();
        add(&mut environ, facts, "drupe/1", at(200 * 86_400));
        environ.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    fn named(parts: &[(&str, &str)]) -> Name {
        let owned = |(part, value): &(&str, &str)| ((*part).to_owned(), (*value).to_owned());
        Name { attributes: parts.iter().map(owned).collect() }
    }

    #[test]
    fn a_connection_without_certificates_has_the_keys_of_its_cipher() {
        let mut facts = Facts {
            protocol: "TLSv1.3".to_owned(),
            cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
            library: "rustls/0.23".to_owned(),
            ..Facts::default()
        };
        assert_eq!(
            told(&facts),
            [
                "SSL_CIPHER=TLS_AES_256_GCM_SHA384",
                "SSL_CIPHER_EXPORT=",
                "SSL_CLIENT_VERIFY=NONE",
                "SSL_PROTOCOL=TLSv1.3",
                "SSL_VERSION_INTERFACE=drupe/1",
                "SSL_VERSION_LIBRARY=rustls/0.23",
            ]
        );
        facts.cipher_bits = Some(256);
        facts.server_name = Some("tea.example".to_owned());
        let told = told(&facts);
        for line in ["SSL_CIPHER_USEKEYSIZE=256", "SSL_CIPHER_ALGKEYSIZE=256", "SSL_TLS_SNI=tea.example"] {
            assert!(told.contains(&line.to_owned()), "{line}: {told:?}");
        }
    }

    #[test]
    fn certificate_has_one_key_per_part() {
        let certificate = Certificate {
            pem: "-----BEGIN\n-----END\n".to_owned(),
            version: 3,
            serial: "0A".to_owned(),
            not_before: Some(at(86_400)),
            not_after: Some(at(300 * 86_400)),
            subject: named(&[("C", "CH"), ("OU", "a"), ("OU", "b"), ("CN", "stone"), ("DC", "x")]),
            issuer: named(&[("CN", "tree")]),
            dns_names: vec!["a.example".to_owned(), "b.example".to_owned()],
            emails: vec!["c@d".to_owned()],
            ..Certificate::default()
        };
        let facts = Facts { client_certificate: Some(Arc::new(certificate)), ..Facts::default() };
        let told: Vec<String> = told(&facts).into_iter().filter(|line| line.starts_with("SSL_CLIENT_")).collect();
        assert_eq!(
            told,
            [
                "SSL_CLIENT_CERT=-----BEGIN\n-----END",
                "SSL_CLIENT_I_DN=CN=tree",
                "SSL_CLIENT_I_DN_CN=tree",
                "SSL_CLIENT_M_SERIAL=0A",
                "SSL_CLIENT_M_VERSION=3",
                "SSL_CLIENT_SAN_DNS_0=a.example",
                "SSL_CLIENT_SAN_DNS_1=b.example",
                "SSL_CLIENT_SAN_Email_0=c@d",
                "SSL_CLIENT_S_DN=C=CH,OU=a,OU=b,CN=stone,DC=x",
                "SSL_CLIENT_S_DN_C=CH",
                "SSL_CLIENT_S_DN_CN=stone",
                "SSL_CLIENT_S_DN_OU=a,b",
                "SSL_CLIENT_S_DN_OU_0=a",
                "SSL_CLIENT_S_DN_OU_1=b",
                "SSL_CLIENT_VERIFY=SUCCESS",
                "SSL_CLIENT_V_END=Oct 28 00:00:00 1970 GMT",
                "SSL_CLIENT_V_REMAIN=100",
                "SSL_CLIENT_V_START=Jan  2 00:00:00 1970 GMT",
            ]
        );
    }

    #[test]
    fn a_certificate_that_cannot_be_read_has_no_keys() {
        let facts = Facts { server_certificate: Some(Arc::new(Certificate::default())), ..Facts::default() };
        assert!(!told(&facts).iter().any(|line| line.starts_with("SSL_SERVER_")), "{:?}", told(&facts));
    }

    #[test]
    fn dates_are_those_of_openssl() {
        for (secs, written) in [
            (0, Some("Jan  1 00:00:00 1970 GMT")),
            (1_767_366_245, Some("Jan  2 15:04:05 2026 GMT")),
            (1_798_675_199, Some("Dec 30 23:59:59 2026 GMT")),
            (253_402_300_799, Some("Dec 31 23:59:59 9999 GMT")),
            (253_402_300_800, None),
        ] {
            assert_eq!(date(at(secs)).as_deref(), written, "{secs}");
        }
        assert_eq!(date(UNIX_EPOCH - Duration::from_secs(1)), None);
    }
}
