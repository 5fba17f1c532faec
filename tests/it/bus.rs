//! The bus and its plugins, with other processes and other users.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;

use drupe::process::{Bus, BusError, DropPrivileges, PidFile, Plugin, State};

use crate::client::PATIENCE;
use crate::place::{Place, is_root, output, run};
use crate::process::{is_alone, is_alone_after};

/// Another process that holds a PID file until its input ends.
struct Holder(Child);

impl Holder {
    fn start(file: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["bus::the_other_process", "--exact", "--nocapture"]).env(FILE, file);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(told.any(|line| line.ends_with(HOLDS)), "it has it");
        // It is read on, so that it can say how it ended.
        thread::spawn(move || told.count());
        Self(child)
    }

    fn number(&self) -> u32 {
        self.0.id()
    }

    /// Ends the process, and checks its exit status.
    fn end(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const FILE: &str = "DRUPE_TEST_PID_FILE";
const HOLDS: &str = "holds";

/// The process of a [`Holder`]; does nothing in an ordinary run of the tests.
#[test]
fn the_other_process() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let bus = Bus::new();
    PidFile::new(file).subscribe(&bus);
    bus.start().unwrap();
    println!("\n{HOLDS}");
    let _ = std::io::stdin().read(&mut [0]);
    bus.exit().unwrap();
}

#[test]
fn a_pid_file_is_one_processs_at_a_time() {
    let place = Place::new();
    let file = place.path("a.pid");
    let holder = Holder::start(&file);
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{}\n", holder.number()));
    let bus = Bus::new();
    PidFile::new(&file).subscribe(&bus);
    let refused = bus.start().unwrap_err();
    assert!(
        refused.to_string().contains(&format!("locked by another process; the file contains \"{}\"", holder.number())),
        "{refused}"
    );
    assert_eq!(bus.state(), State::Exiting);
    // The other process's file is left alone, also by the failed process.
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{}\n", holder.number()));
    holder.end();
    assert!(!file.exists());
    bus.start().unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{}\n", std::process::id()));
    bus.exit().unwrap();
    assert!(place.names().is_empty());
}

#[test]
fn pid_file_of_a_killed_process_is_taken_over() {
    let place = Place::new();
    let file = place.path("a.pid");
    let holder = Holder::start(&file);
    let dead = format!("{}\n", holder.number());
    drop(holder);
    assert_eq!(fs::read_to_string(&file).unwrap(), dead);
    let bus = Bus::new();
    PidFile::new(&file).subscribe(&bus);
    bus.start().unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{}\n", std::process::id()));
    bus.exit().unwrap();
    assert!(!file.exists());
}

