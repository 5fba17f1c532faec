//! Log lines about events that any client can cause: at most one a second for each kind of event.

use std::fmt::Arguments;
use std::time::Instant;

use log::Level;

use super::once_a_second::OnceASecond;

/// A kind of event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Notice {
    /// A client certificate was refused.
    RefusedCertificate,
    /// A client sent no certificate, although one is required.
    MissingCertificate,
    /// A handshake failed for another reason that an operator may act on.
    FailedHandshake,
    /// A client left during the handshake, or was too slow.
    BrokenHandshake,
    /// A client of plain HTTP came to a TLS port.
    PlainHttp,
    /// A PROXY header was refused.
    ProxyHeader,
    /// A client left during the PROXY header, or was too slow.
    BrokenProxyHeader,
}

/// The rate limit of each kind.
#[derive(Debug, Default)]
pub(crate) struct Notices([OnceASecond; KINDS]);

impl Notices {
    /// Logs `text` at its level, unless a line of this kind was logged within the last second. The
    /// next line has the number of suppressed lines.
    pub(crate) fn log(&self, notice: Notice, now: Instant, text: Arguments<'_>) {
        let level = notice.level();
        if !log::log_enabled!(level) {
            return;
        }
        match self.0[notice as usize].admit(now) {
            None => {}
            Some(0) => log::log!(level, "{text}"),
            Some(count) => log::log!(level, "{text} ({count} more of this kind since the last line)"),
        }
    }
}

impl Notice {
    fn level(self) -> Level {
        match self {
            // Somebody was given a certificate, and cannot get in with it.
            Self::RefusedCertificate => Level::Warn,
            // A client of the operator's may lack its certificate.
            Self::MissingCertificate => Level::Warn,
            // Only proxies should reach this address.
            Self::ProxyHeader => Level::Warn,
            // Scanners cause these at every public address.
            Self::FailedHandshake | Self::PlainHttp => Level::Info,
            Self::BrokenHandshake | Self::BrokenProxyHeader => Level::Debug,
        }
    }
}

/// The number of kinds.
const KINDS: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_second() {
        let (notices, now) = (Notices::default(), Instant::now());
        let kinds = [Notice::RefusedCertificate, Notice::BrokenProxyHeader, Notice::RefusedCertificate];
        assert_eq!(kinds.map(|kind| notices.0[kind as usize].admit(now)), [Some(0), Some(0), None]);
    }
}
