//! Limits the rate of repeated messages.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Recent messages, with the number of suppressed repeats.
#[derive(Debug, Default)]
pub(super) struct Repeats(HashMap<String, Said>);

#[derive(Debug)]
struct Said {
    text: String,
    at: Instant,
    more: u64,
}

impl Repeats {
    /// Returns the lines to print for `text`: `text` itself unless printed within [`INTERVAL`], and
    /// the repeat counts of messages whose interval is over.
    pub(super) fn say(&mut self, text: &str, now: Instant) -> Vec<String> {
        self.say_as(text, text, now)
    }

    /// As [`say`](Self::say), but messages with the same `key` are the same message.
    pub(super) fn say_as(&mut self, key: &str, text: &str, now: Instant) -> Vec<String> {
        let is_over = |said: &Said| now.saturating_duration_since(said.at) >= INTERVAL;
        let mut lines = self.left_out(is_over);
        match self.0.get_mut(key) {
            Some(said) => said.more += 1,
            None => {
                self.make_room(&mut lines);
                self.0.insert(key.to_owned(), Said { text: text.to_owned(), at: now, more: 0 });
                lines.push(text.to_owned());
            }
        }
        lines
    }

    /// Returns the repeat counts of all suppressed messages.
    pub(super) fn rest(&mut self) -> Vec<String> {
        self.left_out(|_| true)
    }

    /// Removes the messages for which `is_over` is true, and returns their repeat counts, oldest
    /// first.
    fn left_out(&mut self, is_over: impl Fn(&Said) -> bool) -> Vec<String> {
        let (over, kept) = std::mem::take(&mut self.0).into_iter().partition(|(_, said)| is_over(said));
        self.0 = kept;
        let mut over = Vec::from_iter::<HashMap<_, _>>(over);
        over.sort_by_key(|(_, said)| said.at);
        over.into_iter().filter(|(_, said)| said.more > 0).map(|(_, said)| again(&said.text, said.more)).collect()
    }

    fn make_room(&mut self, lines: &mut Vec<String>) {
        if self.0.len() < MOST {
            return;
        }
        let oldest = self.0.iter().min_by_key(|(_, said)| said.at).map(|(key, _)| key.clone());
        if let Some(said) = oldest.and_then(|key| self.0.remove(&key)) {
            lines.extend((said.more > 0).then(|| again(&said.text, said.more)));
        }
    }
}

fn again(text: &str, more: u64) -> String {
    format!("{text} (repeated {more} times)")
}

/// The interval in which a message is printed only once.
const INTERVAL: Duration = Duration::from_secs(10);
/// The maximum number of remembered messages.
const MOST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_message_is_printed_once_in_an_interval() {
        let (mut repeats, begun) = (Repeats::default(), Instant::now());
        let after = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(repeats.say("a", after(0)), ["a"]);
        assert_eq!(repeats.say("a", after(1)), [""; 0]);
        assert_eq!(repeats.say("b", after(2)), ["b"], "another is not the same");
        assert_eq!(repeats.say("a", after(9)), [""; 0]);
        assert_eq!(repeats.say("a", after(10)), ["a (repeated 2 times)", "a"]);
        assert_eq!(repeats.say("a", after(11)), [""; 0]);
        assert_eq!(repeats.say("c", after(12)), ["c"], "b was said once: nothing was left out");
        assert_eq!(repeats.say("c", after(20)), ["a (repeated 1 times)"]);
        assert_eq!(repeats.rest(), ["c (repeated 1 times)"]);
        assert_eq!(repeats.rest(), [""; 0]);
    }

    #[test]
    fn messages_of_one_key_are_one_message() {
        let (mut repeats, now) = (Repeats::default(), Instant::now());
        assert_eq!(repeats.say_as("failed: : why", "failed: GET /a: why", now), ["failed: GET /a: why"]);
        assert_eq!(repeats.say_as("failed: : why", "failed: GET /b: why", now), [""; 0]);
        assert_eq!(repeats.rest(), ["failed: GET /a: why (repeated 1 times)"]);
    }

    #[test]
    fn remembered_messages_are_bounded() {
        let (mut repeats, now) = (Repeats::default(), Instant::now());
        repeats.say("first", now);
        repeats.say("first", now);
        let at = |number| now + Duration::from_millis(number);
        let said: Vec<String> = (1..1000).flat_map(|number| repeats.say(&number.to_string(), at(number))).collect();
        assert_eq!(said.len(), 1000, "each of them, and that one was left out");
        assert_eq!(said[63], "first (repeated 1 times)");
        assert_eq!(repeats.0.len(), MOST);
    }
}
