use std::panic::{AssertUnwindSafe, catch_unwind};

use http::header::ALLOW;

use super::*;
use crate::message::routing::Routing;
use crate::message::{Body, RequestExt, handler};

fn request(method: &str, target: &str) -> Request {
    http::Request::builder().method(method).uri(target).body(Body::empty()).unwrap()
}

/// Answers with everything that the router says of the request.
fn told(request: &mut Request) -> String {
    let routing = request.extensions().get::<Routing>().unwrap();
    let params = routing.params.iter().map(|(name, value)| format!(" {name}={value:?}"));
    let matched = request.extensions().get::<MatchedRoute>().unwrap();
    format!("{} {matched}{}", request.uri(), params.collect::<String>())
}

/// Returns status, `Allow`, matched pattern and content.
fn ask(router: &Router, method: &str, target: &str) -> (u16, String, String, String) {
    let response = router.handle(&mut request(method, target));
    let allow = response.headers().get(ALLOW).map(|value| value.to_str().unwrap().to_owned());
    let matched = response.extensions().get::<MatchedRoute>().map(ToString::to_string);
    let status = response.status().as_u16();
    (status, allow.unwrap_or_default(), matched.unwrap_or_default(), response.into_body().into_string().unwrap())
}

#[track_caller]
fn check(router: &Router, target: &str, status: u16, content: &str) {
    let (found, _, _, text) = ask(router, "GET", target);
    assert_eq!((found, text.as_str()), (status, content), "{target:?}");
}

const MISSING: &str = "not found\n";
const NOT_UTF8: &str = "a parameter of the path is not UTF-8\n";

#[test]
fn literal_goes_before_affix_before_parameter_whatever_the_order() {
    let patterns = ["/", "/tea", "/tea/{a}", "/tea/new", "/tea/{a}.html", "/tea/{a}/{b}", "/all/{*rest}", "/all/of/it"];
    let forward = patterns.iter().fold(Router::new(), |router, path| router.get(path, told));
    let backward = patterns.iter().rev().fold(Router::new(), |router, path| router.get(path, told));
    for router in [forward, backward] {
        check(&router, "/", 200, "/ /");
        check(&router, "/?a=b", 200, "/?a=b /");
        check(&router, "/tea", 200, "/tea /tea");
        check(&router, "/tea/new", 200, "/tea/new /tea/new");
        check(&router, "/tea/newer", 200, "/tea/newer /tea/{a} a=\"newer\"");
        check(&router, "/tea/x.html", 200, "/tea/x.html /tea/{a}.html a=\"x\"");
        check(&router, "/tea/new/b", 200, "/tea/new/b /tea/{a}/{b} a=\"new\" b=\"b\"");
        check(&router, "/all/of/it", 200, "/all/of/it /all/of/it");
        check(&router, "/all/of/this", 200, "/all/of/this /all/{*rest} rest=\"of/this\"");
        check(&router, "/all//a/", 200, "/all//a/ /all/{*rest} rest=\"/a/\"");
        check(&router, "http://b/tea", 200, "http://b/tea /tea");
    }
}

#[test]
fn text_behind_a_parameter_hides_no_other_route() {
    let router =
        Router::new().get("/{repo}.git/info", told).get("/{repo}/{page}", told).mount("/{repo}.wiki", Router::new());
    check(&router, "/x.git/info", 200, "/x.git/info /{repo}.git/info repo=\"x\"");
    check(&router, "/x.git/settings", 200, "/x.git/settings /{repo}/{page} repo=\"x.git\" page=\"settings\"");
    check(&router, "/x.git/a%2Fb", 200, "/x.git/a%2Fb /{repo}/{page} repo=\"x.git\" page=\"a/b\"");
    assert_eq!(ask(&router, "GET", "/x.wiki/settings").2, "/{repo}.wiki/{*rest}");
    check(&router, "/.git/info", 200, "/.git/info /{repo}/{page} repo=\".git\" page=\"info\"");
    assert_eq!(ask(&router, "OPTIONS", "*").0, 204);
}

