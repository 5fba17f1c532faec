//! The role is taken, given up and seized.

mod interleavings;
mod passing;

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

#[test]
fn a_holder_passes_the_role_to_a_worker_unless_it_has_lost_it() {
    let role = Role::new();
    role.take(1);
    assert!(role.pass(1, 2) && role.is_held_by(2) && !role.pass(1, 3) && !role.pass(2, 3), "it has not come yet");
    assert!(role.arrive(2) && !role.overtake(3));
    role.enter(2);
    assert!(role.seize(role.look()) && !role.pass(2, 3) && role.is_held_by(0));
}

#[test]
fn a_worker_that_runs_overtakes_one_that_was_woken_for_the_role() {
    let role = Role::new();
    role.take(1);
    role.pass(1, 2);
    assert!(role.overtake(3) && role.is_held_by(3) && !role.overtake(1));
    assert!(!role.arrive(2) && role.arrive(3), "the one that was woken is too late");
    role.pass(3, 4);
    assert!(role.give_up(4) && role.is_held_by(0) && role.take(5), "it may also leave without having come");
}
