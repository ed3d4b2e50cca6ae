//! What the file and the environment said, before the defaults.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZero,
    path::PathBuf,
    thread::available_parallelism,
    time::Duration,
};

use ipnet::IpNet;
use tokenbind_issuer::{
    client_document::DocumentPolicy,
    declared::{DeclaredApplication, DeclaredUser},
    keys::SigningAlgorithm,
    resource::Resource,
    scope::Scope,
    secret::Secret,
    settings::Settings,
};
use url::Url;

use super::{
    Certificate, CertificateHeader, Config, Cookie, Limits, Log, LogFormat, Mtls, Outbound,
    Passwords, Proxy, SameSite, Session, Tokens, value::Metrics,
};

/// Where the metrics are unless something else is said.
const METRICS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9445);

/// A value for each key that was given; [`super::keys`] says which field is which key's.
#[derive(Default, Debug)]
pub(super) struct Draft {
    pub(super) issuer: Option<String>,
    pub(super) data: Option<PathBuf>,
    pub(super) address: Option<IpAddr>,
    pub(super) port: Option<u16>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) mtls_address: Option<IpAddr>,
    pub(super) mtls_port: Option<u16>,
    pub(super) mtls_base_url: Option<String>,
    pub(super) client_trust_anchors: Option<Vec<PathBuf>>,
    pub(super) trusted_proxies: Option<Vec<IpNet>>,
    pub(super) certificate_header: Option<CertificateHeader>,
    pub(super) metrics: Option<Metrics>,
    pub(super) default_audience: Option<Vec<String>>,
    pub(super) signing_alg: Option<SigningAlgorithm>,
    pub(super) code_lifetime: Option<Duration>,
    pub(super) pushed_request_lifetime: Option<Duration>,
    pub(super) reuse_grace: Option<Duration>,
    pub(super) server_key_file: Option<PathBuf>,
    pub(super) registration: Option<Secret>,
    pub(super) registration_file: Option<PathBuf>,
    pub(super) client_documents: Option<bool>,
    pub(super) client_document_hosts: Option<Vec<String>>,
    pub(super) client_document_scope: Option<Scope>,
    pub(super) concurrent_hashes: Option<usize>,
    pub(super) body_bytes: Option<usize>,
    pub(super) failed_logins: Option<u32>,
    pub(super) request_timeout: Option<Duration>,
    pub(super) idle: Option<Duration>,
    pub(super) absolute: Option<Duration>,
    pub(super) same_site: Option<SameSite>,
    pub(super) cookie_domain: Option<String>,
    pub(super) trust_anchors: Option<Vec<PathBuf>>,
    pub(super) allow_loopback: Option<bool>,
    pub(super) allow_networks: Option<Vec<IpNet>>,
    pub(super) log_filter: Option<String>,
    pub(super) log_format: Option<LogFormat>,
    pub(super) applications: Vec<DeclaredApplication>,
    pub(super) resources: Vec<Resource>,
    pub(super) users: Vec<DeclaredUser>,
}

impl Draft {
    pub(super) fn listen(&self) -> SocketAddr {
        let address = self.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        SocketAddr::new(address, self.port.unwrap_or(9443))
    }

    pub(super) fn mtls_listen(&self) -> Option<SocketAddr> {
        let address = self.mtls_address.unwrap_or(self.listen().ip());
        self.mtls_port.map(|port| SocketAddr::new(address, port))
    }

    /// Where the issuer's host asks for certificates, unless something else is said.
    fn mtls_base_url(&self) -> Option<String> {
        let default = || {
            let port = self.mtls_port?;
            let mut url = Url::parse(&self.issuer()).ok()?;
            url.set_port(Some(port)).ok()?;
            Some(url.as_str().trim_end_matches('/').to_owned())
        };
        self.mtls_base_url.clone().or_else(default)
    }

    pub(super) fn metrics(&self) -> Option<SocketAddr> {
        match self.metrics {
            None => Some(METRICS),
            Some(Metrics::At(address)) => Some(address),
            Some(Metrics::Off) => None,
        }
    }

    pub(super) fn session(&self) -> Session {
        Session {
            idle: self.idle.unwrap_or(Duration::from_mins(30)),
            absolute: self.absolute.unwrap_or(Duration::from_hours(12)),
        }
    }

    pub(super) fn issuer(&self) -> String {
        let default = || format!("https://localhost:{}", self.listen().port());
        self.issuer.clone().unwrap_or_else(default)
    }

    /// Nothing, unless documents count.
    fn client_documents(&self) -> Option<DocumentPolicy> {
        self.client_documents.unwrap_or_default().then(|| DocumentPolicy {
            hosts: self.client_document_hosts.clone().unwrap_or_default(),
            scope: self.client_document_scope.clone().unwrap_or(Settings::default().scope),
        })
    }

    /// The configuration: what was said, and the defaults for the rest.
    pub(super) fn finish(self) -> Config {
        let (listen, metrics, session) = (self.listen(), self.metrics(), self.session());
        let (issuer, client_documents) = (self.issuer(), self.client_documents());
        let (mtls_listen, mtls_base_url) = (self.mtls_listen(), self.mtls_base_url());
        let data = self.data.unwrap_or_else(|| PathBuf::from("data"));
        let certificate = match (self.certificate, self.key) {
            (Some(chain), Some(key)) => Certificate::Files { chain, key },
            _ => Certificate::Local,
        };
        Config {
            listen,
            certificate,
            mtls: Mtls {
                listen: mtls_listen,
                base_url: mtls_base_url,
                client_trust_anchors: self.client_trust_anchors.unwrap_or_default(),
            },
            proxy: Proxy {
                trusted: self.trusted_proxies.unwrap_or_default(),
                certificate_header: self.certificate_header,
            },
            metrics,
            tokens: Tokens {
                default_audience: self.default_audience.unwrap_or_else(|| vec![issuer.clone()]),
                access_token_signing_alg: self.signing_alg.unwrap_or_default(),
                authorization_code_lifetime: self.code_lifetime.unwrap_or(Duration::from_mins(1)),
                pushed_request_lifetime: self
                    .pushed_request_lifetime
                    .unwrap_or(Duration::from_mins(1)),
                refresh_token_reuse_grace: self.reuse_grace.unwrap_or(Duration::from_secs(30)),
            },
            server_key_file: self.server_key_file.unwrap_or_else(|| data.join("server.key")),
            initial_access_token: self.registration,
            client_documents,
            passwords: Passwords {
                concurrent_hashes: self.concurrent_hashes.unwrap_or_else(cores),
            },
            limits: Limits {
                body_bytes: self.body_bytes.unwrap_or(64 * 1024),
                failed_logins_per_minute: self.failed_logins.unwrap_or(30),
                request_timeout: self.request_timeout.unwrap_or(Duration::from_secs(30)),
            },
            session,
            cookie: Cookie {
                same_site: self.same_site.unwrap_or_default(),
                domain: self.cookie_domain,
            },
            outbound: Outbound {
                trust_anchors: self.trust_anchors.unwrap_or_default(),
                allow_loopback: self.allow_loopback.unwrap_or_default(),
                allow_networks: self.allow_networks.unwrap_or_default(),
            },
            log: Log {
                filter: self.log_filter.unwrap_or_else(|| "info".to_owned()),
                format: self.log_format.unwrap_or_default(),
            },
            applications: self.applications,
            resources: self.resources,
            users: self.users,
            issuer,
            data,
        }
    }
}

fn cores() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}
