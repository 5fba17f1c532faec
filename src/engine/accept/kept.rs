//! What an engine leaves to the one that comes after it at a restart.

use std::sync::Arc;

use super::listening::{Entrance, Report};
use crate::config::Config;
use crate::engine::connection::ClientConnection;
use crate::engine::service::context::Service;
use crate::engine::wire::output;
use crate::error::Error;
use crate::net::listener::ListenOptions;
use crate::net::socket_file::Rights;

/// What an engine leaves to the one that comes after it. Dropping it closes everything.
#[derive(Default)]
pub(crate) struct KeptListeners {
    pub(in crate::engine) entrances: Vec<Arc<Entrance>>,
    pub(in crate::engine) connections: Vec<Box<ClientConnection>>,
    /// What they were accepted under.
    pub(in crate::engine) from: Option<Arc<Service>>,
}

impl KeptListeners {
    /// Binds everything that is asked for, or nothing; what is there already is taken where it is the same, and the rest of it closed.
    pub(in crate::engine) fn listen(&mut self, config: &Config, report: &Report) -> Result<Vec<Arc<Entrance>>, Error> {
        let options = ListenOptions {
            backlog: config.backlog,
            reuse_port: config.reuse_port,
            nodelay: config.nodelay,
            send_patience: output::PATIENCE,
            rights: rights(config),
            setting: config.bind_setting,
        };
        let mut same = KeptListeners::default();
        let mut found = Vec::new();
        for address in &config.bind {
            let at = self.entrances.iter().position(|entrance| entrance.is_for(address, &options));
            let entrance = at.map(|at| self.entrances.remove(at));
            same.entrances.extend(entrance.clone());
            found.push(entrance);
        }
        // What is left may stand in the way of what is to come.
        self.close();
        let mut entrances = Vec::new();
        for (address, found) in config.bind.iter().zip(found) {
            entrances.push(match found {
                Some(found) => found,
                None => Arc::new(Entrance::bind(address, &options, report)?),
            });
        }
        // Only now nothing can fail any more, and they are not to be closed by dropping this.
        same.entrances.clear();
        Ok(entrances)
    }

    /// Gives up what listens.
    fn close(&mut self) {
        let entrances = std::mem::take(&mut self.entrances);
        entrances.iter().for_each(|entrance| entrance.close());
        entrances.iter().for_each(|entrance| entrance.join());
    }
}

/// Who may do what with the file of a Unix socket.
pub(in crate::engine) fn rights(config: &Config) -> Rights {
    Rights { mode: config.socket_mode, user: config.socket_user.clone(), group: config.socket_group.clone() }
}

impl Drop for KeptListeners {
    fn drop(&mut self) {
        self.close();
    }
}
