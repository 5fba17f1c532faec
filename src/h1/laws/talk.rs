//! A connection reduced to its protocol: bytes in, answers out, with the handler of the cases in
//! `tests/data`.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version, header::HOST};

use crate::h1::{
    decode::{self, Decoder},
    encode::{self, Stamp},
    error::ProtocolError,
    exchange::{BodyFraming, Exchange, Policy},
    head::{HeadLimits, RequestHead, Scan, parse},
};

/// The settings of a case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TalkSettings {
    pub(crate) head: HeadLimits,
    pub(crate) content: Option<u64>,
    pub(crate) extension_bytes: usize,
    pub(crate) trailer_bytes: usize,
    pub(crate) trailer_fields: usize,
    pub(crate) version: Version,
}

/// The state of the connection after the bytes so far.
#[derive(Debug, PartialEq)]
pub(crate) struct Talk {
    pub(crate) unread: Vec<u8>,
    pub(crate) answers: Vec<TalkAnswer>,
    pub(crate) is_closed: bool,
    /// True if the connection waits for the rest of a message.
    pub(crate) is_amid: bool,
}

/// One answer, and the request as the handler saw it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct TalkAnswer {
    pub(crate) status: u16,
    pub(crate) request: Option<(String, String)>,
    pub(crate) host: Option<Vec<u8>>,
    pub(crate) trailers: HeaderMap,
    /// All bytes written for this answer.
    pub(crate) written: Vec<u8>,
    /// The content among `written`.
    pub(crate) sent: Vec<u8>,
}

/// A request whose content is being received.
struct Begun {
    head: RequestHead,
    exchange: Exchange,
    decoder: Decoder,
    content: Vec<u8>,
}

impl Talk {
    /// Runs a connection over `pieces`.
    pub(crate) fn over<'a>(settings: &TalkSettings, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut talk = Self { unread: Vec::new(), answers: Vec::new(), is_closed: false, is_amid: false };
        let mut scan = Scan::default();
        let mut begun = None;
        for piece in pieces {
            talk.unread.extend_from_slice(piece);
            loop {
                match talk.step(settings, &mut scan, &mut begun) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => talk.refuse(settings, error),
                }
            }
        }
        talk.is_amid = !talk.is_closed && (begun.is_some() || scan.has_begun());
        if talk.is_closed {
            // The amount of further bytes does not matter.
            talk.unread.clear();
        }
        talk
    }

    fn step(
        &mut self,
        settings: &TalkSettings,
        scan: &mut Scan,
        begun: &mut Option<Begun>,
    ) -> Result<bool, ProtocolError> {
        if self.is_closed {
            return Ok(false);
        }
        let Some(request) = begun else {
            let Some(length) = scan.advance(&self.unread, &settings.head)? else { return Ok(false) };
            assert_eq!(scan.advance(&self.unread, &settings.head), Ok(Some(length)), "asking twice changes nothing");
            let head = self.unread.drain(..length).collect::<Bytes>();
            *scan = Scan::default();
            *begun = Some(self.begin(settings, head)?);
            return Ok(true);
        };
        let mut room = [0; 16];
        let step = request.decoder.decode(&self.unread, &mut room)?;
        self.unread.drain(..step.consumed);
        request.content.extend_from_slice(&room[..step.produced]);
        if !request.decoder.is_ended() {
            return Ok(step.consumed > 0);
        }
        if let Some(request) = begun.take() {
            self.answer(request)?;
        }
        Ok(true)
    }

    fn begin(&mut self, settings: &TalkSettings, head: Bytes) -> Result<Begun, ProtocolError> {
        let head = parse(head, &settings.head, HeaderMap::new())?;
        let exchange = Exchange::begin(&head, Policy { version: settings.version, is_title_case: false })?;
        let limits = decode::ContentLimits {
            max_request_body_size: settings.content,
            extension_bytes: settings.extension_bytes,
            trailer_bytes: settings.trailer_bytes,
            trailer_fields: settings.trailer_fields,
        };
        let decoder = Decoder::new(exchange.framing(), limits)?;
        if exchange.wants_continue() {
            let mut told = TalkAnswer { status: 100, ..TalkAnswer::default() };
            encode::interim_continue(&mut told.written);
            self.answers.push(told);
        }
        Ok(Begun { head, exchange, decoder, content: Vec::new() })
    }

    fn answer(&mut self, mut request: Begun) -> Result<(), ProtocolError> {
        let fields = HeaderMap::new();
        let length = request.content.len() as u64;
        let framing = request.exchange.answer(StatusCode::OK, &fields, Some(length))?;
        let mut told = TalkAnswer {
            status: 200,
            request: Some((request.head.method.to_string(), request.head.target.to_string())),
            host: request.head.fields.get(HOST).map(|host| host.as_bytes().to_vec()),
            trailers: request.decoder.take_trailers(),
            ..TalkAnswer::default()
        };
        encode::head(&mut told.written, &request.exchange, framing, StatusCode::OK, &fields, &STAMP);
        if let BodyFraming::Length { send: true, .. } = framing {
            told.sent = request.content;
            told.written.extend_from_slice(&told.sent);
        }
        self.is_closed = !request.exchange.is_persistent();
        self.answers.push(told);
        Ok(())
    }

    fn refuse(&mut self, settings: &TalkSettings, error: ProtocolError) {
        let mut told = TalkAnswer { status: error.status().as_u16(), ..TalkAnswer::default() };
        let reason = error.to_string();
        let content = encode::RefusalContent::Reason(&reason);
        let policy = Policy { version: settings.version, is_title_case: false };
        encode::refusal(&mut told.written, policy, error.status(), content, None, false, &STAMP);
        self.answers.push(told);
        self.is_closed = true;
    }
}

impl Default for TalkSettings {
    fn default() -> Self {
        let header_overflow_status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Self {
            head: HeadLimits {
                max_request_header_size: 8192,
                max_request_target_size: 4096,
                max_request_header_fields: 100,
                header_overflow_status,
                accept_connect: false,
            },
            content: None,
            extension_bytes: 1024,
            trailer_bytes: 1024,
            trailer_fields: 16,
            version: Version::HTTP_11,
        }
    }
}

pub(crate) const STAMP: Stamp<'_> =
    Stamp { date: b"Thu, 01 Jan 1970 00:00:00 GMT", software: None, keep_alive_secs: 75 };
