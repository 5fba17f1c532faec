//! drupe beside other servers: what `tests/interop/DIFFERENCES.md` says is what is seen, and what `TESTING.md` says of it.

use crate::place::run;
use crate::readme::{read, rows};

#[test]
fn their_figures_are_those_that_are_told() {
    let of_page = rows(&read("tests/interop/DIFFERENCES.md"), "## In figures", 8);
    let known: Vec<Vec<String>> = of_page.into_iter().map(|row| row[..6].to_vec()).collect();
    let told = rows(&read("TESTING.md"), "## Other servers", 6).into_iter().map(|mut row| {
        // A server is told with its version.
        row[0] = row[0].split(' ').next().unwrap().to_owned();
        row
    });
    assert_eq!(told.collect::<Vec<_>>(), known);
}

#[test]
#[ignore = "takes two minutes, nginx, Node and Python with venv and pip; .ci/run has them"]
fn the_differences_to_other_servers_are_current() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/servers/Cargo.toml");
    run(env!("CARGO"), &["run", "--quiet", "--manifest-path", manifest, "--", "check"]);
}
