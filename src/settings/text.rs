//! Text form of each kind of value. Syntax only: `config` checks ranges.

use std::fmt::Display;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::address::text as address;
use crate::tls::{CertificateFiles, Password};

/// A kind of value; `parse` reads the output of `show` back as the same value.
pub(super) trait ValueKind {
    type Value;
    /// The placeholder of a value in help.
    const UNIT: &'static str;
    /// Parses a value; the error quotes `text` and names the reason.
    fn parse(text: &str) -> Result<Self::Value, String>;
    fn show(value: &Self::Value) -> String;
}

/// Time in seconds, with up to nine digits after the point.
pub(super) struct Seconds;
/// A size, in bytes or with K, M or G (also KiB, MiB, GiB) for powers of 1024.
pub(super) struct Bytes<T>(PhantomData<T>);
/// A number of things.
pub(super) struct Count<T>(PhantomData<T>);
/// A TCP port.
pub(super) struct Port;
/// A status code.
pub(super) struct Status;
/// Yes or no.
pub(super) struct Bool;
/// A name, taken as it is.
pub(super) struct OneName;
/// Names separated by commas; blanks around a name are removed.
pub(super) struct NameList;
/// A path of a file; shown with replacement characters unless UTF-8.
pub(super) struct Path;
/// A path of a Unix socket, or `@` and an abstract name; the value of the latter begins with NUL.
pub(super) struct SocketPath;
/// Permissions of a file, in octal.
pub(super) struct Mode;
/// Files of certificates: `a.pem:a.key,b.pem`. Only a program can set names with a comma or a
/// colon.
pub(super) struct Certificates;
/// A password, or `file:` and the path of a file with the password. Shown as [`HIDDEN`] unless in a
/// file.
pub(super) struct Secret;
/// A version of the WSGI-style gateway: `1.0`, `u.0`.
pub(super) struct GatewayVersion;
/// Another kind, or -1 for `None`: no limit.
pub(super) struct Unlimited<K>(PhantomData<K>);
/// A number of things, an empty text for `None` (the server chooses), or -1 for the largest number
/// (no limit).
pub(super) struct Automatic;
/// Another kind, or an empty text for `None`.
pub(super) struct Unset<K>(PhantomData<K>);

impl ValueKind for Seconds {
    type Value = Duration;
    const UNIT: &'static str = "SECONDS";

    fn parse(text: &str) -> Result<Duration, String> {
        let wrong = || format!("{text:?} is not a number of seconds such as 10 or 0.25");
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let seconds: u64 = digits(whole).ok_or_else(wrong)?;
        if fraction.len() > 9 {
            return Err(format!("{text:?} is finer than a nanosecond"));
        }
        let _: u32 = digits(fraction).ok_or_else(wrong)?;
        let nanos = digits(&format!("{fraction:0<9}")).ok_or_else(wrong)?;
        Ok(Duration::new(seconds, nanos))
    }

    fn show(value: &Duration) -> String {
        let text = format!("{}.{:09}", value.as_secs(), value.subsec_nanos());
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl<T: TryFrom<u64> + Display> ValueKind for Bytes<T> {
    type Value = T;
    const UNIT: &'static str = "BYTES";

    fn parse(text: &str) -> Result<T, String> {
        let wrong = || format!("{text:?} is not a size such as 4096, 64K, 10M or 1G");
        let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let shift = match text[number.len()..].to_ascii_lowercase().as_str() {
            "" => 0,
            "k" | "kib" => 10,
            "m" | "mib" => 20,
            "g" | "gib" => 30,
            _ => return Err(wrong()),
        };
        let number: u64 = digits(number).ok_or_else(wrong)?;
        number
            .checked_mul(1 << shift)
            .and_then(|bytes| T::try_from(bytes).ok())
            .ok_or_else(|| format!("{text:?} is too large a size"))
    }

    fn show(value: &T) -> String {
        value.to_string()
    }
}

impl<T: FromStr + Display> ValueKind for Count<T> {
    type Value = T;
    const UNIT: &'static str = "COUNT";

    fn parse(text: &str) -> Result<T, String> {
        digits(text).ok_or_else(|| format!("{text:?} is not a whole number, or is too large"))
    }

    fn show(value: &T) -> String {
        value.to_string()
    }
}

impl ValueKind for Port {
    type Value = u16;
    const UNIT: &'static str = "PORT";

    fn parse(text: &str) -> Result<u16, String> {
        digits(text).ok_or_else(|| format!("{text:?} is not a port from 0 to 65535"))
    }

    fn show(value: &u16) -> String {
        value.to_string()
    }
}

impl ValueKind for Status {
    type Value = u16;
    const UNIT: &'static str = "STATUS";

    fn parse(text: &str) -> Result<u16, String> {
        digits(text).ok_or_else(|| format!("{text:?} is not a status code such as 431"))
    }

    fn show(value: &u16) -> String {
        value.to_string()
    }
}

impl ValueKind for Bool {
    type Value = bool;
    const UNIT: &'static str = "BOOL";

    fn parse(text: &str) -> Result<bool, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(format!("{text:?} is neither true (yes, on, 1) nor false (no, off, 0)")),
        }
    }