#[test]
fn slashes_and_empty_segments_are_taken_as_they_are_and_dot_segments_removed() {
    let router = Router::new().get("/a", told).get("/a/{b}", told).get("/c/", told).get("/d/{*rest}", told);
    for target in [
        "/",
        "//",
        "/a/",
        "//a",
        "/a//",
        "/a//b",
        "/A",
        "/c",
        "/c//",
        "/d",
        "/d/",
        "/%2f",
        "/a%2Fb",
        "/.",
        "/..",
        "/a/..",
        "/../a",
        "/a/../../a",
        "/%2e%2E/a",
        "*",
    ] {
        check(&router, target, 404, MISSING);
    }
    check(&router, "/./a", 200, "/a /a");
    check(&router, "/d/%2e%2E/a?q=/../", 200, "/a?q=/../ /a");
    check(&router, "/a/..%2Fb", 200, "/a/..%2Fb /a/{b} b=\"../b\"");
    check(&router, "/c/", 200, "/c/ /c/");
    check(&router, "/d//", 200, "/d// /d/{*rest} rest=\"/\"");
    check(&router, "/d/../a", 200, "/a /a");
    check(&router, "/d/x/../a/.", 200, "/d/a/ /d/{*rest} rest=\"a/\"");
    let long = "x".repeat(60_000);
    check(&router, &format!("/a/{long}"), 200, &format!("/a/{long} /a/{{b}} b={long:?}"));
    check(&router, &"/".repeat(60_000), 404, MISSING);
    check(&Router::new(), "/", 404, MISSING);
}

#[test]
fn parameters_are_decoded_after_the_match_and_literals_before() {
    let router = Router::new().get("/t/{a}", told).get("/caf\u{e9}", told).get("/{{x}}", told).get("/all/{*a}", told);
    check(&router, "/t/a%2Fb", 200, "/t/a%2Fb /t/{a} a=\"a/b\"");
    check(&router, "/%74/%252f", 200, "/%74/%252f /t/{a} a=\"%2f\"");
    check(&router, "/t/%00", 200, "/t/%00 /t/{a} a=\"\\0\"");
    check(&router, "/t/a+b%20c", 200, "/t/a+b%20c /t/{a} a=\"a+b c\"");
    check(&router, "/all/a%2Fb/c", 200, "/all/a%2Fb/c /all/{*a} a=\"a/b/c\"");
    check(&router, "/caf%c3%A9", 200, "/caf%c3%A9 /caf\u{e9}");
    check(&router, "/%7bx%7D", 200, "/%7bx%7D /{{x}}");
    for target in ["/t/%ff", "/t/%C3", "/t/%80a", "/t/%", "/t/%4", "/t/%zz", "/all/a/%ff"] {
        check(&router, target, 400, NOT_UTF8);
    }
    check(&router, "/%00", 404, MISSING);
    check(&router, "/%ff", 404, MISSING);
    check(&router, "/t%2Fa", 404, MISSING);
}

#[test]
fn parameter_that_does_not_parse_is_a_404_and_an_unknown_one_a_500() {
    let router = Router::new()
        .get("/{id}", |request| Ok::<_, Failure>(request.param_as::<u8>("id")?.to_string()))
        .get("/name/{id}", |request| request.param_as::<String>("id"))
        .get("/unknown/{id}", |request| Ok::<_, Failure>(request.param_as::<u8>("name")?.to_string()));
    check(&router, "/7", 200, "7");
    for target in ["/256", "/-1", "/x", "/%20", "/7%00"] {
        check(&router, target, 404, MISSING);
    }
    check(&router, "/name/x", 200, "x");
    check(&router, "/unknown/7", 500, "internal server error\n");
    assert_eq!(request("GET", "/").param("id"), None);
}

