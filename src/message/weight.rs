//! The weight of a member of `Accept` or `Accept-Encoding` (RFC 9110 §12.4.2).

/// Parses a parameter such as `q=0.5`, in thousandths: `None` for other parameters, `Some(None)` if
/// malformed.
pub(crate) fn weight(parameter: &str) -> Option<Option<u16>> {
    let (_, value) = parameter.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("q"))?;
    let (whole, digits) = value.split_once('.').unwrap_or((value, ""));
    let is_valid = digits.len() <= 3 && digits.bytes().all(|digit| digit.is_ascii_digit());
    let fraction = is_valid.then(|| format!("{digits:0<3}").parse().ok()).flatten();
    Some(match (whole, fraction) {
        ("0", Some(fraction)) => Some(fraction),
        ("1", Some(0)) => Some(1000),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_has_up_to_three_digits_and_is_at_most_one() {
        for (parameter, expected) in [
            ("q=1", Some(Some(1000))),
            ("Q=0.5", Some(Some(500))),
            ("q=0.", Some(Some(0))),
            ("q=0.001", Some(Some(1))),
            ("q=1.000", Some(Some(1000))),
            ("q=1.001", Some(None)),
            ("q=0.0001", Some(None)),
            ("q=.5", Some(None)),
            ("q=-0", Some(None)),
            ("q=", Some(None)),
            ("charset=utf-8", None),
            ("q", None),
        ] {
            assert_eq!(weight(parameter), expected, "{parameter}");
        }
    }
}
