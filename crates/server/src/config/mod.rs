//! The configuration of the server: a TOML file, and environment variables over it.
//!
//! `keys.rs` is the table that everything goes by. A problem names the key and its place, and all
//! problems are told at once.

mod applications;
mod check;
mod declarations;
mod draft;
mod entry;
mod environment;
mod file;
mod keys;
mod problem;
mod resources;
#[cfg(test)]
mod tests;
mod users;
mod value;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use http::HeaderName;
use ipnet::IpNet;
use tokenbind_issuer::{
    client_document::DocumentPolicy,
    declared::{DeclaredApplication, DeclaredUser},
    keys::SigningAlgorithm,
    resource::Resource,
    secret::Secret,
};

use draft::Draft;
use keys::{KEYS, Key};
pub use problem::{ConfigError, Place, Problem};
use value::Raw;

/// The configuration, complete and checked. Secrets do not show in `Debug`.
#[derive(Clone, Debug)]
pub struct Config {
    /// The issuer identifier: an https URL without a final slash (RFC 8414 section 2).
    pub issuer: String,
    /// The data directory.
    pub data: PathBuf,
    /// Where the server listens.
    pub listen: SocketAddr,
    /// The certificate that it shows.
    pub certificate: Certificate,
    /// Client certificates.
    pub mtls: Mtls,
    /// The proxies before the server.
    pub proxy: Proxy,
    /// Where the metrics are; nowhere if none.
    pub metrics: Option<SocketAddr>,
    /// What holds for all tokens.
    pub tokens: Tokens,
    /// The file of the key under which the keys in the database are encrypted.
    pub server_key_file: PathBuf,
    /// What registers applications over the network (RFC 7591 section 3); if none, nothing does.
    pub initial_access_token: Option<Secret>,
    /// What applications may do that only a document at their `client_id` describes; none if no document counts.
    pub client_documents: Option<DocumentPolicy>,
    /// How passwords are hashed.
    pub passwords: Passwords,
    /// What a request may take.
    pub limits: Limits,
    /// How long login sessions live.
    pub session: Session,
    /// The cookie `atbv`, which tokens can be bound to.
    pub cookie: Cookie,
    /// Whom the server calls, and whom it trusts there.
    pub outbound: Outbound,
    /// What is logged.
    pub log: Log,
    /// The applications that the file declares; each `client_id` once.
    pub applications: Vec<DeclaredApplication>,
    /// The resources that the file declares; each identifier once.
    pub resources: Vec<Resource>,
    /// The users that the file declares; each username once.
    pub users: Vec<DeclaredUser>,
}

/// The certificate of the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Certificate {
    /// The one for localhost that the data directory's own CA issues.
    Local,
    /// A certificate in PEM files.
    Files {
        /// The certificate and its intermediate ones.
        chain: PathBuf,
        /// The private key.
        key: PathBuf,
    },
}

/// Client certificates (RFC 8705).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mtls {
    /// Where the server asks for them; nowhere if none.
    pub listen: Option<SocketAddr>,
    /// Where clients are told to show them: the base of the endpoints' URLs.
    pub base_url: Option<String>,
    /// PEM files of the authorities whose certificates authenticate clients.
    pub client_trust_anchors: Vec<PathBuf>,
}

/// The proxies before the server.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Proxy {
    /// Where they are.
    pub trusted: Vec<IpNet>,
    /// How they tell of client certificates; not at all if none.
    pub certificate_header: Option<CertificateHeader>,
}

/// How a proxy tells of a client certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CertificateHeader {
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
    ClientCert,
    /// `X-Forwarded-Client-Cert`, as Envoy writes it.
    XForwardedClientCert,
    /// A header of this name with PEM in percent encoding, as nginx's `$ssl_client_escaped_cert`.
    EscapedPem(HeaderName),
}

impl CertificateHeader {
    /// The name of the header.
    #[must_use]
    pub fn name(&self) -> &HeaderName {
        static CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
        static FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-client-cert");
        match self {
            Self::ClientCert => &CLIENT_CERT,
            Self::XForwardedClientCert => &FORWARDED,
            Self::EscapedPem(name) => name,
        }
    }
}

