//! What keys ask of one another.

use std::{fs, net::SocketAddr};

use jiff::SignedDuration;
use url::Url;

use super::{
    Reading,
    value::{BEARER_SECRET, Raw, bearer_secret},
};

impl Reading {
    /// Checks that the keys fit together, and reads the files that hold values.
    pub(super) fn check(&mut self) {
        self.check_certificate();
        self.check_listeners();
        self.check_mtls();
        self.check_session();
        self.check_cookie_domain();
        self.check_client_documents();
        self.read_registration_file();
    }

    fn check_certificate(&mut self) {
        for (given, absent) in [("tls.certificate", "tls.key"), ("tls.key", "tls.certificate")] {
            if self.is_given(given) && !self.is_given(absent) {
                self.refuse(given, format!("needs {absent} beside it"));
            }
        }
    }

    fn check_listeners(&mut self) {
        let keys =
            ["mtls.port", "mtls.address", "metrics.address", "listen.port", "listen.address"];
        let Some(blamed) = self.to_blame(keys) else { return };
        let listeners = [
            ("the server", Some(self.draft.listen())),
            ("the metrics", self.draft.metrics()),
            ("the listener for client certificates", self.draft.mtls_listen()),
        ];
        let listeners = listeners.map(|(name, address)| address.map(|address| (name, address)));
        let pairs = [(1, 0), (2, 0), (2, 1)].map(|(one, other)| (listeners[one], listeners[other]));
        for (one, other) in pairs {
            let (Some((one, address)), Some((other, taken))) = (one, other) else { continue };
            if overlap(address, taken) {
                let message = format!("{one} and {other} cannot both listen on {taken}");
                return self.refuse(blamed, message);
            }
        }
    }

    fn check_mtls(&mut self) {
        if self.is_given("mtls.address") && !self.is_given("mtls.port") {
            self.refuse("mtls.address", "needs mtls.port beside it".to_owned());
        }
        let shown_somewhere =
            self.is_given("mtls.port") || self.is_given("proxy.certificate_header");
        for key in ["mtls.base_url", "mtls.client_trust_anchors"] {
            if self.is_given(key) && !shown_somewhere {
                let message = "needs mtls.port or proxy.certificate_header beside it, since \
                               otherwise nobody can show a certificate";
                self.refuse(key, message.to_owned());
            }
        }
        if self.is_given("proxy.certificate_header") && !self.is_given("trusted_proxies") {
            let message = "needs trusted_proxies beside it: from anyone else it is ignored";
            self.refuse("proxy.certificate_header", message.to_owned());
        }
    }

    fn check_session(&mut self) {
        let Some(blamed) = self.to_blame(["session.absolute", "session.idle"]) else { return };
        let session = self.draft.session();
        if session.absolute < session.idle {
            let [idle, absolute] = [session.idle, session.absolute].map(|duration| {
                let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
                format!("{duration:#}")
            });
            let message =
                format!("session.absolute ({absolute}) is shorter than session.idle ({idle})");
            self.refuse(blamed, message);
        }
    }

    fn check_client_documents(&mut self) {
        if self.draft.client_documents == Some(true) {
            return;
        }
        for key in ["clients.metadata_document_hosts", "clients.metadata_document_scope"] {
            if self.is_given(key) {
                let message = "needs clients.metadata_documents = true beside it";
                self.refuse(key, message.to_owned());
            }
        }
    }

    /// RFC 6265 section 5.3, step 6: browsers drop a cookie whose domain is not that of the host.
    fn check_cookie_domain(&mut self) {
        let Some(domain) = &self.draft.cookie_domain else { return };
        let Some(blamed) = self.to_blame(["cookie.domain", "issuer"]) else { return };
        let issuer = Url::parse(&self.draft.issuer()).ok();
        let host = issuer.as_ref().and_then(Url::host_str).unwrap_or_default();
        let before = host.strip_suffix(domain.as_str());
        if before.is_none_or(|before| !before.is_empty() && !before.ends_with('.')) {
            let message = format!("the issuer's host {host} is neither {domain} nor under it");
            self.refuse(blamed, message);
        }
    }

    fn read_registration_file(&mut self) {
        const KEY: &str = "registration.initial_access_token_file";
        if self.is_given("registration.initial_access_token") && self.is_given(KEY) {
            self.refuse(KEY, "registration.initial_access_token is given too; keep one".to_owned());
            return;
        }
        let Some(file) = &self.draft.registration_file else { return };
        let text = match fs::read_to_string(file) {
            Ok(text) => Raw::Text(text.trim().to_owned()),
            Err(error) => {
                let message = format!("{} cannot be read: {error}", file.display());
                return self.refuse(KEY, message);
            }
        };
        if let Ok(secret) = bearer_secret(&text) {
            self.draft.registration = Some(secret);
        } else {
            let message = format!(
                "{} must hold {BEARER_SECRET}; it holds {}",
                file.display(),
                text.redacted()
            );
            self.refuse(KEY, message);
        }
    }
}

/// Whether both cannot be bound at once: one port, and one address or one that stands for all.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let all = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && (all || a.ip() == b.ip())
}
