//! The statistics page, as one document, and its content security policy.

/// The document: markup, style and script, without external resources.
pub(super) const DOCUMENT: &str = concat!(
    include_str!("page/head.html"),
    "<style>",
    include_str!("page/style.css"),
    "</style>\n",
    include_str!("page/body.html"),
    "<script>",
    include_str!("page/script.js"),
    "</script>\n</html>\n",
);

/// The policy for browsers: run only this style and this script, by hash, and connect only to this
/// server.
pub(super) const POLICY: &str = concat!(
    "default-src 'none'; script-src 'sha256-",
    "OzSfyblhT10PEZI9baj4tMwMbPqflaJ51eRKwjajQsk=",
    "'; style-src 'sha256-",
    "bNnp5l7vnc4OawfWVkhYpC/cBJxXpWNa47v5NWiwekQ=",
    "'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    /// The hash of `text`, computed by OpenSSL.
    fn hash(text: &str) -> String {
        let mut command = Command::new("sh");
        command.args(["-c", "openssl dgst -sha256 -binary | openssl base64"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(!output.stdout.is_empty(), "this test needs openssl on the PATH");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn policy_has_the_hashes_of_script_and_style() {
        for (what, text) in [("script", include_str!("page/script.js")), ("style", include_str!("page/style.css"))] {
            let expected = format!("{what}-src 'sha256-{}'", hash(text));
            assert!(POLICY.contains(&expected), "it is to have {expected}");
            assert!(DOCUMENT.contains(&format!("<{what}>{text}</{what}>")), "{what}");
        }
    }

    #[test]
    fn page_loads_nothing_from_elsewhere() {
        for part in ["http:", "https:", "src=", "@import", "url(", " style=", "onclick", "innerHTML", "eval("] {
            let found = DOCUMENT.match_indices(part).map(|(at, _)| &DOCUMENT[at..]);
            // A namespace, not a location.
            let foreign = found.filter(|found| !found.starts_with("http://www.w3.org/2000/svg"));
            let foreign: Vec<String> = foreign.map(|found| found.chars().take(60).collect()).collect();
            assert!(foreign.is_empty(), "{foreign:?}");
        }
    }
}
