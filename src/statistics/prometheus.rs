//! Statistics in Prometheus' text format, version 0.0.4.
//!
//! Base units: seconds and bytes. Counters end in `_total`; a restart of the server resets them to
//! zero, as Prometheus expects.

use std::fmt::{self, Display, Write};
use std::time::Duration;

use super::Statistics;

/// The media type of the format.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Statistics {
    /// Returns the figures in Prometheus' text format (0.0.4), as a `Page` does, for a program with
    /// metrics of its own. The names begin with `drupe_`.
    ///
    /// ```
    /// use drupe::{Request, RequestExt};
    ///
    /// fn metrics(request: &mut Request) -> String {
    ///     let own = "# TYPE cups_total counter\ncups_total 7\n".to_owned();
    ///     own + &request.server().map_or_else(String::new, |server| server.statistics().prometheus())
    /// }
    /// # let server = drupe::testing::TestServer::new(metrics);
    /// # let request = drupe::testing::TestRequest::get("/").server(&server.handle());
    /// # let text = request.call(&metrics).into_body().into_string().unwrap();
    /// # assert!(text.contains("\ncups_total 7\n# ") && text.contains("\ndrupe_accepts_total 0\n"), "{text}");
    /// ```
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut page = Page(String::with_capacity(8192));
        connections(&mut page, self);
        requests(&mut page, self);
        bytes(&mut page, self);
        workers(&mut page, self);
        durations(&mut page, self);
        routes(&mut page, self);
        page.0
    }
}

fn connections(page: &mut Page, of: &Statistics) {
    page.gauge("run_time_seconds", "Time since the start.", of.run_time.as_secs_f64());
    page.gauge("measuring", "1 while request and work times are measured, else 0.", u64::from(of.enabled));
    page.counter("accepts_total", "Connections accepted.", of.accepts);
    page.counter("socket_errors_total", "Accepts that failed.", of.socket_errors);
    page.counter(
        "turned_away_total",
        "Connections and requests turned away under load: answered 503 or closed.",
        of.turned_away,
    );
    page.counter(
        "proxy_refused_total",
        "Connections closed for a missing or malformed PROXY header.",
        of.proxy_refused,
    );
    page.counter("handshakes_failed_total", "TLS handshakes that failed.", of.handshakes_failed);
    page.gauge("connections", "Connections open.", of.connections);
    page.gauge("connections_queued", "Connections whose request waits for a worker.", of.queue);
    page.gauge("queue_wait_seconds", "The longest wait of these connections so far.", of.queue_wait.as_secs_f64());
    page.counter("unserved_total", "Requests answered 503 because no worker was free in time.", of.unserved);
    page.gauge("connections_parked", "Connections parked: they wait for their client without a worker.", of.parked);
    page.head(
        "parked_bytes",
        "Memory of parked answers and of partial requests, each bounded by max_parked_size.",
        "gauge",
    );
    page.sample("parked_bytes", &[("of", "answers")], of.parked_answer_bytes);
    page.sample("parked_bytes", &[("of", "requests")], of.parked_request_bytes);
    page.gauge("connections_upgraded", "Upgraded connections, such as WebSocket.", of.upgraded);
}

fn requests(page: &mut Page, of: &Statistics) {
    page.head("requests_total", "Requests, by the side that answers: the handler or the server.", "counter");
    page.sample("requests_total", &[("by", "handler")], of.requests);
    page.sample("requests_total", &[("by", "server")], of.refused.saturating_sub(of.overruled));
    page.gauge("requests_in_progress", "Requests in handlers.", of.in_progress());
    page.head("responses_total", "Final answers by the class of their status.", "counter");
    for (class, count) in of.answers.by_class() {
        page.sample("responses_total", &[("class", class)], count);
    }
    page.counter("responses_broken_off_total", "Answers cut before their end.", of.broken_off);
    page.counter("requests_refused_total", "Requests that the server refused.", of.refused);
    page.counter("handlers_overrun_total", "Requests whose handler exceeded its time limit.", of.overrun);
    page.counter("panics_total", "Handlers and bodies that panicked.", of.panics);
    page.head("timeouts_total", "Timeouts, by kind.", "counter");
    for (kind, count) in of.timeouts.by_name() {
        page.sample("timeouts_total", &[("kind", kind)], count);
    }
}

