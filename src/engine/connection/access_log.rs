//! The access log: one record for each exchange, for the logger and for `Server::on_access`.
//!
//! The text is a line in the Combined Log Format and the duration, then `id="..."` and
//! `route="..."` if there are such. Over a Unix socket the address is `unix:`, and the third column
//! is the user found by `peercreds`: the name if `peercreds_resolve` finds one, else the number. A
//! user that a layer has authenticated takes the place of the one found by `peercreds`. The
//! same data are key-values for other formats: `peer`, `user`, `method`, `request_target` (`target`
//! would collide with the record's own), `version`, `status`, `bytes`, `cut`, `referer`, `user_agent` (as
//! sent, not escaped, at most 4 KiB each), `seconds`, `request_id` and `route`. Absent values are
//! null.
//!
//! A request line that is itself refused is shown as sent, at most 4 KiB and then `...`, if the line
//! has three parts and no control characters. Any other input is shown as `-`.
//!
//! Records have level `Info` and target `drupe::access`. No record is made unless the logger
//! enables the level or the program observes exchanges, and the line is formatted only if the
//! logger writes it.

use std::borrow::Cow;
use std::time::Instant;

use http::header::{REFERER, USER_AGENT};
use http::{HeaderName, Method, StatusCode, Version};

use super::access_line::{CombinedLine, address, version};
use super::report::Panic;
use crate::address::{Credentials, Peer};
use crate::engine::service::routes::RouteNumber;
use crate::h1::head::{self, HeadLimits, RequestHead};
use crate::h1::sent_line::{SentLine, sent_line};
use crate::message::Response;
use crate::message::access::{AccessRecord, Hooks};
use crate::message::named::AskedRequest;
use crate::message::request_id::RequestId;
use crate::message::route::MatchedRoute;
use crate::message::user::User;
use crate::sync::{Outlined, catch};

/// A record being made, if the log is enabled or the program observes exchanges.
#[derive(Debug)]
pub(super) struct Line {
    record: Outlined<Option<Box<Begun>>>,
    /// The start of the request, if the statistics want one.
    pub(super) begun: Option<Instant>,
    /// The number of the matched route in the statistics, once the handler has returned.
    pub(super) route: Option<RouteNumber>,
}

#[derive(Debug)]
struct Begun {
    /// The request as received, before a handler can change it. The answer is added at the end.
    record: AccessRecord,
    /// True if the logger wants the record.
    is_logged: bool,
    hooks: Hooks,
    /// The user that a layer has authenticated, else that of a Unix socket: the name, or the number if
    /// there is none.
    user: Option<String>,
    /// The credentials of a user whose name is still to be looked up.
    nameless: Option<Credentials>,
    referer: Option<Box<[u8]>>,
    user_agent: Option<Box<[u8]>>,
    /// The request line, if refused for a part of it.
    sent: Option<Box<SentText>>,
    at: Instant,
}

/// A refused request line, as sent.
#[derive(Debug)]
struct SentText {
    line: Vec<u8>,
    version: Option<String>,
}

impl Line {
    /// Begins the record of a request of `client`.
    pub(super) fn begin(client: Option<Peer>, head: &RequestHead, begun: Option<Instant>, hooks: &Hooks) -> Self {
        let Some(mut record) = Begun::of(client, hooks) else {
            return Self { record: Outlined::default(), begun, route: None };
        };
        record.ask(head);
        record.at = begun.unwrap_or(record.at);
        record.nameless = match &record.record.client {
            Some(Peer::Unix(Some(who))) => Some(*who),
            _ => None,
        };
        Self { record: Outlined::new(Some(Box::new(record))), begun, route: None }
    }

    /// Begins the record of input refused before parsing.
    pub(super) fn refused(client: Option<Peer>, hooks: &Hooks) -> Self {
        // No lookup of the name: other work may wait for this thread.
        Self { record: Outlined::new(Begun::of(client, hooks).map(Box::new)), begun: None, route: None }
    }

