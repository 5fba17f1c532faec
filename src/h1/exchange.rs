//! One request and its final response: expectations, framing and persistence.
//!
//! Reasons to close accumulate and are never cleared. In doubt about framing, the server answers
//! once and closes.

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

/// The server-wide policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// `protocol_version`: HTTP/1.0 limits every answer (no chunked coding, no persistence unless
    /// requested).
    pub(crate) version: Version,
    /// `title_case_headers`: field names of answers have capital letters.
    pub(crate) is_title_case: bool,
}

/// The reason for closing a connection after an exchange.
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
    /// The request was CONNECT, so the bytes behind it may belong to a tunnel.
    Connect,
    /// The server shuts down.
    Shutdown,
    /// Content of the request was left unread.
    UnreadContent,
    /// The answer had less content than declared.
    BodyShort,
    /// Only closing the connection ends the answer.
    BodyUnframed,
    /// The request was refused.
    Refused,
    /// The handler panicked.
    Panicked,
}

/// The framing of an answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFraming {
    /// No body and no framing field: 101, 204, 304.
    None,
    /// Content-Length; `send` is false for HEAD and for 205.
    Length { length: u64, send: bool },
    /// Chunks; `send` is false for HEAD.
    Chunked { send: bool },
    /// Content until the connection closes (HTTP/1.0, unknown length); `send` is false for HEAD.
    Close { send: bool },
}

/// The state of one exchange.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    framing: Framing,
    /// The server's version.
    policy: Policy,
    /// The lower version of the request's and the policy's.
    version: Version,
    is_head: bool,
    is_connect: bool,
    asked_keep_alive: bool,
    wants_continue: bool,
    wants_trailers: bool,
    /// The first reason to close; never cleared.
    close: Option<CloseReason>,
}

impl Exchange {
    /// Evaluates the head: framing, Expect, Connection (any case, any list, several lines), TE.
    ///
    /// # Errors
    /// Those of [`framing::of_request`], and `Expectation` (417) for an expectation other than
    /// `100-continue`. HTTP/1.0 has no expectations: Expect is ignored if the request or the policy
    /// is HTTP/1.0 (RFC 9110 §10.1.1).
    pub(crate) fn begin(head: &RequestHead, policy: Policy) -> Result<Self, ProtocolError> {
        let framing = framing::of_request(head.version, &head.fields)?;
        let version = if policy.version == Version::HTTP_10 { policy.version } else { head.version };
        let is_1_1 = version == Version::HTTP_11;
        let expects = is_1_1 && expects_continue(&head.fields)?;
        let asked_close = has_member(&head.fields, CONNECTION, b"close");
        let asked_keep_alive = !asked_close && !is_1_1 && has_member(&head.fields, CONNECTION, b"keep-alive");
        let close = match head.version {
            _ if asked_close => Some(CloseReason::ClientAsked),
            _ if head.method == Method::CONNECT => Some(CloseReason::Connect),
            _ if is_1_1 || asked_keep_alive => None,
            Version::HTTP_10 => Some(CloseReason::ClientVersion),
            _ => Some(CloseReason::ServerVersion),
        };
        Ok(Self {
            framing,
            policy,
            version,
            is_head: head.method == Method::HEAD,
            is_connect: head.method == Method::CONNECT,
            asked_keep_alive,
            wants_continue: expects && !matches!(framing, Framing::None | Framing::Length(0)),
            wants_trailers: is_1_1 && has_member(&head.fields, TE, b"trailers"),
            close,
        })
    }

    /// Closes the connection after this exchange. Keeps the first reason only.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        self.close.get_or_insert(reason);
    }

    /// Settles the framing of the answer. `length` is the length known to the body; `fields` are
    /// the handler's.
    ///
    /// The handler may give a Content-Length in three cases:
    ///
    /// - for HEAD or 304 with an empty body;
    /// - if it equals `length`;
    /// - if the body does not know its length: then the writer of the body must count.
    ///
    /// The handler's `Connection: close` closes the connection; other options of Connection are
    /// kept. A body for 101, 204, 205 or 304 is not sent. A successful answer to CONNECT has no
    /// framing field (RFC 9110 §9.3.6).
    ///
    /// # Errors
    /// `HandlerFraming` (500) for two lengths, for a length that is no number or contradicts
    /// `length`, for Transfer-Encoding, for an interim status as the final one, and for a 101
    /// without Upgrade or in HTTP/1.0.
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
            _ if self.is_connect && status.is_success() => {
                return Ok(BodyFraming::Close { send: status != StatusCode::RESET_CONTENT });
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

    /// The framing of the request's body.
    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    /// True if the client waits for `100 Continue` before sending its content. The value never
    /// changes; the reader of the content tracks the state.
    pub(crate) fn wants_continue(&self) -> bool {
        self.wants_continue
    }

    /// True if the client accepts trailers (RFC 9110 §10.1.4).
    pub(crate) fn wants_trailers(&self) -> bool {
        self.wants_trailers
    }

    /// True if another request may follow.
    pub(crate) fn is_persistent(&self) -> bool {
        self.close.is_none()
    }

    /// The first reason to close, if any.
    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.close
    }

    /// True for `Connection: upgrade` and an `Upgrade` field with `protocol` (any case), in
    /// HTTP/1.1 (RFC 9110 §7.8).
    pub(crate) fn offers_upgrade(fields: &HeaderMap, version: Version, protocol: &str) -> bool {
        version == Version::HTTP_11
            && has_member(fields, CONNECTION, b"upgrade")
            && has_member(fields, UPGRADE, protocol.as_bytes())
    }

    /// The version of the status line: the highest of the server (RFC 9110 §6.2).
    pub(super) fn status_version(&self) -> Version {
        self.policy.version
    }

    /// True if field names of the answer are written in title case.
    pub(crate) fn is_title_case(&self) -> bool {
        self.policy.is_title_case
    }

    /// True if an HTTP/1.0 client, or a client treated as such, asked to keep the connection.
    pub(super) fn asked_keep_alive(&self) -> bool {
        self.asked_keep_alive
    }

    /// True if both sides speak HTTP/1.1, so that the connection may leave HTTP (RFC 9110 §7.8).
    pub(crate) fn is_upgradable(&self) -> bool {
        self.version == Version::HTTP_11
    }

    /// True if both sides treat a connection as persistent by default.
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