/// Returns the value of `key` in `/proc` for each thread.
fn of_each_thread(key: &str) -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let texts = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok());
    texts
        .map(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[test]
fn privileges_are_gone_for_good_in_every_thread() {
    if !is_root("laying down privileges") || !is_alone("bus::privileges_are_gone_for_good_in_every_thread") {
        return;
    }
    let place = Place::new();
    let file = place.path("a.pid");
    let bus = Bus::new();
    PidFile::new(&file).subscribe(&bus);
    DropPrivileges::new().user("nobody").unwrap().umask(0o027).subscribe(&bus);
    // A thread that was there before is not forgotten.
    let (end, ended) = mpsc::channel::<()>();
    let before = thread::spawn(move || ended.recv_timeout(PATIENCE));
    bus.start().unwrap();

    let uid = format!("{0} {0} {0} {0}", 65534);
    assert!(of_each_thread("Uid:").iter().all(|ids| *ids == uid), "{:?}", of_each_thread("Uid:"));
    assert!(of_each_thread("Uid:").len() >= 3, "this one, the harness' and the one before");
    let gid = of_each_thread("Gid:");
    assert!(gid.iter().all(|ids| !ids.split(' ').any(|id| id == "0")), "{gid:?}");
    assert!(of_each_thread("Groups:").iter().all(String::is_empty));
    assert!(of_each_thread("CapEff:").iter().all(|set| set.chars().all(|c| c == '0')));
    assert!(of_each_thread("CapPrm:").iter().all(|set| set.chars().all(|c| c == '0')));
    assert!(of_each_thread("Umask:").iter().all(|mask| mask == "0027"));
    fs::read("/etc/shadow").unwrap_err();

    // A restart finds it done.
    bus.restart().unwrap();
    // The process cannot become root again; the call is refused.
    let root = Bus::new();
    DropPrivileges::new().user("root").unwrap().subscribe(&root);
    let refused = root.start().unwrap_err();
    let expected = "start: privileges: cannot give up supplementary groups: Operation not permitted";
    assert!(refused.to_string().starts_with(expected), "{refused}");
    end.send(()).unwrap();
    before.join().unwrap().unwrap();
    // The directory belongs to another user now: the file stays, empty and unlocked.
    bus.exit().unwrap();
    assert_eq!(fs::metadata(&file).unwrap().len(), 0);
}

/// An image may contain nothing but the program.
#[test]
fn user_number_needs_no_database() {
    if !is_root("a directory of the system's hidden") {
        return;
    }
    if !output("unshare", &["--mount", "true"]).status.success() {
        crate::place::say("a directory of the system's hidden: no file system can be mounted here");
        return;
    }
    if !is_alone_after("exec unshare --mount \"$0\" \"$@\"", "bus::user_number_needs_no_database") {
        return;
    }
    run("mount", &["-t", "tmpfs", "none", "/etc"]);
    DropPrivileges::new().group("1000").unwrap().user("1000").unwrap();
    let unknown = |error: BusError| assert!(matches!(error, BusError::Unknown { .. }), "{error:?}");
    unknown(DropPrivileges::new().user("1000").unwrap_err());
    unknown(DropPrivileges::new().user("somebody").unwrap_err());
    unknown(DropPrivileges::new().group("somebody").unwrap_err());
}

#[test]
fn pid_file_out_of_reach_of_the_new_user_is_emptied() {
    if !is_root("a directory of another user") || !is_alone("bus::pid_file_out_of_reach_of_the_new_user_is_emptied") {
        return;
    }
    let place = Place::new();
    let folder = place.path("root's");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    let file = folder.join("a.pid");
    let bus = Bus::new();
    PidFile::new(&file).subscribe(&bus);
    DropPrivileges::new().user("nobody").unwrap().subscribe(&bus);
    // It is seen from where root had it open.
    bus.subscribe("start", 71, "look", {
        let file = file.clone();
        move |_| {
            LOOK.get_or_init(|| fs::File::open(&file).unwrap());
            Ok(())
        }
    });
    bus.start().unwrap();
    assert_ne!(LOOK.get().unwrap().metadata().unwrap().len(), 0);
    fs::metadata(&file).unwrap_err();
    bus.exit().unwrap();
    assert_eq!(LOOK.get().unwrap().metadata().unwrap().len(), 0);
}

/// A PID file, opened while that could be done.
static LOOK: OnceLock<fs::File> = OnceLock::new();

#[test]
fn privileges_that_cannot_be_dropped_fail_the_start() {
    let place = Place::new();
    if !is_root("what is not allowed to others") || !is_alone("bus::privileges_that_cannot_be_dropped_fail_the_start") {
        return;
    }
    let first = Bus::new();
    DropPrivileges::new().user("nobody").unwrap().subscribe(&first);
    first.start().unwrap();
    let bus = Bus::new();
    PidFile::new(place.path("a.pid")).subscribe(&bus);
    DropPrivileges::new().group("0").unwrap().subscribe(&bus);
    let (told, seen) = mpsc::channel();
    bus.subscribe("start", 80, "serve", move |message| Ok(told.send(message.has_failures())?));
    match bus.start() {
        Err(BusError::Failed(failures)) => {
            // The directory is root's, too.
            let names: Vec<&str> = failures.iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["PID file", "privileges"], "{failures}");
        }
        other => panic!("{other:?}"),
    }
    assert!(seen.recv().unwrap(), "who would serve is told");
    assert_eq!(bus.state(), State::Exiting);
}
