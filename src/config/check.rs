//! Checks of single settings, and their error messages.

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::time::Duration;

use http::{HeaderValue, StatusCode, Version};

use crate::error::Error;

pub(super) fn backlog(size: u32) -> Result<i32, Error> {
    i32::try_from(size)
        .ok()
        .filter(|size| *size > 0)
        .ok_or_else(|| out_of_range("socket_queue_size", &size, &1, &i32::MAX))
}

pub(super) fn thread_pool_max(most: Option<usize>, thread_pool: usize) -> Result<Option<usize>, Error> {
    match limit("thread_pool_max", most, 1..=MOST_THREADS)? {
        Some(most) if most < thread_pool => {
            let reason = format!("{most} is below thread_pool, which is {thread_pool}");
            Err(Error::contradiction("thread_pool_max", "thread_pool", reason))
        }
        most => Ok(most),
    }
}

/// Returns the maximum number of connections for a process limit of `descriptors`; `None`: no
/// limit.
pub(super) fn connections(most: Option<usize>, descriptors: usize) -> Result<Option<usize>, Error> {
    match most {
        None => {
            let reserve = (descriptors / 4).clamp(16, 1024);
            Ok(Some(descriptors.saturating_sub(reserve).clamp(1, USUAL_CONNECTIONS)))
        }
        Some(usize::MAX) => Ok(None),
        Some(most) => match within("max_connections", most, 1..=MOST_CONNECTIONS) {
            Err(Error::Setting { name, reason }) => {
                Err(Error::setting(name, reason + ", or -1 (usize::MAX) for no limit"))
            }
            checked => checked.map(Some),
        },
    }
}

pub(super) fn protocol(version: &str) -> Result<Version, Error> {
    match version {
        "HTTP/1.1" => Ok(Version::HTTP_11),
        "HTTP/1.0" => Ok(Version::HTTP_10),
        other => Err(Error::setting("protocol_version", format!("{other:?} is neither HTTP/1.1 nor HTTP/1.0"))),
    }
}

pub(super) fn software(text: &str) -> Result<HeaderValue, Error> {
    let refuse = |reason: &str| Err(Error::setting("software", format!("{text:?} {reason}")));
    if text.trim().is_empty() {
        return refuse("is empty; unset it to leave the Server field out");
    }
    if text.trim() != text {
        return refuse("begins or ends with a blank");
    }
    match HeaderValue::from_str(text) {
        Ok(value) if text.is_ascii() => Ok(value),
        _ => refuse("is not a field value of visible ASCII characters"),
    }
}

pub(super) fn overflow(status: u16) -> Result<StatusCode, Error> {
    match status {
        431 => Ok(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        413 => Ok(StatusCode::PAYLOAD_TOO_LARGE),
        other => Err(Error::setting("header_overflow_status", format!("{other} is neither 431 nor 413"))),
    }
}

pub(super) fn time(name: &'static str, value: Duration) -> Result<Duration, Error> {
    within(name, value, Duration::from_millis(1)..=LONGEST_TIME)
}

/// Checks like `time`, but accepts zero.
pub(super) fn time_or_zero(name: &'static str, value: Duration) -> Result<Duration, Error> {
    within(name, value, Duration::ZERO..=LONGEST_TIME)
}

/// Checks like `within`, but accepts `None`; the error names the notation of no limit.
pub(super) fn limit<T: PartialOrd + Debug>(
    name: &'static str,
    value: Option<T>,
    range: RangeInclusive<T>,
) -> Result<Option<T>, Error> {
    let Some(value) = value else { return Ok(None) };
    match within(name, value, range) {
        Err(Error::Setting { name, reason }) => Err(Error::setting(name, reason + ", or -1 (None) for no limit")),
        checked => checked.map(Some),
    }
}

pub(super) fn within<T: PartialOrd + Debug>(
    name: &'static str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<T, Error> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(out_of_range(name, &value, range.start(), range.end()))
}

/// Makes the error. `Debug` writes numbers plain and times with their unit.
#[cold]
#[inline(never)]
fn out_of_range(name: &'static str, value: &dyn Debug, least: &dyn Debug, most: &dyn Debug) -> Error {
    Error::setting(name, format!("{value:?} is out of range: from {least:?} to {most:?}"))
}

pub(super) const KIB: usize = 1 << 10;
pub(super) const GIB: usize = 1 << 30;
/// A year: a longer time is a typing error, and could overflow sums of instants.
pub(super) const LONGEST_TIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The longest wait of a worker; a longer wait would delay other connections and a stop.
pub(super) const LONGEST_GRACE: Duration = Duration::from_millis(100);
/// A number above the limit of any system.
pub(super) const MOST_THREADS: usize = 1_000_000;
pub(super) const MOST_CONNECTIONS: usize = 1 << 24;
/// Default maximum of connections for any number of descriptors: each connection may also cost
/// memory.
const USUAL_CONNECTIONS: usize = 65_536;
/// The limit of a queue that is allocated in advance.
pub(super) const LONGEST_QUEUE: usize = 1_000_000;
/// The maximum of `http::Uri`.
pub(super) const LONGEST_TARGET: usize = 65_534;
/// The parser's table has one entry for each field.
pub(super) const MOST_FIELDS: usize = 1024;
