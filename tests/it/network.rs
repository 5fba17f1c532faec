//! Networks that lose, delay and reorder segments, and one that is cut: in a network namespace of
//! the test's own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use crate::client::{Client, get, post, wait_until};
use crate::place::{is_root, output, run, say};
use crate::process::is_alone_after;
use crate::service::Service;

/// True if the test of this name runs in a network namespace of its own; otherwise runs the test
/// again in one. Prints a message if the system allows none.
fn is_apart(name: &str) -> bool {
    if !is_root(name) {
        return false;
    }
    if !output("unshare", &["--net", "true"]).status.success() {
        say(&format!("{name}: no network namespace can be made here"));
        return false;
    }
    is_alone_after("exec unshare --net sh -c 'ip link set lo up && exec \"$0\" \"$@\"' \"$0\" \"$@\"", name)
}

#[test]
#[ignore = "takes some seconds, iproute2 and iptables; .ci/run has all"]
fn segments_that_are_lost_cost_time_and_nothing_else() {
    if !is_apart("network::segments_that_are_lost_cost_time_and_nothing_else") {
        return;
    }
    let service = Service::start("thread_pool=4");
    let port = service.address().port().to_string();
    for direction in ["--dport", "--sport"] {
        let lose = ["-m", "statistic", "--mode", "random", "--probability", "0.1", "-j", "DROP"];
        run("iptables", &[&["-A", "INPUT", "-p", "tcp", direction, &port][..], &lose].concat());
    }
    exchanges(&service, service.address());
    let lost = run("iptables", &["-L", "INPUT", "-v", "-n", "-x"]);
    println!("{lost}");
    let lost: Vec<u64> = lost
        .lines()
        .filter(|line| line.contains("DROP"))
        .map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
        .collect();
    assert!(lost.len() == 2 && lost.iter().all(|count| *count > 0), "nothing was lost: {lost:?}");
}

/// `tc netem` is not in every kernel; a program that carries each packet through a tunnel is.
#[test]
#[ignore = "takes some seconds, iproute2 and python3; .ci/run has all"]
fn segments_that_are_late_lost_twice_there_and_out_of_order_cost_time_and_nothing_else() {
    const NAME: &str = "network::segments_that_are_late_lost_twice_there_and_out_of_order_cost_time_and_nothing_else";
    if !is_apart(NAME) {
        return;
    }
    let mirror = Mirror::start();
    let service = Service::start("thread_pool=4 socket_host=0.0.0.0");
    exchanges(&service, SocketAddr::from(([10, 9, 0, 2], service.address().port())));
    let counts = mirror.stop();
    println!("segments with content: {counts:?}");
    // Of some 3,000: one in fifty is lost, one in fifty doubled, one in ten late.
    assert!(counts.iter().all(|(_, count)| *count >= 10), "the network was too good: {counts:?}");
}

/// Uploads and downloads by eight clients at a time, all complete.
fn exchanges(service: &Service, address: SocketAddr) {
    thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                let mut client = Client::connect(address);
                for length in [0, 1, 1000, 20_000, 200_000] {
                    let answer = client.post("/length", &vec![b'x'; length]);
                    assert_eq!((answer.status, answer.text()), (200, length.to_string().as_str()));
                    let answer = client.get(&format!("/bytes/{length}"));
                    assert_eq!((answer.status, answer.content.len()), (200, length));
                    client.send(get("/one").repeat(3));
                    (0..3).for_each(|_| assert_eq!(client.answer().text(), "/one"));
                    client.assert_in_step(&format!("/{number}/{length}"), &format!("/{number}/{length}"));
                }
            });
        }
    });
    let counts = service.counts();
    assert_eq!((counts.of("accepts"), counts.of("requests")), (8, 8 * 5 * 6));
    assert_eq!((counts.of("timed_out"), counts.of("refused"), counts.of("panics")), (0, 0, 0));
    wait_until("all have left", || service.counts().of("parked") == 0);
}