fn bytes(page: &mut Page, of: &Statistics) {
    page.counter("received_bytes_total", "Bytes received, with TLS after decryption.", of.bytes_read);
    page.counter("sent_bytes_total", "Bytes sent, with TLS before encryption.", of.bytes_written);
    page.counter("content_received_bytes_total", "Bytes of content of requests.", of.content_read);
    page.counter("content_sent_bytes_total", "Bytes of content of answers.", of.content_written);
    page.counter("tls_received_bytes_total", "Bytes received by TLS, encrypted.", of.tls_bytes_read);
    page.counter("tls_sent_bytes_total", "Bytes sent by TLS, encrypted.", of.tls_bytes_written);
}

fn workers(page: &mut Page, of: &Statistics) {
    page.head("workers", "Worker threads.", "gauge");
    page.sample("workers", &[("state", "busy")], of.threads.saturating_sub(of.threads_idle));
    page.sample("workers", &[("state", "idle")], of.threads_idle);
    page.gauge("workers_lost", "Busy workers whose handler has exceeded its time limit.", of.threads_lost);
    page.counter("work_seconds_total", "Time that workers spent on requests.", of.work_time.as_secs_f64());
}

fn durations(page: &mut Page, of: &Statistics) {
    let name = "request_duration_seconds";
    page.head(name, "Time from the end of the request head to the end of the answer.", "histogram");
    let [bucket, sum, count] = ["bucket", "sum", "count"].map(|part| format!("{name}_{part}"));
    for (bound, micros) in BOUNDS {
        page.sample(&bucket, &[("le", bound)], of.latency.at_most(Duration::from_micros(*micros)));
    }
    page.sample(&bucket, &[("le", "+Inf")], of.latency.count());
    page.sample(&sum, &[], of.latency.sum().as_secs_f64());
    page.sample(&count, &[], of.latency.count());
}

/// Writes the metrics by route. The durations are a summary without quantiles, for the mean.
fn routes(page: &mut Page, of: &Statistics) {
    if of.routes.is_empty() {
        return;
    }
    page.head("route_requests_total", "Requests by route, counted when the handler returns.", "counter");
    for route in &of.routes {
        page.sample("route_requests_total", &[("route", &route.pattern)], route.requests);
    }
    page.head("route_responses_total", "Final answers by route and by the class of their status.", "counter");
    for route in &of.routes {
        for (class, count) in route.answers.by_class() {
            page.sample("route_responses_total", &[("route", &route.pattern), ("class", class)], count);
        }
    }
    let name = "route_request_duration_seconds";
    page.head(name, "Time of measured requests by route.", "summary");
    let [sum, count] = ["sum", "count"].map(|part| format!("{name}_{part}"));
    for route in &of.routes {
        page.sample(&sum, &[("route", &route.pattern)], route.time.as_secs_f64());
        page.sample(&count, &[("route", &route.pattern)], route.measured);
    }
}

/// The text being written.
struct Page(String);

impl Page {
    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "counter");
        self.sample(name, &[], value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "gauge");
        self.sample(name, &[], value);
    }

    /// Begins a family. `help` contains neither a line feed nor a backslash.
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "# HELP drupe_{name} {help}\n# TYPE drupe_{name} {kind}\n");
    }

    /// Writes one line.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", Label(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "drupe_{name}{labels} {value}");
    }
}

/// A label value, escaped.
struct Label<'v>(&'v str);

impl Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '"' | '\\' => write!(f, "\\{letter}"),
            '\n' => f.write_str("\\n"),
            _ => f.write_char(letter),
        })
    }
}

