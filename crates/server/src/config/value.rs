//! Values as they were written, and how each kind of value is read.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use http::{HeaderName, header};
use ipnet::IpNet;
use jiff::SignedDuration;
use tokenbind_issuer::{keys::SigningAlgorithm, scope::Scope, secret::Secret};
use tracing_subscriber::EnvFilter;
use url::Url;

use super::{CertificateHeader, LogFormat, SameSite};

/// The fewest characters of a secret that a person may choose.
const MIN_SECRET: usize = 32;

/// A value as it stands in the file or in an environment variable.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Raw {
    /// A string; all that an environment variable can hold.
    Text(String),
    /// An integer.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// An array of strings.
    List(Vec<String>),
    /// Anything else, which no key takes: its kind, with the article.
    Other(&'static str),
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integer(integer) => integer.fmt(f),
            Self::Boolean(boolean) => boolean.fmt(f),
            Self::List(list) => write!(f, "{list:?}"),
            Self::Other(kind) => f.write_str(kind),
        }
    }
}

impl Raw {
    /// What may be shown of a secret: its kind and length.
    pub(super) fn redacted(&self) -> String {
        match self {
            Self::Text(text) => format!("a string of {} characters", text.chars().count()),
            Self::Integer(_) => "an integer".to_owned(),
            Self::Boolean(_) => "a boolean".to_owned(),
            Self::List(_) => "an array of strings".to_owned(),
            Self::Other(kind) => (*kind).to_owned(),
        }
    }
}

/// Why a value is not what its key takes: words to add to what the key says of itself, if any.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Rejected(pub(super) Option<String>);

const REJECTED: Rejected = Rejected(None);

type Parsed<T> = Result<T, Rejected>;

pub(super) fn text(raw: &Raw) -> Parsed<&str> {
    match raw {
        Raw::Text(text) if !text.is_empty() => Ok(text),
        _ => Err(REJECTED),
    }
}

pub(super) fn from_text<T: FromStr>(raw: &Raw) -> Parsed<T> {
    text(raw)?.parse().map_err(|_| REJECTED)
}

pub(super) fn path(raw: &Raw) -> Parsed<PathBuf> {
    text(raw).map(PathBuf::from)
}

/// Paths, in an array or separated by spaces.
pub(super) fn paths(raw: &Raw) -> Parsed<Vec<PathBuf>> {
    words(raw).map(|words| words.into_iter().map(PathBuf::from).collect())
}

/// `true` or `false`.
pub(super) fn boolean(raw: &Raw) -> Parsed<bool> {
    match raw {
        Raw::Boolean(boolean) => Ok(*boolean),
        _ => from_text(raw),
    }
}

/// Networks such as `10.0.0.0/8`, in an array or separated by spaces.
pub(super) fn networks(raw: &Raw) -> Parsed<Vec<IpNet>> {
    let network = |text: &str| match text.parse::<IpNet>() {
        Ok(network) if network == network.trunc() => Ok(network),
        Ok(network) => Err(Rejected(Some(format!("write it as \"{}\"", network.trunc())))),
        Err(_) => Err(Rejected(Some(format!("{text:?} is not a network")))),
    };
    words(raw)?.into_iter().map(network).collect()
}

/// The items of an array, or the words of a text; at least one, and none empty.
fn words(raw: &Raw) -> Parsed<Vec<&str>> {
    let words: Vec<&str> = match raw {
        Raw::Text(text) => text.split_whitespace().collect(),
        Raw::List(list) => list.iter().map(String::as_str).collect(),
        _ => return Err(REJECTED),
    };
    if words.is_empty() || words.contains(&"") { Err(REJECTED) } else { Ok(words) }
}

/// A whole number from `min` to `max`.
pub(super) fn number<T>(raw: &Raw, min: T, max: T) -> Parsed<T>
where
    T: TryFrom<u64> + PartialOrd + Copy,
{
    let number = match raw {
        Raw::Integer(integer) => u64::try_from(*integer).ok(),
        Raw::Text(text) => text.parse().ok(),
        _ => None,
    };
    let number = number.and_then(|number| T::try_from(number).ok());
    number.filter(|number| (&min..=&max).contains(&number)).ok_or(REJECTED)
}

