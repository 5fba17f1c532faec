//! The content that a 304 leaves out, described for layers.

/// In the extensions of a 304: the content of the 200 in its place, for a layer that has to give
/// both the same fields (RFC 9110 §15.4.5).
#[derive(Clone, Debug)]
pub(crate) struct UnsentContent {
    pub(crate) media_type: String,
    /// In bytes, if known.
    pub(crate) length: Option<u64>,
    /// True with a `Content-Encoding`.
    pub(crate) is_encoded: bool,
}
