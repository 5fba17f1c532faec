//! The socket of a connection, with the input received and the output to be sent.

use std::net::Shutdown;
use std::sync::Arc;

use crate::config::Config;
use crate::engine::service::context::{Service, WorkerContext};
use crate::engine::service::costs::Runs;
use crate::engine::service::counter::Counter;
use crate::engine::wire::input::InputBuffer;
use crate::engine::wire::output::Output;
use crate::engine::wire::pace::Pace;
use crate::net::poll::Interest;
use crate::net::stream::{Stream, would_wait};

/// The socket of a connection, and the input received from the peer.
#[derive(Debug)]
pub(in crate::engine) struct Transport {
    pub(in crate::engine) stream: Arc<Stream>,
    /// Input not yet consumed.
    pub(in crate::engine) input: InputBuffer,
    /// True if the last read emptied the socket, so that the poller will report new input.
    pub(super) is_drained: bool,
    /// True if the end of the client's input has been read.
    pub(super) has_ended: bool,
    /// True if the poller has reported the end of the client's input.
    pub(super) has_left: bool,
    /// Bytes received and sent below TLS, as already counted.
    below: [u64; 2],
}

/// The state of the socket before a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Input was reported, or is so likely that a short wait pays.
    Expected,
    /// The last read may have left input. The poller will not report that input.
    Possible,
    /// The last read emptied the socket: new input will be reported.
    Reported,
}

impl Reading {
    pub(super) fn after(is_drained: bool) -> Self {
        if is_drained { Self::Reported } else { Self::Possible }
    }
}

/// The result of reading more input.
pub(super) enum Filled {
    /// Input has arrived.
    Some,
    /// No input is available now.
    Nothing,
    /// The client has ended its input, but may still read.
    End,
    /// The connection is broken.
    Broken,
}

impl Transport {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream: Arc::new(stream),
            input: InputBuffer::default(),
            is_drained: false,
            has_ended: false,
            has_left: false,
            below: [0; 2],
        }
    }

    /// Reads more input into the buffer.
    pub(super) fn fill(&mut self, reading: &mut Reading, context: &mut WorkerContext) -> Filled {
        let read = match reading {
            Reading::Expected => self.input.read(&self.stream),
            Reading::Possible | Reading::Reported => self.input.try_read(&self.stream),
        };
        match read {
            Ok(received) if received.count > 0 => {
                context.counters.bytes_read.add(received.count as u64);
                context.meter.receive(*reading == Reading::Expected);
                self.is_drained = received.is_all;
                *reading = Reading::after(self.is_drained);
                Filled::Some
            }
            Ok(_) => {
                self.has_ended = true;
                Filled::End
            }
            Err(error) if would_wait(&error) => {
                self.is_drained = true;
                Filled::Nothing
            }
            Err(_) => Filled::Broken,
        }
    }

    /// Returns the output for the bytes gathered in `context`.
    pub(super) fn output<'a>(&'a self, context: &'a mut WorkerContext) -> Output<'a> {
        let WorkerContext { gathered, counters, service, config, duty, .. } = context;
        // The guard waits for no client, because no thread watches the guard.
        let leaves = duty.runs == Runs::Nothing && !service.is_over();
        let output = self.output_of(gathered, &counters.bytes_written, service, config);
        if leaves { output.leaving() } else { output }
    }

    /// Returns the output for the `gathered` bytes.
    #[inline(never)]
    pub(super) fn output_of<'a>(
        &'a self,
        gathered: &'a mut Vec<u8>,
        written: &'a Counter,
        service: &'a Service,
        config: &Config,
    ) -> Output<'a> {
        let pace = Pace::new(config.write_timeout, config.minimum_rate);
        let stays = service.is_over() || service.answer_memory.is_full();
        let output = Output::over(&self.stream, pace, gathered, written, &service.preemption);
        if stays { output } else { output.leaving() }
    }

    /// Ends the output. Returns false if the connection is over in both directions.
    pub(super) fn half_close(&self) -> bool {
        !self.has_ended && self.stream.shutdown(Shutdown::Write).is_ok()
    }

    /// True if TLS has sent bytes not counted yet.
    pub(super) fn has_spoken(&self) -> bool {
        self.stream.secure().is_some_and(|secure| secure.moved(Interest::Write) > self.below[1])
    }

    /// Counts the bytes moved below TLS.
    pub(super) fn count_below(&mut self, context: &WorkerContext) {
        let Some(secure) = self.stream.secure() else { return };
        let now = [secure.moved(Interest::Read), secure.moved(Interest::Write)];
        let [read, written] = [now[0] - self.below[0], now[1] - self.below[1]];
        context.counters.tls_bytes_read.add(read);
        context.counters.tls_bytes_written.add(written);
        self.below = now;
    }

    /// Frees buffer memory not needed for unread input.
    pub(super) fn tidy(&mut self, context: &mut WorkerContext) {
        if self.input.is_empty() {
            self.input.give_back(&mut context.spare);
        } else {
            self.input.shrink();
        }
    }
}
