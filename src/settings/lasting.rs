//! Settings that last from a start to a stop: a reload does not change these.

use super::Settings;

impl Settings {
    /// Copies from `running` all settings that cannot change while a server runs, and returns the
    /// names of those that differed. Objects that `self` does not set stay without a name.
    pub(crate) fn keep_lasting(&mut self, running: &Settings) -> Vec<&'static str> {
        self.keep_objects(running);
        let mut kept = self.keep(running);
        // TLS can neither be switched on nor off by a reload; the certificate may change.
        if self.is_secure() != running.is_secure() {
            kept.extend(self.keep_tls(running));
        }
        kept
    }

    /// Copies the settings that only a program can give, from `running`, because settings of a file
    /// never have them.
    fn keep_objects(&mut self, running: &Settings) {
        if self.instance.is_none() {
            self.instance.clone_from(&running.instance);
        }
        if self.listen_sockets.is_empty() {
            self.listen_sockets.clone_from(&running.listen_sockets);
        }
        // A certificate takes the place of a context.
        if self.ssl_context.is_none() && self.ssl_certificate.is_none() {
            self.ssl_context.clone_from(&running.ssl_context);
        }
    }

    /// True if all settings about TLS are those of `running`.
    pub(crate) fn has_tls_of(&self, running: &Settings) -> bool {
        self.clone().keep_tls(running).is_empty()
    }

    fn is_secure(&self) -> bool {
        self.ssl_certificate.is_some() || self.ssl_context.is_some()
    }
}

/// Makes a method that copies settings from `running` and returns the names of those that differed.
macro_rules! keep {
    ($method:ident: $($name:ident)*) => {
        impl Settings {
            fn $method(&mut self, running: &Settings) -> Vec<&'static str> {
                let mut kept = Vec::new();
                $(if self.$name != running.$name {
                    self.$name.clone_from(&running.$name);
                    kept.push(stringify!($name));
                })*
                kept
            }
        }
    };
}

// The listening addresses and their options; the queue, allocated in advance; instance, statistics
// and gateway.
keep!(keep:
    socket_host socket_port socket_file socket_mode socket_user socket_group listen listen_sockets socket_queue_size
    reuse_port nodelay     accepted_queue_size instance statistics wsgi_version
);
keep!(keep_tls:
    ssl_certificate ssl_certificate_chain ssl_private_key ssl_private_key_password ssl_sni ssl_ciphers ssl_min_version
    ssl_client_ca ssl_verify_mode ssl_context ssl_module
);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lasting_settings_are_kept_and_named_and_the_others_change() {
        let running = Settings { socket_port: 1, thread_pool: 2, ..Settings::default() };
        let mut new = Settings {
            socket_port: 3,
            nodelay: false,
            thread_pool: 4,
            header_timeout: Some(Duration::from_secs(5)),
            ..Settings::default()
        };
        assert_eq!(new.keep_lasting(&running), ["socket_port", "nodelay"]);
        assert_eq!((new.socket_port, new.nodelay, new.thread_pool), (1, true, 4));
        assert_eq!(new.header_timeout, Some(Duration::from_secs(5)));
        assert!(new.keep_lasting(&running).is_empty());
    }

    /// Otherwise every reload of a file would name them as changed.
    #[test]
    fn objects_that_no_file_can_give_are_kept_without_a_name() {
        use crate::address::BindAddr;
        use crate::http_server::{HttpServer, Ready};
        use crate::settings::table::OBJECTS;
        use crate::settings::{Instance, ListeningSocket, SslContext};

        struct Idle;
        impl HttpServer for Idle {
            fn serve(&self, _: &BindAddr, _: Ready) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
                Ok(())
            }

            fn stop(&self) {}
        }

        let socket = || ListeningSocket::new(std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let context = || Some(SslContext::from_pem("a", "b"));
        let running = Settings {
            instance: Some(Instance::new(Idle)),
            listen_sockets: vec![socket()],
            ssl_context: context(),
            ..Settings::default()
        };
        let mut read = Settings::default();
        assert!(read.keep_lasting(&running).is_empty());
        assert_eq!((&read, OBJECTS.len()), (&running, 3));
        let mut other = Settings { listen_sockets: vec![socket()], ssl_context: context(), ..Settings::default() };
        let own = other.ssl_context.clone();
        assert_eq!(other.keep_lasting(&running), ["listen_sockets"]);
        assert_eq!(other.ssl_context, own);
        let mut with_file = Settings { ssl_certificate: Some("a.pem".into()), ..Settings::default() };
        assert!(with_file.keep_lasting(&running).is_empty());
        assert_eq!((with_file.ssl_context, with_file.ssl_certificate), (None, Some("a.pem".into())));
    }

    #[test]
    fn tls_stays_on_or_off_but_its_files_may_change() {
        let with = |name: &str| Settings { ssl_certificate: Some(name.into()), ..Settings::default() };
        let mut new = with("b.pem");
        assert!(new.keep_lasting(&with("a.pem")).is_empty());
        assert_eq!(new.ssl_certificate, Some("b.pem".into()));
        assert_eq!(new.keep_lasting(&Settings::default()), ["ssl_certificate"]);
        assert_eq!(new, Settings::default());
        let mut none = Settings::default();
        assert_eq!(none.keep_lasting(&with("a.pem")), ["ssl_certificate"]);
        assert_eq!(none, with("a.pem"));
    }
}