/// From one moment on, no segment passes in either direction: each phase has its deadline.
#[test]
#[ignore = "takes some seconds, iproute2 and iptables; .ci/run has all"]
fn a_network_that_is_cut_is_noticed_in_every_phase_and_gives_everything_back() {
    if !is_apart("network::a_network_that_is_cut_is_noticed_in_every_phase_and_gives_everything_back") {
        return;
    }
    let service =
        Service::start("thread_pool=2 thread_pool_max=8 socket_timeout=2 keep_alive_timeout=2 thread_idle_timeout=1");
    let empty = service.figures().descriptors();
    let phases: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"GET / HT".to_vec(),
        get("/").into_bytes(),
        post("/length", &[b'x'; 1000])[..500].to_vec(),
        b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
            .iter()
            .copied()
            .chain([b'x'; 100_000])
            .collect(),
        b"POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe".to_vec(),
        b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n".to_vec(),
        get("/block/500").into_bytes(),
        get("/large").into_bytes(),
        get("/bytes/1073741824").into_bytes(),
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\n".to_vec(),
    ];
    for round in 1..=2 {
        let clients: Vec<Client> = phases
            .iter()
            .map(|bytes| {
                let mut client = Client::connect(service.address());
                client.send(bytes);
                client
            })
            .collect();
        wait_until("all are there", || service.counts().of("accepts") == round * phases.len() as u64);
        for direction in ["--dport", "--sport"] {
            let port = service.address().port().to_string();
            run("iptables", &["-A", "INPUT", "-p", "tcp", direction, &port, "-j", "DROP"]);
        }
        wait_until("each is let go", || {
            let counts = service.counts();
            counts.of("parked") + counts.of("queue") == 0 && counts.of("threads_idle") == counts.of("threads")
        });
        wait_until("descriptors are back", || service.figures().descriptors() == empty);
        wait_until("threads have gone", || service.counts().of("threads") == 2);
        run("iptables", &["-F", "INPUT"]);
        drop(clients);
    }
    assert_eq!(service.counts().of("panics"), 0);
    // It works again: a client that comes now is served.
    Client::connect(service.address()).assert_in_step("/again", "/again");
    let [_, cut, _] = service.stop();
    assert_eq!(cut, 0);
}

/// A tunnel that returns segments for 10.9.0.2 as if from there: late, out of order, twice or not
/// at all.
struct Mirror {
    child: Child,
    told: BufReader<ChildStdout>,
}

impl Mirror {
    fn start() -> Self {
        let mut command = Command::new("python3");
        let mut child = command.args(["-c", MIRROR]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut mirror = Self { told: BufReader::new(child.stdout.take().unwrap()), child };
        assert_eq!(mirror.line(), "ready\n", "this test needs /dev/net/tun and ip");
        mirror
    }

    /// Stops the tunnel. Returns the numbers of segments with content that were lost, doubled, and
    /// overtaken.
    fn stop(mut self) -> [(&'static str, u64); 3] {
        drop(self.child.stdin.take());
        let line = self.line();
        let mut counts = line.split_whitespace().map(|count| count.parse().unwrap());
        ["lost", "doubled", "overtaken"].map(|what| (what, counts.next().unwrap()))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A script that exchanges source and destination, which keeps every checksum valid.
const MIRROR: &str = r#"
import fcntl, heapq, os, random, select, struct, subprocess, sys, time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
tunnel = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tunnel, TUNSETIFF, struct.pack("16sH", b"mirror", IFF_TUN | IFF_NO_PI))
subprocess.run("ip address add 10.9.0.1/24 dev mirror && ip link set mirror up mtu 1400", shell=True, check=True)
print("ready", flush=True)
random.seed(6)
late, number, latest = [], 0, {}
lost = doubled = overtaken = 0
while True:
    wait = max(0, late[0][0] - time.monotonic()) if late else None
    ready = select.select([tunnel, sys.stdin], [], [], wait)[0]
    if sys.stdin in ready:
        print(lost, doubled, overtaken, flush=True)
        break
    if ready:
        packet = os.read(tunnel, 65536)
        if packet[0] >> 4 != 4:
            continue
        # What is longer than its two headers, of which IP's has no options.
        has_content = len(packet) > 20 + (packet[32] >> 4) * 4
        if random.random() < 0.02:
            lost += has_content
            continue
        packet = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
        number, copies = number + 1, 2 if random.random() < 0.02 else 1
        doubled += has_content and copies == 2
        for copy in range(copies):
            # Each its own: one in ten is overtaken by those after it.
            delay = 0.002 + (random.random() * 0.02 if random.random() < 0.1 else 0)
            heapq.heappush(late, (time.monotonic() + delay, number, copy, has_content, packet))
    while late and late[0][0] <= time.monotonic():
        _, own, copy, has_content, packet = heapq.heappop(late)
        # Ports tell connections and directions apart. A second copy that is late is not the network's only one.
        ahead = latest.get(packet[20:24], 0)
        overtaken += has_content and copy == 0 and own < ahead
        latest[packet[20:24]] = max(own, ahead)
        os.write(tunnel, packet)
"#;