/// Bounds of the histogram: as written, in seconds, and in microseconds. Each is also a bound of
/// [`Latency`](super::Latency), so the counts are exact.
const BOUNDS: &[(&str, u64)] = &[
    ("0.00001", 10),
    ("0.000025", 25),
    ("0.00005", 50),
    ("0.0001", 100),
    ("0.00025", 250),
    ("0.0005", 500),
    ("0.001", 1_000),
    ("0.0025", 2_500),
    ("0.005", 5_000),
    ("0.01", 10_000),
    ("0.025", 25_000),
    ("0.05", 50_000),
    ("0.1", 100_000),
    ("0.25", 250_000),
    ("0.5", 500_000),
    ("1", 1_000_000),
    ("2.5", 2_500_000),
    ("5", 5_000_000),
    ("10", 10_000_000),
    ("30", 30_000_000),
    ("60", 60_000_000),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::{Answers, Latency, PLACES, RouteStatistics, place};

    #[test]
    fn each_family_is_declared_once_with_its_kind() {
        let text = Statistics { requests: 7, refused: 5, overruled: 2, ..Statistics::default() }.prometheus();
        let mut families: Vec<(&str, &str)> = Vec::new();
        for line in text.lines() {
            if let Some(said) = line.strip_prefix("# TYPE ") {
                let family = said.split_once(' ').unwrap();
                assert!(!families.contains(&family), "{line}");
                families.push(family);
            } else if !line.starts_with("# HELP ") {
                let (name, kind) = families.last().unwrap();
                let (sample, value) = line.rsplit_once(' ').unwrap();
                assert!(sample.starts_with(name) && value.parse::<f64>().is_ok(), "{line}");
                assert_eq!(name.ends_with("_total"), *kind == "counter", "{line}");
            }
        }
        assert_eq!(text.matches("# HELP ").count(), families.len());
        assert!(text.contains("drupe_requests_total{by=\"handler\"} 7\ndrupe_requests_total{by=\"server\"} 3\n"));
    }

    #[test]
    fn routes_have_escaped_labels_and_the_parts_of_a_mean() {
        let answers = Answers { success: 3, server_error: 1, ..Answers::default() };
        let tea = RouteStatistics {
            pattern: "/tea/{name}".to_owned(),
            requests: 5,
            answers,
            measured: 2,
            time: Duration::from_micros(1_500),
        };
        let odd = RouteStatistics { pattern: "a\"b\\c\nd é}".to_owned(), ..RouteStatistics::default() };
        let text = Statistics { routes: vec![tea, odd], ..Statistics::default() }.prometheus();
        for line in [
            r#"requests_total{route="/tea/{name}"} 5"#,
            r#"responses_total{route="/tea/{name}",class="2xx"} 3"#,
            r#"responses_total{route="/tea/{name}",class="4xx"} 0"#,
            r#"responses_total{route="/tea/{name}",class="5xx"} 1"#,
            r#"request_duration_seconds_sum{route="/tea/{name}"} 0.0015"#,
            r#"request_duration_seconds_count{route="/tea/{name}"} 2"#,
            r#"requests_total{route="a\"b\\c\nd é}"} 0"#,
        ] {
            assert!(text.contains(&format!("\ndrupe_route_{line}\n")), "no {line} in {text}");
        }
        assert!(text.contains("\n# TYPE drupe_route_request_duration_seconds summary\n"), "{text}");
    }

    #[test]
    fn server_without_routes_has_no_family_of_routes() {
        assert!(!Statistics::default().prometheus().contains("route"));
    }

    #[test]
    fn buckets_are_cumulative_and_match_their_bounds() {
        let times = [9_000, 10_000, 10_001, 2_500_000, 70_000_000_000];
        let mut counts = vec![0; PLACES];
        times.iter().for_each(|nanos| counts[place(*nanos)] += 1);
        let latency = Latency::new(counts, times.iter().sum(), 70_000_000_000);
        let text = Statistics { latency, ..Statistics::default() }.prometheus();
        for line in [
            "bucket{le=\"0.00001\"} 2",
            "bucket{le=\"0.000025\"} 3",
            "bucket{le=\"0.001\"} 3",
            "bucket{le=\"0.0025\"} 4",
            "bucket{le=\"60\"} 4",
            "bucket{le=\"+Inf\"} 5",
            "sum 70.002529001",
            "count 5",
        ] {
            assert!(text.contains(&format!("\ndrupe_request_duration_seconds_{line}\n")), "no {line} in {text}");
        }
        for (written, micros) in BOUNDS {
            assert_eq!(Duration::from_secs_f64(written.parse().unwrap()), Duration::from_micros(*micros));
            assert_ne!(place(micros * 1000), place(micros * 1000 + 1), "{written} is no bound of a bucket");
        }
    }
}
