//! The way of a body into a writer, a filter, or memory.

use std::io::{self, Read, Write};

use super::body::{Body, BodyKind, text};
use super::mailbox::{Delivery, End, Receiver};
use super::writer::{BodyFilter, BodyWriter, GATHERED_MOST, Gathered, too_large};

impl Body {
    /// Sends the content through `filter`: the one-line way to change the content of a response in
    /// a layer.
    ///
    /// The content is filtered while it is sent, in constant memory, and a stream stays a stream: its
    /// flushes reach the client at once, and its producer learns of a shutdown and of a departed
    /// client. The length is unknown: a layer has to remove `Content-Length`, and to change other
    /// fields that describe the content, such as `ETag` and `Accept-Ranges`. An upgrade is unchanged.
    ///
    /// ```
    /// use std::io::Write;
    /// use drupe::http::header::CONTENT_LENGTH;
    /// use drupe::{BodyWriter, Handler, Request};
    ///
    /// /// Spells every response in capitals.
    /// fn loud(inner: impl Handler) -> impl Handler {
    ///     move |request: &mut Request| {
    ///         let mut response = inner.handle(request);
    ///         response.headers_mut().remove(CONTENT_LENGTH);
    ///         response.map(|body| {
    ///             body.through(|content: &[u8], output: &mut BodyWriter<'_>| {
    ///                 output.write_all(&content.to_ascii_uppercase())
    ///             })
    ///         })
    ///     }
    /// }
    /// # let response = loud(|_: &mut Request| "tea").handle(&mut Request::default());
    /// # assert_eq!(response.into_body().into_string().unwrap(), "TEA");
    /// ```
    #[must_use]
    pub fn through(self, filter: impl BodyFilter + Send + 'static) -> Self {
        if self.is_upgrade() {
            return self;
        }
        BodyKind::Filtered { body: Box::new(self), first: Vec::new(), filter: Box::new(filter) }.into()
    }

    /// Writes the content to `writer`: for layers that write more than the content.
    ///
    /// A [streamed](Self::stream) body runs with this writer. Other bodies are copied in constant
    /// memory; the writer is flushed only when a read returns less than asked for, because the
    /// next read may block. Trailers of a request's content go to `writer`. An upgrade writes
    /// nothing.
    ///
    /// ```
    /// use std::io::Write;
    /// use drupe::Body;
    ///
    /// let inner = Body::stream(|writer| writer.write_all(b"content"));
    /// let body = Body::stream(move |writer| {
    ///     writer.write_all(b"before, ")?;
    ///     inner.write_to(writer)?;
    ///     writer.write_all(b", after")
    /// });
    /// # assert_eq!(body.into_string().unwrap(), "before, content, after");
    /// ```
    ///
    /// # Errors
    /// Errors of the content and of `writer`; `UnexpectedEof` if the content is shorter than its
    /// declared length.
    pub fn write_to(self, writer: &mut BodyWriter<'_>) -> io::Result<()> {
        match self.into_kind() {
            BodyKind::Empty | BodyKind::Upgrade(_) => Ok(()),
            BodyKind::Bytes(mut bytes) => writer.write_all(bytes.bytes()),
            BodyKind::Stream(produce) => produce(writer),
            BodyKind::Channel(receiver) => receive(&receiver, writer),
            BodyKind::Filtered { body, first, mut filter } => writer.through_any(&mut *filter, |filtered| {
                if !first.is_empty() {
                    filtered.write_all(&first)?;
                    filtered.flush()?;
                }
                body.write_to(filtered)
            }),
            kind => copy(kind.into(), writer),
        }
    }

