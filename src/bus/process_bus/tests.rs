//! The bus alone: delivery, order and failures of listeners.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;

use super::*;
use crate::sync::Mutex;

const LONG: Duration = Duration::from_secs(60);

/// The messages received by listeners, in order.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().push(what.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock())
    }

    /// Records each message of `channels`.
    fn listen(&self, bus: &Bus, channels: &[&str]) {
        for channel in channels {
            let told = self.clone();
            bus.subscribe(channel, 50, "told", move |message| {
                let restart = if message.is_restart() { " again" } else { "" };
                told.note(format!("{}{restart} {}", message.channel(), message.text()).trim_end());
                Ok(())
            });
        }
    }
}

#[test]
fn listeners_run_by_priority_then_by_order_of_subscription() {
    let (bus, told) = (Bus::new(), Told::default());
    for (priority, name) in [(50, "c"), (75, "e"), (-1, "a"), (50, "d"), (25, "b"), (i32::MAX, "f")] {
        let told = told.clone();
        bus.subscribe("custom", priority, name, move |message| {
            told.note(format!("{name} {}", message.text()));
            Ok(())
        });
    }
    bus.publish("custom", "x").unwrap();
    assert_eq!(told.take(), ["a x", "b x", "c x", "d x", "e x", "f x"]);
    bus.publish("nobody listens", "x").unwrap();
    assert_eq!(told.take(), [""; 0]);
}

#[test]
fn all_listeners_run_and_each_failed_one_is_named() {
    let (bus, told) = (Bus::new(), Told::default());
    let last = told.clone();
    bus.subscribe("custom", 10, "first", |_| Err("no disk".into()));
    bus.subscribe("custom", 20, "second", |message| panic!("at {} {}", message.channel(), message.has_failures()));
    bus.subscribe("custom", 30, "third", |_| std::panic::panic_any(7));
    bus.subscribe("custom", 40, "fourth", |_| {
        Err(BusError::System { what: "sing".to_owned(), source: std::io::ErrorKind::PermissionDenied.into() }.into())
    });
    bus.subscribe("custom", 50, "last", move |message| {
        last.note(message.has_failures().to_string());
        Ok(())
    });
    let failures = bus.publish("custom", "").unwrap_err();
    assert_eq!(told.take(), ["true"]);
    assert_eq!(
        failures.to_string(),
        "custom: first: no disk; second: panicked: at custom true; third: panicked: without a message; \
         fourth: cannot sing: permission denied"
    );
    assert_eq!(failures.channel(), "custom");
    let names: Vec<&str> = failures.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["first", "second", "third", "fourth"]);
}

#[test]
fn failing_log_listener_causes_no_endless_logging() {
    let (bus, told) = (Bus::new(), Told::default());
    bus.subscribe("log", 10, "broken", |_| Err("full".into()));
    told.listen(&bus, &["log"]);
    bus.log("hello");
    assert_eq!(told.take(), ["log hello"]);
    bus.publish("log", "told").unwrap_err();
    assert_eq!(told.take(), ["log told"]);
}

#[test]
fn state_changes_are_published_and_logged_in_order() {
    let (bus, told) = (Bus::new(), Told::default());
    told.listen(&bus, &["start", "stop", "restart", "exit", "graceful", "log"]);
    bus.start().unwrap();
    bus.start().unwrap();
    assert_eq!(told.take(), ["log bus STARTING", "start", "log bus STARTED"]);
    bus.graceful().unwrap();
    assert_eq!((told.take(), bus.state()), (vec!["log bus graceful".into(), "graceful".into()], State::Started));
    bus.restart().unwrap();
    assert_eq!(
        told.take(),
        [
            "log bus STOPPING",
            "stop again",
            "log bus STOPPED",
            "restart again",
            "log bus STARTING",
            "start again",
            "log bus STARTED"
        ]
    );
    bus.stop().unwrap();
    bus.stop().unwrap();
    assert_eq!(told.take(), ["log bus STOPPING", "stop", "log bus STOPPED"]);
    bus.exit().unwrap();
    bus.exit().unwrap();
    bus.stop().unwrap();
    assert_eq!(told.take(), ["log bus EXITING", "exit"]);
    bus.restart().unwrap();
    assert_eq!(told.take(), ["log bus STARTING", "start", "log bus STARTED"]);
    bus.exit().unwrap();
    assert_eq!(told.take(), ["log bus STOPPING", "stop", "log bus STOPPED", "log bus EXITING", "exit"]);
}

#[test]
fn failed_start_exits_the_bus_and_reports_to_all_waiting_threads() {
    let (bus, told) = (Bus::new(), Told::default());
    told.listen(&bus, &["start", "stop", "exit"]);
    let broken = bus.subscribe("start", 10, "broken", |_| Err("port in use".into()));
    let error = bus.start().unwrap_err();
    assert_eq!(error.to_string(), "start: broken: port in use");
    assert_eq!(told.take(), ["start", "stop", "exit"]);
    assert_eq!(bus.state(), State::Exiting);
    assert_eq!(bus.block().unwrap_err().to_string(), "start: broken: port in use");
    assert_eq!(bus.wait(&[State::Started], None).unwrap_err().to_string(), "start: broken: port in use");

    assert!(bus.unsubscribe(broken));
    assert!(!bus.unsubscribe(broken));
    bus.start().unwrap();
    bus.exit().unwrap();
    bus.block().unwrap();
    assert!(matches!(bus.wait(&[State::Started], None), Err(BusError::Exited)));
}

