//! The `Range` field: as a client may write it, and the part of a file that it selects.

use std::ops::Range;

use arbitrary::Arbitrary;
use drupe::http::HeaderValue;

/// A requested range.
#[derive(Arbitrary, Clone, Debug)]
pub enum Asked {
    Ranges { unit: Unit, parts: Vec<Part> },
    Text(Vec<u8>),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Unit {
    Bytes,
    BytesLoudly,
    Lines,
}

#[derive(Arbitrary, Clone, Debug)]
pub enum Part {
    FromTo(Number, Number),
    From(Number),
    Last(Number),
    Nothing,
    Wrong(u8),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Number {
    Small(u8),
    Padded(u8),
    Most,
    Beyond,
}

/// The expected answer.
#[derive(Debug, PartialEq)]
pub enum Expected {
    Whole,
    Part(Range<usize>),
    Parts(Vec<Range<usize>>),
    Unsatisfiable,
    NotModified,
    Failed,
    /// The request uses a form that only the server parses.
    Unknown,
}

impl Asked {
    pub fn first_byte() -> Self {
        Self::Ranges { unit: Unit::Bytes, parts: vec![Part::FromTo(Number::Small(0), Number::Small(0))] }
    }

    pub fn text(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone(),
            Self::Ranges { unit, parts } => {
                let parts: Vec<String> = parts.iter().take(MOST).map(Part::text).collect();
                format!("{}={}", unit.text(), parts.join(",")).into_bytes()
            }
        }
    }

    /// True if the value can be sent in a field.
    pub fn is_value(&self) -> bool {
        HeaderValue::from_bytes(&self.text()).is_ok()
    }

    /// The part of a file of `length` bytes to send.
    pub fn of(&self, length: usize) -> Expected {
        let (unit, parts) = match self {
            Self::Text(_) => return Expected::Unknown,
            Self::Ranges { unit, parts } => (unit, &parts[..parts.len().min(MOST)]),
        };
        let meant: Vec<&Part> = parts.iter().filter(|part| !matches!(part, Part::Nothing)).collect();
        let is_ignored = matches!(unit, Unit::Lines)
            || length == 0
            || meant.is_empty()
            || meant.iter().any(|part| part.is_malformed());
        if is_ignored {
            return Expected::Whole;
        }
        let there: Vec<Range<usize>> = meant.iter().filter_map(|part| part.of(length)).collect();
        match &there[..] {
            [] => Expected::Unsatisfiable,
            [range] => Expected::Part(range.clone()),
            _ if there.len() > MOST_SENT || there.iter().map(ExactSizeIterator::len).sum::<usize>() > length => {
                Expected::Whole
            }
            _ => Expected::Parts(there),
        }
    }
}

impl Unit {
    fn text(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::BytesLoudly => "BYTES",
            Self::Lines => "lines",
        }
    }
}

impl Part {
    fn text(&self) -> String {
        match self {
            Self::FromTo(first, last) => format!(" {}-{}\t", first.text(), last.text()),
            Self::From(first) => format!("{}-", first.text()),
            Self::Last(count) => format!("-{}", count.text()),
            Self::Nothing => " ".to_owned(),
            Self::Wrong(which) => WRONG[usize::from(*which) % WRONG.len()].to_owned(),
        }
    }

    fn is_malformed(&self) -> bool {
        match self {
            Self::FromTo(first, last) => first.value() > last.value(),
            Self::Wrong(_) => true,
            _ => false,
        }
    }

    /// The existing part of the range.
    fn of(&self, length: usize) -> Option<Range<usize>> {
        let small = |value: u128| usize::try_from(value).unwrap_or(usize::MAX);
        let (first, end) = match self {
            Self::FromTo(first, last) => (small(first.value()), small(last.value() + 1).min(length)),
            Self::From(first) => (small(first.value()), length),
            Self::Last(count) if count.value() > 0 => return Some(length.saturating_sub(small(count.value()))..length),
            _ => return None,
        };
        (first < length).then_some(first..end)
    }
}

impl Number {
    fn value(self) -> u128 {
        match self {
            Self::Small(value) | Self::Padded(value) => value.into(),
            // Beyond all files the one is as good as the other.
            Self::Most | Self::Beyond => u64::MAX.into(),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Padded(value) => format!("{value:030}"),
            Self::Beyond => "9".repeat(40),
            _ => self.value().to_string(),
        }
    }
}

const WRONG: [&str; 9] = ["-", "1", "a-b", "1-2-3", "+1-2", "1-+2", "--1", "1 - 2", "0x1-2"];
/// Parts: more than are sent.
const MOST: usize = MOST_SENT + 44;
/// Parts of the longest answer; if more are asked for, the whole file is sent.
const MOST_SENT: usize = 256;
