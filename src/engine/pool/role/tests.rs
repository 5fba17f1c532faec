//! The role is taken, given up and seized.

mod interleavings;

use super::*;

#[test]
fn a_worker_that_comes_back_in_time_keeps_the_role() {
    let role = Role::new();
    assert!(role.is_held_by(0) && role.take(1) && !role.take(2));
    assert!(role.stop_watching());
    assert!(role.enter(1), "the guard sleeps");
    let seen = role.look();
    assert_eq!(role.armed().map(|(armed, _)| armed), Some(seen));
    assert!(role.leave(1) && role.is_held_by(1));
    assert!(!role.seize(seen), "it is back");
    assert!(!role.enter(1), "the alarm is set already");
    assert!(!role.seize(seen), "it is another handler");
    assert!(role.leave(1) && role.give_up(1) && role.is_held_by(0));
    assert!(!role.give_up(1));
}

#[test]
fn a_worker_whose_role_was_seized_finds_out() {
    let role = Role::new();
    role.take(7);
    role.enter(7);
    assert!(role.seize(role.look()) && role.is_held_by(0));
    assert!(role.take(8) && !role.leave(7));
    assert!(!role.seize(role.look()), "the new holder is in no handler");
    assert!(!role.enter(8) && role.leave(8));
}

#[test]
fn the_guard_sleeps_only_while_no_handler_runs() {
    let role = Role::new();
    role.take(1);
    assert!(!role.enter(1), "the guard is awake");
    assert!(!role.stop_watching(), "it has to look after the handler");
    role.leave(1);
    assert!(role.stop_watching());
    assert!(role.enter(1), "the alarm has to be set again");
}
