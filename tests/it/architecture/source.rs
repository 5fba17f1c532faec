//! A reader of Rust source for the rules: words, paths, and the lines of tests.
//!
//! Comments, strings and character literals are no words. The reader is not a parser: a macro is
//! read as its written tokens.

use std::fs;
use std::path::Path;

/// One source file.
#[derive(Debug)]
pub(super) struct Source {
    /// The path below `src`, such as `h1/head.rs`.
    pub(super) path: String,
    /// The text.
    pub(super) text: String,
    /// Every token outside comments.
    tokens: Vec<Token>,
}

/// A word, a piece of punctuation (`::` is one), or the place of a literal.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// The text of the token; `"` for a string or character.
    pub(super) text: String,
    /// The line, from 1.
    pub(super) line: usize,
    /// True if the token belongs to an item for tests only.
    pub(super) is_test: bool,
    /// The number of enclosing inline modules.
    depth: usize,
}

/// A path that is spelled out: `std::io::Read`; each leaf of a group is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// The words of the path.
    pub(super) words: Vec<String>,
    /// The line of the last one.
    pub(super) line: usize,
    /// True if only tests have the path.
    pub(super) is_test: bool,
    /// The number of enclosing inline modules.
    pub(super) depth: usize,
    /// The name that an import gives it in its file; `None` outside imports.
    pub(super) alias: Option<String>,
    /// True for a `pub use`.
    pub(super) is_public: bool,
}

impl Source {
    /// Reads `text` as the file `path`.
    pub(super) fn new(path: &str, text: &str) -> Self {
        let mut tokens = tokens(text);
        mark_tests(&mut tokens, path.ends_with("tests.rs") || path.split('/').any(|folder| folder == "tests"));
        mark_depth(&mut tokens);
        Self { path: path.to_owned(), text: text.to_owned(), tokens }
    }

    /// Reads every `.rs` file below `folder`.
    pub(super) fn all(folder: &Path) -> Vec<Self> {
        let mut sources = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(inside) = folders.pop() {
            for entry in fs::read_dir(&inside).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                    sources.push(Self::new(&name, &fs::read_to_string(&path).unwrap()));
                }
            }
        }
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        sources
    }

    /// The unit: the first part of the path.
    pub(super) fn unit(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The number of modules between the file's module and the crate's root.
    pub(super) fn depth(&self) -> usize {
        let parts = self.path.strip_suffix(".rs").unwrap_or(&self.path).split('/');
        parts.filter(|part| !matches!(*part, "mod" | "lib" | "main")).count()
    }

    /// The tokens; those of tests only `with_tests`.
    pub(super) fn tokens(&self, with_tests: bool) -> impl Iterator<Item = &Token> {
        self.tokens.iter().filter(move |token| with_tests || !token.is_test)
    }

    /// Returns the places of `words` in sequence, outside tests.
    pub(super) fn find(&self, words: &[&str]) -> Vec<usize> {
        let outside: Vec<&Token> = self.tokens(false).collect();
        let found =
            outside.windows(words.len()).filter(|part| part.iter().zip(words).all(|(is, wanted)| is.text == *wanted));
        found.map(|part| part[0].line).collect()
    }

    /// Lines with code, outside the tests and inside.
    pub(super) fn lines(&self) -> (usize, usize) {
        let count = |of_tests: bool| {
            let mut lines: Vec<usize> = self.tokens.iter().filter(|t| t.is_test == of_tests).map(|t| t.line).collect();
            lines.dedup();
            lines.len()
        };
        (count(false), count(true))
    }

    /// Lines of any kind before the first test module: a `#[cfg(test)]` at the beginning of a line,
    /// and a `mod` behind it. A smaller item for tests is a part of the code around it.
    pub(super) fn lines_before_tests(&self) -> usize {
        if !self.tokens.is_empty() && self.tokens(false).next().is_none() {
            return 0;
        }
        let lines: Vec<&str> = self.text.lines().collect();
        let is_module = |at: &usize| {
            let behind = lines[*at].strip_prefix("#[cfg(test)]").into_iter().chain(lines[at + 1..].iter().copied());
            let item = behind.map(str::trim).find(|line| !line.is_empty() && !line.starts_with("#["));
            item.is_some_and(|item| item.split_whitespace().take(3).any(|word| word == "mod"))
        };
        let tests = (0..lines.len()).filter(|at| lines[*at].starts_with("#[cfg(test)]")).find(is_module);
        tests.unwrap_or(lines.len())
    }

    /// Every path with at least two words, and every word that is imported alone. The `in` of a visibility is no path.
    pub(super) fn paths(&self) -> Vec<Named> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let is_use = self.tokens[at].text == "use";
            // `pub`, or the bracket behind `pub(crate`.
            let is_public = is_use && at > 0 && matches!(self.text_at(at - 1), "pub" | ")");
            if is_use {
                at += 1;
            }
            // A leading `::` begins a path as well.
            while self.text_at(at) == "::" {
                at += 1;
            }
            let is_method = at > 0 && self.text_at(at - 1) == ".";
            let is_visibility = at > 2 && self.text_at(at - 1) == "in" && self.text_at(at - 3) == "pub";
            if is_use || (!is_method && !is_visibility && begins_path(self.text_at(at)) && self.text_at(at + 1) == "::")
            {
                let first = found.len();
                at = self.tree(at, &[], is_use, &mut found);
                found[first..].iter_mut().for_each(|path| path.is_public = is_public);
            } else if is_visibility {
                at += self.tokens[at..].iter().take_while(|token| token.text != ")").count();
            } else {
                at += 1;
            }
        }
        found
    }

    /// Follows a path from `at` on, behind `stem`. Returns the end of the path.
    fn tree(&self, mut at: usize, stem: &[String], is_use: bool, found: &mut Vec<Named>) -> usize {
        let mut words = stem.to_vec();
        loop {
            let text = self.text_at(at);
            if text == "{" && (is_use || !words.is_empty()) {
                at += 1;
                while !matches!(self.text_at(at), "}" | "") {
                    at = self.tree(at, &words, is_use, found);
                    at += usize::from(self.text_at(at) == ",");
                }
                return at + 1;
            }
            if !is_word(text) && text != "*" {
                // `::<`, or something that is no path after all.
                self.leave(at, words, stem, None, found);
                return at.max(1) + usize::from(!matches!(text, "}" | ","));
            }
            words.push(text.to_owned());
            at += 1;
            if self.text_at(at) != "::" {
                // `as name` belongs to the import.
                let is_renamed = is_use && self.text_at(at) == "as";
                let last = words.iter().rfind(|word| *word != "self");
                let name = if is_renamed { Some(self.text_at(at + 1)) } else { last.map(String::as_str) };
                let alias = name.filter(|_| is_use).map(str::to_owned);
                self.leave(at, words, stem, alias, found);
                return if is_renamed { at + 2 } else { at };
            }
            at += 1;
        }
    }

    fn leave(&self, at: usize, words: Vec<String>, stem: &[String], alias: Option<String>, found: &mut Vec<Named>) {
        if words.len() > stem.len() {
            let last = &self.tokens[at - 1];
            found.push(Named {
                words,
                line: last.line,
                is_test: last.is_test,
                depth: last.depth,
                alias,
                is_public: false,
            });
        }
    }

    fn text_at(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c == '_' || c.is_alphabetic())
}

