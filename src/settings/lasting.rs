//! Settings that last from a start to a stop: a reload does not change these.

use super::Settings;

impl Settings {
    /// Copies from `running` all settings that cannot change while a server runs, and returns the
    /// names of those that differed.
    pub(crate) fn keep_lasting(&mut self, running: &Settings) -> Vec<&'static str> {
        let mut kept = self.keep(running);
        // TLS can neither be switched on nor off by a reload; the certificate may change.
        if self.is_secure() != running.is_secure() {
            kept.extend(self.keep_tls(running));
        }
        kept
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
