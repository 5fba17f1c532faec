//! Cipher suites: their OpenSSL and IANA names, and the applicable part of OpenSSL's list syntax.

use rustls::{CipherSuite, ProtocolVersion, SupportedCipherSuite};

/// A suite of rustls, with its names.
struct Known {
    suite: CipherSuite,
    openssl: &'static str,
    iana: &'static str,
    /// The key length of the cipher.
    bits: u16,
    /// OpenSSL's keywords: select a suite of TLS 1.2, or exclude a suite of TLS 1.3.
    words: &'static [&'static str],
}

impl Known {
    fn is_13(&self) -> bool {
        self.words.contains(&"TLSv1.3")
    }

    fn is_called(&self, word: &str) -> bool {
        self.openssl.eq_ignore_ascii_case(word) || self.iana.eq_ignore_ascii_case(word)
    }

    /// True if every part of `term` matches the suite, as in `ECDHE+AESGCM`.
    fn is_meant(&self, term: &str) -> bool {
        term.split('+').all(|part| self.is_called(part) || self.words.contains(&part))
    }
}

/// Selects suites of `provided` by `list`, in the order of the list.
///
/// # Errors
/// The first word that is unknown or selects nothing; or a list without any suite left.
pub(super) fn select(list: &str, provided: &[SupportedCipherSuite]) -> Result<Vec<SupportedCipherSuite>, String> {
    let choice = Choice::of(list)?;
    let find = |known: &&Known| provided.iter().find(|suite| suite.suite() == known.suite).copied();
    let chosen: Vec<SupportedCipherSuite> = choice.suites().iter().filter_map(find).collect();
    if chosen.is_empty() { Err(format!("{list:?} selects no cipher suite")) } else { Ok(chosen) }
}

/// Refuses a list that neither selects nor excludes suites of TLS 1.3; such a list has no effect if
/// only TLS 1.3 is allowed.
pub(super) fn concern_13(list: &str) -> Result<(), String> {
    let choice = Choice::of(list)?;
    let is_concerned = |known: &&Known| known.is_13() && (holds(&choice.selected, known) || choice.is_excluded(known));
    if !SUITES.iter().any(|known| is_concerned(&known)) {
        return Err(format!("{list:?} names no suite of TLSv1.3, the only version that ssl_min_version allows"));
    }
    Ok(())
}

/// The selection of a list.
#[derive(Default)]
struct Choice {
    selected: Vec<&'static Known>,
    /// Excluded permanently (`!`).
    banned: Vec<&'static Known>,
    /// Excluded until selected again (`-`).
    removed: Vec<&'static Known>,
}

impl Choice {
    fn of(list: &str) -> Result<Self, String> {
        let mut choice = Self::default();
        let words = list.split([':', ',', ' ', '\t', '\n']).filter(|word| !word.is_empty());
        for word in words {
            choice.follow(word)?;
        }
        if choice.selected.is_empty() && choice.banned.is_empty() && choice.removed.is_empty() {
            return Err(format!("{list:?} names no cipher suite; {}", known_names()));
        }
        Ok(choice)
    }

    fn follow(&mut self, word: &str) -> Result<(), String> {
        if let Some(term) = word.strip_prefix(['!', '-']) {
            let meant = meant(term);
            if meant.is_empty() && !term.split('+').all(|part| is_word(part) || ABSENT.contains(&part)) {
                return Err(unknown(word));
            }
            self.selected.retain(|known| !holds(&meant, known));
            if word.starts_with('!') {
                self.banned.extend(meant);
            } else {
                self.removed.extend(meant);
            }
            return Ok(());
        }
        if word == "@STRENGTH" {
            self.selected.sort_by_key(|known| std::cmp::Reverse(known.bits));
            return Ok(());
        }
        let (term, is_moved) = word.strip_prefix('+').map_or((word, false), |term| (term, true));
        let names_13 = term.split('+').any(|part| part == "TLSv1.3" || called(part).is_some_and(Known::is_13));
        let meant: Vec<_> = meant(term).into_iter().filter(|known| !known.is_13() || names_13).collect();
        if meant.is_empty() {
            return Err(unknown(word));
        }
        if is_moved {
            let (moved, kept): (Vec<_>, Vec<_>) = self.selected.iter().partition(|known| holds(&meant, known));
            self.selected = kept.into_iter().chain(moved).collect();
            return Ok(());
        }
        self.removed.retain(|known| !holds(&meant, known));
        for known in meant {
            if !holds(&self.selected, known) && !holds(&self.banned, known) {
                self.selected.push(known);
            }
        }
        Ok(())
    }

