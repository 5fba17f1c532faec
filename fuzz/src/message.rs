//! Valid parts of requests, in all valid forms.

use arbitrary::Arbitrary;

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Other,
}

impl Method {
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other => "M-SEARCH",
        }
    }
}

/// The `Connection` field.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    Unsaid,
    Close,
    KeepAlive,
}

impl Connection {
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self {
            Self::Unsaid => b"",
            Self::Close => b"connection: x-other, CLOSE\r\n",
            Self::KeepAlive => b"Connection: Keep-Alive\r\nCONNECTION:,\t,other\r\n",
        });
    }
}

/// A field of no meaning.
#[derive(Arbitrary, Clone, Debug)]
pub struct Field {
    name: u8,
    value: Vec<u8>,
    blanks: u8,
}

impl Field {
    pub fn write(&self, out: &mut Vec<u8>) {
        let blank = [&b""[..], b" ", b"\t", b" \t  "];
        let (before, after) = (blank[usize::from(self.blanks & 3)], blank[usize::from(self.blanks >> 2 & 3)]);
        let name = format!("X-{}!#$%&'*+.^_`|~", self.name % 5);
        out.extend([name.as_bytes(), b":", before, &self.value(), after, b"\r\n"].concat());
    }

    /// The part of the value that may be in a field.
    pub fn value(&self) -> Vec<u8> {
        let is_fine = |byte: &&u8| **byte == b'\t' || **byte >= b' ' && **byte != 0x7f;
        let value: Vec<u8> = self.value.iter().filter(is_fine).take(64).copied().collect();
        value.trim_ascii().to_vec()
    }
}

/// Content with its framing.
#[derive(Arbitrary, Clone, Debug)]
pub enum Content {
    None,
    /// A length with so many leading zeros.
    Length(Vec<u8>, u8),
    Chunked {
        chunks: Vec<Chunk>,
        last: Extension,
        trailers: Vec<Field>,
        zeros: u8,
    },
}

/// A chunk with its data, which is not empty.
#[derive(Arbitrary, Clone, Debug)]
pub struct Chunk {
    first: u8,
    data: Vec<u8>,
    extension: Extension,
}

/// An extension behind the size of a chunk; a blank before it is refused.
#[derive(Arbitrary, Clone, Debug)]
pub enum Extension {
    None,
    Name,
    Value,
    Several,
    Quoted(Vec<u8>),
}

impl Content {
    /// Writes the framing field, the end of the head, and the body.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::None => out.extend_from_slice(b"\r\n"),
            Self::Length(_, zeros) => {
                let (data, zeros) = (self.decoded(), "0".repeat(usize::from(zeros % 4)));
                out.extend_from_slice(format!("Content-Length:{zeros}{}\r\n\r\n", data.len()).as_bytes());
                out.extend(data);
            }
            Self::Chunked { chunks, last, trailers, zeros } => {
                out.extend_from_slice(b"Transfer-Encoding: Chunked\r\n\r\n");
                let zeros = "0".repeat(usize::from(zeros % 4));
                for chunk in chunks.iter().take(MOST_CHUNKS) {
                    let data = chunk.data();
                    let digits =
                        if data.len() % 2 == 0 { format!("{:x}", data.len()) } else { format!("{:X}", data.len()) };
                    out.extend_from_slice(format!("{zeros}{digits}").as_bytes());
                    chunk.extension.write(out);
                    out.extend([b"\r\n", &data[..], b"\r\n"].concat());
                }
                out.extend_from_slice(format!("{zeros}0").as_bytes());
                last.write(out);
                out.extend_from_slice(b"\r\n");
                trailers.iter().take(MOST_CHUNKS).for_each(|field| field.write(out));
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// The content.
    pub fn decoded(&self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Length(data, _) => data[..data.len().min(MOST_BYTES)].to_vec(),
            Self::Chunked { chunks, .. } => chunks.iter().take(MOST_CHUNKS).flat_map(Chunk::data).collect(),
        }
    }

    pub fn trailers(&self) -> usize {
        match self {
            Self::Chunked { trailers, .. } => trailers.len().min(MOST_CHUNKS),
            _ => 0,
        }
    }

    pub fn is_chunked(&self) -> bool {
        matches!(self, Self::Chunked { .. })
    }

    /// True if the head declares no content.
    pub fn is_surely_empty(&self) -> bool {
        !self.is_chunked() && self.decoded().is_empty()
    }
}

impl Chunk {
    fn data(&self) -> Vec<u8> {
        [&[self.first], &self.data[..self.data.len().min(MOST_BYTES)]].concat()
    }
}

impl Extension {
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::None => {}
            Self::Name => out.extend_from_slice(b";name"),
            Self::Value => out.extend_from_slice(b";a=b"),
            Self::Several => out.extend_from_slice(b"; a = b ;c;\td=\"\""),
            Self::Quoted(text) => {
                out.extend_from_slice(b";a=\"");
                for byte in text.iter().take(64) {
                    match byte {
                        b'"' | b'\\' => out.extend([b'\\', *byte]),
                        b'\t' | b' '..=b'~' | 0x80.. => out.push(*byte),
                        _ => {}
                    }
                }
                out.push(b'"');
            }
        }
    }
}

const MOST_CHUNKS: usize = 6;
/// The limit of one chunk or body, so that all bodies of a sequence stay below the drained size of
/// one.
const MOST_BYTES: usize = 4096;
