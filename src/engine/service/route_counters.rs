//! The counts of one worker by route, in memory only for routes that the worker has answered.

use std::sync::OnceLock;
use std::time::Duration;

use http::StatusCode;

use super::counter::{ClassCounters, Counter, nanos};
use super::routes::{RouteNames, RouteNumber};
use crate::statistics::RouteStatistics;

/// The counts of all routes.
#[derive(Debug, Default)]
pub(crate) struct RouteCounters(OnceLock<Box<[OnceLock<Box<Row>>]>>);

/// The counts of one route. [`RouteStatistics`] describes each.
#[derive(Debug, Default)]
struct Row {
    requests: Counter,
    answers: ClassCounters,
    measured: Counter,
    nanos: Counter,
}

impl RouteCounters {
    /// Counts a request of `route`.
    pub(crate) fn count_request(&self, route: RouteNumber) {
        self.row(route).requests.add(1);
    }

    /// Counts an answer with `status`.
    pub(crate) fn count_answer(&self, route: RouteNumber, status: StatusCode) {
        self.row(route).answers.count(status);
    }

    /// Counts a request of duration `time`.
    pub(crate) fn count_time(&self, route: RouteNumber, time: Duration) {
        let row = self.row(route);
        row.measured.add(1);
        row.nanos.add(nanos(time));
    }

    /// Adds the counts of `other`.
    pub(crate) fn absorb(&self, other: &Self) {
        let Some(theirs) = other.0.get() else { return };
        let rows = self.rows().iter().zip(theirs);
        for (mine, theirs) in rows.filter_map(|(mine, theirs)| Some((mine, theirs.get()?))) {
            let mine = mine.get_or_init(Box::default);
            mine.all().zip(theirs.all()).for_each(|(mine, theirs)| mine.add(theirs.get()));
        }
    }

    /// Returns the rows of all counted routes, in the order of `names`.
    pub(crate) fn statistics(&self, names: &RouteNames) -> Vec<RouteStatistics> {
        let Some(rows) = self.0.get() else { return Vec::new() };
        let counted = |(name, number): (&str, RouteNumber)| {
            let row = rows[number.place()].get()?;
            Some(RouteStatistics {
                pattern: name.to_owned(),
                requests: row.requests.get(),
                answers: row.answers.answers(),
                measured: row.measured.get(),
                time: Duration::from_nanos(row.nanos.get()),
            })
        };
        names.all().into_iter().filter_map(counted).collect()
    }

    fn row(&self, route: RouteNumber) -> &Row {
        self.rows()[route.place()].get_or_init(Box::default)
    }

    fn rows(&self) -> &[OnceLock<Box<Row>>] {
        self.0.get_or_init(|| std::iter::repeat_with(OnceLock::new).take(RouteNumber::COUNT).collect())
    }
}

impl Row {
    fn all(&self) -> impl Iterator<Item = &Counter> {
        [&self.requests, &self.measured, &self.nanos].into_iter().chain(self.answers.all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::route::MatchedRoute;
    use crate::statistics::Answers;

    #[test]
    fn absorbed_routes_keep_the_totals_and_the_order_of_their_names() {
        let names = RouteNames::new();
        let [tea, coffee, unnamed] = ["/tea", "/coffee", ""].map(|name| names.number(&MatchedRoute::new(name)));
        let (sum, one, two) = (RouteCounters::default(), RouteCounters::default(), RouteCounters::default());
        for status in [StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::NOT_FOUND] {
            one.count_request(tea);
            one.count_answer(tea, status);
        }
        one.count_time(tea, Duration::from_millis(5));
        one.count_request(unnamed);
        two.count_request(coffee);
        two.count_request(tea);
        two.count_time(tea, Duration::from_millis(2));
        sum.absorb(&one);
        sum.absorb(&two);
        sum.absorb(&RouteCounters::default());
        let answers = Answers { success: 1, client_error: 2, ..Answers::default() };
        let row =
            |pattern: &str, requests| RouteStatistics { pattern: pattern.to_owned(), requests, ..Default::default() };
        let tea = RouteStatistics { answers, measured: 2, time: Duration::from_millis(7), ..row("/tea", 4) };
        assert_eq!(sum.statistics(&names), [row("/coffee", 1), tea, row("others", 1)]);
    }

    #[test]
    fn routes_without_requests_take_no_memory() {
        let (sum, one) = (RouteCounters::default(), RouteCounters::default());
        sum.absorb(&one);
        assert!(sum.0.get().is_none() && sum.statistics(&RouteNames::new()).is_empty());
        one.count_request(RouteNames::new().number(&MatchedRoute::new("/tea")));
        sum.absorb(&one);
        assert_eq!(sum.rows().iter().filter_map(OnceLock::get).count(), 1);
    }
}
