//! Listeners and connections kept at a restart, from one engine for the next.

use std::sync::Arc;

use super::gate::Report;
use super::listening::Entrance;
use super::wildcards::is_beside_v4;
use crate::address::BindAddr;
use crate::config::Config;
use crate::engine::connection::ClientConnection;
use crate::engine::service::context::Service;
use crate::engine::wire::output;
use crate::error::Error;
use crate::net::listener::{Asked, ListenOptions};
use crate::net::socket_file::Rights;
use crate::sync::Outlined;

/// Listeners and connections kept for the next engine. Dropping the value closes everything.
#[derive(Default)]
pub(crate) struct KeptListeners {
    pub(in crate::engine) entrances: Outlined<Vec<Arc<Entrance>>>,
    pub(in crate::engine) connections: Outlined<Vec<Box<ClientConnection>>>,
    /// The service that accepted the connections.
    pub(in crate::engine) from: Option<Arc<Service>>,
}

impl KeptListeners {
    /// Listens on all configured addresses and sockets, or on none. Unchanged listeners are used again, and the others
    /// closed.
    pub(in crate::engine) fn listen(&mut self, config: &Config, report: &Report) -> Result<Vec<Arc<Entrance>>, Error> {
        let asked = asked(config);
        let own: Vec<BindAddr> = asked.iter().filter_map(address).collect();
        let options = |one: &Asked| ListenOptions {
            only_v6: matches!(one, Asked::Address(address) if is_beside_v4(address, &own)),
            backlog: config.socket_queue_size,
            reuse_port: config.reuse_port,
            nodelay: config.nodelay,
            send_patience: output::PATIENCE,
            rights: rights(config),
            setting: config.bind_setting,
        };
        let mut same = KeptListeners::default();
        let mut found = Vec::new();
        for one in &asked {
            let at = self.entrances.iter().position(|entrance| entrance.is_for(one, &options(one)));
            let entrance = at.map(|at| self.entrances.remove(at));
            same.entrances.extend(entrance.clone());
            found.push(entrance);
        }
        // The remaining listeners may occupy the new addresses.
        self.close();
        let mut entrances = Vec::new();
        for (one, found) in asked.iter().zip(found) {
            entrances.push(match found {
                Some(found) => found,
                None => Arc::new(Entrance::bind(one, &options(one), report)?),
            });
        }
        // No error is possible any more, so dropping `same` must not close these listeners.
        same.entrances.clear();
        Ok(entrances)
    }

    /// Closes the kept listeners.
    fn close(&mut self) {
        let entrances = std::mem::take(&mut self.entrances);
        entrances.iter().for_each(|entrance| entrance.close());
        entrances.iter().for_each(|entrance| entrance.join());
    }
}

/// All that a server with `config` listens on.
fn asked(config: &Config) -> Vec<Asked> {
    let sockets = config.listen_sockets.iter().cloned().map(Asked::Socket);
    config.bind.iter().cloned().map(Asked::Address).chain(sockets).collect()
}

/// The address to bind, or of a socket of the program's own; `None` for an unusable socket.
fn address(asked: &Asked) -> Option<BindAddr> {
    match asked {
        Asked::Address(address) => Some(address.clone()),
        Asked::Socket(socket) => socket.address(),
    }
}

/// The access rights of the file of a Unix socket.
pub(in crate::engine) fn rights(config: &Config) -> Rights {
    Rights { mode: config.socket_mode, user: config.socket_user.clone(), group: config.socket_group.clone() }
}

impl Drop for KeptListeners {
    fn drop(&mut self) {
        self.close();
    }
}
