//! The access log: one record for each exchange, for the logger and for `Server::on_access`.
//!
//! The text is a line in the Combined Log Format and the duration, then `id="..."` and
//! `route="..."` if there are such. Over a Unix socket the address is `unix:`, and the third column
//! is the user found by `peercreds`: the name if `peercreds_resolve` finds one, else the number. The
//! same data are key-values for other formats: `peer`, `user`, `method`, `request_target` (`target`
//! would collide with the record's own), `version`, `status`, `bytes`, `referer`, `user_agent` (as
//! sent, not escaped, at most 4 KiB each), `seconds`, `request_id` and `route`. Absent values are
//! null.
//!
//! Records have level `Info` and target `drupe::access`. No record is made unless the logger
//! enables the level or the program observes exchanges, and the line is formatted only if the
//! logger writes it.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::header::{REFERER, USER_AGENT};
use http::{HeaderName, Method, StatusCode, Version};

use super::report::Panic;
use crate::address::{Credentials, Peer};
use crate::engine::service::routes::RouteNumber;
use crate::h1::head::RequestHead;
use crate::message::Response;
use crate::message::access::{AccessRecord, Hooks};
use crate::message::named::AskedRequest;
use crate::message::request_id::RequestId;
use crate::message::route::MatchedRoute;
use crate::sync::catch;

/// A record being made, if the log is enabled or the program observes exchanges.
#[derive(Debug)]
pub(super) struct Line {
    record: Option<Box<Begun>>,
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
    /// The user of a Unix socket: the name, or the number if there is none.
    user: Option<String>,
    /// The credentials of a user whose name is still to be looked up.
    nameless: Option<Credentials>,
    referer: Option<Box<[u8]>>,
    user_agent: Option<Box<[u8]>>,
    at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Address {
    Tcp(IpAddr),
    Unix,
}

impl Line {
    /// Begins the record of a request of `client`.
    pub(super) fn begin(client: Option<Peer>, head: &RequestHead, begun: Option<Instant>, hooks: &Hooks) -> Self {
        let Some(mut record) = Begun::of(client, hooks) else { return Self { record: None, begun, route: None } };
        record.ask(head);
        record.at = begun.unwrap_or(record.at);
        record.nameless = match &record.record.client {
            Some(Peer::Unix(Some(who))) => Some(*who),
            _ => None,
        };
        Self { record: Some(Box::new(record)), begun, route: None }
    }

    /// Begins the record of input refused before parsing.
    pub(super) fn refused(client: Option<Peer>, hooks: &Hooks) -> Self {
        // No lookup of the name: other work may wait for this thread.
        Self { record: Begun::of(client, hooks).map(Box::new), begun: None, route: None }
    }

    /// Looks up the user's name. A lookup may be slow, so the thread must be a worker.
    pub(super) fn name_user(&mut self) {
        let Some(record) = &mut self.record else { return };
        if let Some(name) = record.nameless.take().as_ref().and_then(name) {
            record.user = Some(name);
        }
    }

    /// Adds the id and the route of the request.
    pub(super) fn note(&mut self, asked: &AskedRequest) {
        let Some(begun) = &mut self.record else { return };
        begun.record.id.clone_from(&asked.id);
        begun.record.route.clone_from(&asked.route);
    }

    /// Adds the id that the program has given a refusal.
    pub(super) fn note_refusal(&mut self, id: Option<RequestId>) {
        let Some(begun) = &mut self.record else { return };
        begun.record.id = id;
    }

