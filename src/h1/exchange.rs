//! One request and its final response: what may be asked, what may follow.
//!
//! The law: reasons to close accumulate and none is ever cleared; in doubt about framing, answer once and close.

use http::{
    HeaderMap, HeaderName, Method, StatusCode, Version,
    header::{CONNECTION, EXPECT, TE, TRANSFER_ENCODING, UPGRADE},
};

use super::{
    error::ProtocolError,
    framing::{self, Framing},
    grammar,
    head::RequestHead,
};

/// What the server as a whole allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// `protocol_version`: HTTP/1.0 limits the features of every answer (no chunked, no persistence unless asked).
    pub(crate) version: Version,
}

/// Why a connection ends after an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum CloseReason {
    /// `Connection: close` in the request.
    ClientAsked,
    /// HTTP/1.0 without `Connection: keep-alive`.
    ClientVersion,
    /// `Connection: close` in the handler's answer.
    HandlerAsked,
    /// The policy is HTTP/1.0 and the request did not ask to keep the connection.
    ServerVersion,
    /// The server stops.
    Shutdown,
    /// Content of the request was left on the wire.
    UnreadContent,
    /// The answer had less content than it said.
    BodyShort,
    /// Only the end of the connection ends the answer.
    BodyUnframed,
    /// The request was refused.
    Refused,
    /// The handler panicked.
    Panicked,
}

/// How the body of the answer is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFraming {
    /// No body and no framing field: 1xx, 204, 304.
    None,
    /// Content-Length; `send` is false for HEAD and for 205.
    Length { length: u64, send: bool },
    /// Chunks; `send` is false for HEAD.
    Chunked { send: bool },
    /// Until the connection closes (HTTP/1.0, unknown length); `send` is false for HEAD.
    Close { send: bool },
}

/// The state of one exchange.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    framing: Framing,
    /// What the server speaks.
    policy: Policy,
    /// What both sides speak: the lower of the request's and the policy's.
    version: Version,
    is_head: bool,
    asked_keep_alive: bool,
    wants_continue: bool,
    wants_trailers: bool,
    /// The first reason to close that came up; never cleared.
    close: Option<CloseReason>,
}

impl Exchange {
    /// Judges the head: framing, Expect, Connection (any case, any list, several lines), TE.
    ///
    /// # Errors
    /// Those of [`framing::of_request`], and `Expectation` (417) for one that is not `100-continue`. HTTP/1.0 knows no
    /// expectations: there they are ignored (RFC 9110 §10.1.1), and so they are under a policy of HTTP/1.0.
    pub(crate) fn begin(head: &RequestHead, policy: Policy) -> Result<Self, ProtocolError> {
        let framing = framing::of_request(head.version, &head.fields)?;
        let version = if policy.version == Version::HTTP_10 { policy.version } else { head.version };
        let is_1_1 = version == Version::HTTP_11;
        let expects = is_1_1 && expects_continue(&head.fields)?;
        let asked_close = has_member(&head.fields, CONNECTION, b"close");
        let asked_keep_alive = !asked_close && !is_1_1 && has_member(&head.fields, CONNECTION, b"keep-alive");
        let close = match head.version {
            _ if asked_close => Some(CloseReason::ClientAsked),
            _ if is_1_1 || asked_keep_alive => None,
            Version::HTTP_10 => Some(CloseReason::ClientVersion),
            _ => Some(CloseReason::ServerVersion),
        };
        Ok(Self {
            framing,
            policy,
            version,
            is_head: head.method == Method::HEAD,
            asked_keep_alive,
            wants_continue: expects && !matches!(framing, Framing::None | Framing::Length(0)),
            wants_trailers: is_1_1 && has_member(&head.fields, TE, b"trailers"),
            close,
        })
    }