    /// Adds the request line of refused bytes, if there is such a line.
    pub(super) fn with_line_of(mut self, text: &[u8], limits: &HeadLimits) -> Self {
        let Some(begun) = &mut *self.record else { return self };
        if let Some((method, target, version)) = head::sound_line(text, limits) {
            let record = &mut begun.record;
            record.target = Some(target.to_string());
            (record.method, record.version) = (Some(method), Some(version));
        } else if let Some(sent) = sent_line(text) {
            begun.show_line(&sent);
        }
        self
    }

    /// Looks up the user's name. A lookup may be slow, so the thread must be a worker.
    pub(super) fn name_user(&mut self) {
        let Some(record) = &mut *self.record else { return };
        if let Some(name) = record.nameless.take().as_ref().and_then(name) {
            record.user = Some(name);
        }
    }

    /// Adds the id and the route of the request.
    pub(super) fn note(&mut self, asked: &AskedRequest) {
        let Some(begun) = &mut *self.record else { return };
        begun.record.id.clone_from(&asked.id);
        begun.record.route.clone_from(&asked.route);
    }

    /// Adds the id that the program has given a refusal.
    pub(super) fn note_refusal(&mut self, id: Option<RequestId>) {
        let Some(begun) = &mut *self.record else { return };
        begun.record.id = id;
    }

    /// Keeps the user and the extensions that layers have left in the response of a handler.
    pub(super) fn keep_extensions(&mut self, asked: &AskedRequest, response: Option<&Response>) {
        let (Some(begun), Some(response)) = (&mut *self.record, response) else { return };
        if let Some(user) = response.extensions().get::<User>() {
            (begun.user, begun.nameless) = (Some(user.to_string()), None);
        }
        if begun.hooks.on_access.is_some() {
            // Values of layers may panic when cloned.
            match catch(|| response.extensions().clone()) {
                Ok(extensions) => begun.record.extensions = extensions,
                Err(panic) => log::error!(
                    "cloning the extensions of a response panicked: {}: {}; the on_access callback gets none",
                    asked.name(),
                    Panic(&panic)
                ),
            }
        }
    }

    /// Returns the approximate bytes of memory held.
    pub(super) fn held(&self) -> usize {
        let Some(begun) = &*self.record else { return 0 };
        let fields = [&begun.referer, &begun.user_agent].into_iter().flatten();
        let target = begun.record.target.as_ref().map_or(0, String::capacity);
        target + fields.map(|field| field.len()).sum::<usize>()
    }

    /// Writes the record of a complete answer: the status and the bytes of content.
    pub(super) fn end(self, status: StatusCode, bytes: u64) {
        self.write(Some((status, bytes)), false);
    }

    /// Writes the record of an exchange that was broken off: the status and the bytes of content
    /// that went out, if the answer had begun.
    pub(super) fn cut(self, answer: Option<(StatusCode, u64)>) {
        self.write(answer, true);
    }

    fn write(mut self, answer: Option<(StatusCode, u64)>, is_cut: bool) {
        let Some(mut begun) = self.record.take() else { return };
        let record = &mut begun.record;
        record.is_cut = is_cut;
        (record.status, record.bytes) = answer.unzip();
        record.duration = begun.at.elapsed();
        if begun.is_logged {
            begun.log();
        }
        begun.show();
    }
}

impl Begun {
    /// Returns an empty record; `None` if nothing wants one.
    fn of(client: Option<Peer>, hooks: &Hooks) -> Option<Self> {
        let is_logged = log::log_enabled!(target: TARGET, log::Level::Info);
        if !is_logged && hooks.on_access.is_none() {
            return None;
        }
        let user = user(client.as_ref(), |_| None);
        let (hooks, at) = (hooks.clone(), Instant::now());
        let record = AccessRecord::of(client);
        Some(Self { record, is_logged, hooks, user, nameless: None, referer: None, user_agent: None, sent: None, at })
    }

