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
//! What clients can make the server hold is bounded by settings; make them fit the limit of the container:
//!
//! | what | at the most | here |
//! |---|---|---|
//! | heads and content on their way, large | `max_parked_size` | 32 MiB |
//! | the same, small: never refused | `max_connections` × 24 KiB | 4000 × 24 KiB = 94 MiB |
//! | with TLS, instead of that | `max_connections` × 64 KiB | |
//! | heads and content with a worker | `thread_pool_max` × (3 × `max_request_header_size` + `body_buffer_size`) | 256 × 112 KiB = 28 MiB |
//! | answers that wait | `max_parked_size` | 32 MiB |
//! | stacks | `thread_pool_max` × what handlers use of `thread_stack_size` | 256 × some 100 KB |
//!
//! With the default of 500 KiB for heads those with a worker would be some 400 MB. What handlers use themselves comes on top.
//!
//! # What was tried
//!
//! A test reads the file as YAML, compares ports, names, labels and times with each other, and has the program check its settings. `kubectl`
//! 1.32 took the deployment field by field without a cluster. It was not run in one.