/// A time from `min` to `max` seconds: an integer of seconds, or a text such as `15m` or `1h 30m`.
pub(super) fn duration(raw: &Raw, min: u64, max: u64) -> Parsed<Duration> {
    number(raw, min, max).map(Duration::from_secs).or_else(|_| {
        let duration: SignedDuration = from_text(raw)?;
        let whole = duration.subsec_nanos() == 0;
        let secs = u64::try_from(duration.as_secs()).map_err(|_| REJECTED)?;
        if whole && (min..=max).contains(&secs) {
            Ok(Duration::from_secs(secs))
        } else {
            Err(REJECTED)
        }
    })
}

/// An issuer identifier: an https URL without query and fragment (RFC 8414 section 2). It is
/// compared as a string wherever it is used, so only one spelling of it is taken.
pub(super) fn issuer(raw: &Raw) -> Parsed<String> {
    let text = text(raw)?;
    let url = Url::parse(text).map_err(|_| REJECTED)?;
    let bare = url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    if url.scheme() != "https" || !bare || !anonymous {
        return Err(REJECTED);
    }
    match url.as_str().trim_end_matches('/') {
        spelling if spelling == text => Ok(text.to_owned()),
        spelling => Err(Rejected(Some(format!("write it as {spelling:?}")))),
    }
}

/// Resource identifiers: absolute URIs without fragment (RFC 8707 section 2), in an array or
/// separated by spaces.
pub(super) fn audience(raw: &Raw) -> Parsed<Vec<String>> {
    words(raw)?.into_iter().map(resource).collect()
}

fn resource(text: &str) -> Parsed<String> {
    match Url::parse(text) {
        Ok(uri) if uri.fragment().is_none() => Ok(text.to_owned()),
        Ok(_) => Err(Rejected(Some(format!("{text:?} has a fragment")))),
        Err(_) => Err(Rejected(Some(format!("{text:?} is not an absolute URI")))),
    }
}

pub(super) fn signing_algorithm(raw: &Raw) -> Parsed<SigningAlgorithm> {
    let name = text(raw)?;
    SigningAlgorithm::ALL.into_iter().find(|alg| alg.as_str() == name).ok_or(REJECTED)
}

/// Where the metrics are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Metrics {
    Off,
    At(SocketAddr),
}

pub(super) fn metrics(raw: &Raw) -> Parsed<Metrics> {
    match raw {
        Raw::Text(text) if text == "off" => Ok(Metrics::Off),
        _ => from_text(raw).map(Metrics::At),
    }
}

/// What [`bearer_secret`] takes, to follow "expected".
pub(super) const BEARER_SECRET: &str =
    "at least 32 characters out of letters, digits and -._~+/, with = at the end only";

/// A secret that a person chose and that is shown as a bearer token (RFC 6750 section 2.1, `b64token`).
pub(super) fn bearer_secret(raw: &Raw) -> Parsed<Secret> {
    let text = text(raw)?;
    let token = text.trim_end_matches('=');
    let of_token = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
    if text.len() < MIN_SECRET || token.is_empty() || !token.chars().all(of_token) {
        return Err(REJECTED);
    }
    Ok(Secret::from_text(text.to_owned()))
}

pub(super) fn same_site(raw: &Raw) -> Parsed<SameSite> {
    let name = text(raw)?;
    SameSite::ALL.into_iter().find(|same_site| same_site.as_str() == name).ok_or(REJECTED)
}

/// A domain name as cookies name it. An address is none: it has no hosts under it.
pub(super) fn domain(raw: &Raw) -> Parsed<String> {
    let text = text(raw)?;
    let of_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = |label: &str| !label.is_empty() && label.chars().all(of_label);
    let is_address = text.parse::<IpAddr>().is_ok();
    if text.len() > 253 || is_address || !text.split('.').all(is_label) {
        return Err(REJECTED);
    }
    Ok(text.to_owned())
}