/// True if a path may begin with `text`: behind these words, `::` begins a path.
fn begins_path(text: &str) -> bool {
    is_word(text)
        && !matches!(text, "as" | "dyn" | "else" | "for" | "if" | "impl" | "in" | "match" | "mut" | "return" | "where")
}

/// Splits `text` into tokens; comments and literals leave only a mark.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut found = Vec::new();
    let (mut i, mut line) = (0, 1);
    while i < chars.len() {
        let begun = i;
        let mut word = None;
        match chars[i] {
            '/' if at(i + 1) == '/' => i = end_of_line(&chars, i),
            '/' if at(i + 1) == '*' => i = end_of_comment(&chars, i),
            'r' | 'b' | 'c' if quote_behind(&chars, i).is_some() => {
                i = quote_behind(&chars, i).unwrap_or(i);
                word = Some("\"".to_owned());
            }
            '"' => {
                i = end_of_quote(&chars, i, '"');
                word = Some("\"".to_owned());
            }
            // A lifetime is no literal: its letter is not followed by another quote.
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => {
                i = end_of_quote(&chars, i, '\'');
                word = Some("\"".to_owned());
            }
            c if c == '_' || c.is_alphanumeric() => {
                while at(i) == '_' || at(i).is_alphanumeric() {
                    i += 1;
                }
                word = Some(chars[begun..i].iter().collect());
            }
            ':' if at(i + 1) == ':' => {
                i += 2;
                word = Some("::".to_owned());
            }
            c => {
                i += 1;
                word = (!c.is_whitespace()).then(|| c.to_string());
            }
        }
        found.extend(word.map(|text| Token { text, line, is_test: false, depth: 0 }));
        line += chars[begun..i.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    found
}

fn end_of_line(chars: &[char], from: usize) -> usize {
    chars[from..].iter().position(|c| *c == '\n').map_or(chars.len(), |length| from + length)
}

fn end_of_comment(chars: &[char], from: usize) -> usize {
    let (mut i, mut open) = (from, 0);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (open, i) = (open + 1, i + 2),
            ('*', Some('/')) => (open, i) = (open - 1, i + 2),
            _ => i += 1,
        }
        if open == 0 {
            return i;
        }
    }
    i
}

/// The end of a literal with a prefix (`b"`, `r#"`, `br"`, `b'`) that begins at `from`, if one does.
fn quote_behind(chars: &[char], from: usize) -> Option<usize> {
    let prefix = chars[from..].iter().take_while(|c| matches!(c, 'r' | 'b' | 'c')).count();
    let is_raw = prefix <= 2 && chars[from..from + prefix].contains(&'r');
    let hashes = chars[from + prefix..].iter().take_while(|c| **c == '#').count();
    let open = from + prefix + hashes;
    match chars.get(open)? {
        '"' if is_raw => {
            let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            let length = chars[open + 1..].windows(close.len()).position(|part| part == close)?;
            Some(open + 1 + length + close.len())
        }
        '"' if hashes == 0 && prefix == 1 => Some(end_of_quote(chars, open, '"')),
        '\'' if hashes == 0 && prefix == 1 && chars[from] == 'b' => Some(end_of_quote(chars, open, '\'')),
        _ => None,
    }
}