    /// Keeps the extensions that layers have left in the response of a handler.
    pub(super) fn keep_extensions(&mut self, asked: &AskedRequest, response: Option<&Response>) {
        let Some(begun) = &mut self.record else { return };
        if let (Some(response), true) = (response, begun.hooks.on_access.is_some()) {
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
        let Some(begun) = &self.record else { return 0 };
        let fields = [&begun.referer, &begun.user_agent].into_iter().flatten();
        let target = begun.record.target.as_ref().map_or(0, String::capacity);
        target + fields.map(|field| field.len()).sum::<usize>()
    }

    /// Writes the record. `answer` is the status and the bytes of content, `None` if broken off.
    pub(super) fn end(self, answer: Option<(StatusCode, u64)>) {
        let Some(mut begun) = self.record else { return };
        let record = &mut begun.record;
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
        Some(Self { record, is_logged, hooks, user, nameless: None, referer: None, user_agent: None, at })
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

    fn log(&self) {
        let record = &self.record;
        log::info!(
            target: TARGET,
            peer = address(record.client.as_ref()).map(|peer| peer.to_string()).as_deref(),
            user = self.user.as_deref(),
            method = record.method.as_ref().map(Method::as_str),
            request_target = record.target.as_deref(),
            version = record.version.map(version),
            status = record.status.map(|status| status.as_u16()),
            bytes = record.bytes,
            referer = lossy(self.referer.as_deref()).as_deref(),
            user_agent = lossy(self.user_agent.as_deref()).as_deref(),
            seconds = record.duration.as_secs_f64(),
            request_id = record.id.as_ref().map(RequestId::as_str),
            route = record.route.as_ref().map(MatchedRoute::as_str);
            "{}",
            Combined { begun: self, now: SystemTime::now() }
        );
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

/// Formats an exchange in the Combined Log Format, with the duration and the notes of layers.
struct Combined<'l> {
    begun: &'l Begun,
    now: SystemTime,
}

impl Display for Combined<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (begun, record) = (self.begun, &self.begun.record);
        match address(record.client.as_ref()) {
            Some(peer) => write!(f, "{peer} - ")?,
            None => f.write_str("- - ")?,
        }
        write!(f, "{} [{}] ", begun.user.as_deref().unwrap_or("-"), common_date(self.now))?;
        match (&record.method, &record.target, record.version) {
            (Some(method), Some(target), Some(of)) => {
                let line = format!("{method} {target} HTTP/{}", version(of));
                write!(f, "{} ", Quoted(line.as_bytes()))?;
            }
            _ => f.write_str("\"-\" ")?,
        }
        match (record.status, record.bytes) {
            (Some(status), Some(bytes)) => write!(f, "{} {bytes}", status.as_str())?,
            _ => f.write_str("- -")?,
        }
        let referer = begun.referer.as_deref().unwrap_or(b"-");
        let user_agent = begun.user_agent.as_deref().unwrap_or(b"-");
        let (seconds, micros) = (record.duration.as_secs(), record.duration.subsec_micros());
        write!(f, " {} {} {seconds}.{micros:06}", Quoted(referer), Quoted(user_agent))?;
        if let Some(id) = &record.id {
            write!(f, " id={}", Quoted(id.as_str().as_bytes()))?;
        }
        if let Some(route) = &record.route {
            write!(f, " route={}", Quoted(route.as_str().as_bytes()))?;
        }
        Ok(())
    }
}

fn version(version: Version) -> &'static str {
    if version == Version::HTTP_10 { "1.0" } else { "1.1" }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "{address}"),
            Address::Unix => f.write_str("unix:"),
        }
    }
}

fn address(peer: Option<&Peer>) -> Option<Address> {
    Some(match peer? {
        Peer::Tcp(address) => Address::Tcp(address.ip()),
        Peer::Unix(_) => Address::Unix,
    })
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

/// Formats the peer's bytes in quotation marks, and escapes bytes unsafe in a line or terminal.
struct Quoted<'b>(&'b [u8]);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for &byte in self.0 {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", byte as char)?,
                b' '..=b'~' => write!(f, "{}", byte as char)?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        f.write_str("\"")
    }
}

/// Formats a date as `22/Nov/2026:15:04:05 +0000`, by reordering an HTTP date.
fn common_date(time: SystemTime) -> String {
    let text = httpdate::fmt_http_date(time.max(UNIX_EPOCH));
    // `Sun, 22 Nov 2026 15:04:05 GMT`
    let mut parts = text.split(' ').skip(1);
    let mut part = || parts.next().unwrap_or_default();
    format!("{}/{}/{}:{} +0000", part(), part(), part(), part())
}

const TARGET: &str = "drupe::access";
/// The most bytes kept of a field: more than browsers send.
const LONGEST: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::address::FixedNames;

    #[test]
    fn nothing_of_the_peer_can_forge_a_line() {
        for (bytes, expected) in [
            (&b"GET / HTTP/1.1"[..], r#""GET / HTTP/1.1""#),
            (b"a\"b\\c", r#""a\"b\\c""#),
            (b"a\r\nb\x1b[31m\xff", r#""a\x0d\x0ab\x1b[31m\xff""#),
        ] {
            assert_eq!(Quoted(bytes).to_string(), expected);
        }
    }

    #[test]
    fn kept_request_fields_are_truncated() {
        let fields = [(REFERER, "x".repeat(10_000)), (USER_AGENT, "y".repeat(10))];
        let fields = fields.map(|(name, value)| (name, value.parse().unwrap())).into_iter().collect();
        let (target, version) = ("/a".parse().unwrap(), Version::HTTP_11);
        let head = RequestHead { method: Method::GET, target, version, fields, length: 10_100 };
        let hooks = Hooks { on_access: Some(Arc::new(|_| {})), ..Hooks::default() };
        let asked = Line::begin(None, &head, None, &hooks).record.unwrap();
        assert_eq!(asked.referer.as_deref(), Some("x".repeat(4096).as_bytes()));
        assert_eq!(asked.user_agent.as_deref(), Some(&b"yyyyyyyyyy"[..]));
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

    #[test]
    fn the_date_is_the_common_logs() {
        let time = UNIX_EPOCH + Duration::from_secs(1_795_359_845);
        assert_eq!(common_date(time), "22/Nov/2026:15:04:05 +0000");
    }
}
