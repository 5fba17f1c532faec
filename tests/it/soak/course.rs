//! The figures of a server over time, one line per interval, for a plot.

use std::fs::File;
use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::Door;

/// The durations of answers since the last line.
#[derive(Debug, Default)]
pub(super) struct Latencies(Mutex<Vec<Duration>>);

impl Latencies {
    pub(super) fn note(&self, since: Instant) {
        let took = since.elapsed();
        self.0.lock().unwrap().push(took);
    }

    /// The latencies at these parts of a thousand, in milliseconds; none without answers.
    fn taken<const N: usize>(&self, parts: [usize; N]) -> [f64; N] {
        let mut all = std::mem::take(&mut *self.0.lock().unwrap());
        all.sort_unstable();
        parts.map(|part| {
            all.get((all.len() * part / 1000).min(all.len().saturating_sub(1))).map_or(f64::NAN, milliseconds)
        })
    }
}

fn milliseconds(time: &Duration) -> f64 {
    1000.0 * time.as_secs_f64()
}

/// The figures of all doors, from beginning to end.
pub(super) struct Course {
    begun: Instant,
    next: Instant,
    every: Duration,
    /// The file to write, if configured.
    file: Option<File>,
    /// Of each door, at the line before.
    requests: Vec<u64>,
}

impl Course {
    /// One of `length` in all, written to the file that `DRUPE_SOAK_FIGURES` names.
    pub(super) fn of(length: Duration) -> Self {
        let mut file = std::env::var_os("DRUPE_SOAK_FIGURES").map(|path| File::create(path).unwrap());
        if let Some(file) = &mut file {
            let columns =
                "seconds,door,requests,p50_ms,p90_ms,p99_ms,p99.9_ms,max_ms,resident_kib,threads,descriptors,parked";
            writeln!(file, "{columns}").unwrap();
        }
        let begun = Instant::now();
        let every = (length / 360).max(Duration::from_secs(1));
        Self { begun, next: begun + every, every, file, requests: Vec::new() }
    }

    /// Records the figures, once per interval.
    pub(super) fn note(&mut self, doors: &[Door]) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        let since = self.every + (now - self.next);
        self.next = now + self.every;
        self.requests.resize(doors.len(), 0);
        for (door, before) in doors.iter().zip(&mut self.requests) {
            let (counts, figures) = (door.service.counts(), door.service.figures());
            let [p50, p90, p99, p999, max] = door.latencies.taken([500, 900, 990, 999, 1000]);
            let a_second = (counts.of("requests") - *before) as f64 / since.as_secs_f64();
            *before = counts.of("requests");
            let line = format!(
                "{},{},{a_second:.0},{p50:.3},{p90:.3},{p99:.3},{p999:.3},{max:.3},{},{},{},{}",
                (now - self.begun).as_secs(),
                door.name,
                figures.resident() >> 10,
                figures.threads().len(),
                figures.descriptors(),
                counts.of("parked"),
            );
            if let Some(file) = &mut self.file {
                writeln!(file, "{line}").unwrap();
            }
            println!("{line}");
        }
    }
}