#[test]
fn methods_have_their_handlers_and_others_are_refused_with_allow() {
    let router = Router::new()
        .post("/", |_| "post")
        .get("/", |_| "get")
        .delete("/", |_| "delete")
        .put("/put", |_| "put")
        .patch("/patch", |_| "patch")
        .route(Method::HEAD, "/both", |_: &mut Request| "head")
        .get("/both", |_| "get")
        .get("/any", |_| "get")
        .any("/any", |_| "any")
        .route(Method::OPTIONS, "/own", |_: &mut Request| "own");
    let full = "DELETE, GET, HEAD, OPTIONS, POST";
    let refused = "method not allowed\n";
    for (method, target, status, allow, content) in [
        ("GET", "/", 200, "", "get"),
        ("HEAD", "/", 200, "", "get"),
        ("POST", "/", 200, "", "post"),
        ("DELETE", "/", 200, "", "delete"),
        ("PUT", "/", 405, full, refused),
        ("get", "/", 405, full, refused),
        ("OPTIONS", "/", 204, full, ""),
        ("PUT", "/put", 200, "", "put"),
        ("HEAD", "/put", 405, "OPTIONS, PUT", refused),
        ("PATCH", "/patch", 200, "", "patch"),
        ("HEAD", "/both", 200, "", "head"),
        ("GET", "/both", 200, "", "get"),
        ("HEAD", "/any", 200, "", "get"),
        ("OPTIONS", "/any", 200, "", "any"),
        ("BREW", "/any", 200, "", "any"),
        ("OPTIONS", "/own", 200, "", "own"),
        ("GET", "/own", 405, "OPTIONS", refused),
    ] {
        let matched = target.to_owned();
        assert_eq!(ask(&router, method, target), (status, allow.into(), matched, content.into()), "{method} {target}");
    }
    assert_eq!(ask(&router, "GET", "*").0, 404);
    assert_eq!(ask(&router, "OPTIONS", "/nowhere"), (404, String::new(), String::new(), MISSING.into()));
}

#[test]
fn options_of_the_server_lists_all_methods_or_none() {
    let routes = || Router::new().get("/", |_| ()).put("/", |_| ()).delete("/a", |_| ());
    let allowed = |router: Router| {
        let (status, allow, route, content) = ask(&router, "OPTIONS", "*");
        assert_eq!((status, &*route, &*content), (204, "", ""));
        allow
    };
    assert_eq!(allowed(routes()), "DELETE, GET, HEAD, OPTIONS, PUT");
    assert_eq!(allowed(Router::new()), "OPTIONS");
    // The methods of these handlers are unknown, so that any list would leave some out.
    assert_eq!(allowed(routes().any("/any", |_| ())), "");
    assert_eq!(allowed(routes().mount("/in", Router::new().post("/", |_| ()))), "");
    let own = routes().route(Method::OPTIONS, "*", |_: &mut Request| "own");
    assert_eq!(ask(&own, "OPTIONS", "*").3, "own");
}

#[test]
fn refusals_of_the_router_are_failures() {
    let router = Router::new().get("/{a}", |_| ());
    for (method, target, status) in [("GET", "/", 404), ("PUT", "/a", 405), ("GET", "/%ff", 400)] {
        let response = router.handle(&mut request(method, target));
        assert_eq!(Failure::of(&response).unwrap().status(), status);
    }
}

#[test]
fn fallback_answers_paths_without_a_route_and_not_methods() {
    let router = Router::new().get("/a", |_| "a").fallback(|request| format!("no {}", request.uri()));
    check(&router, "/b?c", 200, "no /b?c");
    assert_eq!(ask(&router, "PUT", "/a").0, 405);
    assert_eq!(ask(&router, "OPTIONS", "*").0, 204);
    assert_eq!(ask(&router, "PUT", "*").3, "no *");
}

#[test]
fn mounted_handler_sees_the_target_below_and_the_original_too() {
    let both = handler(|request| format!("{} of {}", request.uri(), request.original_target()));
    let router =
        Router::new().mount("/a", both).mount("/b/", both).mount("/{x}/t%65a", both).get("/a/b/c", |_| "literal");
    for (target, below) in [
        ("/a", "/"),
        ("/a?b", "/?b"),
        ("/a/", "/"),
        ("/a/b?c", "/b?c"),
        ("/a//evil/b", "//evil/b"),
        ("/%61/%62", "/%62"),
        ("/a/%ff", "/%ff"),
        ("/b", "/"),
        ("/b/c", "/c"),
        ("/y%2Fz/tea/w", "/w"),
        ("http://h/a/b", "http://h/b"),
    ] {
        check(&router, target, 200, &format!("{below} of {target}"));
    }
    check(&router, "/a/b/c", 200, "literal");
    check(&router, "/ab", 404, MISSING);
    check(&router, "/%ff/tea", 400, NOT_UTF8);
    assert_eq!(ask(&router, "BREW", "/a/x").2, "/a/{*rest}");
    check(&Router::new().mount("/", both), "/a?b", 200, "/a?b of /a?b");
    check(&Router::new().mount("", both), "//", 200, "// of //");
}

