//! Content that a handler has left unread is dropped, to get at the next request of the connection.

use super::connection::{Connection, Next, Phase, Step};
use super::desk::Desk;

impl Connection {
    /// Drops what there is of it; what is too much of it, or malformed, ends the connection.
    pub(super) fn drain(&mut self, desk: &mut Desk) -> Step {
        let Phase::Drain { decoder, left } = &mut self.phase else { return Step::On };
        let mut hole = [0; 4096];
        while !decoder.is_ended() {
            match decoder.decode(self.input.unread(), &mut hole) {
                Ok(step) if step.consumed > 0 => {
                    self.input.consume(step.consumed);
                    desk.counters.content_read.add(step.produced as u64);
                    *left = left.saturating_sub(step.consumed as u64);
                }
                Ok(_) if *left > 0 => return Step::Starved,
                Ok(_) | Err(_) => return Step::Verdict(self.begin_linger(desk)),
            }
            if *left == 0 && !decoder.is_ended() {
                return Step::Verdict(self.begin_linger(desk));
            }
        }
        self.settle(Next::Head, desk)
    }
}
