//! Statistics as JSON, under the names of CherryPy's server; additional figures have similar names.
//!
//! Times are seconds, ratios are per second. CherryPy reports -1 while statistics are off; this
//! report has the figures that are always counted.

use std::time::Duration;

use super::json::{self, Members};
use super::{Answers, RouteStatistics, Statistics, Worker};

/// Writes the statistics as one object.
pub(super) fn json(statistics: &Statistics) -> String {
    let mut text = String::with_capacity(4096);
    json::object(&mut text, |members| fill(members, statistics));
    text
}

fn fill(members: &mut Members<'_>, of: &Statistics) {
    members.add("Enabled", &of.enabled);
    members.add("Bind Address", addresses(of).as_str());
    members.add("Run time", &of.run_time);

    members.add("Accepts", &of.accepts);
    members.add("Accepts/sec", &per_second(of.accepts, of.run_time));
    members.add("Socket Errors", &of.socket_errors);
    members.add("Turned Away", &of.turned_away);
    members.add("Proxy Refused", &of.proxy_refused);
    members.add("Handshakes Failed", &of.handshakes_failed);
    members.add("Connections", &of.connections);
    members.add("Queue", &of.queue);
    members.add("Queue Wait", &of.queue_wait);
    members.add("Unserved", &of.unserved);
    members.add("Parked", &of.parked);
    members.add("Parked Answer Bytes", &of.parked_answer_bytes);
    members.add("Parked Request Bytes", &of.parked_request_bytes);
    members.add("Upgraded", &of.upgraded);

    members.add("Requests", &of.exchanges());
    members.add("Handled", &of.requests);
    members.add("Refused", &of.refused);
    members.add("Overruled", &of.overruled);
    members.add("Answered", &of.answered);
    members.add("Broken Off", &of.broken_off);
    members.add("In Progress", &of.in_progress());
    members.add("Overrun", &of.overrun);
    members.add("Panics", &of.panics);
    members.add("Timed Out", &of.timed_out);
    members.object("Timeouts", |kinds| {
        of.timeouts.by_name().into_iter().for_each(|(name, count)| kinds.add(name, &count));
    });
    members.object("Answers", |classes| fill_answers(classes, &of.answers));

    members.add("Bytes Read", &of.bytes_read);
    members.add("Bytes Written", &of.bytes_written);
    members.add("Content Read", &of.content_read);
    members.add("Content Written", &of.content_written);
    members.add("TLS Bytes Read", &of.tls_bytes_read);
    members.add("TLS Bytes Written", &of.tls_bytes_written);

    members.add("Threads", &of.threads);
    members.add("Threads Idle", &of.threads_idle);
    members.add("Threads Lost", &of.threads_lost);
    members.add("Work Time", &of.work_time);
    members.add("Read Throughput", &per_second(of.bytes_read, of.work_time));
    members.add("Write Throughput", &per_second(of.bytes_written, of.work_time));
    members.object("Latency", |latency| {
        latency.add("Count", &of.latency.count());
        latency.add("Sum", &of.latency.sum());
        latency.add("Max", &of.latency.longest());
        for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
            latency.add(name, &of.latency.quantile(share));
        }
        latency.list("Buckets", |buckets| {
            of.latency.buckets().for_each(|(bound, count)| buckets.pair(&bound, &count));
        });
    });
    members.object("Routes", |routes| {
        of.routes.iter().for_each(|route| routes.object(&route.pattern, |row| fill_route(row, route)));
    });
    members.object("Worker Threads", |workers| {
        of.workers.iter().for_each(|worker| workers.object(&worker.name, |row| fill_row(row, worker)));
    });
}

fn fill_answers(classes: &mut Members<'_>, of: &Answers) {
    of.by_class().into_iter().for_each(|(class, count)| classes.add(class, &count));
}

fn fill_route(row: &mut Members<'_>, of: &RouteStatistics) {
    row.add("Requests", &of.requests);
    row.object("Answers", |classes| fill_answers(classes, &of.answers));
    row.add("Measured", &of.measured);
    row.add("Time", &of.time);
    row.add("Mean", &of.mean());
}