/// Domain names, in an array or separated by spaces.
pub(super) fn domains(raw: &Raw) -> Parsed<Vec<String>> {
    words(raw)?.into_iter().map(|word| domain(&Raw::Text(word.to_owned()))).collect()
}

/// A scope with at least one word.
pub(super) fn scope(raw: &Raw) -> Parsed<Scope> {
    let scope = Scope::parse(text(raw)?).map_err(|_| REJECTED)?;
    if scope.is_empty() { Err(REJECTED) } else { Ok(scope) }
}

/// Headers that mean something else.
const TAKEN: [HeaderName; 12] = [
    header::ACCEPT,
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::HOST,
    header::ORIGIN,
    header::REFERER,
    header::TRANSFER_ENCODING,
    HeaderName::from_static("client-cert-chain"),
    HeaderName::from_static("dpop"),
];

pub(super) fn certificate_header(raw: &Raw) -> Parsed<CertificateHeader> {
    let name = text(raw)?;
    let header: HeaderName = name.parse().map_err(|_| REJECTED)?;
    match header.as_str() {
        "client-cert" => Ok(CertificateHeader::ClientCert),
        "x-forwarded-client-cert" => Ok(CertificateHeader::XForwardedClientCert),
        _ if TAKEN.contains(&header) => {
            Err(Rejected(Some(format!("{name:?} means something else"))))
        }
        _ => Ok(CertificateHeader::EscapedPem(header)),
    }
}

pub(super) fn log_filter(raw: &Raw) -> Parsed<String> {
    let text = text(raw)?;
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(Rejected(Some(error.to_string()))),
    }
}

