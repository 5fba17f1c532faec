//! Reads the cases of this folder; its README explains them.

/// The bytes of a client, and the expected answers.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// A claim.
    pub(crate) name: String,
    /// The line of the file at which the case begins.
    pub(crate) line: usize,
    /// The rule and its level.
    pub(crate) rule: Option<Rule>,
    /// The origins of the case.
    pub(crate) origins: Vec<String>,
    /// The reason, if no rule asks for the outcome.
    pub(crate) because: Option<String>,
    /// The settings of the case.
    pub(crate) settings: Vec<(String, u64)>,
    /// The bytes of the client.
    pub(crate) input: Vec<u8>,
    /// The answers, in order.
    pub(crate) answers: Vec<Answer>,
    /// The expected state of the connection.
    pub(crate) end: End,
}

/// The rule behind a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// The level of the rule.
    pub(crate) level: Level,
    /// The section: `9112 §6.3`.
    pub(crate) section: String,
}

/// The strength of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// The RFC demands the outcome, or one of a few that include it.
    Must,
    /// The RFC recommends the outcome.
    Should,
    /// The RFC leaves the outcome open, or asks for less.
    Ours,
}

/// One expected answer; fields left out are not checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// Method and target that the handler saw.
    pub(crate) request: Option<(String, String)>,
    /// The content that was sent back.
    pub(crate) content: Option<Vec<u8>>,
    /// The Host that the handler saw.
    pub(crate) host: Option<String>,
    /// Trailers that the handler saw.
    pub(crate) trailers: Vec<(String, String)>,
    /// Fields that the answer has.
    pub(crate) has: Vec<(String, String)>,
    /// Fields that the answer has not.
    pub(crate) lacks: Vec<String>,
}

/// The expected state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The server waits for a next message.
    Open,
    /// The server closes the connection.
    Close,
    /// The server waits for the rest of a message.
    Wait,
}

/// All cases of a file.
///
/// # Panics
/// Where the text is no case; the message names the line.
pub(crate) fn read(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let (line, number) = (line.trim_end(), at + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("== ") {
            cases.push(Case::new(name, number));
            continue;
        }
        let case = cases.last_mut().unwrap_or_else(|| panic!("line {number} stands before the first case"));
        if let Some(rule) = line.strip_prefix("by ") {
            attribute(case, rule, number);
        } else if let Some(reason) = line.strip_prefix("because ") {
            case.because = Some(reason.to_owned());
        } else if let Some(settings) = line.strip_prefix("with ") {
            let pairs = settings.split_whitespace().map(|pair| pair.split_once('=').expect("name=number"));
            case.settings.extend(pairs.map(|(name, value)| (name.to_owned(), value.parse().expect("a number"))));
        } else if let Some(outcome) = line.strip_prefix("-> ") {
            expect(case, outcome, number);
        } else {
            assert!(case.answers.is_empty(), "line {number}: bytes behind an answer");
            case.input.extend(bytes(line));
        }
    }
    cases
}

impl Case {
    fn new(name: &str, line: usize) -> Self {
        Self {
            name: name.to_owned(),
            line,
            rule: None,
            origins: Vec::new(),
            because: None,
            settings: Vec::new(),
            input: Vec::new(),
            answers: Vec::new(),
            end: End::Open,
        }
    }
}

/// `LEVEL RFC §SECTION from ORIGIN[; ORIGIN]`.
fn attribute(case: &mut Case, text: &str, number: usize) {
    let (rule, origins) =
        text.split_once(" from ").unwrap_or_else(|| panic!("line {number}: a rule without an origin"));
    let (level, section) = rule.split_once(' ').unwrap_or_else(|| panic!("line {number}: a level without a section"));
    let level = match level {
        "MUST" => Level::Must,
        "SHOULD" => Level::Should,
        "ours" => Level::Ours,
        _ => panic!("line {number}: an unknown level"),
    };
    case.rule = Some(Rule { level, section: section.to_owned() });
    case.origins = origins.split("; ").map(str::to_owned).collect();
}

fn expect(case: &mut Case, outcome: &str, number: usize) {
    match outcome {
        "open" => case.end = End::Open,
        "close" => case.end = End::Close,
        "wait" => case.end = End::Wait,
        _ => {
            let answer = answer(outcome, number);
            if answer.status >= 400 {
                case.end = End::Close;
            }
            case.answers.push(answer);
        }
    }
}

fn answer(text: &str, number: usize) -> Answer {
    let (status, mut rest) = text.split_once(' ').unwrap_or((text, ""));
    let status = status.parse().unwrap_or_else(|_| panic!("line {number}: no status"));
    let mut answer = Answer { status, ..Answer::default() };
    if let Some((before, quoted)) = rest.split_once('"') {
        let (content, after) = quoted.rsplit_once('"').unwrap_or_else(|| panic!("line {number}: an open quote"));
        answer.content = Some(bytes(content));
        words(&mut answer, before, number);
        rest = after;
    }
    words(&mut answer, rest, number);
    answer
}

fn words(answer: &mut Answer, text: &str, number: usize) {
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let pair = |text: &str| text.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
        match word.split_once('=') {
            Some(("host", host)) => answer.host = Some(host.to_owned()),
            Some(("trailer", field)) => answer.trailers.push(pair(field).expect("name:value")),
            Some(("has", field)) => answer.has.push(pair(field).expect("name:value")),
            Some(("lacks", name)) => answer.lacks.push(name.to_owned()),
            _ => {
                let target = words.next().unwrap_or_else(|| panic!("line {number}: a method without a target"));
                answer.request = Some((word.to_owned(), target.to_owned()));
            }
        }
    }
}

/// The bytes that a text with escapes stands for.
///
/// # Panics
/// At an unknown escape.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let length = match escape.as_bytes().first() {
            Some(b'x') => {
                bytes.push(u8::from_str_radix(&escape[1..3], 16).expect("two hexadecimal digits"));
                3
            }
            Some(b'{') => {
                let end = escape.find('}').expect("the end of a repetition");
                let (count, what) = escape[1..end].split_once('*').expect("a count");
                bytes.extend(self::bytes(what).repeat(count.parse().expect("a count")));
                end + 1
            }
            Some(letter) => {
                let known = b"rnt0s\\".iter().position(|known| known == letter).expect("a known escape");
                bytes.push(b"\r\n\t\0 \\"[known]);
                1
            }
            None => panic!("an escape without its letter"),
        };
        rest = &escape[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
