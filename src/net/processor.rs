//! How much processor time this process has used.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// That of all its threads since it began; `None` where the system does not say.
pub(crate) fn time() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).ok().map(Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_work() {
        let before = time().unwrap();
        let mut number = 1_u64;
        while time().unwrap() < before + Duration::from_millis(2) {
            number = std::hint::black_box(number.wrapping_mul(31));
        }
        assert!(time().unwrap() >= before + Duration::from_millis(2));
    }
}
