//! In Kubernetes: readiness, liveness, and an end that loses no request.
//!
//! `examples/deploy/deployment.yaml`:
//!
//! ```text
#![doc = include_str!("../../examples/deploy/deployment.yaml")]
//! ```
//!
//! # How a pod ends
//!
//! 1. The pod is marked as terminating. From here on `terminationGracePeriodSeconds` runs.
//! 2. At the same time, and in no order, `preStop` begins, and everybody who sends requests is told: endpoints, ingress controllers, nodes.
//!    Until all of them know, connections still come. So `preStop` sleeps, and the server goes on as ever. The image needs a `sleep` for it;
//!    from Kubernetes 1.30 on `preStop: {sleep: {seconds: 10}}` does without.
//! 3. SIGTERM. The port is closed, idle connections too, requests under way have `shutdown_timeout`.
//! 4. The process ends with 0. If it has not by the end of the grace period, SIGKILL.
//!
//! So `terminationGracePeriodSeconds` has to be more than the sleep and `shutdown_timeout` together: here 40 > 10 + 20. A test holds that for the file.
//!
//! # Probes
//!
//! **Readiness asks for a whole answer.** If it does not come in time the pod gets no new requests for a while, which is right for one that is
//! overloaded. In a program of your own, give it a path, and say 503 while something that is needed is not there:
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
//! **Liveness only connects.** The accept thread waits for no handler, so it answers as long as the process can be helped at all. A liveness probe that asks for a page
//! waits in the same queue as everybody: under overload it fails, the pod is killed, the others get its load, and fail too.
//!
//! # As process 1
//!
//! Start the program itself (`command: ["drupe", ...]`), not through a shell: a shell as process 1 keeps SIGTERM to itself. drupe catches SIGTERM and SIGINT, so
//! the kernel's rule that process 1 ignores what it does not catch does no harm.
//!
//! # Memory
//!
//! Settings bound what clients can make the server hold. Make the sum fit the limit of the container:
//!
//! | what | at the most | here |
//! |---|---|---|
//! | large heads and content on their way | `max_parked_size` | 32 MiB |
//! | small ones, which are never refused | `max_connections` × 24 KiB | 4000 × 24 KiB = 94 MiB |
//! | heads and content with a worker | `thread_pool_max` × (3 × `max_request_header_size` + `body_buffer_size`) | 256 × 112 KiB = 28 MiB |
//! | answers that wait | `max_parked_size` | 32 MiB |
//! | answers with a worker | `thread_pool_max` × the largest answer that a handler makes in memory | listings: 256 × 320 KiB = 80 MiB |
//! | listings of more than 1000 entries | 16 at a time, some 5 MB each while they are made | 80 MiB |
//! | stacks | `thread_pool_max` × what handlers use of `thread_stack_size` | 256 × some 100 KB |
//!
//! That is 370 MiB together, of 512 MiB. With the default of 500 KiB for heads those with a worker would be some 400 MB. What handlers use
//! themselves comes on top, and so do:
//!
//! - with TLS, 64 KiB instead of 24 KiB for each connection, and up to 200 KiB for each worker that sends a file: raise the limit
//!   of the container or lower `max_connections`;
//! - 256 KiB for each worker that streams a body ([`Body::from_reader`](crate::Body::from_reader), content that is echoed).
//!
//! The program was run with these settings under each kind of load, over a Unix socket (TLS over TCP), with the
//! variable that the file sets:
//!
//! | load | resident |
//! |---|---|
//! | nothing, after the start | 5 MiB |
//! | 3900 idle connections | 8 MiB |
//! | 3900 heads of 8 KB that do not end | 37 MiB |
//! | 3900 heads of 15 KB that do not end | 39 MiB |
//! | 3900 requests with 15 KB of head and 40 KB of content, half sent | 41 MiB |
//! | 3900 clients that take nothing of a file | 22 MiB |
//! | 3900 clients that take nothing of three listings of 990 entries | 86 MiB |
//! | 300 clients that take nothing of a listing of 9990 entries | 67 MiB |
//! | 400 clients that take nothing of a file over TLS | 31 MiB |
//! | 500 idle connections over TLS | 10 MiB |
//!
//! ## The kernel's part
//!
//! The buffers of sockets are not the process's memory, and no setting of the server bounds them. Linux lets each grow to the third number of
//! `net.ipv4.tcp_wmem`, 4 MiB by default: 3000 clients that take nothing of 4 MB fill 2.2 GB. All together they stay below
//! `net.ipv4.tcp_mem`, and with cgroup v2 they count towards the limit of the container. Where many clients are slow, lower the third number
//! for the pod or the machine. The price is the speed of one client over a long way: a buffer for each round trip.
//!
//! ```text
//! securityContext:
//!   sysctls: [{name: net.ipv4.tcp_wmem, value: "4096 16384 262144"}]
//! ```
//!
//! ## What the allocator keeps
//!
//! Memory that was freed is not always memory that the system has again. glibc serves large blocks from the heap once a few were freed, and
//! gives each thread a heap of its own. After 15 s of 48 clients that ask for listings, large ones among them, and leave, the program had
//! 165 MiB, and 109 MiB at rest; with `MALLOC_MMAP_THRESHOLD_=131072` it had 100 MiB, and 78 MiB at rest. So both deploy files set it.
//! `MALLOC_ARENA_MAX=1` saves little beside it, and has all threads wait for one lock. Another allocator needs neither.
//!
//! # What was tried
//!
//! A test reads the file as YAML, compares ports, names, labels and times with each other, and has the program check its settings. `kubectl`
//! 1.32 took the deployment field by field without a cluster. It was not run in one.
