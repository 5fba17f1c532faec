//! Encodes content with gzip or deflate.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::HeaderValue;

use crate::message::BodyWriter;
use crate::message::writer::BodyFilter;

/// A content coding (RFC 9110 §8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    /// The zlib format.
    Deflate,
}

/// Encodes content on its way to the client.
pub(super) struct Encoder {
    format: Format,
    /// True if content was written since the last flush.
    is_dirty: bool,
    /// Bytes of content still to come, if declared.
    left: u64,
}

/// An encoder of a format, with its output.
enum Format {
    Gzip(GzEncoder<Vec<u8>>),
    Zlib(ZlibEncoder<Vec<u8>>),
}

impl Coding {
    /// All codings by name, the best one first.
    pub(super) const ALL: [(&str, Self); 2] = [("gzip", Self::Gzip), ("deflate", Self::Deflate)];

    pub(super) fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        })
    }
}

impl Encoder {
    pub(super) fn new(coding: Coding) -> Self {
        let format = match coding {
            Coding::Gzip => Format::Gzip(GzEncoder::new(Vec::new(), Compression::default())),
            Coding::Deflate => Format::Zlib(ZlibEncoder::new(Vec::new(), Compression::default())),
        };
        Self { format, is_dirty: false, left: 0 }
    }

    /// Makes less content than declared an error, because the client cannot count the bytes.
    pub(super) fn expecting(self, declared: Option<u64>) -> Self {
        Self { left: declared.unwrap_or(0), ..self }
    }

    /// Encodes all of `content`.
    pub(super) fn encode(mut self, content: &[u8]) -> io::Result<Vec<u8>> {
        self.format.writer().write_all(content)?;
        match self.format {
            Format::Gzip(encoder) => encoder.finish(),
            Format::Zlib(encoder) => encoder.finish(),
        }
    }

    /// Moves the encoded content to `output`.
    fn pass(&mut self, output: &mut BodyWriter<'_>) -> io::Result<()> {
        let encoded = match &mut self.format {
            Format::Gzip(encoder) => encoder.get_mut(),
            Format::Zlib(encoder) => encoder.get_mut(),
        };
        output.write_all(encoded)?;
        encoded.clear();
        Ok(())
    }
}

impl BodyFilter for Encoder {
    fn write(&mut self, content: &[u8], output: &mut BodyWriter<'_>) -> io::Result<()> {
        self.left = self.left.saturating_sub(content.len() as u64);
        for piece in content.chunks(PIECE) {
            self.format.writer().write_all(piece)?;
            self.is_dirty = true;
            self.pass(output)?;
        }
        Ok(())
    }

    /// Ends a block, so that the client can decode all content written before. A second flush adds
    /// nothing.
    fn flush(&mut self, output: &mut BodyWriter<'_>) -> io::Result<()> {
        if !std::mem::take(&mut self.is_dirty) {
            return Ok(());
        }
        self.format.writer().flush()?;
        self.pass(output)
    }

    fn finish(&mut self, output: &mut BodyWriter<'_>) -> io::Result<()> {
        if self.left > 0 {
            let text = format!("a body ended {} bytes short of its declared length", self.left);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        match &mut self.format {
            Format::Gzip(encoder) => encoder.try_finish()?,
            Format::Zlib(encoder) => encoder.try_finish()?,
        }
        self.pass(output)
    }
}

impl Format {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Gzip(encoder) => encoder,
            Self::Zlib(encoder) => encoder,
        }
    }
}

/// The most bytes encoded at a time, to bound the output held.
const PIECE: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;

    use flate2::read::{GzDecoder, ZlibDecoder};

    use super::*;
    use crate::message::Body;
    use crate::sync::Mutex;

    fn decoded(coding: Coding, encoded: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        match coding {
            Coding::Gzip => GzDecoder::new(encoded).read_to_end(&mut content),
            Coding::Deflate => ZlibDecoder::new(encoded).read_to_end(&mut content),
        }
        .unwrap();
        content
    }

    #[test]
    fn encoded_content_decodes_to_the_same_at_any_length() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
        for coding in [Coding::Gzip, Coding::Deflate] {
            for length in [0, 1, 100, PIECE - 1, PIECE, PIECE + 1, text.len()] {
                let content = &text[..length];
                let whole = Encoder::new(coding).encode(content).unwrap();
                let streamed = Body::from(content.to_vec()).through(Encoder::new(coding)).into_vec().unwrap();
                assert_eq!(decoded(coding, &whole), content, "{coding:?} {length}");
                assert_eq!(decoded(coding, &streamed), content, "{coding:?} {length}");
            }
        }
    }

    #[test]
    fn flushed_content_can_be_decoded_before_the_end() {
        for coding in [Coding::Gzip, Coding::Deflate] {
            let output: Arc<Mutex<Vec<u8>>> = Arc::default();
            let copy = Arc::clone(&output);
            let body = Body::stream(move |writer| {
                let tee = move |content: &[u8], output: &mut BodyWriter<'_>| {
                    copy.lock().extend_from_slice(content);
                    output.write_all(content)
                };
                let mut seen = String::new();
                writer.through(tee, |writer| {
                    writer.through(Encoder::new(coding), |encoder| {
                        for event in ["one", "two", "three"] {
                            encoder.write_all(event.as_bytes())?;
                            encoder.flush()?;
                            seen.push_str(event);
                            let encoded = output.lock().clone();
                            let mut content = vec![0; seen.len()];
                            match coding {
                                Coding::Gzip => GzDecoder::new(&encoded[..]).read_exact(&mut content)?,
                                Coding::Deflate => ZlibDecoder::new(&encoded[..]).read_exact(&mut content)?,
                            }
                            assert_eq!(content, seen.as_bytes());
                            encoder.flush()?;
                            assert_eq!(output.lock().len(), encoded.len(), "a second flush adds nothing");
                        }
                        Ok(())
                    })
                })
            });
            assert_eq!(decoded(coding, &body.into_vec().unwrap()), b"onetwothree");
        }
    }

    #[test]
    fn long_content_is_encoded_in_pieces() {
        // Random bytes do not become shorter.
        let mut seed = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed.to_be_bytes()[0]
        })
        .take(1 << 20)
        .collect();
        let longest = Arc::new(Mutex::new(0));
        let most = Arc::clone(&longest);
        let measure = move |content: &[u8], _: &mut BodyWriter<'_>| {
            let mut most = most.lock();
            *most = content.len().max(*most);
            Ok(())
        };
        Body::from(noise).through(Encoder::new(Coding::Gzip)).through(measure).into_vec().unwrap();
        assert!((1..4 * PIECE).contains(&*longest.lock()), "{longest:?}");
    }
}
