//! Tests of links: the root as a link, links below the root, and links that change meanwhile.

use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::AtomicBool;

use nix::fcntl::OFlag;

use super::super::beneath::{Beneath, Lookup, READ};
use super::super::walk;
use super::*;
use crate::system::entry::PLACE;

impl Place {
    /// Makes the relative link `path` to `target`, replacing a link in one step.
    fn relink(&self, target: &str, path: &str) {
        let (new, path) = (self.path.join("new-link"), self.path.join(path));
        symlink(target, &new).unwrap();
        fs::rename(new, path).unwrap();
    }
}

/// A directory as the kubelet lays out a ConfigMap of the given version.
fn config_map(place: &Place, version: &str) {
    let files = [("app.js", "app"), ("page.html", "page"), ("sub/deep.txt", "deep")];
    for (name, text) in files {
        place.add(&format!("site/..{version}/{name}"), &format!("{text} {version}"));
    }
    place.relink(&format!("..{version}"), "site/..data");
    for name in ["app.js", "page.html", "sub"] {
        place.relink(&format!("..data/{name}"), &format!("site/{name}"));
    }
}

#[test]
fn a_root_that_is_a_link_is_followed_at_each_request() {
    let place = Place::new();
    place.add("r1/v", "one");
    place.add("r2/v", "two");
    place.relink("r1", "cur");
    let files = Files::new(place.path.join("cur")).unwrap();
    assert_eq!(get(&files, "/v").text(), "one");
    place.relink("r2", "cur");
    assert_eq!(get(&files, "/v").text(), "two");
    fs::remove_dir_all(place.path.join("r1")).unwrap();
    assert_eq!(get(&files, "/v").text(), "two");
    assert!(get(&files, "/").text().contains("<b>v</b>"));
}

#[test]
fn a_root_that_is_gone_is_503_until_there_is_one_again() {
    let place = Place::new();
    let files = place.files();
    fs::rename(place.path.join("site"), place.path.join("aside")).unwrap();
    for path in ["/ten.txt", "/none", "/", "/sub"] {
        let answer = get(&files, path);
        assert_eq!((answer.status, answer.field("retry-after")), (503, "1"), "{path}");
    }
    place.add("site", "a file by that name");
    assert_eq!(get(&files, "/ten.txt").status, 503);
    fs::remove_file(place.path.join("site")).unwrap();
    fs::rename(place.path.join("aside"), place.path.join("site")).unwrap();
    assert_eq!((get(&files, "/ten.txt").status, get(&files, "/none").status), (200, 404));
}

#[test]
fn a_config_map_is_served_by_its_names() {
    let place = Place::new();
    config_map(&place, "2026_1");
    let files = place.files();
    for version in ["2026_1", "2026_2"] {
        config_map(&place, version);
        for (path, text) in [("/app.js", "app"), ("/page.html", "page"), ("/sub/deep.txt", "deep")] {
            assert_eq!(get(&files, path).text(), format!("{text} {version}"), "{path}");
        }
    }
    for path in ["/..data/app.js", "/..data/", "/..data", "/..2026_1/app.js", "/%2e.data/app.js"] {
        assert_eq!(get(&files, path).status, 404, "{path}");
    }
    let page = get(&files, "/").text();
    for (name, is_shown) in
        [("app.js", true), ("page.html", true), ("sub", true), ("..data", false), ("..2026_1", false)]
    {
        assert_eq!(page.contains(&format!("<b>{name}</b>")), is_shown, "{name}");
    }
    assert!(get(&files, "/sub/").text().contains("<b>deep.txt</b>"));
}

#[test]
fn a_config_map_is_served_while_it_is_replaced() {
    let place = Place::new();
    config_map(&place, "a");
    config_map(&place, "b");
    let (files, is_over) = (place.files(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                place.relink("..a", "site/..data");
                place.relink("..b", "site/..data");
            }
        });
        let texts: Vec<_> = (0..2000).map(|_| get(&files, "/app.js")).collect();
        is_over.store(true, Ordering::Relaxed);
        for answer in texts {
            assert!(["app a", "app b"].contains(&answer.text().as_str()), "{} {}", answer.status, answer.text());
        }
    });
}

