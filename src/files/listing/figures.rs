//! Sizes and times as text.

use std::time::SystemTime;

use super::super::validators::at;

/// Formats a size in at most four characters and a unit.
pub(super) fn human(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].into_iter();
    let mut unit = units.next();
    while tenths >= 10_240 {
        tenths /= 1024;
        unit = units.next();
    }
    let unit = unit.unwrap_or("EiB");
    if tenths < 100 { format!("{}.{} {unit}", tenths / 10, tenths % 10) } else { format!("{} {unit}", tenths / 10) }
}

/// Formats a time as `2026-03-21T14:05:09Z` (RFC 3339); `None` before 1970. Years after 9998 become
/// the end of 9998.
pub(super) fn instant(time: SystemTime) -> Option<String> {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    // `Sat, 21 Mar 2026 14:05:09 GMT`: each part is at a fixed offset.
    let date = httpdate::fmt_http_date(at(seconds));
    let month = "JanFebMarAprMayJunJulAugSepOctNovDec".find(&date[8..11])? / 3 + 1;
    Some(format!("{}-{month:02}-{}T{}Z", &date[12..16], &date[5..7], &date[17..25]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10_240, "10 KiB"),
            (1_048_575, "1023 KiB"),
            (1_048_576, "1.0 MiB"),
            (5_000_000_000, "4.6 GiB"),
            (u64::MAX, "15 EiB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(human(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn instants_are_rfc_3339() {
        let cases = [
            (0, Some("1970-01-01T00:00:00Z")),
            (1_709_210_099, Some("2024-02-29T12:34:59Z")),
            (u64::MAX / 4, Some("9998-12-31T23:59:59Z")),
        ];
        for (seconds, expected) in cases {
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            assert_eq!(instant(time).as_deref(), expected);
        }
        assert_eq!(instant(SystemTime::UNIX_EPOCH - std::time::Duration::from_secs(1)), None);
    }
}
