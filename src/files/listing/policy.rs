//! The content security policy of a listing.

/// The style of a page.
pub(super) const STYLE: &str = include_str!("page.css");
/// The script of a page: shows times in the browser's zone.
pub(super) const SCRIPT: &str = include_str!("times.js");

/// The policy for browsers: only this style and this script, by hash; nothing is loaded.
pub(super) const POLICY: &str = concat!(
    "default-src 'none'; script-src 'sha256-",
    "zA0S0JYEcx4Akr57VdF6dZ5eJqQ29xtq0wd6kdFlSWc=",
    "'; style-src 'sha256-",
    "7LJKrVFwxoiym+Tm+x6H6FASvAZpkM3thREELefG7yU=",
    "'; base-uri 'none'; form-action 'none'",
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
    fn policy_of_a_listing_has_the_hashes_of_script_and_style() {
        for (what, text) in [("script", SCRIPT), ("style", STYLE)] {
            let expected = format!("{what}-src 'sha256-{}'", hash(text));
            assert!(POLICY.contains(&expected), "the policy is to have {expected}");
        }
    }
}
