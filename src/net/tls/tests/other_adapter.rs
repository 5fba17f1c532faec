//! An adapter other than rustls, to show that the contract suffices. There is no cryptography: each
//! side says hello, then every byte is inverted.

use std::io::{self, ErrorKind, IoSlice, Read, Write};

use super::super::secure::Handshake;
use super::pairs::{PATIENCE, read_exactly, rest, shake, sockets, write_all};
use super::*;
use crate::net::poll::Interest;
use crate::tls::{Acceptor, Adapter, Facts};

struct Turner;

impl Adapter for Turner {
    fn load(&self, options: &Options, _: SystemTime) -> Result<Box<dyn Acceptor>, Error> {
        match &options.identity {
            Identity::Context(object) if object.is::<&str>() => Ok(Box::new(Turner)),
            _ => Err(Error::setting("ssl_context", "is no greeting")),
        }
    }
}

impl Acceptor for Turner {
    fn session(&self) -> Result<Box<dyn Session>, String> {
        Ok(Box::<Turning>::default())
    }
}

#[derive(Default)]
struct Turning {
    received: Vec<u8>,
    plain: Vec<u8>,
    outgoing: Vec<u8>,
    is_open: bool,
    has_ended: bool,
}

impl Session for Turning {
    fn receive(&mut self, source: &mut dyn Read) -> io::Result<usize> {
        let mut few = [0; 3];
        let count = source.read(&mut few)?;
        self.received.extend_from_slice(&few[..count]);
        self.has_ended |= count == 0;
        Ok(count)
    }

    fn advance(&mut self) -> Result<(), String> {
        if !self.is_open {
            if !b"\x01hello".starts_with(&self.received[..self.received.len().min(6)]) {
                self.outgoing.extend(b"no");
                return Err("that is no hello".to_owned());
            }
            if self.received.len() < 6 {
                return Ok(());
            }
            self.received.drain(..6);
            self.is_open = true;
            self.outgoing.extend(b"welcome");
        }
        self.plain.extend(self.received.drain(..).map(|byte| !byte));
        Ok(())
    }

    fn is_handshaking(&self) -> bool {
        !self.is_open
    }

    fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    fn transmit(&mut self, sink: &mut dyn Write) -> io::Result<usize> {
        let count = sink.write(&self.outgoing)?;
        self.outgoing.drain(..count);
        Ok(count)
    }

    fn has_plaintext(&mut self) -> bool {
        !self.plain.is_empty()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.plain.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = (&self.plain[..]).read(buffer)?;
        self.plain.drain(..count);
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outgoing.extend(bytes.iter().map(|byte| !byte));
        Ok(bytes.len())
    }

    fn close(&mut self) {
        self.outgoing.push(4);
    }

    fn facts(&self) -> Facts {
        Facts { library: "turner/1".to_owned(), ..Facts::default() }
    }
}

fn turned(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| !byte).collect()
}

#[test]
fn registered_adapter_is_used_and_no_other() {
    let with = |identity| Options { identity, ..options(PathBuf::new(), None) };
    let load = |identity| Tls::load(Arc::new(with(identity)), Some(Arc::new(Turner)), now());
    assert_eq!(load(Identity::Context(Arc::new(1))).unwrap_err().to_string(), "setting ssl_context: is no greeting");
    let tls = Arc::new(load(Identity::Context(Arc::new("hello"))).unwrap());

    let (server, mut client) = sockets(&tls);
    client.write_all(b"\x01hello").unwrap();
    client.write_all(&turned(b"ping")).unwrap();
    assert_eq!(shake(&server), Handshake::Done);
    assert_eq!(read_exactly(&server, 4), b"ping");
    assert_eq!(server.secure().unwrap().facts().unwrap().library, "turner/1");
    assert_eq!(server.write(&[IoSlice::new(b"po"), IoSlice::new(b"ng")]).unwrap(), 4);
    write_all(&server, b"!");
    // The end of the socket counts even if the session ignores it.
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(server.wait(Interest::Read, PATIENCE).unwrap());
    assert_eq!(server.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::InvalidData);
    drop(server);
    assert_eq!(rest(&mut client), [b"welcome", &turned(b"pong!")[..], &[4]].concat());

    let (server, mut client) = sockets(&tls);
    client.write_all(b"\x02").unwrap();
    assert_eq!(shake(&server), Handshake::Failed("that is no hello".to_owned()));
    drop(server);
    assert_eq!(rest(&mut client), b"no");
}
