//! Bodies of answers: read, sized, streamed, from a file, with failures and panics; and the
//! expected bytes of each.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use arbitrary::Arbitrary;
use drupe::Body;

use crate::channel::Channel;
use crate::outcome::{Came, MOST, Outcome, in_file, large, panic_silently, trailers};

/// A body.
#[derive(Arbitrary, Clone, Debug)]
pub enum Content {
    Empty,
    Bytes(Vec<u8>),
    Reader(Vec<Piece>),
    Sized(Vec<Piece>, u8),
    Stream(Vec<Act>),
    /// A file of [`FILE`] bytes, from here on and so many bytes.
    File(u8, u16),
    Channel(Channel),
}

/// The result of one read.
#[derive(Arbitrary, Clone, Debug)]
pub enum Piece {
    Bytes(u8, Vec<u8>),
    Large(u8),
    Interrupted,
    Fails,
    Panics,
}

/// The behaviour of a producer.
#[derive(Arbitrary, Clone, Debug)]
pub enum Act {
    Write(Vec<u8>),
    Large(u8),
    Flush,
    Trailers(u8),
    Fails,
    Panics,
}

impl Content {
    pub fn body(&self) -> Body {
        match self {
            Self::Empty => Body::empty(),
            Self::Bytes(bytes) => bytes.clone().into(),
            Self::Reader(pieces) => Body::from_reader(Pieces::of(pieces)),
            Self::Sized(pieces, length) => Body::sized(Pieces::of(pieces), u64::from(*length)),
            Self::Stream(acts) => {
                let acts: Vec<_> = acts.iter().take(MOST).cloned().collect();
                Body::stream(move |writer| acts.iter().try_for_each(|act| act.run(writer)))
            }
            Self::File(begin, length) => {
                let begin = u64::from(*begin);
                Body::from_file_range(file(), begin..begin + u64::from(*length))
            }
            Self::Channel(channel) => channel.body(),
        }
    }

    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Sized(_, length) => Some(u64::from(*length)),
            Self::File(_, length) => Some(u64::from(*length)),
            Self::Reader(_) | Self::Stream(_) | Self::Channel(_) => None,
        }
    }

    /// Returns the outcome if `owed` bytes are required, or all bytes.
    pub fn produce(&self, owed: Option<u64>) -> Came {
        let mut came = Came { content: Vec::new(), outcome: Outcome::Whole, trailers: 0 };
        match self {
            Self::Empty => {}
            Self::Bytes(bytes) => came.content.clone_from(bytes),
            Self::File(begin, length) => {
                let begin = usize::from(*begin);
                came.content = (begin..(begin + usize::from(*length)).min(FILE)).map(in_file).collect();
            }
            Self::Reader(pieces) => came.read(pieces, owed, true),
            Self::Sized(pieces, length) => came.read(pieces, owed, *length > 0),
            Self::Stream(acts) => came.run(acts),
            Self::Channel(channel) => channel.produce(&mut came),
        }
        came.content.truncate(owed.map_or(usize::MAX, |owed| owed.try_into().expect("a small number")));
        came
    }
}

impl Came {
    /// `is_begun`: true if the body is read although no byte is owed.
    fn read(&mut self, pieces: &[Piece], owed: Option<u64>, is_begun: bool) {
        let mut is_first = true;
        for piece in pieces.iter().take(MOST) {
            let is_done = owed.is_some_and(|owed| self.content.len() as u64 >= owed);
            if is_done && !(is_first && is_begun) {
                return;
            }
            match piece {
                Piece::Interrupted => continue,
                Piece::Bytes(..) | Piece::Large(_) => self.content.extend(piece.bytes()),
                Piece::Fails | Piece::Panics if !is_first => self.outcome = Outcome::Broke,
                Piece::Fails => self.outcome = Outcome::FailedFirst,
                Piece::Panics => self.outcome = Outcome::PanickedFirst,
            }
            if self.outcome != Outcome::Whole {
                return;
            }
            is_first = false;
        }
    }

    fn run(&mut self, acts: &[Act]) {
        for act in acts.iter().take(MOST) {
            match act {
                Act::Write(bytes) => self.content.extend_from_slice(bytes),
                Act::Large(count) => self.content.extend(large(*count)),
                Act::Flush => {}
                Act::Trailers(count) => self.trailers = usize::from(count % 3),
                Act::Fails | Act::Panics => {
                    self.outcome = Outcome::Broke;
                    return;
                }
            }
        }
    }
}

impl Act {
    fn run(&self, writer: &mut drupe::BodyWriter<'_>) -> io::Result<()> {
        match self {
            Self::Write(bytes) => writer.write_all(bytes)?,
            Self::Large(count) => writer.write_all(&large(*count))?,
            Self::Flush => writer.flush()?,
            Self::Trailers(count) => {
                writer.trailers(trailers(*count));
            }
            Self::Fails => return Err(io::Error::other("no more")),
            Self::Panics => panic_silently(),
        }
        Ok(())
    }
}

impl Piece {
    /// Never none, which would be the end.
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(first, more) => [&[*first], &more[..]].concat(),
            Self::Large(count) => large(*count),
            Self::Interrupted | Self::Fails | Self::Panics => Vec::new(),
        }
    }
}

/// Reads piece by piece.
struct Pieces(VecDeque<(Piece, VecDeque<u8>)>);

impl Pieces {
    fn of(pieces: &[Piece]) -> Self {
        Self(pieces.iter().take(MOST).map(|piece| (piece.clone(), piece.bytes().into())).collect())
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((piece, left)) = self.0.front_mut() else { return Ok(0) };
        let result = match piece {
            Piece::Bytes(..) | Piece::Large(_) => left.read(buffer),
            Piece::Interrupted => Err(io::ErrorKind::Interrupted.into()),
            Piece::Fails => Err(io::Error::other("no more")),
            Piece::Panics => panic_silently(),
        };
        if left.is_empty() {
            self.0.pop_front();
        }
        result
    }
}

/// A private file of [`FILE`] bytes.
fn file() -> std::fs::File {
    static FILE_ONCE: std::sync::OnceLock<std::fs::File> = std::sync::OnceLock::new();
    let file = FILE_ONCE.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("drupe-fuzz-{}", std::process::id()));
        std::fs::write(&path, (0..FILE).map(in_file).collect::<Vec<_>>()).expect("there is room");
        let file = std::fs::File::open(&path).expect("it is there");
        std::fs::remove_file(&path).expect("it is ours");
        file
    });
    file.try_clone().expect("there are descriptors")
}

const FILE: usize = 40_000;
