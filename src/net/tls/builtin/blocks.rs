//! The blocks of a PEM text (RFC 7468), each with its line.
//!
//! Reads more than the grammar allows, because real files are pasted together: a block may begin
//! behind another on the same line, lines may end in CR, LF or both, and text may stand between
//! blocks. Every block is either returned or an error.

use rustls_pki_types::pem::{PemObject, SectionKind};

/// One block.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block {
    /// The label, such as `CERTIFICATE`.
    pub(super) label: String,
    /// The line of its beginning, from 1.
    pub(super) line: usize,
    /// The text between `BEGIN` and `END`.
    body: Vec<u8>,
}

impl Block {
    /// Decodes the content.
    ///
    /// # Errors
    /// The reason, beginning with the line.
    pub(super) fn der(&self) -> Result<Vec<u8>, String> {
        let [begin, end] = [BEGIN, END].map(|word| [word, CERTIFICATE, DASHES].concat());
        let text = [&begin, &b"\n"[..], &self.body, b"\n", &end].concat();
        let decoded = <(SectionKind, Vec<u8>)>::from_pem_slice(&text).map(|(_, der)| der);
        let der = decoded.map_err(|_| self.concern("contains characters other than Base64, or is incomplete"))?;
        match missing(&der) {
            Some(0) => Ok(der),
            Some(bytes) => Err(self.concern(&format!("is incomplete: {bytes} bytes of its content are missing"))),
            None => Err(self.concern("contains no ASN.1")),
        }
    }

    /// True if the block has the header of a key encrypted in OpenSSL's old format.
    pub(super) fn is_encrypted_in_old_format(&self) -> bool {
        position(&self.body, b"Proc-Type:").is_some()
    }

    /// A sentence about the block.
    pub(super) fn concern(&self, what: &str) -> String {
        format!("line {}: the block {:?} {what}", self.line, self.label)
    }
}

/// Splits `text` into its blocks.
///
/// # Errors
/// The reason, beginning with the line.
pub(super) fn split(text: &[u8]) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let (mut at, mut line) = (if text.starts_with(BOM) { BOM.len() } else { 0 }, 1);
    let mut since = at;
    while let Some(found) = position(&text[at..], DASHES) {
        let start = at + found;
        line += lines(&text[at..start]);
        let rest = &text[start..];
        at = start;
        // A part of a very long line is enough.
        if !is_boundary(&text[since.max(start.saturating_sub(LONGEST_LINE))..start], rest) {
            at += DASHES.len();
        } else if let Some(named) = rest.strip_prefix(BEGIN) {
            let (block, length) = read(named, line)?;
            line += lines(&rest[..BEGIN.len() + length]);
            at += BEGIN.len() + length;
            since = at;
            blocks.push(block);
        } else {
            return Err(format!("line {line}: an END line without a BEGIN line"));
        }
    }
    Ok(blocks)
}

/// Reads a block after its `BEGIN`. Returns the number of bytes read as well.
fn read(text: &[u8], line: usize) -> Result<(Block, usize), String> {
    let length = position(text, DASHES).filter(|length| !text[..*length].iter().any(|byte| b"\r\n".contains(byte)));
    let Some(length) = length else { return Err(format!("line {line}: a BEGIN line without its last five dashes")) };
    let label: String = String::from_utf8_lossy(&text[..length]).chars().take(LONGEST).collect();
    let start = length + DASHES.len();
    let rest = &text[start..];
    let found = position(rest, DASHES).unwrap_or(rest.len());
    let block = Block { label, line, body: rest[..found].trim_ascii().to_vec() };
    let end = [END, &text[..length], DASHES].concat();
    match rest[found..].strip_prefix(&end[..]) {
        Some(_) => Ok((block, start + found + end.len())),
        None => Err(block.concern("has no END line of its own")),
    }
}

/// True if `text` begins or ends a block. `before` is the text since the last block.
fn is_boundary(before: &[u8], text: &[u8]) -> bool {
    let begun = before.rsplit(|byte| b"\r\n".contains(byte)).next().unwrap_or_default().trim_ascii();
    let ends = text.strip_prefix(BEGIN).and_then(|named| Some(&named[position(named, DASHES)? + DASHES.len()..]));
    let is_last =
        ends.is_some_and(|rest| rest.iter().take_while(|byte| !b"\r\n".contains(byte)).all(u8::is_ascii_whitespace));
    match begun {
        b"" => text.starts_with(BEGIN) || text.starts_with(END),
        // Text without a line end of its own, in front of a block.
        other => is_last && !other.starts_with(b"#"),
    }
}

