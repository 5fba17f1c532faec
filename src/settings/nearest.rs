//! Suggestions for unknown names.

/// Returns the name of `known` most similar to `name`, for a suggestion in an error message.
///
/// At most a third of the letters may be wrong. Without such a name, returns the first that ends in
/// `name`, as `socket_port` does in `port`.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    let similar = known
        .iter()
        // Each letter too many or too few is a wrong one.
        .filter(|known| name.len().abs_diff(known.len()) <= known.len() / 3)
        .map(|known| (distance(name.as_bytes(), known.as_bytes()), *known))
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .min();
    if let Some((_, known)) = similar {
        return Some(known);
    }
    let is_end = |known: &&str| known.strip_suffix(name).is_some_and(|before| before.ends_with(['_', '.']));
    known.into_iter().find(is_end).filter(|_| !name.is_empty())
}

/// Counts the insertions, deletions and replacements between `a` and `b` (Levenshtein), one row of
/// the matrix at a time.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut costs: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = i;
        costs[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = costs[j + 1];
            costs[j + 1] = replaced.min(diagonal + 1).min(costs[j] + 1);
        }
    }
    costs[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        for (a, b, expected) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("same", "same", 0)]
        {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }

    #[test]
    fn few_wrong_letters_or_the_same_end_suggest_the_nearest_name() {
        let known = ["socket_port", "socket_host", "header_timeout", "body_timeout", "listen"];
        for (name, expected) in [
            ("socket_prot", Some("socket_port")),
            ("socket-host", Some("socket_host")),
            ("lisen", Some("listen")),
            ("port", Some("socket_port")),
            ("timeout", Some("header_timeout")),
            ("ort", None),
            ("", None),
            ("colour", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }
}
