//! drupe beside other servers: what `tests/interop/DIFFERENCES.md` says is what is seen.

use crate::place::run;

#[test]
#[ignore = "takes two minutes, nginx, Node and Python with venv and pip; .ci/run has them"]
fn the_differences_to_other_servers_are_current() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/servers/Cargo.toml");
    run(env!("CARGO"), &["run", "--quiet", "--manifest-path", manifest, "--", "check"]);
}
