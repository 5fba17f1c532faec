//! First bytes to a TLS port: ClientHellos of every shape, other records, or no record at all.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use arbitrary::Arbitrary;
use drupe::settings::SslContext;
use drupe::testing::Conversation;
use drupe::{Request, Settings};

use crate::cut::Cuts;

/// The bytes of a client before any answer.
#[derive(Arbitrary, Clone, Debug)]
pub struct Plan {
    flight: Vec<Part>,
    cuts: Cuts,
}

#[derive(Arbitrary, Clone, Debug)]
enum Part {
    /// Cut into records of so many bytes.
    Hello(Hello, u8),
    Record {
        kind: u8,
        version: u8,
        data: Vec<u8>,
        lie: Option<u16>,
    },
    Bytes(Vec<u8>),
}

#[derive(Arbitrary, Clone, Debug)]
struct Hello {
    version: u8,
    random: [u8; 32],
    session: u8,
    suites: Vec<u8>,
    compression: u8,
    extensions: Vec<Extension>,
    lie: Lie,
}

/// The place of a wrong length.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Lie {
    None,
    Message(u8),
    Session(u8),
    Suites(u8),
    Extensions(u8),
    /// Bytes behind the end.
    Surplus(u8),
}

#[derive(Arbitrary, Clone, Debug)]
enum Extension {
    ServerName(Name),
    Versions(Vec<u8>),
    Groups(Vec<u8>),
    Shares(Vec<(u8, bool, u8)>),
    Algorithms(Vec<u8>),
    Protocols(Vec<Vec<u8>>),
    KeyExchangeModes(u8),
    Identity(Vec<u8>, Vec<u8>),
    Cookie(Vec<u8>),
    EarlyData,
    Status(Vec<u8>),
    Grease(u8),
    Other(u16, Vec<u8>),
    /// All that a client of today has.
    Usual,
}

#[derive(Arbitrary, Clone, Debug)]
enum Name {
    Ours,
    Bytes(Vec<u8>),
    Dot,
    Address,
    Two,
}

/// Begins a connection as planned.
///
/// # Panics
/// If the answer is neither records nor a refusal in HTTP, if the answer depends on the cuts, or if
/// the handler was called.
pub fn check(plan: &Plan) {
    let bytes: Vec<u8> = plan.flight.iter().take(4).flat_map(Part::bytes).collect();
    let conversation = conversation();
    let whole = conversation.run([bytes.clone()]);
    let cut = conversation.run(plan.cuts.apply(&bytes));
    assert!(!SERVED.load(Ordering::Relaxed), "a request without a handshake: {plan:?}");
    if bytes.first().is_some_and(u8::is_ascii_alphabetic) {
        for answer in [whole, cut] {
            assert!(answer.starts_with(b"HTTP/1.1 400 "), "{answer:?} to {plan:?}");
        }
        return;
    }
    let (whole, mut cut) = (records(&whole), records(&cut));
    // What follows a request for early data, which is refused, is dropped up to a bound. rustls counts against that what it has dropped
    // anew at each read until something else comes, so that the alert, a record like any other by then, may be earlier.
    if cut.len() == whole.len() + 1 && cut.last() == Some(&ENCRYPTED) && asks_for_early_data(&bytes) {
        cut.pop();
    }
    assert_eq!(whole, cut, "{plan:?}");
    let after_alert = whole.iter().skip_while(|kind| **kind != ALERT).skip(1);
    assert_eq!(after_alert.filter(|kind| **kind != ALERT).count(), 0, "words after the last: {whole:?} to {plan:?}");
    if let [Part::Hello(hello, _), ..] = &plan.flight[..] {
        assert!(!hello.is_usual() || whole.first() == Some(&HANDSHAKE), "{whole:?} to {plan:?}");
    }
}

/// True if the extension is in the joined content of the records: a ClientHello may be split into
/// several.
fn asks_for_early_data(mut bytes: &[u8]) -> bool {
    let mut messages = Vec::new();
    while let Some(([.., high, low], rest)) = bytes.split_first_chunk::<5>() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        messages.extend_from_slice(&rest[..length]);
        bytes = &rest[length..];
    }
    messages.windows(4).any(|part| part == EARLY_DATA)
}

/// The kinds of the records, which must be whole.
fn records(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let Some(([kind, major, minor, high, low], rest)) = bytes.split_first_chunk() {
        assert!((20..=23).contains(kind) && *major == 3 && (1..=3).contains(minor), "no record: {bytes:?}");
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        assert!((1..=MOST).contains(&length), "a record of {length} bytes");
        bytes = rest.get(length..).expect("a record comes to its end");
        kinds.push(*kind);
    }
    assert!(bytes.is_empty(), "the beginning of a record: {bytes:?}");
    kinds
}

