//! In Kubernetes: readiness, liveness, and a stop that loses no request.
//!
//! `examples/deploy/deployment.yaml`:
//!
//! ```text
#![doc = include_str!("../../examples/deploy/deployment.yaml")]
//! ```
//!
//! # How a pod ends
//!
//! 1. Kubernetes marks the pod as terminating. `terminationGracePeriodSeconds` starts to count.
//! 2. At the same time, and in no order, `preStop` begins, and Kubernetes informs the senders of
//!    requests: endpoints, ingress controllers, nodes. New connections arrive until all of these
//!    know. So `preStop` sleeps, and the server keeps serving. This form of `preStop` needs
//!    Kubernetes 1.30 or later. For an older one, write `exec: {command: ["sleep", "10"]}`, and use
//!    an image that has the command.
//! 3. SIGTERM. The server closes the port and idle connections, and leaves `shutdown_timeout` to
//!    the requests in progress.
//! 4. The process ends with 0. At the end of the grace period, Kubernetes sends SIGKILL to a
//!    process that still runs.
//!
//! So set `terminationGracePeriodSeconds` to more than the sleep and `shutdown_timeout` together:
//! here 40 > 10 + 20. A test checks the sum for the file.
//!
//! # Probes
//!
//! **Readiness asks for a whole answer.** If the answer is late, the pod gets no new requests for a
//! while. An overloaded pod needs this relief. In your own program, give the probe a path, and
//! answer 503 while a dependency is missing:
//!
//! ```
//! use std::sync::atomic::{AtomicBool, Ordering};
//!
//! use drupe::http::StatusCode;
//! use drupe::{IntoResponse, Request, RequestExt, Response, testing};
//!
//! static IS_READY: AtomicBool = AtomicBool::new(false);
//!
//! fn handler(request: &mut Request) -> Response {
//!     match request.uri().path() {
//!         "/ready" if !IS_READY.load(Ordering::SeqCst) || request.is_shutting_down() => {
//!             StatusCode::SERVICE_UNAVAILABLE.into_response()
//!         }
//!         "/ready" => "ready\n".into_response(),
//!         _ => "hello\n".into_response(),
//!     }
//! }
//! # let ask = || testing::call(&handler, drupe::http::Request::get("/ready").body("".into()).unwrap()).status();
//! # assert_eq!(ask(), 503);
//! # IS_READY.store(true, Ordering::SeqCst);
//! # assert_eq!(ask(), 200);
//! ```
//!
//! **Liveness only connects.** The accept thread waits for no handler, so the probe succeeds unless
//! the process is beyond help. Do not let a liveness probe ask for a page: the probe waits in the
//! same queue as all requests. Under overload the probe fails, Kubernetes kills the pod, the other
//! pods get the load, and fail too.
//!
//! # As process 1
//!
//! Start the program directly (`command: ["/drupe", ...]`), not through a shell: a shell as process
//! 1 does not forward SIGTERM. The kernel ignores signals that process 1 does not catch; drupe
//! catches SIGTERM and SIGINT.
//!
//! # An image
//!
//! `examples/deploy/Dockerfile` makes an image `FROM scratch`: the program, linked with musl, and
//! an empty folder for files, without a shell or libraries. The program is 4.2 MB large and uses
//! 3 MiB at rest:
//!
//! ```text
#![doc = include_str!("../../examples/deploy/Dockerfile")]
//! ```
//!
//! ```sh
//! docker build --file examples/deploy/Dockerfile --tag drupe:0.1.0 .
//! docker run --publish 8080:8080 --volume "$PWD/site:/srv/www:ro" --read-only drupe:0.1.0
//! ```
//!
//! `drupe --health URL` asks a server once. It exits with 0 if the status is 2xx, 3xx, or 401 (a
//! login is asked for), and with 1, and the reason on standard error, otherwise: for another
//! status, without a connection, and without an answer within `--health-timeout` (5 s). The URL is
//! `http://HOST:PORT/PATH`, or `unix:PATH` for the root at a Unix socket. There is no form for TLS,
//! and with TLS every socket of a server speaks TLS: probe such a server from outside. Kubernetes
//! ignores `HEALTHCHECK` and has the probes above.
//!
//! `deployment.yaml` runs this image. The image has the program at `/drupe`, outside of any `PATH`,
//! and no `sleep` command. Its variables override the file of the ConfigMap, and have the same
//! values. To change one of these settings, set the variable in `env`.
//!
//! # Memory
//!
//! The settings bound the memory that clients can make the server hold. Keep the sum below the
//! limit of the container. For example, 4000 connections of 24 KiB each need 94 MiB:
//!
//! | part | at most | here |
//! |---|---|---|
//! | large incomplete heads and content | `max_parked_size` | 32 MiB |
//! | small incomplete ones, never refused | `max_connections` × 24 KiB | 4000 × 24 KiB = 94 MiB |
//! | heads and content with a worker | `thread_pool_max` × (3 × `max_request_header_size` + `body_buffer_size`) | 256 × 112 KiB = 28 MiB |
//! | waiting answers | `max_parked_size` | 32 MiB |
//! | answers with a worker | `thread_pool_max` × the largest answer that a handler makes in memory | listings: 256 × 320 KiB = 80 MiB |
//! | listings of more than 1000 entries | 16 of 10,000 entries, some 5 MB each, for all clients | 80 MiB |
//! | stacks | `thread_pool_max` × the part of `thread_stack_size` in use | 256 × some 100 KB |
//!
//! The sum is 370 MiB together, of 512 MiB. With the default of 500 KiB for heads, the heads and
//! content with a worker would need some 400 MB. Add the memory of your handlers, and:
//!
//! - with TLS, 64 KiB instead of 24 KiB for each connection, and up to 200 KiB for each worker that
//!   sends a file: raise the limit of the container or lower `max_connections`;
//! - 256 KiB for each worker that streams a body ([`Body::from_reader`](crate::Body::from_reader),
//!   echoed content);
//! - 1 MiB of history for each [`Broadcast`](crate::stream::Broadcast), and as much again while
//!   slow clients catch up. Other content of [streams](crate::stream) counts for `max_parked_size`.
//!
//! The following figures were measured with the program and these settings under each kind of load,
//! over a Unix socket (TLS over TCP), with the environment variable that the file sets. The program
//! was linked with glibc, unlike the one in the image:
//!
//! | load | resident |
//! |---|---|
//! | nothing, after the start | 5 MiB |
//! | 3900 idle connections | 8 MiB |
//! | 3900 incomplete heads of 8 KB | 37 MiB |
//! | 3900 incomplete heads of 15 KB | 39 MiB |
//! | 3900 requests with 15 KB of head and 40 KB of content, half sent | 41 MiB |
//! | 3900 clients that do not read a requested file | 22 MiB |
//! | 3900 clients that do not read three requested listings of 990 entries | 86 MiB |
//! | 300 clients that do not read a requested listing of 9990 entries | 67 MiB |
//! | 400 clients that do not read a requested file over TLS | 31 MiB |
//! | 500 idle connections over TLS | 10 MiB |
//!
//! ## The kernel's part
//!
//! Socket buffers are not memory of the process, and no setting of the server bounds them. Linux
//! lets each buffer grow to the third number of `net.ipv4.tcp_wmem`, 4 MiB by default: 3000 clients
//! that do not read 4 MB fill 2.2 GB. The sum of all buffers stays below `net.ipv4.tcp_mem`; with
//! cgroup v2 the sum counts towards the limit of the container. If many clients are slow, lower the
//! third number for the pod or the machine. A lower number slows down each distant client to a
//! buffer for each round trip.
//!
//! ```text
//! securityContext:
//!   sysctls: [{name: net.ipv4.tcp_wmem, value: "4096 16384 262144"}]
//! ```
//!
//! ## Variables of services
//!
//! Kubernetes sets variables such as `DRUPE_PORT` for a service called `drupe`. The program passes
//! over those variables. For a service called `drupe-socket`, `DRUPE_SOCKET_PORT` has the form
//! `tcp://10.0.0.1:80`: the program ignores the value with a warning. `enableServiceLinks: false`
//! turns all these variables off.
//!
//! ## Memory kept by the allocator
//!
//! The allocator does not always return freed memory to the system. glibc serves large blocks from
//! the heap once a few were freed, and gives each thread a separate heap. In a test, 48 clients
//! asked for listings, large ones included, for 15 s, and left. The program then had 165 MiB, and
//! 109 MiB at rest. With `MALLOC_MMAP_THRESHOLD_=131072` the program had 100 MiB, and 78 MiB at
//! rest. So `drupe.service` and `deployment.yaml` set the variable; musl, as in the image above,
//! ignores the variable. `MALLOC_ARENA_MAX=1` saves little in addition, and makes all threads wait
//! for one lock. Another allocator needs neither.
//!
//! # Tests
//!
//! A test parses the file as YAML, compares ports, names, labels and times, and lets the program
//! check its settings. `kubectl` 1.32 validated the deployment field by field without a cluster.
//! The deployment was not run in a cluster. Another test starts the program with the variables of
//! the Dockerfile, and checks its health by the command of the Dockerfile. The steps of the Dockerfile
//! were tried by hand, without Docker: a static build, run as user 10001 in an empty root directory.
