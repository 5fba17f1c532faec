//! Your own HTTP server under the life cycle of `Server`: started, stopped and watched by the same
//! bus.
//!
//! Try `cargo run --features process --example instance`, then `curl http://127.0.0.1:8080/`.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::Mutex;

use drupe::process::{Bus, HttpServer, Ready};
use drupe::{BindAddr, Server, handler};

/// Answers one client after the other, with the same text.
#[derive(Default)]
struct Small(Mutex<Option<socket2::Socket>>);

impl HttpServer for Small {
    fn serve(&self, address: &BindAddr, ready: Ready) -> Result<(), Box<dyn Error + Send + Sync>> {
        let listener = TcpListener::bind(address.to_string())?;
        *self.0.lock().map_err(|_| "poisoned")? = Some(listener.try_clone()?.into());
        ready.accepting(vec![address.clone()]);
        while let Ok((mut client, _)) = listener.accept() {
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsmall\n");
        }
        Ok(())
    }

    fn stop(&self) {
        // On Linux this wakes the thread in accept.
        let _ = self.0.lock().map(|socket| socket.as_ref().map(|socket| socket.shutdown(Shutdown::Both)));
    }
}
fn main() -> Result<(), Box<dyn Error>> {
    let (bus, mut server) = (Bus::new(), Server::new(handler(|_| "never asked")));
    server.set_instance(Small::default());
    server.subscribe(&bus);
    bus.start()?;
    Ok(bus.block()?)
}