    fn show(value: &bool) -> String {
        value.to_string()
    }
}

impl ValueKind for OneName {
    type Value = String;
    const UNIT: &'static str = "NAME";

    fn parse(text: &str) -> Result<String, String> {
        Ok(text.to_owned())
    }

    fn show(value: &String) -> String {
        value.clone()
    }
}

impl ValueKind for NameList {
    type Value = Vec<String>;
    const UNIT: &'static str = "NAMES";

    fn parse(text: &str) -> Result<Vec<String>, String> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        if names.iter().any(String::is_empty) {
            return Err(format!("{text:?} is a list with an empty item"));
        }
        Ok(names)
    }

    fn show(value: &Vec<String>) -> String {
        value.join(",")
    }
}

impl ValueKind for Path {
    type Value = PathBuf;
    const UNIT: &'static str = "PATH";

    fn parse(text: &str) -> Result<PathBuf, String> {
        Ok(PathBuf::from(text))
    }

    fn show(value: &PathBuf) -> String {
        value.display().to_string()
    }
}

impl ValueKind for SocketPath {
    type Value = PathBuf;
    const UNIT: &'static str = "PATH";

    fn parse(text: &str) -> Result<PathBuf, String> {
        Ok(address::path_of(text))
    }

    fn show(value: &PathBuf) -> String {
        address::text_of(value)
    }
}

impl ValueKind for Mode {
    type Value = u32;
    const UNIT: &'static str = "MODE";

    fn parse(text: &str) -> Result<u32, String> {
        let is_octal = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        let mode = is_octal.then(|| u32::from_str_radix(text, 8).ok()).flatten();
        mode.ok_or_else(|| format!("{text:?} is not an octal mode such as 0660"))
    }

    fn show(value: &u32) -> String {
        format!("{value:04o}")
    }
}

impl ValueKind for Certificates {
    type Value = Vec<CertificateFiles>;
    const UNIT: &'static str = "PATHS";

    fn parse(text: &str) -> Result<Self::Value, String> {
        let wrong = || format!("{text:?} is not a list of files such as a.pem:a.key,b.pem");
        let files = |pair: &str| {
            let (certificate, key) = pair.split_once(':').map_or((pair, None), |(before, after)| (before, Some(after)));
            let is_whole = !certificate.is_empty() && key.is_none_or(|key| !key.is_empty() && !key.contains(':'));
            is_whole.then(|| CertificateFiles { certificate: certificate.into(), private_key: key.map(PathBuf::from) })
        };
        if text.is_empty() {
            Ok(Vec::new())
        } else {
            text.split(',').map(|pair| files(pair).ok_or_else(wrong)).collect()
        }
    }

    fn show(value: &Self::Value) -> String {
        let pair = |files: &CertificateFiles| match &files.private_key {
            Some(key) => format!("{}:{}", files.certificate.display(), key.display()),
            None => files.certificate.display().to_string(),
        };
        value.iter().map(pair).collect::<Vec<_>>().join(",")
    }
}

impl ValueKind for Secret {
    type Value = Password;
    const UNIT: &'static str = "PASSWORD";

    fn parse(text: &str) -> Result<Password, String> {
        match text.strip_prefix("file:") {
            // Otherwise the output of `show` would become the password.
            _ if text == HIDDEN => Err(format!("{text:?} is the placeholder for a hidden password, not a password")),
            Some("") => Err(format!("{text:?} is not followed by the path of a file")),
            Some(path) => Ok(Password::from_file(path)),
            None => Ok(Password::new(text)),
        }
    }

