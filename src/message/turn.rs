//! Handlers that take turns: the time that counts for the choice of their thread.

use std::cell::Cell;
use std::time::Duration;

use crate::system::processor;

/// Reports that the running handler has waited for `waited` until it got its lock, and now runs
/// under the lock.
///
/// For handlers that run one at a time under one lock, such as the lock of an interpreter. A second
/// worker gains nothing while the first one computes. The server therefore leaves the wait, and
/// seven eighths of the processor time from here on, out of the time of the handler, and runs
/// handlers that hardly wait for anything else on one thread, one after another. Without the call,
/// a hundred microseconds of work count as long, and all workers compete for the lock.
///
/// Call it each time the lock was taken, on the thread of the handler. Elsewhere it has no effect.
///
/// ```
/// use std::sync::Mutex;
/// use std::time::Instant;
///
/// use drupe::Request;
/// use drupe::exchange::note_turn;
///
/// static INTERPRETER: Mutex<u64> = Mutex::new(0);
///
/// fn handler(_: &mut Request) -> String {
///     let begun = Instant::now();
///     let mut interpreter = INTERPRETER.lock().unwrap();
///     note_turn(begun.elapsed());
///     *interpreter += 1;
///     format!("run {}\n", *interpreter)
/// }
/// # assert_eq!(handler(&mut Request::default()), "run 1\n");
/// ```
pub fn note_turn(waited: Duration) {
    let turns = TURNS.get().unwrap_or_else(Turns::from_now_on);
    TURNS.set(Some(Turns { waited: turns.waited.saturating_add(waited), ..turns }));
}

/// Forgets the turns of this thread.
pub(crate) fn forget() {
    TURNS.set(None);
}

/// True if a handler has taken a turn on this thread since the last [`forget`].
pub(crate) fn is_taken() -> bool {
    TURNS.get().is_some()
}

/// Returns the part of `time` that counts, up to now.
pub(crate) fn counted(time: Duration) -> Duration {
    let Some(before) = TURNS.get() else { return time };
    let now = Turns::from_now_on();
    TURNS.set(Some(now));
    time.saturating_sub(before.waited).saturating_sub(now.used.saturating_sub(before.used) / 8 * 7)
}

/// The turns taken on a thread.
#[derive(Clone, Copy)]
struct Turns {
    /// The sum of the waits.
    waited: Duration,
    /// The processor time of the thread at the first turn.
    used: Duration,
}

impl Turns {
    fn from_now_on() -> Self {
        Self { waited: Duration::ZERO, used: processor::time_of_this_thread() }
    }
}

thread_local! {
    static TURNS: Cell<Option<Turns>> = const { Cell::new(None) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_for_the_turn_and_most_of_the_work_do_not_count() {
        const MILLI: Duration = Duration::from_millis(1);
        forget();
        assert_eq!((counted(5 * MILLI), is_taken()), (5 * MILLI, false));
        let begun = processor::time_of_this_thread();
        note_turn(2 * MILLI);
        note_turn(MILLI);
        let waited = counted(9 * MILLI);
        let between = processor::time_of_this_thread() - begun;
        assert!(waited <= 6 * MILLI && waited >= 6 * MILLI - between, "{waited:?}");
        while processor::time_of_this_thread() - begun < 3 * MILLI {}
        let used = counted(6 * MILLI);
        let most = processor::time_of_this_thread() - begun;
        // The first turn was a little later than `begun`.
        assert!(used >= 6 * MILLI - most / 8 * 7 && used < 6 * MILLI - (3 * MILLI - between) / 8 * 7 + MILLI / 10);
        assert!(is_taken());
        forget();
        assert!(!is_taken());
    }
}
