//! A key and a certificate generated for development.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use drupe::settings::SslContext;
use drupe::{BindAddr, Settings};

use super::failure::ProgramFailure;
use super::machine;

/// The warning about a generated certificate.
pub(super) const WARNING: &str =
    "self-signed certificate for this run only: clients do not trust it; for development only";

/// A generated certificate with its key.
#[derive(Clone)]
pub(super) struct SelfSigned {
    pub(super) context: SslContext,
    made: SystemTime,
}

impl SelfSigned {
    /// Generates a key and an untrusted certificate for the names of all listeners, for this run of
    /// the program only. The certificate is valid for 397 days, from yesterday on: browsers refuse
    /// more than 398.
    pub(super) fn new(settings: &Settings) -> Result<Self, ProgramFailure> {
        let failed = |error: rcgen::Error| ProgramFailure::Serve(format!("cannot make a certificate: {error}"));
        let made = SystemTime::now();
        let now = made.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at = |time: Duration| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(time.as_secs());
        let key = rcgen::KeyPair::generate().map_err(failed)?;
        let mut params = rcgen::CertificateParams::new(names(settings)).map_err(failed)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "drupe, self-signed");
        params.not_before = at(now.saturating_sub(DAY));
        params.not_after = at(now + VALIDITY - DAY);
        let certificate = params.self_signed(&key).map_err(failed)?;
        Ok(Self { context: SslContext::from_pem(certificate.pem(), key.serialize_pem()), made })
    }

    /// True if the certificate expires soon, and a reload should replace the certificate.
    pub(super) fn is_old(&self, now: SystemTime) -> bool {
        now.duration_since(self.made).is_ok_and(|age| age + DAY + RENEWAL >= VALIDITY)
    }
}

/// The names and addresses under which clients reach the server.
fn names(settings: &Settings) -> Vec<String> {
    let mut names: BTreeSet<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    for host in hosts(settings) {
        match host.parse::<IpAddr>() {
            Ok(address) if address.is_unspecified() => {
                names.extend(machine::hostname());
                names.extend(machine::addresses().iter().map(IpAddr::to_string));
            }
            _ => {
                names.insert(host);
            }
        }
    }
    names.into_iter().collect()
}

/// The hosts of all listeners; Unix sockets have none.
fn hosts(settings: &Settings) -> Vec<String> {
    if settings.listen.is_empty() {
        return Some(settings.socket_host.clone()).filter(|host| !host.is_empty()).into_iter().collect();
    }
    let hosts = settings.listen.iter().filter_map(|address| match address {
        BindAddr::Tcp { host, .. } => Some(host.clone()),
        _ => None,
    });
    hosts.collect()
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The validity, as usual for certificates of public authorities.
const VALIDITY: Duration = Duration::from_secs(397 * 24 * 60 * 60);
/// The time before the expiry in which a reload makes a new certificate.
const RENEWAL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(change: impl FnOnce(&mut Settings)) -> Vec<String> {
        let mut settings = Settings::default();
        change(&mut settings);
        names(&settings)
    }

    #[test]
    fn names_of_all_listeners_are_certified() {
        let local = ["127.0.0.1", "::1", "localhost"];
        assert_eq!(names_of(|_| ()), local);
        assert_eq!(names_of(|s| s.socket_host = "10.1.2.3".to_owned()), [&["10.1.2.3"], &local[..]].concat());
        let listen = names_of(|s| {
            s.set("listen", "tcp://10.0.0.1:1, tcp://[fd00::1]:2, unix:/run/a.sock, fd:3").expect("they are addresses");
        });
        assert_eq!(listen, ["10.0.0.1", "127.0.0.1", "::1", "fd00::1", "localhost"]);
    }

    #[test]
    fn an_unspecified_address_stands_for_those_of_the_machine() {
        let all = names_of(|s| s.socket_host = "0.0.0.0".to_owned());
        assert!(!all.contains(&"0.0.0.0".to_owned()), "{all:?}");
        for address in machine::addresses() {
            assert!(all.contains(&address.to_string()), "{address} {all:?}");
        }
        assert!(machine::hostname().is_none_or(|name| all.contains(&name)), "{all:?}");
    }

    #[test]
    fn certificate_is_renewed_in_its_last_month() {
        let made = SelfSigned::new(&Settings::default()).expect("it can be made");
        let after = |days: u32| made.made + DAY * days;
        assert_eq!([0, 365, 366, 500].map(|days| made.is_old(after(days))), [false, false, true, true]);
    }
}
