//! The order of eviction for a new connection: silent connections first, then connections idle for
//! longest.

use drupe::testing::TestServer;
use drupe::{Request, Settings};

use crate::client::{Client, get, wait_until};
use crate::door::Door;
use crate::process::no_descriptors;
use crate::service::Service;

const MOST: usize = 50;
const HONEST: usize = 10;

fn hello(_request: &mut Request) -> &'static str {
    "hello"
}

#[test]
fn clients_that_were_answered_stay_however_many_connections_never_send_a_byte() {
    let server = TestServer::with(hello, |settings| settings.max_connections = Some(MOST));
    let parked = || server.server().statistics().parked;
    let mut honest: Vec<Client> = (0..HONEST).map(|_| Client::connect(server.address())).collect();
    honest.iter_mut().for_each(|client| client.assert_in_step("/", "hello"));
    let mut silent = Vec::new();
    for number in 1..=MOST + 10 {
        silent.push(Client::connect(server.address()));
        let most = (HONEST + number).min(MOST);
        wait_until("the silent client is accepted", || {
            server.server().statistics().accepts == (HONEST + number) as u64 && parked() == most
        });
    }
    // Newcomers are served too, in place of silent connections.
    for _ in 0..HONEST {
        honest.push(Client::connect(server.address()));
        honest.last_mut().unwrap().assert_in_step("/", "hello");
    }
    honest.iter_mut().for_each(|client| client.assert_in_step("/", "hello"));
    assert_eq!(server.server().statistics().turned_away, 0);
    // The oldest silent connections have been closed, and as many are left as there is room for.
    let left = MOST - honest.len();
    let gone = silent.len() - left;
    silent[..gone].iter_mut().for_each(Client::assert_closed);
    silent[gone..].iter_mut().for_each(|client| client.assert_in_step("/", "hello"));
}

#[test]
fn silent_connections_do_not_count_as_idle() {
    let server = TestServer::with(hello, |settings| settings.keep_alive_conn_limit = Some(2));
    let mut silent: Vec<Client> = (0..5).map(|_| Client::connect(server.address())).collect();
    let mut idle: Vec<Client> = (0..2).map(|_| Client::connect(server.address())).collect();
    for _ in 0..3 {
        idle.iter_mut().for_each(|client| client.assert_in_step("/", "hello"));
        wait_until("all are parked", || server.server().statistics().parked == 7);
    }
    silent[0].assert_in_step("/", "hello");
}

#[test]
fn a_connection_whose_request_has_come_is_not_evicted_before_it_is_answered() {
    let door = Door::default();
    let held = door.clone();
    let server = TestServer::with(
        move |request: &mut Request| {
            if request.uri().path() == "/held" {
                held.pass();
            }
            "hello"
        },
        |settings| {
            settings.max_connections = Some(3);
            (settings.thread_pool, settings.thread_pool_max) = (1, Some(1));
        },
    );
    let parked = |count| wait_until("they are parked", || server.server().statistics().parked == count);
    let [mut asking, mut idle, mut busy] = [(); 3].map(|()| Client::connect(server.address()));
    for (number, client) in [&mut asking, &mut idle, &mut busy].into_iter().enumerate() {
        client.assert_in_step("/", "hello");
        // The one that asks now has been idle for longest.
        wait_until("it is idle", || server.server().statistics().answered == number as u64 + 1);
        parked(3);
    }
    busy.send(get("/held"));
    wait_until("the only worker is held", || door.waiting() == 1);
    asking.send(get("/"));
    let mut newcomer = Client::connect(server.address());
    newcomer.send(get("/"));
    idle.assert_closed();
    door.open();
    for client in [&mut busy, &mut asking, &mut newcomer] {
        let answer = client.answer();
        assert_eq!((answer.status, answer.text()), (200, "hello"));
    }
}

/// Checks that, of two connections, the one that has sent `begun` stays, and the silent one gives
/// way to a third although the silent one came later.
fn check_silent(change: impl FnOnce(&mut Settings), begun: &[u8]) {
    let server = TestServer::with(hello, |settings| {
        settings.max_connections = Some(2);
        change(settings);
    });
    let parked = || server.server().statistics().parked;
    let mut busy = Client::connect(server.address());
    busy.send(begun);
    wait_until("a part of it is read", || {
        let now = server.server().statistics();
        now.parked == 1 && now.bytes_read + now.tls_bytes_read == begun.len() as u64
    });
    let mut silent = Client::connect(server.address());
    wait_until("both are parked", || parked() == 2);
    let _newcomer = Client::connect(server.address());
    silent.assert_closed();
    wait_until("the newcomer is parked", || parked() == 2);
    assert_eq!(server.server().statistics().connections, 2);
    busy.end();
    busy.over();
    assert_eq!(server.server().statistics().turned_away, 0);
}

#[test]
fn connections_are_silent_until_their_first_byte_of_any_kind() {
    check_silent(|_| {}, b"G");
    check_silent(|settings| settings.proxy_protocol = true, b"PROXY ");
    #[cfg(any(feature = "tls", feature = "tls-aws-lc"))]
    check_silent(|settings| settings.ssl_context = Some(crate::secure::context()), b"\x16");
}

#[test]
fn an_idle_connection_gives_way_for_a_client_that_finds_no_descriptor_left() {
    const CLIENTS: usize = 120;
    let service = Service::start_with(64, "thread_pool=2 thread_pool_max=4 max_connections=100");
    let open = check_newest_stay(&service, CLIENTS);
    // All descriptors except those open before the clients.
    assert!((49..64).contains(&open), "{open} are open");
    let warning = "max_connections is 100, but the process may have 64 descriptors open (RLIMIT_NOFILE); \
                   idle connections will be closed when descriptors run out";
    assert_eq!(service.logged().iter().filter(|line| line.ends_with(warning)).count(), 1, "{:?}", service.logged());
    let expected = format!("accept failed on {}: {}; closed an idle connection", service.address(), no_descriptors());
    let logged: Vec<String> = service.logged();
    assert!(logged.iter().any(|line| line.ends_with(&expected)), "{logged:?}");
    assert!(logged.iter().all(|line| !line.contains("retrying")), "{logged:?}");
}

/// Serves so many clients in turn that none closes, and checks that the newest are left. Returns
/// their number.
fn check_newest_stay(service: &Service, clients: usize) -> usize {
    let connect = |_| {
        let mut client = Client::connect(service.address());
        client.assert_in_step("/", "/");
        client
    };
    let mut clients: Vec<Client> = (0..clients).map(connect).collect();
    let open = usize::try_from(service.counts().of("connections")).unwrap();
    let gone = clients.len() - open;
    clients[..gone].iter_mut().for_each(Client::assert_closed);
    clients[gone..].iter_mut().for_each(|client| client.assert_in_step("/", "/"));
    assert_eq!(service.counts().of("turned_away"), 0);
    open
}

#[test]
fn by_default_connections_leave_descriptors_for_everything_else() {
    let service = Service::start_with(64, "thread_pool=2 thread_pool_max=4");
    assert_eq!(check_newest_stay(&service, 60), 48);
    assert_eq!(service.logged(), [""; 0]);
}