fn end_of_quote(chars: &[char], from: usize, quote: char) -> usize {
    let mut i = from + 1;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// Marks the items under a `cfg` that names `test`, up to the end of the following block or
/// statement.
fn mark_tests(tokens: &mut [Token], all: bool) {
    let mut at = 0;
    while at < tokens.len() {
        let text = |i: usize| tokens.get(i).map_or("", |token| token.text.as_str());
        let mut end = at + 1;
        let mut is_test = all;
        if text(at) == "#" && text(at + 1) == "[" && text(at + 2) == "cfg" {
            let close = (at..tokens.len()).find(|i| text(*i) == "]").unwrap_or(at);
            let condition = || (at..close).map(text);
            if condition().any(|word| word == "test") && !condition().any(|word| word == "not") {
                is_test = true;
                let mut open = 0;
                end = close + 1;
                while end < tokens.len() {
                    open += i32::from(text(end) == "{") - i32::from(text(end) == "}");
                    end += 1;
                    if open == 0 && matches!(text(end - 1), "}" | ";") {
                        break;
                    }
                }
            }
        }
        let end = end.min(tokens.len());
        tokens[at..end].iter_mut().for_each(|token| token.is_test |= is_test);
        at = end;
    }
}

/// Counts the inline modules around each token.
fn mark_depth(tokens: &mut [Token]) {
    let (mut braces, mut modules) = (0, Vec::new());
    for at in 0..tokens.len() {
        match tokens[at].text.as_str() {
            "{" => {
                if at >= 2 && tokens[at - 2].text == "mod" {
                    modules.push(braces);
                }
                braces += 1;
            }
            "}" => {
                braces -= 1;
                if modules.last() == Some(&braces) {
                    modules.pop();
                }
            }
            _ => {}
        }
        tokens[at].depth = modules.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        Source::new("a/b.rs", text).paths().iter().map(|path| path.words.join("::")).collect()
    }

    #[test]
    fn paths_are_found_in_any_position() {
        for (text, found) in [
            ("use a::b;", &["a::b"][..]),
            ("use a;", &["a"]),
            ("use ::a::b as c; d::e();", &["a::b", "d::e"]),
            ("use a::{b, c::{self, D}, e as f, *};", &["a::b", "a::c::self", "a::c::D", "a::e", "a::*"]),
            ("use {a::b, c};", &["a::b", "c"]),
            ("let x = Vec::<a::B>::new();", &["Vec", "a::B"]),
            ("fn f(x: a::B) -> c::d::E { x.g::<h::I>() }", &["a::B", "c::d::E", "h::I"]),
            ("impl ::a::B for c {}", &["a::B"]),
            ("match a::B { a::C => {} }", &["a::B", "a::C"]),
            ("// a::b\n/* c::d /* e::f */ */ let s = \"g::h\\\"\"; r#\"i::j\"#; b'\"'; 'x'; '\\''; k::l", &["k::l"]),
            ("fn f<'a>(x: &'a b::C) {}", &["b::C"]),
        ] {
            assert_eq!(paths(text), found, "{text}");
        }
    }

    #[test]
    fn tests_are_recognised() {
        let text = "fn a() { b(); }\n#[cfg(test)]\nmod tests {\n fn c() {}\n}\n#[cfg(not(test))]\nfn d() {}\n#[cfg(test)] mod e;\nfn f() {}";
        let source = Source::new("a.rs", text);
        let words: Vec<&str> =
            source.tokens(false).map(|token| token.text.as_str()).filter(|text| is_word(text)).collect();
        assert_eq!(words, ["fn", "a", "b", "cfg", "not", "test", "fn", "d", "fn", "f"]);
        assert_eq!((source.lines(), source.lines_before_tests()), ((4, 5), 1));
        let tests = Source::new("a/tests.rs", "fn a() {}");
        assert_eq!((tests.tokens(false).count(), tests.lines_before_tests()), (0, 0));
    }

    #[test]
    fn modules_are_counted() {
        let source = Source::new("a/b.rs", "x::y; mod m { x::y; fn f() { mod n { x::y } } x::y }");
        assert_eq!(source.paths().iter().map(|path| path.depth).collect::<Vec<_>>(), [0, 1, 2, 1]);
        assert_eq!(["lib.rs", "a.rs", "a/mod.rs", "a/b.rs"].map(|path| Source::new(path, "").depth()), [0, 1, 1, 2]);
        assert_eq!(
            ["lib.rs", "a.rs", "a/mod.rs", "a/b.rs"].map(|path| Source::new(path, "").unit().to_owned()),
            ["lib", "a", "a", "a"]
        );
    }
}