/// What holds for all tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tokens {
    /// The audience where a request names no resource; at least one absolute URI.
    pub default_audience: Vec<String>,
    /// What signs JWT access tokens.
    pub access_token_signing_alg: SigningAlgorithm,
    /// How long an authorization code can be redeemed; whole seconds, at least one.
    pub authorization_code_lifetime: Duration,
    /// Within how long a browser has to open a pushed request; whole seconds, at least five.
    pub pushed_request_lifetime: Duration,
    /// How long a rotated refresh token gets its unused successor again; whole seconds, may be zero.
    pub refresh_token_reuse_grace: Duration,
}

/// How passwords are hashed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passwords {
    /// How many at once; at least one.
    pub concurrent_hashes: usize,
}

/// What a request may take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body_bytes: usize,
    /// Failed logins per minute for one name from one address; at least one.
    pub failed_logins_per_minute: u32,
    /// For a body to arrive, and for a login to wait for others; a second to 50 seconds.
    pub request_timeout: Duration,
}

/// How long login sessions live: whole seconds, at least one, `absolute` not less than `idle`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Without being used.
    pub idle: Duration,
    /// At most.
    pub absolute: Duration,
}

/// To whom browsers show the cookie `atbv`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cookie {
    /// Whether it goes along when a page of another site asks.
    pub same_site: SameSite,
    /// The domain whose hosts get it; if none, the server's own host alone.
    pub domain: Option<String>,
}

/// The attribute `SameSite` of a cookie (RFC 6265bis section 4.1.2.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SameSite {
    /// It always goes along.
    #[default]
    None,
    /// It goes along when the user is led here from another site.
    Lax,
    /// It goes along within the site only.
    Strict,
}

impl SameSite {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::None, Self::Lax, Self::Strict];

    /// As the configuration and the attribute have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Lax => "Lax",
            Self::Strict => "Strict",
        }
    }
}

/// Whom the server calls, and whom it trusts there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outbound {
    /// PEM files with certificates that are trusted besides those of the operating system.
    pub trust_anchors: Vec<PathBuf>,
    /// Whether addresses of this very machine may be called.
    pub allow_loopback: bool,
    /// Networks that may be called though they are not on the public Internet.
    pub allow_networks: Vec<IpNet>,
}

/// What is logged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// In the words of `tracing_subscriber::EnvFilter`, which has parsed it once.
    pub filter: String,
    /// How it is written.
    pub format: LogFormat,
}

/// How log entries are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object to a line.
    Json,
}

impl Config {
    /// Reads the file at `path`, if any, and the `environment` over it.
    ///
    /// Of the environment only names that begin with `TOKENBIND_` count. Hand in
    /// `std::env::vars_os` made text: `std::env::vars` panics over variables of others that are not.
    ///
    /// # Errors
    ///
    /// All that is wrong, at once.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut reading = Reading::default();
        match path.map(|path| (path, fs::read_to_string(path))) {
            Some((path, Ok(text))) => file::read(&mut reading, path, &text),
            Some((path, Err(error))) => {
                let place = Place::File(path.to_owned());
                let message = format!("cannot be read: {error}");
                reading.no_file(place, message);
            }
            None => {}
        }
        environment::read(&mut reading, environment);
        reading.finish()
    }

    /// Whether clients can show certificates, here or to a proxy.
    #[must_use]
    pub const fn takes_certificates(&self) -> bool {
        self.mtls.listen.is_some() || self.proxy.certificate_header.is_some()
    }

    /// The defaults with this data directory, for this machine alone: it listens on 127.0.0.1.
    #[must_use]
    pub fn default_for(data: impl Into<PathBuf>) -> Self {
        let address = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Draft { data: Some(data.into()), address, ..Draft::default() }.finish()
    }
}