    /// Copies the logged parts of `head`, because the record may outlive the head.
    fn ask(&mut self, head: &RequestHead) {
        let field = |name: HeaderName| {
            let value = head.fields.get(name)?.as_bytes();
            Some(Box::from(&value[..value.len().min(LONGEST)]))
        };
        self.record.method = Some(head.method.clone());
        self.record.target = Some(head.target.to_string());
        self.record.version = Some(head.version);
        (self.referer, self.user_agent) = (field(REFERER), field(USER_AGENT));
    }

    /// Copies a refused request line, and marks a cut in it.
    fn show_line(&mut self, sent: &SentLine<'_>) {
        let end = if sent.is_cut { CUT } else { "" };
        let is_in_target = sent.line.ends_with(sent.target);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.record.method = Method::from_bytes(sent.method).ok();
        self.record.target = Some(text(sent.target) + if is_in_target { end } else { "" });
        self.record.version = match sent.version {
            Some(b"1.0") => Some(Version::HTTP_10),
            Some(b"1.1") => Some(Version::HTTP_11),
            _ => None,
        };
        let line = [sent.line, end.as_bytes()].concat();
        self.sent = Some(Box::new(SentText { line, version: sent.version.map(text) }));
    }

    /// Returns the version as sent, if the line was refused, else the version as understood.
    fn version(&self) -> Option<&str> {
        match &self.sent {
            Some(sent) => sent.version.as_deref(),
            None => self.record.version.map(version),
        }
    }

    fn log(&self) {
        let record = &self.record;
        log::info!(
            target: TARGET,
            peer = address(record.client.as_ref()).map(|peer| peer.to_string()).as_deref(),
            user = self.user.as_deref(),
            method = record.method.as_ref().map(Method::as_str),
            request_target = record.target.as_deref(),
            version = self.version(),
            status = record.status.map(|status| status.as_u16()),
            bytes = record.bytes,
            cut = record.is_cut,
            referer = lossy(self.referer.as_deref()).as_deref(),
            user_agent = lossy(self.user_agent.as_deref()).as_deref(),
            seconds = record.duration.as_secs_f64(),
            request_id = record.id.as_ref().map(RequestId::as_str),
            route = record.route.as_ref().map(MatchedRoute::as_str);
            "{}",
            self.line()
        );
    }

    fn line(&self) -> CombinedLine<'_> {
        CombinedLine {
            record: &self.record,
            user: self.user.as_deref(),
            sent: self.sent.as_ref().map(|sent| sent.line.as_slice()),
            referer: self.referer.as_deref(),
            user_agent: self.user_agent.as_deref(),
        }
    }

    /// Shows the record to the program.
    fn show(self) {
        let Some(on_access) = &self.hooks.on_access else { return };
        let record = self.record;
        // Values of layers may panic when dropped.
        let shown = catch(move || {
            on_access(&record);
            drop(record);
        });
        if let Err(panic) = shown {
            log::error!("the on_access callback panicked: {}; the exchange is not affected", Panic(&panic));
        }
    }
}

fn user(peer: Option<&Peer>, name: impl Fn(&Credentials) -> Option<String>) -> Option<String> {
    match peer? {
        Peer::Unix(Some(who)) => Some(name(who).unwrap_or_else(|| who.uid.to_string())),
        _ => None,
    }
}

/// Returns a user's name if the name is safe in a log line.
fn name(who: &Credentials) -> Option<String> {
    who.user().filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// Converts a field value to text, with replacement characters for invalid UTF-8.
fn lossy(value: Option<&[u8]>) -> Option<Cow<'_, str>> {
    value.map(String::from_utf8_lossy)
}

