//! The table of keys: what the file, the environment, `config check` and the documentation go by.

use super::{
    draft::Draft,
    value::{self, Raw, Rejected},
};

/// Ten years in seconds, as for the lifetimes of an application's settings.
const TEN_YEARS: u64 = tokenbind_issuer::settings::MAX_LIFETIME;

/// One key of the configuration.
pub(super) struct Key {
    /// Its place in the file: `section.name`, or `name`.
    pub(super) path: &'static str,
    /// The default, as it would be written, or in words.
    pub(super) default: Default,
    /// What it takes, to follow "expected".
    pub(super) expects: &'static str,
    /// What it is for.
    pub(super) about: &'static str,
    /// Whether problems must not show the value.
    pub(super) secret: bool,
    /// Reads the value into the draft.
    pub(super) set: fn(&mut Draft, &Raw) -> Result<(), Rejected>,
}

/// What holds where a key is absent.
pub(super) enum Default {
    /// This value, in TOML.
    Value(&'static str),
    /// What these words say.
    Words(&'static str),
}

impl Key {
    /// The environment variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("TOKENBIND_{}", self.path.replace('.', "__").to_ascii_uppercase())
    }
}

/// The key of this path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether some key lies in this table of the file.
pub(super) fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.path.split_once('.').is_some_and(|(section, _)| section == name))
}