impl Part {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Record { kind, version, data, lie } => {
                let length = lie.unwrap_or(u16::try_from(data.len().min(MOST)).expect("it is short")).to_be_bytes();
                [&[20 + kind % 6, 3, version % 5, length[0], length[1]], &data[..data.len().min(MOST)]].concat()
            }
            Self::Hello(hello, size) => {
                let message = hello.message();
                let records = message.chunks(4 + usize::from(*size) * 8).take(128);
                records.flat_map(|part| [&[HANDSHAKE, 3, 1][..], &two(part.len(), 0), part].concat()).collect()
            }
        }
    }
}

impl Hello {
    fn message(&self) -> Vec<u8> {
        let lie = |is_here: fn(Lie) -> Option<u8>| is_here(self.lie).map_or(0, usize::from);
        let session = vec![7; usize::from(self.session % 34)];
        let suites: Vec<u8> = self.suites.iter().take(40).flat_map(|suite| pick(SUITES, *suite)).collect();
        let extensions: Vec<u8> = self.extensions.iter().take(16).flat_map(Extension::bytes).collect();
        let mut body = [&[3, self.version % 5][..], &self.random].concat();
        let session_lie = lie(|lie| if let Lie::Session(by) = lie { Some(by) } else { None });
        body.extend([&[(session.len() ^ session_lie) as u8][..], &session].concat());
        let suites_lie = lie(|lie| if let Lie::Suites(by) = lie { Some(by) } else { None });
        body.extend([&two(suites.len(), suites_lie)[..], &suites].concat());
        body.extend([&[1][..], &[self.compression & 1]].concat());
        let extensions_lie = lie(|lie| if let Lie::Extensions(by) = lie { Some(by) } else { None });
        body.extend([&two(extensions.len(), extensions_lie)[..], &extensions].concat());
        if let Lie::Surplus(by) = self.lie {
            body.extend(vec![0; usize::from(by)]);
        }
        let message_lie = lie(|lie| if let Lie::Message(by) = lie { Some(by) } else { None });
        [&[1, 0][..], &two(body.len(), message_lie), &body].concat()
    }

    /// True if every server must accept the hello.
    fn is_usual(&self) -> bool {
        let is_usual = matches!(self.extensions[..], [Extension::Usual]);
        let has_suite = self.suites.iter().take(40).any(|suite| usize::from(*suite) % SUITES.len() == 0);
        is_usual
            && has_suite
            && matches!(self.lie, Lie::None)
            && self.session % 34 < 33
            && self.compression & 1 == 0
            && self.version % 5 == 3
    }
}

impl Extension {
    fn bytes(&self) -> Vec<u8> {
        let list = |table: &[u16], picks: &[u8]| -> Vec<u8> {
            let items: Vec<u8> = picks.iter().take(20).flat_map(|pick| self::pick(table, *pick)).collect();
            [&two(items.len(), 0)[..], &items].concat()
        };
        let (kind, data): (u16, Vec<u8>) = match self {
            Self::ServerName(name) => (0, name.list()),
            Self::Status(data) => (5, data.clone()),
            Self::Groups(picks) => (10, list(GROUPS, picks)),
            Self::Algorithms(picks) => (13, list(ALGORITHMS, picks)),
            Self::Protocols(names) => {
                let names = names.iter().take(8).map(|name| &name[..name.len().min(255)]);
                let list: Vec<u8> = names.flat_map(|name| [&[name.len() as u8][..], name].concat()).collect();
                (16, [&two(list.len(), 0)[..], &list].concat())
            }
            Self::Identity(identity, binder) => {
                let identity = &identity[..identity.len().min(500)];
                let binder = &binder[..binder.len().min(255)];
                let one = [&two(identity.len(), 0)[..], identity, &[0; 4]].concat();
                let other = [&[binder.len() as u8][..], binder].concat();
                (41, [&two(one.len(), 0)[..], &one, &two(other.len(), 0), &other].concat())
            }
            Self::EarlyData => (42, Vec::new()),
            Self::Versions(picks) => {
                let items: Vec<u8> = picks.iter().take(20).flat_map(|one| pick(VERSIONS, *one)).collect();
                (43, [&[items.len() as u8][..], &items].concat())
            }
            Self::Cookie(cookie) => {
                (44, [&two(cookie.len().min(500), 0)[..], &cookie[..cookie.len().min(500)]].concat())
            }
            Self::KeyExchangeModes(modes) => (45, vec![1, modes & 1]),
            Self::Shares(shares) => (51, self::shares(shares)),
            Self::Grease(which) => (0x0a0a + 0x1010 * u16::from(which % 16), Vec::new()),
            Self::Other(kind, data) => (*kind, data.clone()),
            Self::Usual => return usual().iter().flat_map(Self::bytes).collect(),
        };
        let data = &data[..data.len().min(2000)];
        [&kind.to_be_bytes()[..], &two(data.len(), 0), data].concat()
    }
}