/// Otherwise `/a/../b` would pass a layer around `/b`.
#[test]
fn dot_segments_do_not_lead_from_one_mount_into_another() {
    let told = |name| handler(move |request| format!("{name} {}", request.uri()));
    let limited = told("b").with(|inner| Limited(inner));
    let router = Router::new().mount("/a", told("a")).mount("/b", limited).mount("/", told("top"));
    check(&router, "/a/../b/c", 200, "b /c");
    check(&router, "/a/%2e%2e/b/c", 200, "b /c");
    check(&router, "/x/../b/c", 200, "b /c");
    check(&router, "/a/b/../c?d", 200, "a /c?d");
    check(&router, "/a/../x", 200, "top /x");
    check(&router, "/a/../../b/c", 404, MISSING);
    let limit = |target: &str| Handler::body_limit(&router, &Method::GET, &target.parse().unwrap());
    assert_eq!((limit("/a/../b/c"), limit("/b/../a"), limit("/../b")), (Some(7), None, None));
    let mut request = request("GET", "/a/../b/c");
    router.handle(&mut request);
    assert_eq!(request.uri(), "/a/../b/c", "the request is as it was");
}

struct Limited<H>(H);

impl<H: Handler> Handler for Limited<H> {
    fn handle(&self, request: &mut Request) -> Response {
        self.0.handle(request)
    }

    fn body_limit(&self, _: &Method, _: &Uri) -> Option<u64> {
        Some(7)
    }
}

#[test]
fn mounted_router_adds_to_parameters_and_pattern() {
    let inner = Router::new().get("/{b}", told).get("/", told).mount("/deep", Router::new().get("/{a}", told));
    let router = Router::new().mount("/in/{a}", inner);
    check(&router, "/in/1/2", 200, "/2 /in/{a}/{b} a=\"1\" b=\"2\"");
    check(&router, "/in/1", 200, "/ /in/{a}/ a=\"1\"");
    check(&router, "/in/1/deep/3", 200, "/3 /in/{a}/deep/{a} a=\"1\" a=\"3\"");
    assert_eq!(ask(&router, "GET", "/in/1/2").2, "/in/{a}/{b}");
    assert_eq!(ask(&router, "PUT", "/in/1/deep/3").2, "/in/{a}/deep/{a}");
    assert_eq!(ask(&router, "PUT", "/in/1/2").1, "GET, HEAD, OPTIONS");
    assert_eq!(ask(&router, "GET", "/in/1/2/3"), (404, String::new(), "/in/{a}/{*rest}".into(), MISSING.into()));
    let last = Router::new().mount("/{a}", Router::new().get("/{a}", |request| request.param("a").unwrap().to_owned()));
    check(&last, "/1/2", 200, "2");
}

#[test]
fn request_is_as_it_was_after_the_router() {
    let router = Router::new().mount("/a/{b}", Router::new().get("/{c}", told));
    let mut request = request("GET", "/a/b/c?d");
    for _ in 0..2 {
        let text = router.handle(&mut request).into_body().into_string().unwrap();
        assert_eq!(text, "/c?d /a/{b}/{c} b=\"b\" c=\"c\"");
        assert_eq!(request.uri(), "/a/b/c?d");
        assert!(request.extensions().is_empty());
    }
}

