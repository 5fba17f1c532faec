//! The grammar of chunk extensions (RFC 9112 §7.1.1), one byte at a time.
//!
//! The server ignores all extensions, but still checks the grammar: a request is smuggled in if one
//! side reads an extension and the other side the end of the line.

use super::grammar::{QUOTED, TEXT, TOKEN};

/// The part of `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )` read so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extension {
    /// Nothing; `;` must follow.
    Before,
    /// The `;`; blanks and the name follow.
    Start,
    /// A part of the name.
    Name,
    /// The name and a blank; `=` or `;` must follow.
    AfterName,
    /// The `=`; blanks and the value follow.
    Equals,
    /// A part of a value that is a token.
    Value,
    /// A part of a quoted string.
    Quoted,
    /// A backslash in a quoted string.
    Escape,
    /// A complete quoted string.
    QuotedEnd,
    /// The value and a blank; `;` must follow.
    AfterValue,
}

impl Extension {
    /// The state after this byte; `None` if the grammar forbids the byte here.
    pub(crate) fn next(self, byte: u8) -> Option<Self> {
        let next = match (self, byte) {
            (Self::Before | Self::Name | Self::AfterName | Self::Value | Self::QuotedEnd | Self::AfterValue, b';') => {
                Self::Start
            }
            (Self::Start, b' ' | b'\t') => Self::Start,
            (Self::Start | Self::Name, _) if TOKEN.has(byte) => Self::Name,
            (Self::Name | Self::AfterName, b' ' | b'\t') => Self::AfterName,
            (Self::Name | Self::AfterName, b'=') => Self::Equals,
            (Self::Equals, b' ' | b'\t') => Self::Equals,
            (Self::Equals, b'"') => Self::Quoted,
            (Self::Equals | Self::Value, _) if TOKEN.has(byte) => Self::Value,
            (Self::Quoted, b'"') => Self::QuotedEnd,
            (Self::Quoted, b'\\') => Self::Escape,
            (Self::Quoted, _) if QUOTED.has(byte) => Self::Quoted,
            (Self::Escape, _) if TEXT.has(byte) => Self::Quoted,
            (Self::Value | Self::QuotedEnd | Self::AfterValue, b' ' | b'\t') => Self::AfterValue,
            _ => return None,
        };
        Some(next)
    }

    /// True if the line may end here.
    pub(crate) fn is_whole(self) -> bool {
        matches!(self, Self::Name | Self::Value | Self::QuotedEnd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: bool) {
        let end = text.bytes().try_fold(Extension::Before, Extension::next);
        assert_eq!(end.is_some_and(Extension::is_whole), expected, "{text:?}");
    }

    #[test]
    fn extensions_follow_their_grammar() {
        check(";a", true);
        check(";a=b", true);
        check(";a;b", true);
        check(";a=b;c=d;e", true);
        check("; a", true);
        check(";\ta = b", true);
        check(";a =\tb ; c", true);
        check(";a=\"\"", true);
        check(";a=\"b c;d,e=\t\"", true);
        check(";a=\"\\\"\\\\\\ \"", true);
        check(";a=\"b\" ;c", true);
        check(";a=\"\u{e9}\"", true);
        check(";!#$%&'*+-.^_`|~0Aa=0", true);
    }

    #[test]
    fn malformed_extensions_are_refused() {
        check("", false);
        check(";", false);
        check("; ", false);
        check(" ;a", false);
        check("a", false);
        check(";;a", false);
        check(";a;", false);
        check(";a=", false);
        check(";=b", false);
        check(";a==b", false);
        check(";a b", false);
        check(";a ", false);
        check(";a=b ", false);
        check(";a=b c", false);
        check(";a=\"", false);
        check(";a=\"b", false);
        check(";a=\"\\", false);
        check(";a=\"\\\"", false);
        check(";a=\"b\"c", false);
        check(";a=\"b\"\"c\"", false);
        check(";a=\"b\" ", false);
        check(";a,b", false);
        check(";a=b=c", false);
        check(";a\n", false);
        check(";a\r", false);
        check(";a=\"\n\"", false);
        check(";a=\"\r\n\"", false);
        check(";a=\"\\\n\"", false);
        check(";a=\"\0\"", false);
        check(";a=\u{e9}", false);
        check(";\u{e9}", false);
    }
}