const TARGET: &str = "drupe::access";
/// The mark at the end of a cut request line.
const CUT: &str = "...";
/// The most bytes kept of a field: more than browsers send.
const LONGEST: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::address::FixedNames;

    #[test]
    fn kept_request_fields_are_truncated() {
        let fields = [(REFERER, "x".repeat(10_000)), (USER_AGENT, "y".repeat(10))];
        let fields = fields.map(|(name, value)| (name, value.parse().unwrap())).into_iter().collect();
        let (target, version) = ("/a".parse().unwrap(), Version::HTTP_11);
        let head = RequestHead { method: Method::GET, target, version, fields, length: 10_100 };
        let hooks = Hooks { on_access: Some(Arc::new(|_| {})), ..Hooks::default() };
        let asked = Line::begin(None, &head, None, &hooks).record.take().unwrap();
        assert_eq!(asked.referer.as_deref(), Some("x".repeat(4096).as_bytes()));
        assert_eq!(asked.user_agent.as_deref(), Some(&b"yyyyyyyyyy"[..]));
    }

    #[test]
    fn refused_request_line_is_shown_as_sent() {
        const LIMITS: HeadLimits = HeadLimits {
            max_request_header_size: 10_000,
            max_request_target_size: 8,
            max_request_header_fields: 1,
            header_overflow_status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            accept_connect: false,
        };
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(5000));
        let cut = format!("GET /{}...", "a".repeat(4091));
        for (sent, line, parts) in [
            ("GET /a HTTP/1.1\r\nHost: a b\r\n\r\n", "GET /a HTTP/1.1", "GET /a 1.1"),
            ("GET / HTTP/2.0\r\n\r\n", "GET / HTTP/2.0", "GET / 2.0"),
            ("get /\"\u{e9} HTTP/1.1\r\n", r#"get /\"\xc3\xa9 HTTP/1.1"#, "get /\"\u{e9} 1.1"),
            ("CONNECT a:80 HTTP/1.1\r\n", "CONNECT a:80 HTTP/1.1", "CONNECT a:80 1.1"),
            (&long, &cut, &format!("{} -", &cut)),
            ("GET / \x1b HTTP/1.1\r\n", "-", "- - -"),
            ("nothing\r\n", "-", "- - -"),
        ] {
            let hooks = Hooks { on_access: Some(Arc::new(|_| {})), ..Hooks::default() };
            let mut shown = Line::refused(None, &hooks).with_line_of(sent.as_bytes(), &LIMITS);
            let begun = shown.record.take().unwrap();
            let (method, target) = (begun.record.method.as_ref().map(Method::as_str), begun.record.target.as_deref());
            let found = [method, target, begun.version()].map(|part| part.unwrap_or("-")).join(" ");
            assert_eq!(found, parts);
            let text = begun.line().to_string();
            assert!(text.contains(&format!("] \"{line}\" - - \"-\" ")), "{text}");
        }
    }

    #[test]
    fn first_columns_name_the_client() {
        static ODD: FixedNames = FixedNames {
            user: |uid| (uid < 9).then(|| ["alice", "", "a b", "a\nb", "é"][uid as usize % 5].to_owned()),
            group: |_| None,
            groups: |_, _| Vec::new(),
        };
        let over_unix = |uid, names| Some(Peer::Unix(Some(Credentials { pid: 7, uid, gid: 1, names })));
        for (peer, expected) in [
            (None, "- - -"),
            (Some(Peer::Tcp("[::1]:80".parse().unwrap())), "::1 - -"),
            (Some(Peer::Unix(None)), "unix: - -"),
            (over_unix(4_000_000_000, None), "unix: - 4000000000"),
            (over_unix(0, None), "unix: - 0"),
            (over_unix(0, Some(&ODD)), "unix: - alice"),
            (over_unix(1, Some(&ODD)), "unix: - 1"),
            (over_unix(2, Some(&ODD)), "unix: - 2"),
            (over_unix(3, Some(&ODD)), "unix: - 3"),
            (over_unix(4, Some(&ODD)), "unix: - 4"),
            (over_unix(9, Some(&ODD)), "unix: - 9"),
        ] {
            let shown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            let peer = peer.as_ref();
            let columns = format!("{} - {}", shown(address(peer).map(|it| it.to_string())), shown(user(peer, name)));
            assert_eq!(columns, expected);
        }
    }
}