#[test]
fn allowed_link_that_changes_all_the_time_never_leads_elsewhere() {
    let place = Place::new();
    place.add("elsewhere/secret.txt", "of another");
    place.relink("../outside", "site/media");
    let (files, is_over) = (place.files().link("media").unwrap(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                place.relink("../elsewhere", "site/media");
                place.relink("../outside", "site/media");
            }
        });
        let answers: Vec<_> = (0..2000).map(|_| get(&files, "/media/secret.txt")).collect();
        is_over.store(true, Ordering::Relaxed);
        for answer in answers {
            assert!(answer.status == 404 || answer.text() == "secret", "{} {}", answer.status, answer.text());
        }
    });
    assert_eq!(get(&files, "/media/secret.txt").text(), "secret");
}

/// Exchanges two names, in one step.
#[cfg(target_env = "gnu")]
fn exchange(one: &Path, other: &Path) {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

    renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE).unwrap();
}

/// Exchanges two names, in three steps: `nix` has no `renameat2` for musl.
#[cfg(not(target_env = "gnu"))]
fn exchange(one: &Path, other: &Path) {
    let aside = one.with_extension("aside");
    for (from, to) in [(one, aside.as_path()), (other, one), (&aside, other)] {
        fs::rename(from, to).unwrap();
    }
}

/// Each round lists a directory that is exchanged with a link out of the root all the time.
#[test]
fn a_listing_shows_no_names_of_an_exchanged_directory() {
    let place = Place::new();
    place.add("site/dir/inside.txt", "harmless");
    place.link("outside", "site/out");
    let [inside, out] = ["site/dir", "site/out"].map(|path| place.path.join(path));
    let (files, is_over) = (place.files(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                exchange(&inside, &out);
            }
        });
        let pages: Vec<_> = (0..4000).map(|_| get(&files, "/dir/")).collect();
        is_over.store(true, Ordering::Relaxed);
        let count = |status| pages.iter().filter(|answer| answer.status == status).count();
        assert_eq!(count(200) + count(404), pages.len());
        assert!(count(200) > 0, "the directory itself was listed at times");
        assert!(!pages.iter().any(|answer| answer.text().contains("secret")));
    });
}

/// Pairs of a path and the text of the target; `None` for paths that lead nowhere or out.
fn maze(place: &Place) -> Vec<(&'static str, Option<&'static str>)> {
    place.add("site/sub/deep/deep.txt", "deep");
    place.add("outside/inner/secret.txt", "secret");
    place.link("outside", "site/out");
    place.link("site/sub", "site/absolute");
    place.link("site", "site/whole");
    place.link("site", "outside/back");
    for (target, path) in [
        ("sub/../../site/ten.txt", "out-and-in"),
        ("../outside/back/ten.txt", "in-by-a-link-outside"),
        ("../outside/secret.txt", "out-by-dots"),
        ("../../../../../../../../../../../../etc/passwd", "out-by-many-dots"),
        ("absolute/deep/../../ten.txt", "dots-behind-a-link"),
        ("sub/./deep/./deep.txt", "self"),
        ("ten.txt/more", "below-a-file"),
        ("round-b", "round-a"),
        ("round-a", "round-b"),
        ("/proc/self/cwd/Cargo.toml", "magic"),
        ("/", "top"),
    ] {
        symlink(target, place.path.join("site").join(path)).unwrap();
    }
    symlink("ten.txt", place.path.join("site/chain-0")).unwrap();
    for number in 1..=41 {
        symlink(format!("chain-{}", number - 1), place.path.join(format!("site/chain-{number}"))).unwrap();
    }
    vec![
        ("ten.txt", Some("0123456789")),
        ("sub/deep/deep.txt", Some("deep")),
        ("absolute/deep/deep.txt", Some("deep")),
        ("whole/whole/ten.txt", Some("0123456789")),
        ("out-and-in", Some("0123456789")),
        ("in-by-a-link-outside", Some("0123456789")),
        ("out/back/ten.txt", Some("0123456789")),
        ("dots-behind-a-link", Some("0123456789")),
        ("self", Some("deep")),
        ("chain-39", Some("0123456789")),
        ("chain-41", None),
        ("out/secret.txt", None),
        ("out/inner/secret.txt", None),
        ("out-by-dots", None),
        ("out-by-many-dots", None),
        ("magic", None),
        ("below-a-file", None),
        ("round-a", None),
        ("top/etc/passwd", None),
        ("none", None),
        ("sub/none", None),
        ("../outside/secret.txt", None),
        ("/etc/passwd", None),
    ]
}

