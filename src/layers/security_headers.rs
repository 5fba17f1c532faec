//! A layer for fields that switch on protections of browsers.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use super::Layer;
use super::layered::{Around, Layered};
use crate::message::{Handler, Request, RequestExt, Response};

/// A layer that switches on protections of browsers. A field that the handler has set stays.
///
/// | field | default | effect |
/// |---|---|---|
/// | `X-Content-Type-Options` | `nosniff` | the browser does not guess types (WHATWG Fetch) |
/// | `X-Frame-Options` | `DENY` | no page shows this page in a frame (WHATWG HTML); `frame-ancestors` of a policy overrides this field |
/// | `Referrer-Policy` | `same-origin` | other sites do not see the address of the page (W3C Referrer Policy) |
/// | `Strict-Transport-Security` | none | only `https` from now on (RFC 6797); see [`hsts`](Self::hsts) |
/// | `Content-Security-Policy` | none | the sources of scripts, styles and so on (W3C CSP) |
///
/// ```
/// use std::time::Duration;
///
/// use drupe::layers::SecurityHeaders;
/// use drupe::{Handler, Request, handler};
///
/// let headers = SecurityHeaders::new()
///     .content_security_policy("default-src 'self'; frame-ancestors 'none'")
///     .hsts(Duration::from_secs(365 * 24 * 60 * 60));
/// let page = handler(|_| "hello\n").with(headers);
/// # let response = page.handle(&mut Request::default());
/// # assert_eq!(response.headers()["x-content-type-options"], "nosniff");
/// # assert!(!response.headers().contains_key("strict-transport-security"));
/// ```
///
/// The server's own answers, such as `413`, and its `500` after a panic have no such fields.
#[derive(Clone, Debug)]
pub struct SecurityHeaders {
    fields: Vec<(HeaderName, HeaderValue)>,
    hsts: Option<HeaderValue>,
}

impl SecurityHeaders {
    /// Makes a layer with the defaults of the table.
    #[must_use]
    pub fn new() -> Self {
        let fields = vec![
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        ];
        Self { fields, hsts: None }
    }

    /// Adds a field, or replaces one of the layer.
    ///
    /// # Panics
    /// If name or value cannot be in a field.
    #[must_use]
    #[track_caller]
    pub fn field(self, name: &str, value: &str) -> Self {
        let (Ok(known), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            panic!("{name:?} with the value {value:?} is not a field");
        };
        let mut layer = self.without(name);
        layer.fields.push((known, value));
        layer
    }

    /// Removes a field of the layer, also the field of [`hsts`](Self::hsts). Fields of the handler
    /// stay.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(known, _)| !known.as_str().eq_ignore_ascii_case(name));
        if STRICT_TRANSPORT_SECURITY.as_str().eq_ignore_ascii_case(name) {
            self.hsts = None;
        }
        self
    }

    /// Sets `Content-Security-Policy`.
    ///
    /// # Panics
    /// If the policy cannot be in a field, as with a line end.
    #[must_use]
    #[track_caller]
    pub fn content_security_policy(self, policy: &str) -> Self {
        self.field(CONTENT_SECURITY_POLICY.as_str(), policy)
    }

    /// Makes browsers use only `https` for this host, for this time in whole seconds:
    /// `Strict-Transport-Security`. Browsers keep to the time even if you remove the field later; a
    /// time of zero ends the rule.
    ///
    /// The field is sent if the [`scheme`](RequestExt::scheme) of the request is `https`. A value
    /// set by [`field`](Self::field) would be sent over `http` too. Other hosts of the domain are
    /// not included.
    #[must_use]
    pub fn hsts(self, time: Duration) -> Self {
        self.with_hsts(format!("max-age={}", time.as_secs()))
    }

    /// As [`hsts`](Self::hsts), with all subdomains of the host: `includeSubDomains`.
    #[must_use]
    pub fn hsts_with_subdomains(self, time: Duration) -> Self {
        self.with_hsts(format!("max-age={}; includeSubDomains", time.as_secs()))
    }

    fn with_hsts(self, value: String) -> Self {
        let mut layer = self.without(STRICT_TRANSPORT_SECURITY.as_str());
        layer.hsts = HeaderValue::try_from(value).ok();
        layer
    }

    fn add(&self, fields: &mut HeaderMap, scheme: &str) {
        for (name, value) in &self.fields {
            fields.entry(name).or_insert_with(|| value.clone());
        }
        if let Some(value) = self.hsts.as_ref().filter(|_| scheme == "https") {
            fields.entry(STRICT_TRANSPORT_SECURITY).or_insert_with(|| value.clone());
        }
    }
}