/// The number of bytes that the outermost ASN.1 value lacks; `None` if `der` does not begin with a
/// sequence.
fn missing(der: &[u8]) -> Option<usize> {
    let (head, length) = match der {
        [0x30, short @ ..=0x7f, ..] => (2, usize::from(*short)),
        [0x30, 0x81, length, ..] => (3, usize::from(*length)),
        [0x30, 0x82, high, low, ..] => (4, usize::from(u16::from_be_bytes([*high, *low]))),
        [0x30, 0x83, high, middle, low, ..] => {
            (5, usize::try_from(u32::from_be_bytes([0, *high, *middle, *low])).unwrap_or(usize::MAX))
        }
        // The length itself is cut.
        [0x30] | [0x30, 0x81, ..] | [0x30, 0x82, ..] | [0x30, 0x83, ..] => return Some(1),
        _ => return None,
    };
    Some((head + length).saturating_sub(der.len()))
}

/// The number of line ends: LF, CRLF or CR.
fn lines(text: &[u8]) -> usize {
    let is_end = |at: usize| text[at] == b'\n' || (text[at] == b'\r' && text.get(at + 1) != Some(&b'\n'));
    (0..text.len()).filter(|at| is_end(*at)).count()
}

fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

const DASHES: &[u8] = b"-----";
const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
/// The label of every block when handed to the decoder.
const CERTIFICATE: &[u8] = b"CERTIFICATE";
/// The byte order mark of UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";
/// The most characters of a label.
const LONGEST: usize = 64;
/// The most bytes of a line in front of a block.
const LONGEST_LINE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "-----BEGIN A-----\nMAA=\n-----END A-----";
    const B: &str = "-----BEGIN B-----\nMAA=\n-----END B-----";

    #[track_caller]
    fn finds(text: &str, expected: &[(&str, usize)]) {
        let blocks = split(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let found: Vec<_> = blocks.iter().map(|block| (block.label.as_str(), block.line)).collect();
        assert_eq!(found, expected, "{text:?}");
        for block in blocks {
            assert_eq!(block.der().as_deref(), Ok(&[0x30, 0][..]), "{text:?}");
        }
    }

    #[test]
    fn every_block_is_found_with_its_line() {
        finds("", &[]);
        finds("text - and -- text\n", &[]);
        finds(&format!("{A}\n{B}\n"), &[("A", 1), ("B", 4)]);
        finds(&format!("{A}{B}"), &[("A", 1), ("B", 3)]);
        finds(&format!("\u{feff}{A}\n"), &[("A", 1)]);
        finds(&format!("subject=a\n\n{A}\nissuer=b{B}"), &[("A", 3), ("B", 6)]);
        finds(&format!("  {A}  \n\t{B}\t\n"), &[("A", 1), ("B", 4)]);
        finds(&format!("{A}\n{B}\n").replace('\n', "\r\n"), &[("A", 1), ("B", 4)]);
        finds(&format!("{A}\n{B}\n").replace('\n', "\r"), &[("A", 1), ("B", 4)]);
        finds(&format!("{A}\n{B}").replace('\n', "  \n"), &[("A", 1), ("B", 4)]);
        finds(&format!("{A}\n{B}").replace('\n', ""), &[("A", 1), ("B", 1)]);
        finds(&format!("# {A}\n").replace('\n', "\n# "), &[]);
        finds(&format!("see -----BEGIN A----- below\n{A}"), &[("A", 2)]);
    }

    #[test]
    fn broken_block_is_named_with_its_line() {
        for (text, expected) in [
            ("\n-----BEGIN A\nMAA=\n", "line 2: a BEGIN line without its last five dashes"),
            ("-----BEGIN A-----\nMAA=\n", "line 1: the block \"A\" has no END line of its own"),
            ("-----BEGIN A-----\nMAA=\n-----END B-----\n", "line 1: the block \"A\" has no END line of its own"),
            ("x\n-----BEGIN A-----\nMAA=\n-----BEGIN B", "line 2: the block \"A\" has no END line of its own"),
            ("MAA=\n-----END A-----\n", "line 2: an END line without a BEGIN line"),
        ] {
            assert_eq!(split(text.as_bytes()), Err(expected.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn broken_content_is_named_in_words() {
        for (body, expected) in [
            ("MA!A", "contains characters other than Base64, or is incomplete"),
            ("MIIBAAA=", "is incomplete: 255 bytes of its content are missing"),
            ("AAAA", "contains no ASN.1"),
            ("", "contains no ASN.1"),
        ] {
            let text = format!("-----BEGIN A-----\n{body}\n-----END A-----\n");
            let der = split(text.as_bytes()).unwrap()[0].der();
            assert_eq!(der, Err(format!("line 1: the block \"A\" {expected}")), "{body}");
        }
    }

    #[test]
    fn a_text_cut_anywhere_is_no_panic() {
        let text = format!("\u{feff}x{A}{B}\r\n");
        for at in 0..text.len() {
            let _ = split(&text.as_bytes()[..at]);
            let _ = split(&text.as_bytes()[at..]);
        }
    }
}
