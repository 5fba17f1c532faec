//! An application behind a gateway, as the source of answers.

use std::sync::Arc;

use super::Server;
use super::served::Served;
use crate::wsgi::{Application, Gateway};

impl Server {
    /// Makes a server with default settings that answers with `application`, through the gateway
    /// version of [`wsgi_version`](crate::Settings::wsgi_version).
    ///
    /// ```no_run
    /// use drupe::Server;
    /// use drupe::wsgi::{Environ, ApplicationError, StartResponse};
    ///
    /// # fn main() -> Result<(), drupe::Error> {
    /// let mut server = Server::wsgi(|environ: Environ, start_response: StartResponse| {
    ///     start_response.start("200 OK", [("Content-Type", "text/plain; charset=utf-8")])?;
    ///     Ok::<_, ApplicationError>(format!("you asked for {}\n", environ.path_info()))
    /// });
    /// server.settings.wsgi_version = ("u".to_owned(), 0);
    /// server.quickstart()
    /// # }
    /// ```
    pub fn wsgi(application: impl Application) -> Self {
        let gateway = Gateway::new(application);
        Self::serving(Served::Made(Box::new(move |config| {
            Arc::new(gateway.under(&config.wsgi_version, config.software.as_ref(), config.protocol_version))
        })))
    }
}
