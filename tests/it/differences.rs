//! drupe compared with other servers: `tests/interop/DIFFERENCES.md` is current, and `TESTING.md`
//! has its figures.

use crate::place::run;
use crate::readme::{is_package, read, rows, section};

#[test]
fn documented_figures_match() {
    if is_package() {
        return;
    }
    let of_page = rows(&read("tests/interop/DIFFERENCES.md"), "## In figures", 8);
    let known: Vec<Vec<String>> = of_page.into_iter().map(|row| row[..6].to_vec()).collect();
    let told = rows(&read("TESTING.md"), "## Other servers", 6).into_iter().map(|mut row| {
        // A server is told with its version.
        row[0] = row[0].split(' ').next().unwrap().to_owned();
        row
    });
    assert_eq!(told.collect::<Vec<_>>(), known);
    let page = read("tests/interop/DIFFERENCES.md");
    let of = |heading| {
        let lines = section(&page, heading).lines().filter(|line| line.starts_with("| "));
        lines.filter(|line| !line.starts_with("| case |")).count()
    };
    let (odd, lax, all) = (of("## Where drupe"), of("## What drupe takes"), of("## Every difference"));
    let alone = section(&page, "## Where drupe").split_once("In ").unwrap().1.split(' ').next().unwrap();
    let cases = section(&page, "## In figures").split_once("Of ").unwrap().1.split(' ').next().unwrap();
    let testing = read("TESTING.md");
    let words = section(&testing, "## Other servers").split_whitespace().collect::<Vec<_>>().join(" ");
    for told in [
        format!("the {},{} that need no setting", &cases[..1], &cases[1..]),
        format!("that differs in framing, {all} of them"),
        format!("In {alone} cases all six differ from drupe, and in {} five", odd - alone.parse::<usize>().unwrap()),
        format!("In {lax} cases drupe takes what at least two others refuse"),
    ] {
        assert!(words.contains(&told), "{told:?} is not in {words}");
    }
}

#[test]
#[ignore = "takes two minutes, nginx, Node and Python with venv and pip; .ci/run has them"]
fn the_differences_to_other_servers_are_current() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/servers/Cargo.toml");
    run(env!("CARGO"), &["run", "--quiet", "--manifest-path", manifest, "--", "check"]);
}