fn usual() -> [Extension; 6] {
    [
        Extension::ServerName(Name::Ours),
        Extension::Versions(vec![0, 1]),
        Extension::Groups(vec![0, 1]),
        Extension::Algorithms((0..12).collect()),
        Extension::KeyExchangeModes(1),
        Extension::Shares(vec![(0, false, 9)]),
    ]
}

/// Keys of the right length for their group, or of a wrong one.
fn shares(shares: &[(u8, bool, u8)]) -> Vec<u8> {
    let one = |(group, is_wrong, byte): &(u8, bool, u8)| {
        let place = usize::from(*group) % GROUPS.len();
        let length = LENGTHS[place] + usize::from(*is_wrong);
        let mut key = vec![*byte; length];
        if place == 1 {
            key[..65].copy_from_slice(&POINT);
        }
        [&GROUPS[place].to_be_bytes()[..], &two(length, 0), &key].concat()
    };
    let list: Vec<u8> = shares.iter().take(6).flat_map(one).collect();
    [&two(list.len(), 0)[..], &list].concat()
}

impl Name {
    fn list(&self) -> Vec<u8> {
        let one = |name: &[u8]| [&[0][..], &two(name.len(), 0), name].concat();
        let list = match self {
            Self::Ours => one(b"ec.test"),
            Self::Bytes(bytes) => one(&bytes[..bytes.len().min(300)]),
            Self::Dot => one(b"ec.test."),
            Self::Address => one(b"127.0.0.1"),
            Self::Two => [one(b"ec.test"), one(b"other.test")].concat(),
        };
        [&two(list.len(), 0)[..], &list].concat()
    }
}

/// A length in two bytes, or a wrong one.
fn two(length: usize, lie: usize) -> [u8; 2] {
    ((length ^ lie) as u16).to_be_bytes()
}

fn pick(table: &[u16], at: u8) -> [u8; 2] {
    table[usize::from(at) % table.len()].to_be_bytes()
}

fn conversation() -> &'static Conversation {
    static CONVERSATION: OnceLock<Conversation> = OnceLock::new();
    CONVERSATION.get_or_init(|| {
        let mut settings = Settings::default();
        settings.ssl_context = Some(SslContext::from_pem(CERTIFICATE, KEY));
        let handler = |_: &mut Request| SERVED.store(true, Ordering::Relaxed);
        Conversation::encrypted(handler, &settings).expect("they are sound")
    })
}

static SERVED: AtomicBool = AtomicBool::new(false);
const CERTIFICATE: &str = include_str!("../../tests/data/tls/ec.pem");
const KEY: &str = include_str!("../../tests/data/tls/ec.pkcs8.key");

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const ENCRYPTED: u8 = 23;
/// The extension, which is empty.
const EARLY_DATA: [u8; 4] = [0, 42, 0, 0];
/// Bytes of a record, of which some are encryption's.
const MOST: usize = (1 << 14) + 256;
/// The first suite is known to every server.
const SUITES: &[u16] =
    &[0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xcca9, 0xc02f, 0xc030, 0xcca8, 0xc00a, 0x002f, 0x00ff, 0x5600, 0x0a0a];
const VERSIONS: &[u16] = &[0x0304, 0x0303, 0x0302, 0x0301, 0x0300, 0x7f1c, 0x0a0a, 0x0305];
const GROUPS: &[u16] = &[0x001d, 0x0017, 0x0018, 0x0019, 0x11ec, 0x0a0a];
/// The key lengths of the groups.
const LENGTHS: [usize; 6] = [32, 65, 97, 133, 1216, 1];
const ALGORITHMS: &[u16] =
    &[0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, 0x0807, 0x0203, 0x0201, 0x0a0a];
/// The base point of P-256.
const POINT: [u8; 65] = [
    0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03,
    0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe,
    0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce,
    0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_holds_for_noise() {
        crate::noise::each(3000, check);
    }

    fn usual() -> Hello {
        Hello {
            version: 3,
            random: [1; 32],
            session: 32,
            suites: vec![0, 3],
            compression: 0,
            extensions: vec![Extension::Usual],
            lie: Lie::None,
        }
    }

    #[test]
    fn bytes_after_early_data_may_end_sooner_if_cut() {
        let mut hello = usual();
        hello.extensions.push(Extension::EarlyData);
        let record = || Part::Record { kind: 3, version: 3, data: vec![7; 400], lie: None };
        for size in [255, 3] {
            let flight = vec![Part::Hello(hello.clone(), size), record(), record()];
            check(&Plan { flight, cuts: Cuts::new(vec![0]) });
        }
    }

    #[test]
    fn common_client_hello_is_answered() {
        let hello = usual();
        for size in [0, 1, 255] {
            let plan = Plan { flight: vec![Part::Hello(hello.clone(), size)], cuts: Cuts::default() };
            check(&plan);
        }
        assert!(hello.is_usual());
    }
}