/// Every key with its environment variable, its default, what it takes and what it is for, as a
/// Markdown table.
#[must_use]
pub fn reference() -> String {
    let mut table =
        "| key | variable | default | takes | meaning |\n|---|---|---|---|---|\n".to_owned();
    for key in KEYS {
        let Key { path, expects, about, .. } = key;
        let variable = key.variable();
        let default = match key.default {
            keys::Default::Value(value) => format!("`{value}`"),
            keys::Default::Words(words) => words.to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| `{path}` | `{variable}` | {default} | {expects} | {about} |");
    }
    table
}

/// A configuration while it is read: the values so far, and what is wrong with the others.
#[derive(Default, Debug)]
struct Reading {
    draft: Draft,
    /// Where each key that was given was given last, and whether its value was taken.
    given: BTreeMap<&'static str, (Place, Taken)>,
    /// Whether what the file says is unknown, so that no key can be said to be absent.
    without_file: bool,
    problems: Vec<Problem>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Taken {
    Yes,
    No,
}

impl Reading {
    /// Takes `raw` for `key`, over any value that it had.
    fn set(&mut self, key: &'static Key, raw: &Raw, place: Place) {
        let taken = match (key.set)(&mut self.draft, raw) {
            Ok(()) => Taken::Yes,
            Err(rejected) => {
                let found = if key.secret { raw.redacted() } else { raw.to_string() };
                let reason = rejected.0.map(|reason| format!(": {reason}")).unwrap_or_default();
                let message = format!("expected {}, found {found}{reason}", key.expects);
                let path = Some(key.path.to_owned());
                self.problems.push(Problem { place: place.clone(), key: path, message });
                Taken::No
            }
        };
        self.given.insert(key.path, (place, taken));
    }

    /// Notes that what the file says cannot be known.
    fn no_file(&mut self, place: Place, message: String) {
        self.without_file = true;
        self.problems.push(Problem { place, key: None, message });
    }

    /// Notes a key that does not exist. Meant may be one of the same table, misspelt, or the only
    /// one of this name in another table.
    fn unknown_key(&mut self, prefix: &str, name: &str, place: Place) {
        let path = format!("{prefix}{name}");
        let paths = || KEYS.iter().map(|key| key.path);
        let elsewhere: Vec<_> =
            paths().filter(|known| known.ends_with(&format!(".{name}"))).collect();
        let paths_and_declarations = paths().chain(declarations::NAMES);
        let beside = paths_and_declarations
            .filter_map(|known| known.strip_prefix(prefix)?.split('.').next());
        let meant = match *elsewhere {
            [only] => did_you_mean(only),
            _ => suggest(&path, beside.map(|known| format!("{prefix}{known}"))),
        };
        let message = format!("unknown key{meant}");
        self.problems.push(Problem { place, key: Some(path), message });
    }

    fn is_given(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    /// Which of `keys` to name if they do not fit together: the first that was given. None if none
    /// was, or if the value of one was not taken, since then there is nothing to compare.
    fn to_blame<const N: usize>(&self, keys: [&'static str; N]) -> Option<&'static str> {
        let broken = |key| matches!(self.given.get(key), Some((_, Taken::No)));
        if keys.into_iter().any(broken) {
            return None;
        }
        keys.into_iter().find(|key| self.is_given(key))
    }

    /// Notes that `key`, which was given, cannot stay as it is.
    fn refuse(&mut self, key: &'static str, message: String) {
        if let Some((place, _)) = self.given.get(key) {
            let problem = Problem { place: place.clone(), key: Some(key.to_owned()), message };
            self.problems.push(problem);
        }
    }

    fn finish(mut self) -> Result<Config, ConfigError> {
        if !self.without_file {
            self.check();
        }
        self.problems.sort();
        ConfigError::of(self.problems)?;
        Ok(self.draft.finish())
    }
}

/// ", did you mean …?" where a known name is near `name`, else nothing.
fn suggest(name: &str, known: impl Iterator<Item = String>) -> String {
    /// How alike two names must be, from 0 to 1, for one to be a slip for the other.
    const NEAR: f64 = 0.75;
    let rated = known.map(|known| (strsim::normalized_damerau_levenshtein(name, &known), known));
    match rated.max_by(|(a, _), (b, _)| a.total_cmp(b)) {
        Some((likeness, known)) if likeness >= NEAR => did_you_mean(&known),
        _ => String::new(),
    }
}

fn did_you_mean(known: &str) -> String {
    format!(", did you mean {known}?")
}
