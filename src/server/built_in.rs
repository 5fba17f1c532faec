//! The built-in HTTP server, as an instance for another controller.

use std::error;
use std::io;
use std::sync::Arc;

use super::Server;
use crate::address::BindAddr;
use crate::config::Config;
use crate::engine::Report;
use crate::engine::{Engine, KeptListeners};
use crate::error::Error;
use crate::http_server::{HttpServer, Ready};
use crate::message::Handler;
use crate::message::access::Hooks;
use crate::settings::Instance;
use crate::statistics::Statistics;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// The engine, with its config and handler.
struct BuiltIn {
    config: Arc<Config>,
    handler: Arc<dyn Handler>,
    hooks: Hooks,
    course: Arc<Course>,
}

#[derive(Default)]
struct Course {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    engine: Option<Arc<Engine>>,
    /// True from the accept to the end of a run. Only then does a stop count: one that comes while
    /// a run ends by itself must not end the next run.
    is_serving: bool,
    is_told: bool,
    failure: Option<Error>,
}

impl Server {
    /// Returns the HTTP server of these settings, and the address to listen on. The HTTP server is
    /// [`instance`](crate::Settings::instance) if set, else a new built-in server with these
    /// settings and the same handler. CherryPy: `httpserver_from_self`, the same.
    ///
    /// The new server has no page of `mount_statistics`, which would show the statistics of this
    /// server.
    ///
    /// # Errors
    /// The first setting that is out of range, contradicts another or names an unusable file.
    pub fn httpserver_from_self(&self) -> Result<(Instance, BindAddr), Error> {
        let instance = match &self.settings.instance {
            Some(instance) => instance.clone(),
            None => {
                let resolved = Config::resolve(&self.settings).and_then(|config| {
                    Engine::check(&config)?;
                    Ok(config)
                });
                let config = resolved.map_err(|error| self.settings.locate(error))?;
                let handler = self.shared.served.handler(&config);
                let hooks = self.shared.hooks.lock().clone();
                Instance::new(BuiltIn { config: Arc::new(config), handler, hooks, course: Arc::default() })
            }
        };
        Ok((instance, self.bind_addr()))
    }
}

impl HttpServer for BuiltIn {
    fn serve(&self, _: &BindAddr, ready: Ready) -> Result<(), Box<dyn error::Error + Send + Sync>> {
        let course = Arc::clone(&self.course);
        let report: Report = Arc::new(move |address: &BindAddr, source: io::Error| {
            course.state().failure = Some(Error::Bind { address: address.to_string(), source });
            course.changed.notify_all();
        });
        let mut kept = KeptListeners::default();
        let (config, handler, hooks) = (Arc::clone(&self.config), Arc::clone(&self.handler), self.hooks.clone());
        let engine = Arc::new(Engine::prepare(config, handler, hooks, &mut kept, &report)?);
        engine.open(kept)?;
        {
            let mut state = self.course.state();
            (state.engine, state.is_serving) = (Some(Arc::clone(&engine)), true);
        }
        ready.accepting(engine.listening());
        let waits = |state: &mut State| !state.is_told && state.failure.is_none();
        let ended = self.course.changed.wait_while(self.course.state(), waits);
        drop(ended);
        engine.stop();
        engine.join_rest();
        let mut state = self.course.state();
        // Resets the state for the next start.
        *state = State { engine: state.engine.take(), failure: state.failure.take(), ..State::default() };
        state.failure.take().map_or(Ok(()), |error| Err(error.into()))
    }

    fn stop(&self) {
        let mut state = self.course.state();
        state.is_told = state.is_serving;
        drop(state);
        self.course.changed.notify_all();
    }

    fn cut(&self) {
        if let Some(engine) = self.engine() {
            engine.cut();
        }
    }

    fn graceful(&self) -> Result<(), Box<dyn error::Error + Send + Sync>> {
        self.engine().map_or(Ok(()), |engine| Ok(engine.reload_tls()?))
    }

    fn is_secure(&self) -> bool {
        self.config.tls.is_some()
    }

    fn statistics(&self) -> Statistics {
        self.engine().map_or_else(Statistics::default, |engine| engine.statistics())
    }
}

impl BuiltIn {
    fn engine(&self) -> Option<Arc<Engine>> {
        self.course.state().engine.clone()
    }
}

impl Course {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::message::{Request, handler};
    use crate::settings::Settings;

    /// Such a stop may come while the run before ends because of a failure.
    #[test]
    fn stop_between_two_runs_does_not_end_the_next_one() {
        let settings = Settings { socket_port: 0, ..Settings::default() };
        let built_in = BuiltIn {
            config: Arc::new(Config::resolve(&settings).unwrap()),
            handler: Arc::new(handler(|_: &mut Request| "never")),
            hooks: Hooks::default(),
            course: Arc::default(),
        };
        let address = BindAddr::Tcp { host: "127.0.0.1".to_owned(), port: 0 };
        for _ in 0..2 {
            built_in.stop();
            let (tell, accepts) = mpsc::channel();
            thread::scope(|scope| {
                let run = scope.spawn(|| built_in.serve(&address, Ready::new(move |_| tell.send(()).unwrap())).is_ok());
                accepts.recv().unwrap();
                assert!(!built_in.course.state().is_told);
                built_in.stop();
                assert!(run.join().unwrap());
            });
        }
    }
}