#[test]
fn the_kernel_and_the_walk_lead_to_the_same_targets() {
    let place = Place::new();
    let cases = maze(&place);
    let beneath = Beneath::open(&place.path.join("site")).unwrap();
    let root: OwnedFd = File::open(place.path.join("site")).unwrap().into();
    let text = |file: io::Result<File>| file.ok().map(|file| io::read_to_string(file).unwrap());
    for (path, expected) in cases {
        let found = beneath.find(Path::new(path)).and_then(|found| match found {
            Some(Lookup::File(file, _)) => Ok(file),
            _ => Err(io::ErrorKind::NotFound.into()),
        });
        assert_eq!(text(found).as_deref(), expected, "{path}");
        assert_eq!(text(walk::reach(&root, Path::new(path), READ).map(File::from)).as_deref(), expected, "{path}");
    }
}

#[test]
fn the_walk_ends_in_directories_and_leaves_special_files_alone() {
    let place = Place::new();
    maze(&place);
    let pipe = place.path.join("site/pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let root: OwnedFd = File::open(place.path.join("site")).unwrap().into();
    let reach = |path: &str, flags| walk::reach(&root, Path::new(path), flags).map(File::from);
    let inode = |path: &str| fs::metadata(place.path.join(path)).unwrap().ino();
    for (path, target) in [("", "site"), (".", "site"), ("whole", "site"), ("absolute/deep", "site/sub/deep")] {
        assert_eq!(reach(path, PLACE | OFlag::O_DIRECTORY).unwrap().metadata().unwrap().ino(), inode(target), "{path}");
    }
    for (path, target) in [("pipe", "site/pipe"), ("absolute/deep", "site/sub/deep"), ("ten.txt", "site/ten.txt")] {
        assert_eq!(walk::facts(&root, Path::new(path)).unwrap().st_ino, inode(target), "{path}");
    }
    for path in ["out", "top", "..", "out-by-dots/..", "out/inner"] {
        assert!(reach(path, PLACE | OFlag::O_DIRECTORY).is_err(), "{path}");
        assert!(walk::facts(&root, Path::new(path)).is_err(), "{path}");
    }
    assert!(reach("ten.txt", PLACE | OFlag::O_DIRECTORY).is_err());
}

/// A directory of the path is exchanged with a link out of the root all the time.
#[test]
fn the_walk_is_not_led_out_by_an_exchange() {
    let place = Place::new();
    place.add("site/dir/secret.txt", "harmless");
    place.link("outside", "site/out");
    symlink("dir/../dir/secret.txt", place.path.join("site/dots")).unwrap();
    let [inside, out] = ["site/dir", "site/out"].map(|path| place.path.join(path));
    let root: OwnedFd = File::open(place.path.join("site")).unwrap().into();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                exchange(&inside, &out);
            }
        });
        let texts: Vec<_> = (0..4000)
            .filter_map(|round| walk::reach(&root, Path::new(["dir/secret.txt", "dots"][round % 2]), READ).ok())
            .map(|file| io::read_to_string(File::from(file)).unwrap())
            .collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(!texts.is_empty() && texts.iter().all(|text| text == "harmless"));
    });
}