    /// Gathers the rest of the content in memory.
    ///
    /// A request's content is bounded by `max_request_body_size`, or by `RequestExt::body_limit`;
    /// content of unknown length in a response, by 64 MiB. A streamed body runs to its end, so
    /// that a layer turns a stream into one piece: [`through`](Self::through) does not. While it
    /// runs, the server counts as shutting down, so that an endless stream ends.
    ///
    /// # Errors
    /// See [`Body`]; `FileTooLarge` for more than 64 MiB of unknown length.
    pub fn into_vec(self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        match self.into_kind() {
            BodyKind::Bytes(bytes) => return Ok(bytes.into()),
            kind @ (BodyKind::Stream(_) | BodyKind::Channel(_) | BodyKind::Filtered { .. }) => {
                let mut gathered = Gathered::default();
                Self::from(kind).write_to(&mut BodyWriter::new(&mut gathered))?;
                return gathered.into_vec();
            }
            kind @ BodyKind::Reader { length: None, .. } => {
                let most = GATHERED_MOST + 1;
                if Self::from(kind).take(most as u64).read_to_end(&mut content)? == most {
                    return Err(too_large());
                }
            }
            kind => drop(Self::from(kind).read_to_end(&mut content)?),
        }
        Ok(content)
    }

    /// Gathers the rest of the content as UTF-8, like [`into_vec`](Self::into_vec).
    ///
    /// # Errors
    /// As for [`into_vec`](Self::into_vec); `InvalidData` if the content is not UTF-8.
    pub fn into_string(self) -> io::Result<String> {
        text(self.into_vec()?)
    }
}

/// Writes the content of a channel as it comes, until its end.
fn receive(receiver: &Receiver, writer: &mut BodyWriter<'_>) -> io::Result<()> {
    loop {
        let received = match receiver.receive(COPY) {
            Delivery::Nothing => {
                writer.flush()?;
                receiver.receive_or_wait(COPY, &|| writer.is_shutting_down())
            }
            received => received,
        };
        match received {
            Delivery::Content(content) => writer.write_all(&content)?,
            Delivery::Nothing => {}
            Delivery::End(End::Complete(trailers)) => {
                trailers.into_iter().for_each(|fields| writer.trailers(fields));
                return Ok(());
            }
            Delivery::End(End::Failed(reason)) => return Err(io::Error::other(reason)),
        }
    }
}