fn fill_row(row: &mut Members<'_>, of: &Worker) {
    row.add("Requests", &of.exchanges);
    row.add("Bytes Read", &of.bytes_read);
    row.add("Bytes Written", &of.bytes_written);
    row.add("Work Time", &of.work_time);
    row.add("Read Throughput", &per_second(of.bytes_read, of.work_time));
    row.add("Write Throughput", &per_second(of.bytes_written, of.work_time));
    row.add("Busy", &of.is_busy);
    if let Some(serving) = &of.serving {
        row.add("Request", &*format!("{} {}", serving.method, serving.target));
        row.add("Request Time", &serving.time);
        if let Some(peer) = &serving.peer {
            row.add("Request Peer", &*peer.to_string());
        }
        row.add("Request Answering", &serving.is_answering);
    }
}

/// The listening addresses, as text.
fn addresses(of: &Statistics) -> String {
    let words: Vec<String> = of.listening.iter().map(ToString::to_string).collect();
    words.join(", ")
}

/// A rate; zero if no time has passed or been measured.
#[expect(clippy::cast_precision_loss, reason = "a ratio, not a count")]
fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::BindAddr;
    use crate::statistics::{Latency, PLACES};

    #[test]
    fn the_names_are_cherrypys_and_the_numbers_exact() {
        let mut counts = vec![0; PLACES];
        (counts[0], counts[2]) = (1, 1);
        let statistics = Statistics {
            enabled: true,
            listening: vec![BindAddr::Tcp { host: "::1".to_owned(), port: 80 }, BindAddr::Unix("/a\"b".into())],
            run_time: Duration::from_secs(4),
            accepts: 10,
            requests: 20,
            refused: 3,
            overruled: 1,
            bytes_written: u64::MAX,
            work_time: Duration::from_millis(500),
            bytes_read: 7,
            latency: Latency::new(counts, 2_150, 1_150),
            workers: vec![Worker { name: "drupe-1".to_owned(), exchanges: 22, is_busy: true, ..Worker::default() }],
            routes: vec![
                RouteStatistics {
                    pattern: "/<b>\"{name}\\".to_owned(),
                    requests: 3,
                    answers: Answers { success: 2, ..Answers::default() },
                    measured: 2,
                    time: Duration::from_millis(5),
                },
                RouteStatistics { pattern: "others".to_owned(), ..RouteStatistics::default() },
            ],
            ..Statistics::default()
        };
        let text = json(&statistics);
        for part in [
            r#"{"Enabled":true,"#,
            r#""Bind Address":"[::1]:80, unix:/a\"b","#,
            r#""Run time":4,"Accepts":10,"Accepts/sec":2.5,"#,
            r#""Requests":22,"Handled":20,"Refused":3,"Overruled":1,"#,
            r#""Bytes Read":7,"Bytes Written":18446744073709551615,"#,
            r#""Read Throughput":14,"#,
            r#""Timeouts":{"handshake":0,"#,
            r#""Answers":{"1xx":0,"2xx":0,"#,
            r#""Latency":{"Count":2,"Sum":0.00000215,"Max":0.00000115,"p50":0.000001,"p90":0.00000115,"#,
            r#""Buckets":[[0.000001,1],[0.0000012,1]]}"#,
            r#""Routes":{"/\u003cb\u003e\"{name}\\":{"Requests":3,"Answers":{"1xx":0,"2xx":2,"3xx":0,"4xx":0,"5xx":0},"#,
            r#""Measured":2,"Time":0.005,"Mean":0.0025},"others":{"Requests":0,"#,
            r#""Measured":0,"Time":0,"Mean":null}},"Worker Threads":{"#,
            r#""Worker Threads":{"drupe-1":{"Requests":22,"Bytes Read":0,"Bytes Written":0,"Work Time":0,"#,
        ] {
            assert!(text.contains(part), "no {part} in {text}");
        }
    }

    #[test]
    fn empty_report_is_valid() {
        let text = json(&Statistics::default());
        assert!(text.contains(r#""Latency":{"Count":0,"Sum":0,"Max":0,"p50":null,"#), "{text}");
        assert!(
            text.contains(r#""Accepts/sec":0,"#) && text.ends_with(r#""Routes":{},"Worker Threads":{}}"#),
            "{text}"
        );
    }
}