impl Default for SecurityHeaders {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Handler> Layer<H> for SecurityHeaders {
    type Handler = Layered<Self, H>;

    fn wrap(self, inner: Arc<H>) -> Self::Handler {
        Layered::new(self, inner)
    }
}

impl Around for SecurityHeaders {
    fn answer(&self, request: &mut Request, inner: &dyn Handler) -> Response {
        let scheme = request.scheme();
        let mut response = inner.handle(request);
        self.add(response.headers_mut(), scheme);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Failure, handler};

    /// Returns the fields as lines, sorted.
    fn added(layer: &SecurityHeaders, scheme: &str, own: &[(&str, &str)]) -> String {
        let mut fields = HeaderMap::new();
        for (name, value) in own {
            fields.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        layer.add(&mut fields, scheme);
        let mut lines: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        lines.join("\n")
    }

    #[test]
    fn defaults_are_added_and_own_fields_stay() {
        let layer = SecurityHeaders::new();
        let all = "referrer-policy: same-origin\nx-content-type-options: nosniff\nx-frame-options: DENY";
        assert_eq!(added(&layer, "http", &[]), all);
        assert_eq!(added(&layer, "https", &[]), all);
        let own =
            [("X-Frame-Options", "SAMEORIGIN"), ("referrer-policy", "origin"), ("referrer-policy", "no-referrer")];
        let expected = "referrer-policy: no-referrer\nreferrer-policy: origin\n\
                        x-content-type-options: nosniff\nx-frame-options: SAMEORIGIN";
        assert_eq!(added(&layer, "http", &own), expected);
    }

    #[test]
    fn fields_of_the_layer_can_be_replaced_and_removed() {
        let layer = SecurityHeaders::new().without("X-Frame-Options").field("Referrer-Policy", "no-referrer");
        let layer = layer.content_security_policy("a").content_security_policy("b").without("X-Content-Type-Options");
        assert_eq!(added(&layer, "http", &[]), "content-security-policy: b\nreferrer-policy: no-referrer");
        for (name, value) in [("a b", "c"), ("a", "b\r\nc: d")] {
            assert!(std::panic::catch_unwind(|| SecurityHeaders::new().field(name, value)).is_err());
        }
    }

    #[test]
    fn hsts_is_sent_over_https_only() {
        let bare = || ["x-content-type-options", "x-frame-options", "referrer-policy"].into_iter();
        let bare = bare().fold(SecurityHeaders::new(), SecurityHeaders::without);
        let hsts = bare.clone().hsts(Duration::from_millis(60_900));
        assert_eq!(added(&hsts, "http", &[]), "");
        assert_eq!(added(&hsts, "https", &[]), "strict-transport-security: max-age=60");
        let own = [("strict-transport-security", "max-age=0")];
        assert_eq!(added(&hsts, "https", &own), "strict-transport-security: max-age=0");
        let hsts = bare.hsts_with_subdomains(Duration::from_secs(60));
        assert_eq!(added(&hsts, "https", &[]), "strict-transport-security: max-age=60; includeSubDomains");
    }

    #[test]
    fn hsts_is_removed_and_replaced_like_any_field() {
        let name = "Strict-Transport-Security";
        let bare = || ["x-content-type-options", "x-frame-options", "referrer-policy"].into_iter();
        let bare = || bare().fold(SecurityHeaders::new(), SecurityHeaders::without);
        let minute = Duration::from_secs(60);
        for hsts in [bare().hsts(minute), bare().hsts_with_subdomains(minute)] {
            assert_eq!(added(&hsts.clone().without(name), "https", &[]), "");
            let replaced = hsts.field(name, "max-age=9");
            for scheme in ["http", "https"] {
                assert_eq!(added(&replaced, scheme, &[]), "strict-transport-security: max-age=9");
            }
            let again = replaced.hsts(minute);
            assert_eq!(added(&again, "http", &[]), "");
            assert_eq!(added(&again, "https", &[]), "strict-transport-security: max-age=60");
        }
    }

    #[test]
    fn failures_get_the_fields_too() {
        let page = handler(|_| Err::<(), _>(Failure::from("no"))).with(SecurityHeaders::new());
        let response = page.handle(&mut Request::default());
        assert_eq!(
            (response.status().as_u16(), &response.headers()["x-frame-options"]),
            (500, &"DENY".parse().unwrap())
        );
    }
}
