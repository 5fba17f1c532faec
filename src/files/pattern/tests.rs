use super::*;

#[track_caller]
fn check(pattern: &str, path: &str, expected: bool) {
    let matches = PathPattern::of(pattern).unwrap().matches(Path::new(path));
    assert_eq!(matches, expected, "{pattern} {path}");
}

#[test]
fn star_stays_within_a_name_and_two_stars_do_not() {
    for (pattern, path, expected) in [
        ("/assets/*", "assets/app.js", true),
        ("assets/*", "assets/app.js", true),
        ("/assets/*", "assets/deep/app.js", false),
        ("/assets/*", "assets", false),
        ("/assets/*", "other/assets/app.js", false),
        ("/assets/**", "assets/deep/er/app.js", true),
        ("/assets/**", "assets", true),
        ("/assets/**", "assets2/app.js", false),
        ("/a/**/b", "a/b", true),
        ("/a/**/b", "a/x/y/b", true),
        ("/a/**/b", "a/x/y/bc", false),
        ("/**/b/**/c/*", "a/b/b/x/c/c/d", true),
        ("/**", "", true),
        ("**", "a/b", true),
        ("**/*.js", "app.js", true),
        ("**/*.js", "a/b/app.js", true),
        ("/*", "a", true),
        ("/*", "a/b", false),
        ("/index.html", "index.html", true),
        ("/index.html", "a/index.html", false),
    ] {
        check(pattern, path, expected);
    }
}

#[test]
fn pattern_without_a_slash_is_one_of_the_last_name() {
    for (pattern, path, expected) in [
        ("*.html", "index.html", true),
        ("*.html", "a/b/index.html", true),
        ("*.html", "a.html/b", false),
        ("index.html", "a/index.html", true),
        ("*.??", "a/app.js", true),
        ("*.??", "a/app.css", false),
    ] {
        check(pattern, path, expected);
    }
}

#[test]
fn other_characters_stand_for_themselves() {
    for (pattern, path, expected) in [
        ("[slug].js", "[slug].js", true),
        ("[slug].js", "s.js", false),
        ("{a,b}", "a", false),
        ("a**b", "axxb", true),
        ("A", "a", false),
        ("/", "", true),
        ("/", "a", false),
        ("a/", "a", true),
        ("/a/*/", "a/b", true),
        ("a/", "b/a", false),
        ("???", "äöü", true),
        ("??", "ä", false),
        ("?", "\u{1f352}", true),
        ("*\u{fc}", "a\u{fc}", true),
    ] {
        check(pattern, path, expected);
    }
    let name = |bytes| PathPattern::of("??").unwrap().matches(Path::new(OsStr::from_bytes(bytes)));
    assert!(name(b"\xff\xe4"));
    assert!(!name(b"\xff"));
}

#[test]
fn pattern_that_matches_no_path_is_refused() {
    for text in ["", "//", "a//b", "a//", "a\0"] {
        assert_eq!(PathPattern::of(text), None, "{text:?}");
    }
    for text in ["", "a/b", "/", "\0"] {
        assert_eq!(NamePattern::of(text), None, "{text:?}");
    }
}

/// Matches as the definition says, without a bound on the work.
fn model(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => model(rest, text) || (!text.is_empty() && model(pattern, &text[1..])),
        ([b'?', rest @ ..], [_, left @ ..]) => model(rest, left),
        ([byte, rest @ ..], [first, left @ ..]) => byte == first && model(rest, left),
        _ => false,
    }
}

/// Calls `visit` with each text of at most `length` letters.
fn each_text(letters: &[u8], length: usize, text: &mut Vec<u8>, visit: &mut impl FnMut(&[u8])) {
    visit(text);
    if text.len() < length {
        for letter in letters {
            text.push(*letter);
            each_text(letters, length, text, visit);
            text.pop();
        }
    }
}

#[test]
fn every_short_name_matches_as_defined() {
    let mut texts = Vec::new();
    each_text(b"ab", 5, &mut Vec::new(), &mut |text| texts.push(text.to_vec()));
    let mut count = 0;
    each_text(b"a*?", 5, &mut Vec::new(), &mut |pattern| {
        let Some(parsed) = NamePattern::of(std::str::from_utf8(pattern).unwrap()) else { return };
        for text in &texts {
            assert_eq!(parsed.matches(OsStr::from_bytes(text)), model(pattern, text), "{pattern:?} {text:?}");
            count += 1;
        }
    });
    assert!(count > 20_000, "{count}");
}

/// Each name of one letter: a path then matches as a name does, with `**` for a star.
#[test]
fn every_short_path_matches_as_defined() {
    let path = |letters: &[u8], star: &str| {
        let names: Vec<String> = letters
            .iter()
            .map(|letter| if *letter == b'*' { star.to_owned() } else { char::from(*letter).to_string() })
            .collect();
        names.join("/")
    };
    let mut texts = Vec::new();
    each_text(b"ab", 5, &mut Vec::new(), &mut |text| texts.push(text.to_vec()));
    each_text(b"a*?", 5, &mut Vec::new(), &mut |pattern| {
        let Some(parsed) = PathPattern::of(&format!("/{}", path(pattern, "**"))) else { return };
        for text in &texts {
            let text_path = path(text, "");
            assert_eq!(parsed.matches(Path::new(&text_path)), model(pattern, text), "{pattern:?} {text:?}");
        }
    });
}

#[test]
fn many_stars_cost_no_more_than_the_product_of_the_lengths() {
    let pattern = NamePattern::of(&"*a".repeat(100)).unwrap();
    assert!(!pattern.matches(OsStr::new(&"a".repeat(99))));
    assert!(!pattern.matches(OsStr::new(&format!("{}b", "a".repeat(10_000)))));
}
