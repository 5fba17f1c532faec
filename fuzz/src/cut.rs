//! Cuts the bytes of a client into segments.

use arbitrary::Arbitrary;

/// Lengths of segments, used in turn; if there are none, all bytes come at once.
#[derive(Arbitrary, Clone, Debug, Default)]
pub struct Cuts(Vec<u8>);

impl Cuts {
    #[cfg(test)]
    pub(crate) fn new(lengths: Vec<u8>) -> Self {
        Self(lengths)
    }

    /// Cuts `bytes` so.
    pub fn apply(&self, bytes: &[u8]) -> Vec<Vec<u8>> {
        if self.0.is_empty() {
            return vec![bytes.to_vec()];
        }
        let mut rest = bytes;
        let mut lengths = self.0.iter().cycle().map(|length| 1 + usize::from(*length));
        let piece = || rest.split_off(..rest.len().min(lengths.next()?)).filter(|piece| !piece.is_empty());
        std::iter::from_fn(piece).map(<[u8]>::to_vec).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_is_lost() {
        assert_eq!(Cuts(vec![0, 2]).apply(b"abcdefg"), [&b"a"[..], b"bcd", b"e", b"fg"]);
        assert_eq!(Cuts(vec![]).apply(b"abc"), [b"abc"]);
        assert!(Cuts(vec![1]).apply(b"").is_empty());
    }
}