    fn show(value: &Password) -> String {
        value.file().map_or_else(|| HIDDEN.to_owned(), |path| format!("file:{}", path.display()))
    }
}

impl ValueKind for GatewayVersion {
    type Value = (String, u32);
    const UNIT: &'static str = "VERSION";

    fn parse(text: &str) -> Result<(String, u32), String> {
        text.split_once('.')
            .and_then(|(major, minor)| Some((major.to_owned(), digits(minor)?)))
            .ok_or_else(|| format!("{text:?} is not a version such as 1.0 or u.0"))
    }

    fn show((major, minor): &(String, u32)) -> String {
        format!("{major}.{minor}")
    }
}

impl<K: ValueKind> ValueKind for Unlimited<K> {
    type Value = Option<K::Value>;
    const UNIT: &'static str = K::UNIT;

    fn parse(text: &str) -> Result<Self::Value, String> {
        if text == "-1" { Ok(None) } else { K::parse(text).map(Some) }
    }

    fn show(value: &Self::Value) -> String {
        value.as_ref().map_or_else(|| "-1".to_owned(), K::show)
    }
}

impl ValueKind for Automatic {
    type Value = Option<usize>;
    const UNIT: &'static str = Count::<usize>::UNIT;

    fn parse(text: &str) -> Result<Option<usize>, String> {
        match text {
            "" => Ok(None),
            "-1" => Ok(Some(usize::MAX)),
            text => Count::parse(text).map(Some),
        }
    }

    fn show(value: &Option<usize>) -> String {
        match value {
            None => String::new(),
            Some(usize::MAX) => "-1".to_owned(),
            Some(number) => number.to_string(),
        }
    }
}

impl<K: ValueKind> ValueKind for Unset<K> {
    type Value = Option<K::Value>;
    const UNIT: &'static str = K::UNIT;

    fn parse(text: &str) -> Result<Self::Value, String> {
        if text.is_empty() { Ok(None) } else { K::parse(text).map(Some) }
    }

    fn show(value: &Self::Value) -> String {
        value.as_ref().map(K::show).unwrap_or_default()
    }
}

/// The text shown for a password.
const HIDDEN: &str = "***";

