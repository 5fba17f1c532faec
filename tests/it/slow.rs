//! Five hundred clients that send one byte of their head a second, and eight normal ones.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, PATIENCE, wait_until};
use crate::crowd::{Crowd, HEAD};
use crate::process::is_alone_with;
use crate::service::Service;

const SLOW: usize = 500;
const GOOD: usize = 8;

#[test]
fn slow_heads_are_408_at_their_deadline_while_other_clients_are_served() {
    if !is_alone_with(2000, "slow::slow_heads_are_408_at_their_deadline_while_other_clients_are_served") {
        return;
    }
    let limit = Duration::from_secs(2);
    let service = Service::start_with(2000, "thread_pool=4 header_timeout=2 linger_timeout=30");
    let good: Vec<AtomicUsize> = (0..GOOD).map(|_| AtomicUsize::new(0)).collect();
    let is_over = AtomicBool::new(false);
    let address = service.address();
    let (crowd, most, timed_out) = thread::scope(|scope| {
        let _end = Over(&is_over);
        for served in &good {
            let is_over = &is_over;
            scope.spawn(move || {
                let mut client = Client::connect(address);
                while !is_over.load(Ordering::SeqCst) {
                    client.assert_in_step("/good", "/good");
                    served.fetch_add(1, Ordering::SeqCst);
                    // Enough to see delays; another test measures speed.
                    thread::sleep(Duration::from_millis(5));
                }
            });
        }
        let mut crowd = Crowd::connect(service.address(), SLOW, HEAD);
        // Comes last and never says a word: all of the others are due before it.
        let mut last = Crowd::connect_silent(service.address());
        good.iter().for_each(|served| served.store(0, Ordering::SeqCst));
        let (begun, mut most, mut timed_out) = (Instant::now(), 0, None);
        while crowd.waiting() > 0 || timed_out.is_none() {
            assert!(begun.elapsed() < PATIENCE, "{} slow clients are still let be", crowd.waiting());
            crowd.trickle();
            if last.look() && timed_out.is_none() {
                timed_out = Some(service.counts().of("timed_out"));
            }
            most = most.max(service.counts().of("threads"));
        }
        (crowd, most, timed_out.unwrap())
    });
    for (number, slow) in crowd.clients().iter().enumerate() {
        let (text, took) = (String::from_utf8_lossy(&slow.received), slow.took().unwrap());
        assert!(text.starts_with("HTTP/1.1 408 "), "client {number}: {text:?}");
        assert!(took >= limit, "client {number} was told after {took:?}");
        assert!(slow.sent > 0, "client {number} did not trickle");
    }
    // Counted from the accept, not from a byte: whoever was accepted before the last was told before it, but for those that
    // a worker had in hand in that moment.
    assert!(timed_out >= SLOW as u64 + 1 - 4, "only {timed_out} had been told when the last was");
    println!("up to {most} workers");
    // A worker that lost its processor for some milliseconds is helped out, on a loaded machine more than one; but none of them is
    // held by a slow client.
    assert!(most <= SLOW as u64 / 10, "{most} workers");
    assert!(good.iter().all(|served| served.load(Ordering::SeqCst) >= 10), "{good:?}");
}

#[test]
#[ignore = "a ratio of speeds wants the machine to itself; .ci/run runs it so"]
fn slow_clients_cost_fast_clients_no_throughput() {
    if !is_alone_with(2000, "slow::slow_clients_cost_fast_clients_no_throughput") {
        return;
    }
    // The interval that the clients count for; the last is for the time between.
    const ALONE: usize = 0;
    const WITH: usize = 1;
    const NEITHER: usize = 2;
    let service = Service::start_with(2000, "thread_pool=10");
    let (stretch, is_over) = (AtomicUsize::new(NEITHER), AtomicBool::new(false));
    let counts = [const { AtomicUsize::new(0) }; 3];
    let address = service.address();
    let pairs = thread::scope(|scope| {
        let _end = Over(&is_over);
        for _ in 0..GOOD {
            scope.spawn(|| {
                let mut client = Client::connect(address);
                while !is_over.load(Ordering::SeqCst) {
                    let stretch = stretch.load(Ordering::SeqCst);
                    client.assert_in_step("/good", "/good");
                    counts[stretch].fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let mut pairs: Vec<[usize; 2]> = Vec::new();
        // More are tried until there are good stretches of both kinds, so that a real loss stays and a passing one does not.
        while pairs.len() < 4 || (pairs.len() < 48 && !is_level(&pairs)) {
            let mut rates = [0, 0];
            for kind in [ALONE, WITH] {
                let mut crowd = (kind == WITH).then(|| Crowd::connect(address, SLOW, HEAD));
                let parked = crowd.iter().map(|crowd| crowd.waiting() as u64).sum();
                wait_until("who is there is parked", || service.counts().of("parked") >= parked);
                let before = counts[kind].load(Ordering::SeqCst);
                stretch.store(kind, Ordering::SeqCst);
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_millis(400) {
                    match &mut crowd {
                        Some(crowd) => crowd.trickle(),
                        None => thread::sleep(Duration::from_millis(10)),
                    }
                }
                let took = begun.elapsed();
                rates[kind] = rate(counts[kind].load(Ordering::SeqCst) - before, took);
                stretch.store(NEITHER, Ordering::SeqCst);
                assert!(crowd.iter().all(|crowd| crowd.waiting() == SLOW), "the slow ones were there all the time");
                drop(crowd);
                wait_until("they have left", || service.counts().of("parked") <= GOOD as u64);
            }
            println!("requests a second: {} alone, {} with {SLOW} slow clients", rates[ALONE], rates[WITH]);
            pairs.push(rates);
        }
        pairs
    });
    assert!(is_level(&pairs), "requests a second, alone and with {SLOW} slow clients: {pairs:?}");
}

fn rate(count: usize, time: Duration) -> usize {
    count * 1000 / usize::try_from(time.as_millis()).unwrap()
}

/// True if the second value of each pair is at least 95 % of the first. Compares the best of each,
/// because other load on the machine only reduces values, or the median of the ratios, because a
/// best value may be luck.
fn is_level(pairs: &[[usize; 2]]) -> bool {
    let best = |kind: usize| pairs.iter().map(|pair| pair[kind]).max().unwrap_or(0);
    let mut percents: Vec<usize> = pairs.iter().map(|[alone, with]| 100 * with / alone.max(&1)).collect();
    percents.sort_unstable();
    100 * best(1) >= 95 * best(0) || percents[(percents.len() - 1) / 2] >= 95
}

/// Ends the clients however the test ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
