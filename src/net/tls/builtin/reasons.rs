//! The reasons of failed handshakes, in words for operators.

use rustls::{AlertDescription, CertificateError, Error as TlsError, PeerIncompatible};

use crate::tls::Certificate;

/// The reason of a failed handshake.
pub(super) fn of(error: &TlsError) -> String {
    match error {
        TlsError::PeerIncompatible(what) => incompatible(what),
        TlsError::NoApplicationProtocol => "no protocol in common (ALPN); the server speaks http/1.1".to_owned(),
        TlsError::NoCertificatesPresented => {
            "the client sent no certificate, which ssl_verify_mode requires".to_owned()
        }
        TlsError::AlertReceived(alert) => received(*alert),
        TlsError::InvalidMessage(_) => "the client sent bytes that are no TLS".to_owned(),
        other => other.to_string(),
    }
}

fn incompatible(what: &PeerIncompatible) -> String {
    let missing = match what {
        PeerIncompatible::NoCipherSuitesInCommon => "cipher suite",
        PeerIncompatible::NoKxGroupsInCommon => "key exchange group or cipher suite",
        PeerIncompatible::NoSignatureSchemesInCommon => "signature scheme, as the server's certificate needs",
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled => "protocol version; see ssl_min_version",
        other => return format!("the client is incompatible: {other:?}"),
    };
    format!("no common {missing}")
}

fn received(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::UnsupportedCertificate => {
            format!("the client refused the server's certificate (alert {alert:?})")
        }
        other => format!("the client sent the alert {other:?}"),
    }
}

/// The reason of the refusal of `certificate`.
pub(super) fn of_refusal(error: &TlsError, certificate: &Certificate) -> String {
    if [1, 2].contains(&certificate.version) {
        return format!("is of X.509 version {}, which is not supported", certificate.version);
    }
    let TlsError::InvalidCertificate(cause) = error else { return error.to_string() };
    let is_self_signed = certificate.subject == certificate.issuer;
    match cause {
        CertificateError::UnknownIssuer if is_self_signed => {
            "is self-signed, and not itself in ssl_client_ca".to_owned()
        }
        CertificateError::UnknownIssuer => format!(
            "the issuer {} is not in ssl_client_ca, or the client sent no intermediate certificate",
            certificate.issuer
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet".to_owned(),
        CertificateError::Revoked => "is revoked by a list in ssl_client_ca".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not for clients: the extended key usage lacks clientAuth".to_owned()
        }
        CertificateError::BadSignature => "has a wrong signature".to_owned(),
        CertificateError::BadEncoding => "is malformed".to_owned(),
        CertificateError::Other(other) if is_self_signed => format!("is self-signed, and invalid: {other}"),
        CertificateError::Other(other) => format!("is invalid: {other}"),
        other => format!("is invalid: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_failures_are_told_in_words() {
        for (error, expected) in [
            (PeerIncompatible::NoCipherSuitesInCommon.into(), "no common cipher suite"),
            (PeerIncompatible::Tls12NotOffered.into(), "no common protocol version; see ssl_min_version"),
            (PeerIncompatible::NullCompressionRequired.into(), "the client is incompatible: NullCompressionRequired"),
            (TlsError::NoApplicationProtocol, "no protocol in common (ALPN); the server speaks http/1.1"),
            (
                TlsError::AlertReceived(AlertDescription::UnknownCA),
                "the client refused the server's certificate (alert UnknownCA)",
            ),
            (TlsError::AlertReceived(AlertDescription::UserCanceled), "the client sent the alert UserCanceled"),
        ] {
            assert_eq!(of(&error), expected);
        }
    }

    #[test]
    fn certificate_of_an_old_version_is_refused_for_its_version() {
        let certificate = Certificate { version: 1, ..Certificate::default() };
        let error = CertificateError::BadEncoding.into();
        assert_eq!(of_refusal(&error, &certificate), "is of X.509 version 1, which is not supported");
    }
}