#[test]
fn failed_stop_listener_is_named_and_the_bus_still_stops() {
    let bus = Bus::new();
    bus.subscribe("stop", 50, "stuck", |_| Err("stuck".into()));
    bus.subscribe("exit", 50, "clinging", |_| Err("clinging".into()));
    bus.start().unwrap();
    assert_eq!(bus.stop().unwrap_err().to_string(), "stop: stuck: stuck");
    assert_eq!(bus.state(), State::Stopped);
    bus.start().unwrap();
    assert_eq!(bus.restart().unwrap_err().to_string(), "stop: stuck: stuck");
    assert_eq!(bus.state(), State::Started);
    assert_eq!(bus.exit().unwrap_err().to_string(), "stop: stuck: stuck; clinging: clinging");
    bus.block().unwrap();
}

#[test]
fn a_listener_may_use_the_bus_in_every_way() {
    let (bus, told) = (Bus::new(), Told::default());
    told.listen(&bus, &["custom", "exit", "stop"]);
    let added = told.clone();
    bus.subscribe("start", 50, "busy", move |message| {
        let bus = message.bus();
        let added = added.clone();
        let id = bus.subscribe("custom", 60, "added", move |_| {
            added.note("added");
            Ok(())
        });
        bus.publish("custom", bus.state().to_string().as_str())?;
        assert!(bus.unsubscribe(id));
        for refused in [bus.start(), bus.stop(), bus.restart()] {
            assert!(matches!(refused, Err(BusError::Refused { state: State::Starting, .. })));
        }
        bus.exit()?;
        assert_eq!(bus.state(), State::Starting, "it is done later");
        Ok(())
    });
    bus.start().unwrap();
    assert_eq!(bus.state(), State::Exiting);
    assert_eq!(told.take(), ["custom STARTING", "added", "stop", "exit"]);
}

#[test]
fn an_exit_from_another_thread_never_waits_for_a_change() {
    let bus = Bus::new();
    let other = bus.clone();
    bus.subscribe("stop", 50, "join", move |_| {
        // The joined thread asks for an exit first.
        let other = other.clone();
        thread::spawn(move || other.exit().unwrap()).join().unwrap();
        Ok(())
    });
    bus.start().unwrap();
    bus.stop().unwrap();
    assert_eq!(bus.state(), State::Exiting);
}

#[test]
fn waiting_ends_with_the_state_the_time_or_the_end() {
    let bus = Bus::new();
    assert_eq!(bus.wait(&[State::Stopped, State::Started], None).unwrap(), State::Stopped);
    let timed_out = bus.wait(&[State::Started], Some(Duration::from_millis(1))).unwrap_err();
    assert_eq!(timed_out.to_string(), "timed out waiting for the bus, which is STOPPED");
    thread::scope(|scope| {
        let waiting: Vec<_> =
            (0..4).map(|_| scope.spawn(|| bus.wait(&[State::Started], Some(LONG)).unwrap())).collect();
        bus.start().unwrap();
        assert!(waiting.into_iter().all(|waiting| waiting.join().unwrap() == State::Started));
        let blocked = scope.spawn(|| bus.block());
        let waiting = scope.spawn(|| bus.wait(&[State::Stopped], Some(LONG)));
        bus.restart().unwrap();
        bus.fail("server", "its listener is gone");
        for told in [blocked.join().unwrap().unwrap_err(), waiting.join().unwrap().unwrap_err()] {
            assert_eq!(told.to_string(), "failed: server: its listener is gone");
        }
    });
    // A later failure changes nothing, and the next start resets the cause.
    bus.start().unwrap();
    bus.exit().unwrap();
    bus.fail("server", "too late");
    bus.block().unwrap();
}

#[test]
fn blocking_thread_publishes_main_while_there_are_listeners() {
    let bus = Bus::new();
    let (told, ticks) = mpsc::channel();
    bus.start().unwrap();
    thread::scope(|scope| {
        let blocked = scope.spawn(|| {
            bus.block().unwrap();
            thread::current().id()
        });
        let id = bus.subscribe("main", 50, "ticks", move |_| {
            told.send(thread::current().id())?;
            Err("and fails".into())
        });
        let (first, second) = (ticks.recv_timeout(LONG).unwrap(), ticks.recv_timeout(LONG).unwrap());
        bus.unsubscribe(id);
        bus.exit().unwrap();
        let thread = blocked.join().unwrap();
        assert_eq!((first, second), (thread, thread));
    });
}

#[test]
fn only_one_of_many_threads_changes_the_state() {
    let (bus, starts) = (Bus::new(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&starts);
    bus.subscribe("start", 50, "count", move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    for round in 1..=50 {
        let barrier = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    barrier.wait();
                    match bus.start() {
                        Ok(()) | Err(BusError::Refused { wish: "start", .. }) => {}
                        other => panic!("{other:?}"),
                    }
                });
            }
        });
        assert_eq!((bus.state(), starts.load(Ordering::SeqCst)), (State::Started, round));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| bus.exit().unwrap());
            }
        });
        bus.wait(&[State::Exiting], Some(LONG)).unwrap();
    }
}

#[test]
fn a_bus_and_its_listeners_are_dropped_with_its_last_clone() {
    let held = Arc::new(());
    let bus = Bus::new();
    let kept = Arc::clone(&held);
    bus.subscribe("start", 50, "holder", move |_| {
        let _ = &kept;
        Ok(())
    });
    bus.start().unwrap();
    drop(bus.clone());
    assert_eq!(Arc::strong_count(&held), 2);
    drop(bus);
    assert_eq!(Arc::strong_count(&held), 1);
}