/// Parses digits only: `str::parse` would accept a sign.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    /// Checks that `text` parses as `value`, and that the text shown for `value` does too.
    fn reads<K: ValueKind<Value: Debug + PartialEq>>(text: &str, value: K::Value) {
        assert_eq!(K::parse(text).as_ref(), Ok(&value), "{text:?}");
        assert_eq!(K::parse(&K::show(&value)), Ok(value), "{text:?}");
    }

    fn refuses<K: ValueKind<Value: Debug>>(texts: &[&str]) {
        for text in texts {
            let reason = K::parse(text).unwrap_err();
            assert!(reason.starts_with(&format!("{text:?} is ")), "{reason}");
        }
    }

    #[test]
    fn seconds_are_exact_to_the_nanosecond() {
        reads::<Seconds>("10", Duration::from_secs(10));
        reads::<Seconds>("0", Duration::ZERO);
        reads::<Seconds>("0.002", Duration::from_millis(2));
        reads::<Seconds>("100.5", Duration::from_millis(100_500));
        reads::<Seconds>("0.000000001", Duration::from_nanos(1));
        reads::<Seconds>("18446744073709551615.999999999", Duration::MAX);
        refuses::<Seconds>(&["", ".", "1.", ".5", "-1", "+1", "1e3", "inf", "NaN", "1 ", "1s", "1.+5", "1.2.3"]);
        refuses::<Seconds>(&["0.0000000001", "18446744073709551616", "\u{661}"]);
    }

    #[test]
    fn sizes_may_have_a_suffix() {
        reads::<Bytes<u64>>("104857600", 100 << 20);
        reads::<Bytes<u64>>("100M", 100 << 20);
        reads::<Bytes<usize>>("64k", 64 << 10);
        reads::<Bytes<usize>>("64KiB", 64 << 10);
        reads::<Bytes<usize>>("1G", 1 << 30);
        refuses::<Bytes<usize>>(&["", "K", "-1", "+1", "1.5M", "1 K", "1KB", "1T", "0x10", "1_000"]);
        refuses::<Bytes<u64>>(&["18446744073709551616", "17179869184G"]);
    }

    #[test]
    fn numbers_are_digits_that_fit() {
        reads::<Count<u32>>("4294967295", u32::MAX);
        reads::<Port>("0", 0);
        reads::<Port>("65535", 65535);
        reads::<Status>("431", 431);
        refuses::<Count<u32>>(&["", "-1", "+1", "1.0", " 1", "ten", "4294967296"]);
        refuses::<Port>(&["", "-1", "65536", "http"]);
        refuses::<Status>(&["", "4xx", "65536"]);
    }

    #[test]
    fn a_bool_has_four_words_for_each_side() {
        for text in ["true", "True", "yes", "on", "1"] {
            reads::<Bool>(text, true);
        }
        for text in ["false", "FALSE", "no", "off", "0"] {
            reads::<Bool>(text, false);
        }
        refuses::<Bool>(&["", "2", "y", "true "]);
    }

    #[test]
    fn names_and_paths_are_taken_as_they_are() {
        reads::<OneName>(" a name ", " a name ".to_owned());
        reads::<Path>("/run/a b", PathBuf::from("/run/a b"));
    }

    #[test]
    fn an_abstract_name_is_written_with_an_at_sign() {
        reads::<SocketPath>("/run/a b.sock", PathBuf::from("/run/a b.sock"));
        reads::<SocketPath>("@name", PathBuf::from("\0name"));
        reads::<SocketPath>("./@name", PathBuf::from("./@name"));
    }

    #[test]
    fn a_mode_is_octal() {
        reads::<Mode>("0660", 0o660);
        reads::<Mode>("777", 0o777);
        reads::<Mode>("0", 0);
        refuses::<Mode>(&["", "888", "0o660", "rw-rw----", "-1", "+7", " 7", "77777777777777"]);
    }

    #[test]
    fn names_are_separated_by_commas() {
        reads::<NameList>("", vec![]);
        reads::<NameList>("  ", vec![]);
        reads::<NameList>("10.0.0.0/8", vec!["10.0.0.0/8".to_owned()]);
        reads::<NameList>("::1, unix ,a", ["::1", "unix", "a"].map(str::to_owned).to_vec());
        refuses::<NameList>(&[",", "a,", ",a", "a,,b", "a, ,b"]);
    }

    #[test]
    fn certificates_are_files_in_pairs_or_alone() {
        let files = |certificate: &str, key: Option<&str>| CertificateFiles {
            certificate: certificate.into(),
            private_key: key.map(PathBuf::from),
        };
        reads::<Certificates>("", vec![]);
        reads::<Certificates>("/etc/a b.pem", vec![files("/etc/a b.pem", None)]);
        reads::<Certificates>("a.pem:a.key,b.pem", vec![files("a.pem", Some("a.key")), files("b.pem", None)]);
        refuses::<Certificates>(&[",", "a,", ":a", "a:", "a:b:c", "a,,b"]);
    }

    #[test]
    fn a_password_is_read_and_not_shown() {
        let read = |text| Secret::parse(text).unwrap();
        assert_eq!(read(" a:b "), Password::new(" a:b "));
        assert_eq!(Secret::show(&Password::new("cherry")), "***");
        reads::<Secret>("file:/run/a b", Password::from_file("/run/a b"));
        refuses::<Secret>(&["***", "file:"]);
    }

    #[test]
    fn a_version_has_two_parts() {
        reads::<GatewayVersion>("1.0", ("1".to_owned(), 0));
        reads::<GatewayVersion>("u.0", ("u".to_owned(), 0));
        refuses::<GatewayVersion>(&["", "1", "1.", "1.x", "1.-1"]);
    }

    #[test]
    fn none_is_minus_one_for_no_limit_and_empty_for_unset() {
        reads::<Unlimited<Count<usize>>>("-1", None);
        reads::<Unlimited<Count<usize>>>("7", Some(7));
        refuses::<Unlimited<Count<usize>>>(&["", "-2", "none"]);
        reads::<Unset<Seconds>>("", None);
        reads::<Unset<Seconds>>("7", Some(Duration::from_secs(7)));
        refuses::<Unset<Seconds>>(&["-1", "none"]);
    }
}
