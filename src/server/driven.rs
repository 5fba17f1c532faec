//! The buses that `quickstart` starts, and ends with: the server is what the process is for, and they are the rest of it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::life::{LifeState, Shared};
use crate::bus::{self, Bus, WeakBus};
use crate::error::Error;

/// The buses that one call of `quickstart` starts.
pub(super) struct Driven {
    buses: Vec<Bus>,
    course: Mutex<Course>,
    /// Rings once no more are going to be started.
    pub(super) settled: Condvar,
}

/// How far it is.
pub(super) struct Course {
    /// How many have been started, or are being so: the first ones.
    begun: usize,
    pub(super) is_starting: bool,
    /// Whether an end has been asked for, which those that are being started then put off.
    is_over: bool,
}

impl Driven {
    /// Those that `shared` is on, unless it runs. One that is started, or that others are about to start or stop, is theirs.
    pub(super) fn by(shared: &Shared) -> Self {
        let buses = {
            let life = shared.settled();
            if life.state == LifeState::Stopped { life.buses.clone() } else { Vec::new() }
        };
        let is_at_rest = |bus: &Bus| matches!(bus.state(), bus::State::Stopped | bus::State::Exiting);
        let buses: Vec<Bus> = buses.iter().filter_map(WeakBus::upgrade).filter(is_at_rest).collect();
        let course = Course { begun: 0, is_starting: !buses.is_empty(), is_over: false };
        Self { buses, course: Mutex::new(course), settled: Condvar::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buses.is_empty()
    }

    /// Starts one after the other, until one fails or an end is asked for; says whether that was so. Where it does not go well, none is
    /// left that it has started.
    pub(super) fn start(&self) -> Result<bool, Error> {
        let mut started = Ok(());
        for bus in &self.buses {
            self.course().begun += 1;
            started = bus.start();
            let mut course = self.course();
            if started.is_err() {
                // It has been ended, or is another's.
                course.begun -= 1;
            }
            if started.is_err() || course.is_over {
                break;
            }
        }
        let is_over = self.settle() || started.is_err();
        if is_over {
            self.exit();
        }
        started.map(|()| is_over).map_err(|source| Error::Bus { source })
    }

    /// Enters that no more are going to be started; says whether an end has been asked for.
    pub(super) fn settle(&self) -> bool {
        let mut course = self.course();
        course.is_starting = false;
        let is_over = course.is_over;
        drop(course);
        self.settled.notify_all();
        is_over
    }

    /// Has those exit that have begun, the last one first; says whether that is all, as opposed to that whoever starts them sees to the rest.
    pub(super) fn exit(&self) -> bool {
        let (begun, is_starting) = {
            let mut course = self.course();
            course.is_over = true;
            (course.begun, course.is_starting)
        };
        for bus in self.buses[..begun].iter().rev() {
            // Who fails at it is logged.
            let _ = bus.exit();
        }
        !is_starting
    }

    /// Ends them, if nobody has, and waits for that.
    pub(super) fn end(&self) -> Result<(), Error> {
        self.exit();
        let ended = self.begun().iter().map(Bus::block).fold(Ok(()), Result::and);
        ended.map_err(|source| Error::Bus { source })
    }

    /// Those that have been started, or are being so.
    pub(super) fn begun(&self) -> &[Bus] {
        let begun = self.course().begun;
        &self.buses[..begun]
    }

    /// Nothing under this lock can leave it half done, so poison says nothing.
    pub(super) fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