    /// Has the connection end after this exchange. The first reason is the one that is kept.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        self.close.get_or_insert(reason);
    }

    /// Settles how the answer is framed. `length` is what the body knows of itself; `fields` are the handler's.
    ///
    /// The handler may give a Content-Length for HEAD or 304 with an empty body, one that equals `length`, or one for a body that
    /// does not know its length: then it is promised, and whoever writes the body must count. `Connection: close` asks to close; other
    /// options of Connection are the handler's own. A body for 1xx, 204, 205 or 304 is not sent.
    ///
    /// # Errors
    /// `HandlerFraming` (500) for two lengths, for one that is no number or contradicts `length`, for Transfer-Encoding, for an
    /// interim status as the final one, and for a 101 without Upgrade or in HTTP/1.0.
    pub(crate) fn answer(
        &mut self,
        status: StatusCode,
        fields: &HeaderMap,
        length: Option<u64>,
    ) -> Result<BodyFraming, ProtocolError> {
        if grammar::values(fields, TRANSFER_ENCODING).next().is_some() {
            return Err(ProtocolError::HandlerFraming("the handler set Transfer-Encoding, which is not its own"));
        }
        let declared = framing::length(fields).map_err(handler_length)?;
        if has_member(fields, CONNECTION, b"close") {
            self.close(CloseReason::HandlerAsked);
        }
        match status {
            StatusCode::SWITCHING_PROTOCOLS if self.version != Version::HTTP_11 || !fields.contains_key(UPGRADE) => {
                return Err(ProtocolError::HandlerFraming(
                    "the handler switched protocols without Upgrade or in HTTP/1.0",
                ));
            }
            StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => {
                return Ok(BodyFraming::None);
            }
            StatusCode::RESET_CONTENT => return Ok(BodyFraming::Length { length: 0, send: false }),
            _ if status.is_informational() => {
                return Err(ProtocolError::HandlerFraming("the handler gave an interim status as its answer"));
            }
            _ => {}
        }
        let send = !self.is_head;
        match (declared, length) {
            (Some(declared), Some(length)) if declared != length && (send || length != 0) => {
                Err(ProtocolError::HandlerFraming("the handler's Content-Length contradicts its body"))
            }
            (Some(length), _) | (None, Some(length)) => Ok(BodyFraming::Length { length, send }),
            (None, None) if self.version == Version::HTTP_11 => Ok(BodyFraming::Chunked { send }),
            (None, None) => {
                if send {
                    self.close(CloseReason::BodyUnframed);
                }
                Ok(BodyFraming::Close { send })
            }
        }
    }

    /// How the body of the request ends.
    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether the client waits for `100 Continue` before it sends its content. Who reads the content keeps track of it from there.
    pub(crate) fn wants_continue(&self) -> bool {
        self.wants_continue
    }

    /// Whether the client said that it reads trailers (RFC 9110 §10.1.4).
    pub(crate) fn wants_trailers(&self) -> bool {
        self.wants_trailers
    }

    /// Whether another request may follow.
    pub(crate) fn is_persistent(&self) -> bool {
        self.close.is_none()
    }

    /// The first reason to close, if there is any.
    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.close
    }

    /// `Connection: upgrade` and an `Upgrade` field that lists `protocol` (any case), in HTTP/1.1 (RFC 9110 §7.8).
    pub(crate) fn offers_upgrade(fields: &HeaderMap, version: Version, protocol: &str) -> bool {
        version == Version::HTTP_11
            && has_member(fields, CONNECTION, b"upgrade")
            && has_member(fields, UPGRADE, protocol.as_bytes())
    }

    /// The version of the status line: the highest that the server speaks (RFC 9110 §6.2).
    pub(super) fn status_version(&self) -> Version {
        self.policy.version
    }

    /// Whether an HTTP/1.0 client (or one that is treated so) asked to keep the connection.
    pub(super) fn asked_keep_alive(&self) -> bool {
        self.asked_keep_alive
    }

    /// Whether both sides take a connection for persistent unless told otherwise.
    pub(super) fn persists_by_default(&self) -> bool {
        self.version == Version::HTTP_11
    }
}

fn has_member(fields: &HeaderMap, name: HeaderName, member: &[u8]) -> bool {
    grammar::members(fields, name).any(|found| found.eq_ignore_ascii_case(member))
}

fn expects_continue(fields: &HeaderMap) -> Result<bool, ProtocolError> {
    let mut expects = false;
    for member in grammar::members(fields, EXPECT) {
        if !member.eq_ignore_ascii_case(b"100-continue") {
            return Err(ProtocolError::Expectation);
        }
        expects = true;
    }
    Ok(expects)
}

fn handler_length(error: ProtocolError) -> ProtocolError {
    ProtocolError::HandlerFraming(match error {
        ProtocolError::LengthRepeated => "the handler gave more than one Content-Length",
        _ => "the handler gave a Content-Length that is no number",
    })
}

#[cfg(test)]
mod tests;