#[test]
fn request_is_as_it_was_after_a_panic_but_for_the_route() {
    let inner = Router::new().get("/boom/{id}", |_| -> &'static str { panic!("boom") });
    let router = Router::new().mount("/shop/{name}", inner);
    let mut request = request("GET", "/shop/a/./boom/1");
    assert!(catch_unwind(AssertUnwindSafe(|| router.handle(&mut request))).is_err());
    assert_eq!(request.uri(), "/shop/a/./boom/1");
    assert!(request.extensions().get::<Routing>().is_none());
    assert_eq!(request.extensions().get::<MatchedRoute>().unwrap().as_str(), "/shop/{name}/boom/{id}");
}

#[test]
fn literals_match_as_they_are_and_encoded() {
    let router = Router::new().get("/tags[]", |_| "tags").get("/a|b/{x}", told);
    for (target, content) in [
        ("/tags[]", "tags"),
        ("/tags%5B%5d", "tags"),
        ("/a|b/[1]", "/a|b/[1] /a|b/{x} x=\"[1]\""),
        ("/a%7cb/%5b1%5D", "/a%7cb/%5b1%5D /a|b/{x} x=\"[1]\""),
    ] {
        check(&router, target, 200, content);
    }
}

#[test]
fn prompt_are_the_routes_marked_and_the_handlers_marked() {
    let inner = Router::new().get("/own", |_| ()).get("/other", |_| ()).prompt("/own");
    let router = Router::new()
        .get("/health/{a}", |_| ())
        .route(Method::GET, "/handler", handler(|_| ()).prompt())
        .post("/handler", |_| ())
        .mount("/in", inner)
        .mount("/all", Router::new().get("/a", |_| ()))
        .prompt("/health/{a}")
        .prompt("/all");
    let is_prompt = |method: Method, target: &str| router.is_prompt(&method, &target.parse().unwrap());
    for target in ["/health/x", "/he%61lth/x", "/handler", "/in/own?a", "/all/a", "/all"] {
        assert!(is_prompt(Method::GET, target) && is_prompt(Method::HEAD, target), "{target}");
    }
    for target in ["/health", "/in/other", "/in", "/nowhere", "*"] {
        assert!(!is_prompt(Method::GET, target), "{target}");
    }
    assert!(!is_prompt(Method::POST, "/handler") && !is_prompt(Method::POST, "/health/x"));
}

#[test]
fn body_limit_is_that_of_the_inner_handler_then_of_the_route() {
    let inner = Router::new().post("/up", |_| ()).post("/own", |_| ()).body_limit("/own", 3);
    let router = Router::new()
        .post("/up/{a}", |_| ())
        .get("/free", |_| ())
        .mount("/in", inner)
        .body_limit("/up/{a}", 1)
        .body_limit("/in/", 2);
    let limit = |method: Method, target: &str| Handler::body_limit(&router, &method, &target.parse().unwrap());
    assert_eq!(limit(Method::POST, "/up/x"), Some(1));
    assert_eq!(limit(Method::POST, "/u%70/x"), Some(1));
    assert_eq!(limit(Method::PUT, "/up/x"), None);
    assert_eq!(limit(Method::GET, "/free"), None);
    assert_eq!(limit(Method::POST, "/in/up"), Some(2));
    assert_eq!(limit(Method::POST, "/in"), Some(2));
    assert_eq!(limit(Method::POST, "/in/own"), Some(3));
    assert_eq!(limit(Method::POST, "/nowhere"), None);
    assert_eq!(limit(Method::OPTIONS, "*"), None);
}

#[test]
fn mistake_in_a_route_panics_with_its_path() {
    let page = |_: &mut Request| ();
    #[track_caller]
    fn fails(expected: &str, build: impl FnOnce() -> Router) {
        let panic = catch_unwind(AssertUnwindSafe(build)).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().unwrap(), expected);
    }
    let new = || Router::new().get("/a/{b}", page);
    fails("the route `tea` does not begin with a slash", || new().get("tea", page));
    fails("the route `` does not begin with a slash", || new().get("", page));
    fails("the route `tea` does not begin with a slash", || new().mount("tea", page));
    fails("the route `/a?b` is more than a path: only paths are matched", || new().get("/a?b", page));
    for (foreign, written) in [(":id", "{id}"), ("<id>", "{id}"), ("*rest", "{*rest}"), ("*", "{*rest}")] {
        let expected =
            format!("the route `/u/{foreign}` has the segment `{foreign}`: a parameter is written `{written}`");
        fails(&expected, || new().get(&format!("/u/{foreign}"), page));
    }
    drop(new().get("/items:batch", page).get("/:/a*", page).any("*", page));
    fails("the route `/a/{b}` has a handler for GET already", || new().get("/a/{b}", page));
    fails("the route `/t` has a handler for any method already", || new().any("/t", page).any("/t", page));
    fails("the route `/a/{c}` is ambiguous beside `/a/{b}`", || new().post("/a/{c}", page));
    fails("the route `/a/{*c}` is ambiguous beside `/a/{b}`", || new().post("/a/{*c}", page));
    fails("the route `/a/{*rest}` is ambiguous beside `/a/{b}`", || new().mount("/a", page));
    fails("the route `/m` is ambiguous beside `/m`", || new().mount("/m", page).get("/m", page));
    fails("the route `/m/{*rest}` is ambiguous beside `/m/{*rest}`", || {
        new().mount("/m", page).get("/m/{*rest}", page)
    });
    fails("the route `/{*a}/b` is malformed: catch-all parameters are only allowed at the end of a route", || {
        new().get("/{*a}/b", page)
    });
    fails("the route `/{a}{b}` is malformed: only one parameter is allowed per path segment", || {
        new().get("/{a}{b}", page)
    });
    fails("the route `/{` is malformed: parameters must be registered with a valid name", || new().get("/{", page));
    fails("the route `/{}` is malformed: parameters must be registered with a valid name", || new().get("/{}", page));
    fails("no route has the path `/b`: add the route first", || new().body_limit("/b", 1));
    fails("no route has the path `/b`: add the route first", || new().prompt("/b"));
}