    /// The allowed suites. Suites of TLS 1.3 stay unless the list names some, as with OpenSSL.
    fn suites(&self) -> Vec<&'static Known> {
        let names_13 = self.selected.iter().any(|known| known.is_13());
        let rest = SUITES.iter().filter(|known| known.is_13() && !names_13 && !self.is_excluded(known));
        rest.chain(self.selected.iter().copied()).collect()
    }

    fn is_excluded(&self, known: &Known) -> bool {
        holds(&self.banned, known) || holds(&self.removed, known)
    }
}

/// The suites matching a term such as `ECDHE+AESGCM`.
fn meant(term: &str) -> Vec<&'static Known> {
    SUITES.iter().filter(|known| known.is_meant(term)).collect()
}

fn called(word: &str) -> Option<&'static Known> {
    SUITES.iter().find(|known| known.is_called(word))
}

fn is_word(word: &str) -> bool {
    called(word).is_some() || SUITES.iter().any(|known| known.words.contains(&word))
}

fn holds(all: &[&Known], one: &Known) -> bool {
    all.iter().any(|known| known.suite == one.suite)
}

fn unknown(word: &str) -> String {
    let all_known =
        word.trim_start_matches(['!', '-', '+']).split('+').all(|part| is_word(part) || ABSENT.contains(&part));
    let what = if all_known { "selects no supported cipher suite" } else { "is not a known cipher suite" };
    format!("{word:?} {what}; {}", known_names())
}

fn known_names() -> String {
    let names: Vec<&str> = SUITES.iter().map(|known| known.openssl).collect();
    format!("supported: {}", names.join(", "))
}

/// OpenSSL's name of `suite`.
pub(super) fn openssl_name(suite: CipherSuite) -> String {
    find(suite).map_or_else(|| format!("{suite:?}"), |known| known.openssl.to_owned())
}

/// The key length of the cipher in bits.
pub(super) fn bits(suite: CipherSuite) -> Option<u16> {
    find(suite).map(|known| known.bits)
}

fn find(suite: CipherSuite) -> Option<&'static Known> {
    SUITES.iter().find(|known| known.suite == suite)
}

/// OpenSSL's name of a version.
pub(super) fn version_name(version: Option<ProtocolVersion>) -> &'static str {
    match version {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "",
    }
}

/// OpenSSL's keywords for unsupported ciphers: excluding these changes nothing.
const ABSENT: &[&str] = &[
    "3DES",
    "ADH",
    "AECDH",
    "AESCCM",
    "AESCCM8",
    "ARIA",
    "ARIA128",
    "ARIA256",
    "ARIAGCM",
    "CAMELLIA",
    "CAMELLIA128",
    "CAMELLIA256",
    "CBC",
    "COMPLEMENTOFALL",
    "COMPLEMENTOFDEFAULT",
    "DES",
    "DH",
    "DHE",
    "DSS",
    "EDH",
    "EXP",
    "EXPORT",
    "GOST89MAC",
    "IDEA",
    "LOW",
    "MD5",
    "MEDIUM",
    "NULL",
    "PSK",
    "RC2",
    "RC4",
    "RSA",
    "SEED",
    "SHA",
    "SHA1",
    "SHA256",
    "SHA384",
    "SRP",
    "SSLv2",
    "SSLv3",
    "TLSv1",
    "TLSv1.0",
    "TLSv1.1",
    "aDH",
    "aDSS",
    "aNULL",
    "aPSK",
    "eNULL",
    "kDHE",
    "kECDH",
    "kEDH",
    "kPSK",
    "kRSA",
    "kSRP",
];