/// Reads `body` to its end, and writes each part.
fn copy(mut body: Body, writer: &mut BodyWriter<'_>) -> io::Result<()> {
    let is_interactive = body.is_read_first();
    let mut room = vec![0; COPY];
    loop {
        match body.read(&mut room) {
            Ok(0) => break,
            Ok(got) => {
                writer.write_all(&room[..got])?;
                if is_interactive && got < room.len() {
                    writer.flush()?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(missing @ 1..) = body.content_length() {
        let text = format!("a body ended {missing} bytes short of its declared length");
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
    }
    if let Some(fields) = body.trailers() {
        writer.trailers(fields);
    }
    Ok(())
}

/// The most bytes copied at a time.
const COPY: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::sync::Arc;

    use super::super::body::Upgrade;
    use super::*;
    use crate::message::body::tests::file;
    use crate::sync::Mutex;

    /// Writes each call of its methods.
    struct Spy;

    impl BodyFilter for Spy {
        fn write(&mut self, content: &[u8], output: &mut BodyWriter<'_>) -> io::Result<()> {
            output.write_all(&[b"<", content, b">"].concat())
        }

        fn flush(&mut self, output: &mut BodyWriter<'_>) -> io::Result<()> {
            output.write_all(b"|")
        }

        fn finish(&mut self, output: &mut BodyWriter<'_>) -> io::Result<()> {
            output.write_all(b".")
        }
    }

    fn check(body: Body, expected: &str) {
        assert_eq!(body.content_length(), None, "{body:?}");
        assert_eq!(body.into_string().unwrap(), expected);
    }

    #[test]
    fn every_kind_of_body_goes_through_a_filter() {
        check(Body::empty().through(Spy), ".");
        check(Body::from("text").through(Spy), "<text>.");
        check(Body::from_file(file("whole")).through(Spy), "<whole>.");
        check(Body::from_file_range(file("0123456"), 1..3).through(Spy), "<12>.");
        // The next read of a reader may block.
        check(Body::from_reader("read".as_bytes()).through(Spy), "<read>|.");
        check(Body::sized("sized, cut".as_bytes(), 5).through(Spy), "<sized>|.");
        let events = Body::stream(|writer| {
            writer.write_all(b"a")?;
            writer.flush()?;
            writer.write_all(b"b")
        });
        check(events.through(Spy), "<a>|<b>.");
        check(Body::from("x").through(Spy).through(Spy), "<<x>><.>.");
    }

    #[test]
    fn bytes_put_back_come_first_in_the_innermost_filter() {
        let mut body = Body::from_reader("12345".as_bytes()).through(Spy).through(Spy);
        assert!(body.is_read_first() && body.is_stream());
        let mut bytes = vec![0; 2];
        body.source().read_exact(&mut bytes).unwrap();
        body.put_back(&mut bytes);
        assert!(bytes.is_empty());
        assert_eq!(body.into_string().unwrap(), "<<12>><|>|<<345>><|>|<.>.");
    }

    #[test]
    fn streams_cannot_be_read_and_are_unchanged_by_the_attempt() {
        for mut body in [Body::stream(|writer| writer.write_all(b"kept")), Body::from("kept").through(Spy)] {
            let error = body.read(&mut [0; 9]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("Body::through"), "{error}");
            assert!(body.into_string().unwrap().contains("kept"));
        }
    }

    #[test]
    fn endless_content_is_gathered_up_to_a_limit() {
        let endless = Body::stream(|writer| {
            loop {
                writer.write_all(&[b'x'; 1 << 20])?;
            }
        });
        for body in [endless, Body::from_reader(io::repeat(b'x'))] {
            assert_eq!(body.into_vec().unwrap_err().kind(), ErrorKind::FileTooLarge);
        }
        let whole = || io::repeat(b'x').take(GATHERED_MOST as u64);
        assert_eq!(Body::from_reader(whole()).into_vec().unwrap().len(), GATHERED_MOST);
        let streamed = Body::stream(move |writer| io::copy(&mut whole(), writer).map(drop));
        assert_eq!(streamed.into_vec().unwrap().len(), GATHERED_MOST);
    }

    #[test]
    fn a_failure_ignored_by_the_producer_is_the_readers() {
        let endless = Body::stream(|writer| {
            while writer.write_all(&[b'x'; 1 << 20]).is_ok() {}
            Ok(())
        });
        assert!(endless.into_vec().is_err());
        let ignored = Body::stream(|writer| {
            let _ = writer.through(Spy, |_| Err(io::Error::other("half")));
            Ok(())
        });
        assert!(ignored.into_vec().is_err());
    }

    #[test]
    fn gathering_counts_as_a_shutdown_through_a_filter_too() {
        let told = || {
            Body::stream(|writer| {
                let stops = writer.stops_within(std::time::Duration::from_secs(3600));
                write!(writer, "{} {stops}", writer.is_shutting_down())
            })
        };
        assert_eq!(told().into_string().unwrap(), "true true");
        assert_eq!(told().through(Spy).into_string().unwrap().replace(['<', '>'], ""), "true true.");
    }

    #[test]
    fn failures_of_producers_and_filters_are_the_readers() {
        let body = Body::stream(|_| Err(io::Error::other("no more")));
        assert_eq!(body.into_vec().unwrap_err().to_string(), "no more");
        let body = Body::stream(|_| Err(io::Error::other("no more"))).through(Spy);
        assert_eq!(body.into_vec().unwrap_err().to_string(), "no more");
        let refuses = |_: &[u8], _: &mut BodyWriter<'_>| Err(io::Error::other("refused"));
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let notes = Arc::clone(&seen);
        let body = Body::stream(move |writer| {
            for _ in 0..2 {
                notes.lock().push(writer.write_all(b"x").unwrap_err().to_string());
            }
            notes.lock().push(writer.flush().unwrap_err().to_string());
            Ok(())
        });
        assert!(body.through(refuses).into_vec().is_err());
        assert_eq!(*seen.lock(), ["refused", "other error", "other error"]);
    }

    #[test]
    fn content_shorter_than_declared_is_an_error_behind_a_filter() {
        for body in [Body::sized("four".as_bytes(), 5), Body::from_file_range(file("four"), 0..5)] {
            assert_eq!(body.through(Spy).into_vec().unwrap_err().kind(), ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn upgrades_go_through_no_filter() {
        assert!(Body::upgrade(Upgrade::Thread(Box::new(drop))).through(Spy).is_upgrade());
    }
}
