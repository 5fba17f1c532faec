//! The text of `--version`: the version, the features compiled in, and the provider of TLS.

/// Returns the version with everything that was compiled in.
pub(super) fn text() -> String {
    let features: Vec<&str> = FEATURES.iter().filter(|(_, is_on)| *is_on).map(|(name, _)| *name).collect();
    // AWS-LC goes before ring where both are on.
    let provider = if features.contains(&"tls-aws-lc") { "AWS-LC" } else { "ring" };
    let (arch, system) = (std::env::consts::ARCH, std::env::consts::OS);
    format!("{SHORT}system: {arch} {system}\nfeatures: {}\nTLS: rustls with {provider}\n", features.join(" "))
}

/// The text of `-V`.
pub(super) const SHORT: &str = concat!("drupe ", env!("CARGO_PKG_VERSION"), "\n");

macro_rules! features {
    ($($name:literal)*) => { &[$(($name, cfg!(feature = $name)),)*] };
}

/// All features of the crate, in alphabetical order, with true for those compiled in.
const FEATURES: &[(&str, bool)] = features! {
    "cli" "compression" "config" "files" "forms" "json" "layers" "multipart" "process" "router" "signals"
    "statistics" "systemd" "testing-tls" "tls" "tls-aws-lc" "tls-encrypted-keys" "wsgi"
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_of_the_manifest_is_in_the_list() {
        let manifest = include_str!("../../Cargo.toml");
        let section = manifest.split("\n[features]\n").nth(1).and_then(|rest| rest.split("\n[").next());
        let lines = section.unwrap_or_default().lines().filter(|line| !line.starts_with('#'));
        let mut names: Vec<&str> = lines.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name).collect();
        names.retain(|name| !["default", "full"].contains(name));
        names.sort_unstable();
        let known: Vec<&str> = FEATURES.iter().map(|(name, _)| *name).collect();
        assert_eq!(known, names);
    }
}