macro_rules! suites {
    ($($suite:ident $openssl:literal $iana:literal $bits:literal [$($word:literal)*])*) => {
        static SUITES: &[Known] = &[$(Known {
            suite: CipherSuite::$suite, openssl: $openssl, iana: $iana, bits: $bits, words: &[$($word),*],
        }),*];
    };
}

suites! {
    TLS13_AES_256_GCM_SHA384 "TLS_AES_256_GCM_SHA384" "TLS_AES_256_GCM_SHA384" 256 ["TLSv1.3" "AES" "AES256" "AESGCM"]
    TLS13_AES_128_GCM_SHA256 "TLS_AES_128_GCM_SHA256" "TLS_AES_128_GCM_SHA256" 128 ["TLSv1.3" "AES" "AES128" "AESGCM"]
    TLS13_CHACHA20_POLY1305_SHA256 "TLS_CHACHA20_POLY1305_SHA256" "TLS_CHACHA20_POLY1305_SHA256" 256
        ["TLSv1.3" "CHACHA20"]
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 "ECDHE-ECDSA-AES256-GCM-SHA384" "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" 256
        ["TLSv1.2" "ALL" "DEFAULT" "HIGH" "ECDHE" "EECDH" "ECDH" "kECDHE" "kEECDH" "ECDSA" "aECDSA" "AES" "AES256" "AESGCM"]
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 "ECDHE-ECDSA-AES128-GCM-SHA256" "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" 128
        ["TLSv1.2" "ALL" "DEFAULT" "HIGH" "ECDHE" "EECDH" "ECDH" "kECDHE" "kEECDH" "ECDSA" "aECDSA" "AES" "AES128" "AESGCM"]
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 "ECDHE-ECDSA-CHACHA20-POLY1305"
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" 256
        ["TLSv1.2" "ALL" "DEFAULT" "HIGH" "ECDHE" "EECDH" "ECDH" "kECDHE" "kEECDH" "ECDSA" "aECDSA" "CHACHA20"]
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 "ECDHE-RSA-AES256-GCM-SHA384" "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" 256
        ["TLSv1.2" "ALL" "DEFAULT" "HIGH" "ECDHE" "EECDH" "ECDH" "kECDHE" "kEECDH" "aRSA" "AES" "AES256" "AESGCM"]
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 "ECDHE-RSA-AES128-GCM-SHA256" "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" 128
        ["TLSv1.2" "ALL" "DEFAULT" "HIGH" "ECDHE" "EECDH" "ECDH" "kECDHE" "kEECDH" "aRSA" "AES" "AES128" "AESGCM"]
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 "ECDHE-RSA-CHACHA20-POLY1305"
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" 256
        ["TLSv1.2" "ALL" "DEFAULT" "HIGH" "ECDHE" "EECDH" "ECDH" "kECDHE" "kEECDH" "aRSA" "CHACHA20"]
}

#[cfg(test)]
mod tests {
    use super::super::provider::provider;
    use super::*;