/// Every key.
pub(super) static KEYS: &[Key] = &[
    Key {
        path: "issuer",
        default: Default::Words("`https://localhost:` and `listen.port`"),
        expects: "an https URL without query, fragment, user name and final slash",
        about: "The issuer identifier (RFC 8414): the address under which clients reach the server. It is in every token, so it should never change.",
        secret: false,
        set: |draft, raw| put(&mut draft.issuer, value::issuer(raw)),
    },
    Key {
        path: "data",
        default: Default::Value("\"data\""),
        expects: "a directory",
        about: "The data directory: the database, the server key and the local certificate. Made with mode 0700; one that others can write to is refused.",
        secret: false,
        set: |draft, raw| put(&mut draft.data, value::path(raw)),
    },
    Key {
        path: "listen.address",
        default: Default::Value("\"0.0.0.0\""),
        expects: "an IP address",
        about: "The address to listen on. `::` listens on IPv6 and IPv4, `127.0.0.1` on this machine alone.",
        secret: false,
        set: |draft, raw| put(&mut draft.address, value::from_text(raw)),
    },
    Key {
        path: "listen.port",
        default: Default::Value("9443"),
        expects: "a port number from 1 to 65535",
        about: "The port to listen on, with TLS.",
        secret: false,
        set: |draft, raw| put(&mut draft.port, value::number(raw, 1, u16::MAX)),
    },
    Key {
        path: "tls.certificate",
        default: Default::Words(
            "a certificate for localhost, issued by the data directory's own CA",
        ),
        expects: "the path of a PEM file",
        about: "The server's certificate, followed by the intermediate ones, in PEM.",
        secret: false,
        set: |draft, raw| put(&mut draft.certificate, value::path(raw)),
    },
    Key {
        path: "tls.key",
        default: Default::Words("the key of that certificate"),
        expects: "the path of a PEM file",
        about: "The private key of `tls.certificate`, in PEM, not encrypted.",
        secret: false,
        set: |draft, raw| put(&mut draft.key, value::path(raw)),
    },
    Key {
        path: "mtls.port",
        default: Default::Words("the server asks nobody for a certificate"),
        expects: "a port number from 1 to 65535",
        about: "The port on which the server asks clients for a certificate and takes any, or none (RFC 8705). Browsers would ask their users, so it is not that of `listen.port`.",
        secret: false,
        set: |draft, raw| put(&mut draft.mtls_port, value::number(raw, 1, u16::MAX)),
    },
    Key {
        path: "mtls.address",
        default: Default::Words("`listen.address`"),
        expects: "an IP address",
        about: "The address to listen on for `mtls.port`.",
        secret: false,
        set: |draft, raw| put(&mut draft.mtls_address, value::from_text(raw)),
    },
    Key {
        path: "mtls.base_url",
        default: Default::Words("the issuer at `mtls.port`"),
        expects: "an https URL without query, fragment, user name and final slash",
        about: "Where clients with certificates reach the endpoints: what stands before `/oauth2/token` in `mtls_endpoint_aliases` (RFC 8705 section 5). Behind a proxy, the proxy's host that asks for certificates.",
        secret: false,
        set: |draft, raw| put(&mut draft.mtls_base_url, value::issuer(raw)),
    },
    Key {
        path: "mtls.client_trust_anchors",
        default: Default::Words(
            "none, so that no application can authenticate by `tls_client_auth`",
        ),
        expects: "the path of a PEM file, or an array of such",
        about: "The authorities whose certificates authenticate clients (RFC 8705 section 2.1). In the environment, several are separated by spaces.",
        secret: false,
        set: |draft, raw| put(&mut draft.client_trust_anchors, value::paths(raw)),
    },
    Key {
        path: "trusted_proxies",
        default: Default::Words("none"),
        expects: "a network such as \"10.0.0.0/8\", or an array of such",
        about: "The networks of the proxies that `proxy.certificate_header` is believed from. From anyone else it is ignored, counted and logged. In the environment, several are separated by spaces.",
        secret: false,
        set: |draft, raw| put(&mut draft.trusted_proxies, value::networks(raw)),
    },
    Key {
        path: "proxy.certificate_header",
        default: Default::Words("none: certificates count on connections to this server alone"),
        expects: "one of \"client-cert\", \"x-forwarded-client-cert\", or the name of another header",
        about: "Where the trusted proxies put the client's certificate: in `Client-Cert` (RFC 9440), in Envoy's `X-Forwarded-Client-Cert`, or as PEM in percent encoding in a header of this name. It counts once the server has seen that forged ones do not get through.",
        secret: false,
        set: |draft, raw| put(&mut draft.certificate_header, value::certificate_header(raw)),
    },
    Key {
        path: "metrics.address",
        default: Default::Value("\"127.0.0.1:9445\""),
        expects: "an address and port such as \"127.0.0.1:9445\", or \"off\"",
        about: "Where Prometheus reads the metrics, without TLS; `off` for nowhere.",
        secret: false,
        set: |draft, raw| put(&mut draft.metrics, value::metrics(raw)),
    },
    Key {
        path: "tokens.default_audience",
        default: Default::Words("the issuer"),
        expects: "an absolute URI without fragment, or an array of such",
        about: "The audience of tokens whose request names no resource (RFC 8707). In the environment, several are separated by spaces.",
        secret: false,
        set: |draft, raw| put(&mut draft.default_audience, value::audience(raw)),
    },
    Key {
        path: "tokens.access_token_signing_alg",
        default: Default::Value("\"ES256\""),
        expects: "one of \"ES256\", \"RS256\", \"PS256\", \"EdDSA\"",
        about: "The algorithm that signs JWT access tokens.",
        secret: false,
        set: |draft, raw| put(&mut draft.signing_alg, value::signing_algorithm(raw)),
    },
    Key {
        path: "tokens.authorization_code_lifetime",
        default: Default::Value("\"60s\""),
        expects: "a duration from \"1s\" to \"60s\", or whole seconds",
        about: "How long an authorization code can be redeemed. FAPI 2.0 allows 60 seconds at most.",
        secret: false,
        set: |draft, raw| put(&mut draft.code_lifetime, value::duration(raw, 1, 60)),
    },
    Key {
        path: "tokens.pushed_request_lifetime",
        default: Default::Value("\"60s\""),
        expects: "a duration from \"5s\" to \"599s\", or whole seconds",
        about: "Within how long a browser has to open a pushed authorization request (RFC 9126). FAPI 2.0 wants less than 10 minutes.",
        secret: false,
        set: |draft, raw| put(&mut draft.pushed_request_lifetime, value::duration(raw, 5, 599)),
    },
    Key {
        path: "tokens.refresh_token_reuse_grace",
        default: Default::Value("\"30s\""),
        expects: "a duration from \"0s\" to \"5m\", or whole seconds",
        about: "How long a rotated refresh token that is not bound to a key gets its unused successor again. `0s` treats every reuse as theft.",
        secret: false,
        set: |draft, raw| put(&mut draft.reuse_grace, value::duration(raw, 0, 300)),
    },
    Key {
        path: "keys.server_key_file",
        default: Default::Words("`server.key` in the data directory"),
        expects: "the path of a file",
        about: "The key under which the keys in the database are encrypted: 32 random bytes in base64url. Made once if absent, with mode 0600. Without it the database is worthless, so keep a copy elsewhere.",
        secret: false,
        set: |draft, raw| put(&mut draft.server_key_file, value::path(raw)),
    },
    Key {
        path: "registration.initial_access_token",
        default: Default::Words("registration is off"),
        expects: value::BEARER_SECRET,
        about: "The token that registers applications over the network (RFC 7591 section 3). Whoever holds it can register any application.",
        secret: true,
        set: |draft, raw| put(&mut draft.registration, value::bearer_secret(raw)),
    },
    Key {
        path: "registration.initial_access_token_file",
        default: Default::Words("registration is off"),
        expects: "the path of a file",
        about: "A file that holds that token instead; space around it is dropped.",
        secret: false,
        set: |draft, raw| put(&mut draft.registration_file, value::path(raw)),
    },
    Key {
        path: "clients.metadata_documents",
        default: Default::Value("false"),
        expects: "true or false",
        about: "Whether a `client_id` may be an https URL, of a document that describes the application (Client ID Metadata Documents). Then anybody can have an application here, by publishing one.",
        secret: false,
        set: |draft, raw| put(&mut draft.client_documents, value::boolean(raw)),
    },
    Key {
        path: "clients.metadata_document_hosts",
        default: Default::Words("any"),
        expects: "a host name in lower case, or an array of such",
        about: "The hosts whose documents count. In the environment, several are separated by spaces.",
        secret: false,
        set: |draft, raw| put(&mut draft.client_document_hosts, value::domains(raw)),
    },
    Key {
        path: "clients.metadata_document_scope",
        default: Default::Words("`openid profile email offline_access`"),
        expects: "a scope: words parted by single spaces",
        about: "What such applications may ask for. A document that names less gets less; one that names none may ask for all of it.",
        secret: false,
        set: |draft, raw| put(&mut draft.client_document_scope, value::scope(raw)),
    },
    Key {
        path: "passwords.concurrent_hashes",
        default: Default::Words("the number of cores"),
        expects: "a number from 1 to 1024",
        about: "How many passwords are hashed at once. Each takes a core and the memory of argon2id; more logins wait.",
        secret: false,
        set: |draft, raw| put(&mut draft.concurrent_hashes, value::number(raw, 1, 1024)),
    },
    Key {
        path: "limits.body_bytes",
        default: Default::Value("65536"),
        expects: "a number of bytes from 1024 to 1048576",
        about: "The largest request body.",
        secret: false,
        set: |draft, raw| put(&mut draft.body_bytes, value::number(raw, 1024, 1 << 20)),
    },
    Key {
        path: "limits.failed_logins_per_minute",
        default: Default::Value("30"),
        expects: "a number from 1 to 10000",
        about: "How many logins may fail in a minute, for one name from one address, before more are refused; ten times as many for one address, whatever the names.",
        secret: false,
        set: |draft, raw| put(&mut draft.failed_logins, value::number(raw, 1, 10_000)),
    },
    Key {
        path: "limits.request_timeout",
        default: Default::Value("\"30s\""),
        expects: "a duration from \"1s\" to \"50s\", or whole seconds",
        about: "How long the body of a request may take to arrive, and a login may wait for other passwords to be checked.",
        secret: false,
        set: |draft, raw| put(&mut draft.request_timeout, value::duration(raw, 1, 50)),
    },
    Key {
        path: "session.idle",
        default: Default::Value("\"30m\""),
        expects: "a duration from \"1s\" to \"87600h\", or whole seconds",
        about: "How long a login session lives without being used.",
        secret: false,
        set: |draft, raw| put(&mut draft.idle, value::duration(raw, 1, TEN_YEARS)),
    },
    Key {
        path: "session.absolute",
        default: Default::Value("\"12h\""),
        expects: "a duration from \"1s\" to \"87600h\", or whole seconds",
        about: "How long a login session lives at most; not shorter than `session.idle`.",
        secret: false,
        set: |draft, raw| put(&mut draft.absolute, value::duration(raw, 1, TEN_YEARS)),
    },
    Key {
        path: "cookie.same_site",
        default: Default::Value("\"None\""),
        expects: "one of \"None\", \"Lax\", \"Strict\"",
        about: "The attribute `SameSite` of the cookie `atbv`: whether browsers send it when a page of another site asks.",
        secret: false,
        set: |draft, raw| put(&mut draft.same_site, value::same_site(raw)),
    },
    Key {
        path: "cookie.domain",
        default: Default::Words("the issuer's host alone"),
        expects: "a domain name in lower case, without a leading dot",
        about: "The attribute `Domain` of the cookie `atbv`: all hosts under it see the cookie. The issuer's host must be one of them.",
        secret: false,
        set: |draft, raw| put(&mut draft.cookie_domain, value::domain(raw)),
    },
    Key {
        path: "outbound.trust_anchors",
        default: Default::Words("those of the operating system alone"),
        expects: "the path of a PEM file, or an array of such",
        about: "Certificates that the server trusts when it calls applications, besides those of the operating system: of an authority, or of the called server itself. In the environment, several are separated by spaces.",
        secret: false,
        set: |draft, raw| put(&mut draft.trust_anchors, value::paths(raw)),
    },
    Key {
        path: "outbound.allow_loopback",
        default: Default::Value("false"),
        expects: "true or false",
        about: "Whether the server may call applications on this very machine. For development.",
        secret: false,
        set: |draft, raw| put(&mut draft.allow_loopback, value::boolean(raw)),
    },
    Key {
        path: "outbound.allow_networks",
        default: Default::Words("none"),
        expects: "a network such as \"10.0.0.0/8\", or an array of such",
        about: "Networks that the server may call applications in though they are not on the public Internet. In the environment, several are separated by spaces.",
        secret: false,
        set: |draft, raw| put(&mut draft.allow_networks, value::networks(raw)),
    },
    Key {
        path: "log.filter",
        default: Default::Value("\"info\""),
        expects: "a filter such as \"info\" or \"info,tokenbind=debug\"",
        about: "What is logged: levels, by module, as `tracing_subscriber::EnvFilter` reads them.",
        secret: false,
        set: |draft, raw| put(&mut draft.log_filter, value::log_filter(raw)),
    },
    Key {
        path: "log.format",
        default: Default::Value("\"text\""),
        expects: "one of \"text\", \"json\"",
        about: "How it is logged: for people, or one JSON object to a line.",
        secret: false,
        set: |draft, raw| put(&mut draft.log_format, value::log_format(raw)),
    },
];

fn put<T>(place: &mut Option<T>, parsed: Result<T, Rejected>) -> Result<(), Rejected> {
    parsed.map(|value| *place = Some(value))
}
