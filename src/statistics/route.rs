//! The statistics of one route.

use std::time::Duration;

use super::answers::Answers;

/// The statistics of one route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteStatistics {
    /// The pattern, such as `/tea/{name}`; `others` for the row of all routes without a row.
    pub pattern: String,
    /// Requests of the route, counted when the handler returns or panics.
    pub requests: u64,
    /// Complete final answers, by the class of the status.
    pub answers: Answers,
    /// Requests with a measured time, whose answer is complete or broken off.
    pub measured: u64,
    /// The total time of the [`measured`](Self::measured) requests. The time of a request is that
    /// of [`Latency`](super::Latency).
    pub time: Duration,
}

impl RouteStatistics {
    /// The mean time of a request; `None` if no request was measured.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        let nanos = self.time.as_nanos().checked_div(u128::from(self.measured))?;
        u64::try_from(nanos).ok().map(Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_is_the_time_of_a_measured_request() {
        for (measured, millis, expected) in [(0, 0, None), (1, 7, Some(7_000)), (4, 10, Some(2_500))] {
            let route = RouteStatistics { measured, time: Duration::from_millis(millis), ..Default::default() };
            assert_eq!(route.mean(), expected.map(Duration::from_micros), "{measured}");
        }
    }
}