    /// Checks the suites selected by a list: those of TLS 1.2 by shortened OpenSSL names, those of
    /// TLS 1.3 by number.
    fn check(list: &str, expected: &str, of_13: usize) {
        let chosen = select(list, &provider().cipher_suites).unwrap();
        let names: Vec<String> = chosen.iter().map(|suite| openssl_name(suite.suite())).collect();
        let (tls13, tls12): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.starts_with("TLS_"));
        let short = |name: &&String| name.trim_start_matches("ECDHE-").replace("-GCM", "").replace("-POLY1305", "");
        let short: Vec<String> = tls12.iter().map(short).collect();
        assert_eq!((short.join(" "), tls13.len()), (expected.to_owned(), of_13), "{list}");
    }

    #[test]
    fn lists_select_in_their_order() {
        let all =
            "ECDSA-AES256-SHA384 ECDSA-AES128-SHA256 ECDSA-CHACHA20 RSA-AES256-SHA384 RSA-AES128-SHA256 RSA-CHACHA20";
        for list in ["HIGH", "ALL", "DEFAULT", "HIGH:!aNULL:!MD5", "ECDHE", "EECDH+TLSv1.2", "HIGH !RC4 !3DES"] {
            check(list, all, 3);
        }
        check("ECDHE-RSA-AES128-GCM-SHA256,ECDHE-RSA-AES256-GCM-SHA384", "RSA-AES128-SHA256 RSA-AES256-SHA384", 3);
        check("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "RSA-CHACHA20", 3);
        check("ecdhe-rsa-chacha20-poly1305", "RSA-CHACHA20", 3);
        check("ECDHE+aRSA:!CHACHA20", "RSA-AES256-SHA384 RSA-AES128-SHA256", 2);
        check("aRSA:+AES256:-CHACHA20:CHACHA20+aRSA", "RSA-AES128-SHA256 RSA-AES256-SHA384 RSA-CHACHA20", 2);
        check("aRSA+AES128:aRSA+AES256:@STRENGTH", "RSA-AES256-SHA384 RSA-AES128-SHA256", 3);
        check("HIGH:!ECDSA:!AES128:!TLSv1.3", "RSA-AES256-SHA384 RSA-CHACHA20", 0);
        check("TLS_AES_128_GCM_SHA256", "", 1);
        check("TLSv1.3", "", 3);
        check("TLS_AES_128_GCM_SHA256:aRSA+AES128", "RSA-AES128-SHA256", 1);
        check("!AES128", "", 2);
        check("!ECDSA:ECDSA:aRSA+AES128", "RSA-AES128-SHA256", 3);
    }

    #[test]
    fn unknown_or_empty_cipher_words_are_refused_by_name() {
        for (list, reason) in [
            ("HIGH:ECDHE-RSA-AES128-SHA", "\"ECDHE-RSA-AES128-SHA\" is not a known cipher suite"),
            ("DHE-RSA-AES128-GCM-SHA256", "\"DHE-RSA-AES128-GCM-SHA256\" is not a known cipher suite"),
            ("!NONSENSE", "\"!NONSENSE\" is not a known cipher suite"),
            ("HIGH:@SECLEVEL=1", "\"@SECLEVEL=1\" is not a known cipher suite"),
            ("RC4", "\"RC4\" selects no supported cipher suite"),
            ("ECDSA+aRSA", "\"ECDSA+aRSA\" selects no supported cipher suite"),
            ("", "\"\" names no cipher suite"),
            (":", "\":\" names no cipher suite"),
            ("aRSA:!aRSA:!TLSv1.3", "\"aRSA:!aRSA:!TLSv1.3\" selects no cipher suite"),
        ] {
            let text = select(list, &provider().cipher_suites).unwrap_err();
            assert!(text.starts_with(reason), "{list}: {text}");
            assert!(
                text.ends_with("selects no cipher suite") || text.contains("ECDHE-RSA-AES128-GCM-SHA256"),
                "{text}"
            );
        }
    }

    #[test]
    fn cipher_list_must_name_tls_13_suites_if_only_tls_13_is_allowed() {
        assert!(concern_13("aRSA").unwrap_err().contains("TLSv1.3"));
        assert!(concern_13("aRSA:TLS_AES_128_GCM_SHA256").is_ok());
        assert!(concern_13("HIGH:!CHACHA20").is_ok());
    }

    #[test]
    fn every_suite_that_is_provided_has_a_name() {
        for suite in &provider().cipher_suites {
            assert!(find(suite.suite()).is_some(), "{:?}", suite.suite());
        }
    }
}
