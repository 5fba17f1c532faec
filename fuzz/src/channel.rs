//! Bodies fed by senders: before the handler returns, and afterwards by another thread.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Mutex;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use arbitrary::Arbitrary;
use drupe::stream::{Overflow, Sender};
use drupe::{Body, BodyWriter};

use crate::outcome::{Came, MOST, Outcome, large, panic_silently, trailers};

/// A body fed by senders.
#[derive(Arbitrary, Clone, Debug)]
pub struct Channel {
    capacity: u16,
    before: Vec<Deed>,
    /// The deeds of another thread; `None`: the last sender is dropped before the handler returns.
    after: Option<Vec<Deed>>,
    filter: Option<Filter>,
}

/// The action of a sender.
#[derive(Arbitrary, Clone, Debug)]
enum Deed {
    Send(Vec<u8>),
    Large(u8),
    DropOldest(Vec<u8>),
    Clone,
    Heartbeat,
    Finish,
    Trailers(u8),
    Fails,
    Panics,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Filter {
    Doubles,
    /// Fails at content with this byte.
    Fails(u8),
    Panics(u8),
}

/// Returns `content`, by its length as a whole, through a channel before the handler returns, or
/// through a channel from another thread.
pub fn echo(content: Vec<u8>) -> Body {
    let (sender, body) = Body::channel(content.len());
    match content.len() % 3 {
        0 => return content.into(),
        1 => content.chunks(7).for_each(|piece| sender.try_send(piece.to_vec()).expect("there is room")),
        // One piece, so that the chunks do not depend on the time.
        _ => spawn(move || {
            // A stream whose client is gone refuses content.
            let _ = sender.try_send(content);
        }),
    }
    body
}

/// The threads that send, of one input.
static SENDING: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

fn spawn(send: impl FnOnce() + Send + 'static) {
    SENDING.lock().expect("no thread panics with it").push(thread::spawn(send));
}

/// Waits for the threads that send: the check for leaks between two inputs takes the memory of an
/// ending thread for a leak. Call it when the connection is gone.
pub fn join() {
    for thread in SENDING.lock().expect("no thread panics with it").drain(..) {
        // A planned panic.
        let _ = thread.join();
    }
}

impl Channel {
    pub fn body(&self) -> Body {
        let (sender, body) = Body::channel(self.capacity());
        let is_on = deeds(&self.before).iter().all(|deed| deed.run(&sender, false));
        if let Some(after) = self.after.clone().filter(|_| is_on) {
            spawn(move || {
                deeds(&after).iter().all(|deed| deed.run(&sender, true));
            });
        }
        match self.filter {
            None => body,
            Some(filter) => {
                body.through(move |content: &[u8], output: &mut BodyWriter<'_>| filter.run(content, output))
            }
        }
    }

    fn capacity(&self) -> usize {
        usize::from(self.capacity) * 4
    }

    /// Adds the outcome, by the documentation of `Sender`.
    pub fn produce(&self, came: &mut Came) {
        let mut queue = VecDeque::new();
        let is_over = self.deeds(&self.before, false, &mut queue, came);
        if let (Some(after), false) = (&self.after, is_over) {
            self.deeds(after, true, &mut queue, came);
        }
        for content in queue {
            match self.filter {
                None => came.content.extend(content),
                Some(filter) => match filter.changed(&content) {
                    Some(changed) => came.content.extend(changed),
                    None => {
                        came.outcome = Outcome::Broke;
                        break;
                    }
                },
            }
        }
    }

    /// Returns true if the stream has ended. `waits`: content for which there is no room waits.
    fn deeds(&self, list: &[Deed], waits: bool, queue: &mut VecDeque<Vec<u8>>, came: &mut Came) -> bool {
        for deed in deeds(list) {
            let content = match deed {
                Deed::Send(content) | Deed::DropOldest(content) => content.clone(),
                Deed::Large(count) => large(*count),
                Deed::Clone | Deed::Heartbeat => continue,
                Deed::Finish => return true,
                Deed::Trailers(count) => {
                    came.trailers = usize::from(count % 3);
                    return true;
                }
                Deed::Fails | Deed::Panics => {
                    came.outcome = Outcome::Broke;
                    return true;
                }
            };
            if content.len() > self.capacity() {
                continue;
            }
            let held = |queue: &VecDeque<Vec<u8>>| queue.iter().map(Vec::len).sum::<usize>();
            if !waits && matches!(deed, Deed::DropOldest(_)) {
                while held(queue) + content.len() > self.capacity() {
                    queue.pop_front();
                }
            }
            if waits || held(queue) + content.len() <= self.capacity() {
                queue.push_back(content);
            }
        }
        false
    }
}

impl Deed {
    /// Returns true if the sender goes on.
    fn run(&self, sender: &Sender, waits: bool) -> bool {
        match self {
            Self::Send(content) => send(sender, content.clone(), waits),
            Self::Large(count) => send(sender, large(*count), waits),
            Self::DropOldest(content) if waits => send(sender, content.clone(), waits),
            Self::DropOldest(content) => drop(sender.send_or(content.clone(), Overflow::DropOldest)),
            Self::Clone => drop(sender.clone()),
            // Never due: the model knows no time.
            Self::Heartbeat => sender.heartbeat(Duration::from_secs(3600), "beat"),
            Self::Finish => {
                sender.finish();
                return false;
            }
            Self::Trailers(count) => {
                sender.finish_with(trailers(*count));
                return false;
            }
            Self::Fails => {
                sender.fail("no more");
                return false;
            }
            Self::Panics if waits => panic_silently(),
            Self::Panics => {
                sender.fail("no more");
                return false;
            }
        }
        true
    }
}

fn send(sender: &Sender, content: Vec<u8>, waits: bool) {
    // A stream whose client is gone refuses content.
    let _ = if waits { sender.send(content, Duration::from_secs(60)) } else { sender.try_send(content) };
}

impl Filter {
    fn run(self, content: &[u8], output: &mut BodyWriter<'_>) -> io::Result<()> {
        match (self.changed(content), self) {
            (Some(changed), _) => output.write_all(&changed),
            (None, Self::Panics(_)) => panic_silently(),
            (None, _) => Err(io::Error::other("no more")),
        }
    }

    /// `None` if the filter does not go on.
    fn changed(self, content: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Doubles => Some(content.iter().flat_map(|byte| [*byte; 2]).collect()),
            Self::Fails(wrong) | Self::Panics(wrong) => (!content.contains(&wrong)).then(|| content.to_vec()),
        }
    }
}

fn deeds(all: &[Deed]) -> &[Deed] {
    &all[..all.len().min(MOST)]
}
