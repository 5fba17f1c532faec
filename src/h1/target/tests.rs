//! Each form and each part of a target, and Host.

use super::*;

#[test]
fn hosts_are_names_or_addresses_with_a_port_that_can_exist() {
    let check = |value: &str, expected| assert_eq!(is_authority(value.as_bytes()), expected, "{value}");
    check("example.com", true);
    check("example.com:8080", true);
    check("example.com:", true);
    check("example.com:65535", true);
    check("example.com:65536", false);
    check("example.com:99999999999999999999999", false);
    check("example.com:-1", false);
    check("example.com:80:80", false);
    check("example.com:8o", false);
    check("127.0.0.1:80", true);
    check("a_b-c.d~e", true);
    check("xn--bcher-kva.example", true);
    check("caf%C3%A9", true);
    check("caf%C3%A", false);
    check("caf%", false);
    check("caf\u{e9}", false);
    check("[::1]", true);
    check("[::1]:8080", true);
    check("[::1]:", true);
    check("[2001:db8::192.0.2.1]", true);
    check("[::1", false);
    check("::1", false);
    check("[]", false);
    check("[::1]x", false);
    check("[::1]]", false);
    check("[::g]", false);
    check("[1:2:3:4:5:6:7:8:9]", false);
    check("[fe80::1%25eth0]", false);
    check("[v1.x]", true);
    check("[v1.x:y]:8080", true);
    check("[VaF.!$&'()*+,;=-._~:]", true);
    check("[v.x]", false);
    check("[v1.]", false);
    check("[v1]", false);
    check("[vg.x]", false);
    check("[1.x]", false);
    check("[v1.%41]", false);
    check("[v1.a@b]", false);
    check("[127.0.0.1]", false);
    check("user@example.com", false);
    check("user:pass@example.com", false);
    check("a!$&'()*+,;=-._~%41", true);
    check("a, b", false);
    check("a b", false);
    check("a/b", false);
    check("a?b", false);
    check("a#b", false);
    check("a\\b", false);
    check("http://a", false);
    check(":80", false);
    check("", false);
}

fn check(method: Method, text: &'static str, expected: Result<(&str, Option<&str>), ProtocolError>) {
    let head = Bytes::from_static(text.as_bytes());
    let found = read(&head, &method, core::str::from_utf8(&head).unwrap(), false);
    let found = found.map(|target| (target.uri.to_string(), target.authority));
    let expected =
        expected.map(|(uri, authority)| (uri.to_owned(), authority.map(|text| Bytes::from(text.to_owned()))));
    assert_eq!(found, expected, "{method} {text}");
}

#[test]
fn accepted_connect_has_a_host_and_a_port() {
    let found = |text: &'static str| {
        let head = Bytes::from_static(text.as_bytes());
        read(&head, &Method::CONNECT, core::str::from_utf8(&head).unwrap(), true)
    };
    for text in ["a:80", "tea.example:443", "[::1]:1", "127.0.0.1:65535"] {
        let target = found(text).unwrap();
        assert_eq!((target.uri.authority().unwrap().as_str(), target.uri.path()), (text, ""));
    }
    for text in
        ["a", "a:", ":80", "a:b", "a:65536", "[::1]", "http://a:80", "/", "/a:80", "a:80/", "*", "#a:1", "b@a:80"]
    {
        assert_eq!(found(text).unwrap_err(), ProtocolError::Authority, "{text}");
    }
}

#[test]
fn origin_form_is_a_path_and_a_query_as_they_came() {
    let ok = |text| check(Method::GET, text, Ok((text, None)));
    ok("/");
    ok("//");
    ok("//x/y");
    ok("/a//b");
    ok("/a/../b/./c");
    ok("/?");
    ok("/a?b=c&d");
    ok("/a?b?c/d");
    ok("/%C3%A9%2F%00");
    ok("/a;b=c,d:@!$&'()*+~_-.");
    ok("/[x]|^");
    ok("/?{}");
    ok("/?{}|^[]\\`'%");
    ok("/?100%&%zz");
    ok("/http://x/");
}

#[test]
fn target_of_no_form_is_refused() {
    let bad = |text| check(Method::GET, text, Err(ProtocolError::Target));
    bad("");
    bad("a");
    bad("a/b");
    bad("?a");
    bad("#a");
    bad("*");
    bad("**");
    bad("example.com:80");
    bad("example.com");
    bad("\\");
}

#[test]
fn first_forbidden_byte_of_a_path_or_query_is_named() {
    let bad = |text, byte| check(Method::GET, text, Err(ProtocolError::TargetByte(byte)));
    bad("/a#b", b'#');
    bad("/a?b#c", b'#');
    bad("/\"", b'"');
    bad("/<script>", b'<');
    bad("/{a}", b'{');
    bad("/a}%zz", b'}');
    bad("/`?<", b'`');
    bad("/a\\b", b'\\');
    bad("/?\"", b'"');
    bad("/?<", b'<');
    bad("/?>", b'>');
    bad("/ a", b' ');
    bad("/\t", b'\t');
    bad("/\u{7f}", 0x7f);
    bad("/\u{e9}", 0xc3);
    bad("/?\u{e9}", 0xc3);
    bad("http://a/{b", b'{');
    bad("http://a/#b", b'#');
    bad("http://a#b", b'#');
    bad("http://a?b#c", b'#');
}

#[test]
fn incomplete_escape_of_a_path_is_named() {
    let bad = |text| check(Method::GET, text, Err(ProtocolError::TargetEscape));
    bad("/%");
    bad("/%4");
    bad("/%4?a");
    bad("/%4g");
    bad("/%%34");
    bad("http://a/%zz");
}

#[test]
fn absolute_form_leaves_its_path_and_its_authority() {
    let ok = |text, uri, authority| check(Method::GET, text, Ok((uri, Some(authority))));
    ok("http://a/", "/", "a");
    ok("HTTPS://a:8443/b?c", "/b?c", "a:8443");
    ok("hTTp://A.Example/B", "/B", "A.Example");
    ok("http://a", "/", "a");
    ok("http://a?b", "/?b", "a");
    ok("http://[::1]:80/x", "/x", "[::1]:80");
    ok("http://a//b", "//b", "a");
    ok("http://a:/b", "/b", "a:");
}

#[test]
fn absolute_form_without_a_plain_http_authority_is_refused() {
    let bad = |text| check(Method::GET, text, Err(ProtocolError::Target));
    bad("http:///a");
    bad("http://");
    bad("http://:80/");
    bad("http:a");
    bad("http:/a");
    bad("ftp://a/");
    bad("ws://a/");
    bad("javascript:alert(1)");
    bad("http://user@a/");
    bad("http://user:pass@a/");
    bad("http://a:99999/");
    bad("http://a b/");
    bad("http://a\\@b/");
    bad("http://[::1/");
}

#[test]
fn the_other_forms_belong_to_their_methods() {
    check(Method::OPTIONS, "*", Ok(("*", None)));
    check(Method::OPTIONS, "/", Ok(("/", None)));
    check(Method::OPTIONS, "http://a", Ok(("*", Some("a"))));
    check(Method::OPTIONS, "http://a/", Ok(("/", Some("a"))));
    check(Method::OPTIONS, "http://a?b", Ok(("/?b", Some("a"))));
    check(Method::OPTIONS, "**", Err(ProtocolError::Target));
    check(Method::POST, "*", Err(ProtocolError::Target));
    check(Method::CONNECT, "example.com:443", Err(ProtocolError::Connect));
    check(Method::CONNECT, "/anything", Err(ProtocolError::Connect));
    check(Method::CONNECT, "*", Err(ProtocolError::Connect));
}