pub(super) fn log_format(raw: &Raw) -> Parsed<LogFormat> {
    match text(raw)? {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(REJECTED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(text: &str) -> Raw {
        Raw::Text(text.to_owned())
    }

    #[test]
    fn durations_are_whole_seconds_within_bounds() {
        for (written, secs) in [
            (t("15m"), 900),
            (t("30s"), 30),
            (t("24h"), 86_400),
            (t("1h 30m"), 5_400),
            (t("PT1H"), 3_600),
            (t("900"), 900),
            (Raw::Integer(900), 900),
        ] {
            let read = duration(&written, 0, 86_400);
            assert_eq!(read, Ok(Duration::from_secs(secs)), "{written}");
        }
        for refused in
            [t(""), t("-15m"), t("1500ms"), t("25h"), t("1 month"), t("soon"), Raw::Integer(-1)]
        {
            assert_eq!(duration(&refused, 0, 86_400), Err(REJECTED), "{refused}");
        }
        assert_eq!(duration(&t("9s"), 10, 60), Err(REJECTED));
    }

    #[test]
    fn an_issuer_has_one_spelling() {
        for issuer_url in
            ["https://localhost:9443", "https://id.example.com", "https://example.com/tenants/a"]
        {
            assert_eq!(issuer(&t(issuer_url)), Ok(issuer_url.to_owned()));
        }
        for (written, spelling) in [
            ("https://id.example.com/", "https://id.example.com"),
            ("HTTPS://ID.Example.com", "https://id.example.com"),
            ("https://id.example.com:443", "https://id.example.com"),
            ("https://id.example.com/a/", "https://id.example.com/a"),
            ("https://id.example.com/a/../b", "https://id.example.com/b"),
        ] {
            let hint = Rejected(Some(format!("write it as {spelling:?}")));
            assert_eq!(issuer(&t(written)), Err(hint), "{written}");
        }
        for refused in [
            "http://id.example.com",
            "id.example.com",
            "https://",
            "https://id.example.com?a=b",
            "https://id.example.com?",
            "https://id.example.com#",
            "https://ada@id.example.com",
            "https://:pw@id.example.com",
        ] {
            assert_eq!(issuer(&t(refused)), Err(REJECTED), "{refused}");
        }
    }

    #[test]
    fn an_audience_is_a_list_or_words() {
        let both = Ok(vec!["https://a.example".to_owned(), "urn:b".to_owned()]);
        assert_eq!(audience(&t("https://a.example urn:b")), both);
        let list = Raw::List(vec!["https://a.example".to_owned(), "urn:b".to_owned()]);
        assert_eq!(audience(&list), both);
        assert_eq!(audience(&Raw::List(vec![])), Err(REJECTED));
        assert_eq!(audience(&t(" ")), Err(REJECTED));
        let relative = Rejected(Some("\"api\" is not an absolute URI".to_owned()));
        assert_eq!(audience(&t("urn:b api")), Err(relative));
        let fragment = Rejected(Some("\"urn:b#x\" has a fragment".to_owned()));
        assert_eq!(audience(&t("urn:b#x")), Err(fragment));
    }

    #[test]
    fn a_domain_is_a_name_in_lower_case() {
        for name in ["example.com", "localhost", "a-1.example"] {
            assert_eq!(domain(&t(name)), Ok(name.to_owned()));
        }
        let refused =
            ["", ".example.com", "example.com.", "Example.com", "a b", "a;b", "é.example"];
        for name in refused.into_iter().chain(["127.0.0.1", "[::1]", "a..b"]) {
            assert_eq!(domain(&t(name)), Err(REJECTED), "{name}");
        }
    }

    #[test]
    fn a_boolean_is_a_boolean_or_its_word() {
        assert_eq!(boolean(&Raw::Boolean(true)), Ok(true));
        assert_eq!(boolean(&t("false")), Ok(false));
        for refused in [t("yes"), t("1"), t("TRUE"), t(""), Raw::Integer(1)] {
            assert_eq!(boolean(&refused), Err(REJECTED), "{refused}");
        }
    }

    #[test]
    fn networks_are_a_list_or_words_and_have_one_spelling() {
        let both: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        assert_eq!(networks(&t("10.0.0.0/8 fd00::/8")).as_ref(), Ok(&both));
        let list = Raw::List(vec!["10.0.0.0/8".into(), "fd00::/8".into()]);
        assert_eq!(networks(&list), Ok(both));
        let hint = Rejected(Some("write it as \"10.0.0.0/8\"".into()));
        assert_eq!(networks(&t("10.1.2.3/8")), Err(hint));
        let hint = Rejected(Some("\"10.0.0.1\" is not a network".into()));
        assert_eq!(networks(&t("10.0.0.1")), Err(hint));
        assert_eq!(networks(&t(" ")), Err(REJECTED));
        assert_eq!(networks(&Raw::List(vec![String::new()])), Err(REJECTED));
    }

    #[test]
    fn a_certificate_header_is_one_of_two_or_has_a_name_of_its_own() {
        use CertificateHeader::{ClientCert, EscapedPem, XForwardedClientCert};
        assert_eq!(certificate_header(&t("client-cert")), Ok(ClientCert));
        assert_eq!(certificate_header(&t("Client-Cert")), Ok(ClientCert));
        assert_eq!(certificate_header(&t("x-forwarded-client-cert")), Ok(XForwardedClientCert));
        let named = EscapedPem(HeaderName::from_static("x-ssl-cert"));
        assert_eq!(certificate_header(&t("X-SSL-Cert")), Ok(named));
        for refused in ["", "a b", "x:", "é"] {
            assert_eq!(certificate_header(&t(refused)), Err(REJECTED), "{refused}");
        }
        for taken in ["Cookie", "dpop", "authorization"] {
            assert!(certificate_header(&t(taken)).is_err(), "{taken}");
        }
    }

    #[test]
    fn a_secret_is_long_and_fits_a_bearer_token() {
        let long = "0123456789-abcdefghijkl~mnopqrs==";
        assert_eq!(bearer_secret(&t(long)).ok().map(|s| s.reveal().to_owned()), Some(long.into()));
        for refused in [
            "0123456789abcdefghijklmnopqrstu",
            "0123456789abcdefghijklmnopqrstuv wxyz",
            "0123456789abcdefghij=klmnopqrstuvwxyz",
            "================================",
            "0123456789abcdefghijklmnopqrstuvwxyé",
        ] {
            assert!(bearer_secret(&t(refused)).is_err(), "{refused}");
        }
    }
}
