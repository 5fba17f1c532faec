//! The trust in proxies, from the settings about proxies; a setting that would pass a client's
//! value off as a proxy's is refused.

use http::HeaderName;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};

use super::check::within;
use crate::error::Error;
use crate::proxy::legacy;
use crate::proxy::network::Networks;
use crate::proxy::trust::Trust;
use crate::settings::Settings;

/// Checks `trusted_proxies` and the settings for it; `None` if empty.
pub(super) fn trust(settings: &Settings) -> Result<Option<Trust>, Error> {
    let hops = within("trusted_proxy_count", settings.trusted_proxy_count, 1..=MOST_PROXIES)?;
    let fields = fields(&settings.trusted_proxy_headers)?;
    if settings.trusted_proxies.is_empty() {
        return if fields.is_empty() { Ok(None) } else { Err(refused(NOBODY)) };
    }
    if fields.is_empty() && !settings.proxy_protocol {
        return Err(refused(NOTHING));
    }
    let texts = settings.trusted_proxies.iter().map(String::as_str);
    let proxies = Networks::read(texts)
        .map_err(|(text, reason)| Error::setting("trusted_proxies", format!("{text:?} {reason}")))?;
    Ok(Some(Trust { proxies, hops, fields }))
}

fn fields(names: &[String]) -> Result<Vec<HeaderName>, Error> {
    let mut fields = Vec::new();
    for name in names {
        let field = HeaderName::from_bytes(name.as_bytes());
        let field = field.map_err(|_| refused(format!("{name:?} is not a field name")))?;
        if OURS.contains(&field) {
            return Err(refused(format!("{name:?} is reserved for the server")));
        }
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    let others = [legacy::FOR, legacy::PROTO, legacy::HOST];
    match others.iter().find(|other| fields.contains(other)) {
        Some(other) if fields.contains(&FORWARDED) => Err(refused(format!(
            "\"forwarded\" and \"{other}\" may contradict each other; name only the fields that the proxies set"
        ))),
        _ => Ok(fields),
    }
}

fn refused(reason: impl Into<String>) -> Error {
    Error::setting("trusted_proxy_headers", reason)
}

/// Fields for framing, routing and persistence, read by the server only.
const OURS: [HeaderName; 8] = [CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
/// The limit of a proxy chain; each proxy is an entry to keep.
const MOST_PROXIES: usize = 64;
const NOBODY: &str = "has no effect without trusted_proxies, which is empty";
const NOTHING: &str = "is empty, so trusted_proxies has no effect; name the fields that the proxies set: forwarded, or x-forwarded-for, \
                       x-forwarded-proto and x-forwarded-host";
