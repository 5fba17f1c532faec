//! The patterns of a router, and the choice of one for a path.

use std::cmp::Reverse;

use matchit::InsertError;

/// Patterns, each with the position of its route.
#[derive(Default)]
pub(super) struct Patterns {
    tree: matchit::Router<usize>,
    /// In the order of precedence.
    plain: Vec<Pattern>,
    /// True if a pattern has text behind a parameter before its last segment, as `/{x}.git/info`.
    ///
    /// The tree follows the first such text that fits, and does not go back to `/{x}/{y}`.
    has_inner_suffix: bool,
}

/// The parameters of a path, by name.
pub(super) enum PathParams<'r, 'p> {
    OfTree(matchit::Params<'r, 'p>),
    Plain(Vec<(&'r str, &'p str)>),
}

impl Patterns {
    /// Adds `pattern` for the route at `at`.
    ///
    /// # Errors
    /// What is wrong with the pattern, as the end of a sentence.
    pub(super) fn insert(&mut self, pattern: &str, at: usize) -> Result<(), String> {
        self.tree.insert(pattern, at).map_err(|error| match error {
            InsertError::Conflict { with } => format!("is ambiguous beside `{with}`"),
            error => format!("is malformed: {}", error.to_string().to_lowercase()),
        })?;
        let pattern = Pattern::of(pattern, at);
        self.has_inner_suffix |= pattern.has_inner_suffix();
        let place = self.plain.partition_point(|other| other.rank() <= pattern.rank());
        self.plain.insert(place, pattern);
        Ok(())
    }

    /// Returns the position of the route for `path`, and the parameters.
    pub(super) fn find<'r, 'p>(&'r self, path: &'p str) -> Option<(usize, PathParams<'r, 'p>)> {
        if self.has_inner_suffix {
            let mut found = self.plain.iter().filter_map(|pattern| Some((pattern.at, pattern.params(path)?)));
            return found.next().map(|(at, params)| (at, PathParams::Plain(params)));
        }
        let found = self.tree.at(path).ok()?;
        Some((*found.value, PathParams::OfTree(found.params)))
    }
}

impl PathParams<'_, '_> {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let (of_tree, plain) = match self {
            Self::OfTree(params) => (Some(params.iter()), &[][..]),
            Self::Plain(params) => (None, params.as_slice()),
        };
        of_tree.into_iter().flatten().chain(plain.iter().copied())
    }
}

/// A pattern for matching segment by segment.
struct Pattern {
    segments: Vec<Segment>,
    at: usize,
}

enum Segment {
    Literal(String),
    Parameter {
        before: String,
        name: String,
        behind: String,
        /// True for `{*name}`, which takes all the rest of the path.
        is_rest: bool,
    },
}

/// The precedence of a segment; the least comes first.
type Rank = (u8, Reverse<usize>, Reverse<usize>);

impl Pattern {
    fn of(pattern: &str, at: usize) -> Self {
        Self { segments: pattern.split('/').map(Segment::of).collect(), at }
    }

    fn has_inner_suffix(&self) -> bool {
        let inner = self.segments.split_last().map_or(&[][..], |(_, inner)| inner);
        inner.iter().any(|segment| matches!(segment, Segment::Parameter { behind, .. } if !behind.is_empty()))
    }

    /// Returns the ranks of the segments: of two patterns for a path, the one with the lesser rank
    /// at the first difference takes precedence.
    fn rank(&self) -> Vec<Rank> {
        self.segments.iter().map(Segment::rank).collect()
    }

    /// Returns the parameters of `path`; `None` if the pattern does not match.
    fn params<'r, 'p>(&'r self, path: &'p str) -> Option<Vec<(&'r str, &'p str)>> {
        let mut params = Vec::new();
        let mut rest = Some(path);
        for segment in &self.segments {
            let left = rest?;
            let (text, after) = left.split_once('/').map_or((left, None), |(text, after)| (text, Some(after)));
            let (text, after) = if segment.is_rest() { (left, None) } else { (text, after) };
            rest = after;
            match segment {
                Segment::Literal(literal) if literal == text => {}
                Segment::Literal(_) => return None,
                Segment::Parameter { before, name, behind, .. } => {
                    let value = text.strip_prefix(before.as_str())?.strip_suffix(behind.as_str())?;
                    params.push((name.as_str(), Some(value).filter(|value| !value.is_empty())?));
                }
            }
        }
        rest.is_none().then_some(params)
    }
}

impl Segment {
    fn of(text: &str) -> Self {
        let parameter = text.split_once('{').and_then(|(before, name)| Some((before, name.split_once('}')?)));
        let Some((before, (name, behind))) = parameter else { return Self::Literal(text.to_owned()) };
        let (name, is_rest) = name.strip_prefix('*').map_or((name, false), |name| (name, true));
        Self::Parameter { before: before.to_owned(), name: name.to_owned(), behind: behind.to_owned(), is_rest }
    }

    fn is_rest(&self) -> bool {
        matches!(self, Self::Parameter { is_rest: true, .. })
    }

    /// As of the tree: a literal, a parameter with literals, the longest first, a parameter, the rest.
    fn rank(&self) -> Rank {
        let (kind, before, behind) = match self {
            Self::Literal(_) => (0, 0, 0),
            Self::Parameter { before, behind, .. } if before.len() + behind.len() > 0 => {
                (1, before.len(), behind.len())
            }
            Self::Parameter { is_rest, .. } => (if *is_rest { 3 } else { 2 }, 0, 0),
        };
        (kind, Reverse(before), Reverse(behind))
    }
}