#[test]
fn router_shows_its_patterns() {
    let router = Router::new().get("/{a}", |_| ()).mount("/b", Router::new());
    assert_eq!(format!("{router:?}"), "Router { routes: [\"/{a}\", \"/b/{*rest}\"], .. }");
}

/// Compares the router with a plain reading of the rules, for all short paths.
#[test]
fn short_paths_match_as_a_naive_matcher_says() {
    for patterns in [
        &["/", "/a", "/{x}", "/{x}/", "/a/b", "/a/{x}", "/{x}/a", "/{x}/{y}"][..],
        &["/{*x}", "/a", "/a/", "/a/{x}/b", "/a/{x}/{*y}", "/b/{*x}", "/b/a/{x}"],
        &["/a{x}", "/{x}", "/aa", "/b/{x}b", "/b/{x}", "/b/{x}/a", "//", "//{x}"],
        &["/a/{x}/a", "/{x}/a/b", "/{x}/{y}/{z}", "/a/a/{*x}", "/{x}//a"],
        &["/b/{x}b/a", "/b/{x}/b"],
        &["/b/{x}b/a", "/b/{x}/b", "/{y}/{z}/{w}", "/b/{x}b/"],
        &["/b/{x}b/a", "/b/{x}/b", "/{*x}"],
        &["/{x}a/{y}b/a", "/{x}/{y}/b", "/{x}/b/{*y}", "/a/b{y}/{z}"],
    ] {
        let router = patterns.iter().fold(Router::new(), |router, path| router.get(path, told));
        let mut paths = vec!["/".to_owned()];
        for _ in 0..7 {
            for path in &paths {
                let (status, _, _, found) = ask(&router, "GET", path);
                let naive = patterns.iter().filter_map(|pattern| naive(pattern, path)).min();
                let expected = naive.map(|(_, text)| format!("{path} {text}"));
                assert_eq!((status == 200).then_some(found), expected, "{path} in {patterns:?}");
            }
            let longer = |path: &String| ["/", "a", "b"].map(|next| path.clone() + next);
            paths = paths.iter().flat_map(longer).collect();
        }
    }
}

/// Returns the rank of each segment, and the pattern with its parameters, if `pattern` matches.
fn naive(pattern: &str, path: &str) -> Option<(Vec<u8>, String)> {
    let mut ranks = Vec::new();
    let mut text = pattern.to_owned();
    let mut rest = path.strip_prefix('/');
    for part in pattern.strip_prefix('/')?.split('/') {
        let left = rest?;
        let (segment, after) = left.split_once('/').map_or((left, None), |(segment, after)| (segment, Some(after)));
        rest = after;
        let Some((before, name)) = part.split_once('{') else {
            ranks.push(0);
            if part == segment { continue } else { return None }
        };
        let (name, behind) = name.split_once('}')?;
        let (value, name) = match name.strip_prefix('*') {
            Some(name) => {
                rest = None;
                (left, name)
            }
            None => (segment.strip_prefix(before)?.strip_suffix(behind)?, name),
        };
        if value.is_empty() {
            return None;
        }
        ranks.push(if part.contains('*') {
            3
        } else if before.len() + behind.len() > 0 {
            1
        } else {
            2
        });
        text.push_str(&format!(" {name}={value:?}"));
    }
    rest.is_none().then_some((ranks, text))
}
