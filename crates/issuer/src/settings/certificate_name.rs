//! What the certificate of a client must be for, where an authority vouches for it (RFC 8705 section 2.1.2).

use std::net::IpAddr;

use url::Url;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName};

use super::{ClientAuthMethod, InvalidMetadata, Settings};
use crate::distinguished_name::DistinguishedName;

/// The one name that tells the client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum CertificateName {
    Subject(DistinguishedName),
    Dns(String),
    Uri(String),
    Ip(IpAddr),
    Email(Mailbox),
}

/// An address of mail (RFC 5280 section 7.5): of its two parts only the host is free of case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mailbox {
    local: String,
    host: String,
}

impl Mailbox {
    fn parse(text: &str) -> Option<Self> {
        let (local, host) = text.rsplit_once('@')?;
        let good = text.is_ascii() && !local.is_empty() && !host.is_empty();
        good.then(|| Self { local: local.into(), host: host.to_ascii_lowercase() })
    }
}

const SUBJECT: &str = "tls_client_auth_subject_dn";

impl CertificateName {
    /// The one that the settings name; `None` where the method does not go by one.
    ///
    /// # Errors
    /// RFC 8705 section 2.1.2: "A client using the `tls_client_auth` authentication method MUST use exactly one of the
    /// below metadata parameters"; and no other client has a use for one.
    pub(crate) fn of(settings: &Settings) -> Result<Option<Self>, InvalidMetadata> {
        let fields = [
            (SUBJECT, &settings.tls_client_auth_subject_dn),
            ("tls_client_auth_san_dns", &settings.tls_client_auth_san_dns),
            ("tls_client_auth_san_uri", &settings.tls_client_auth_san_uri),
            ("tls_client_auth_san_ip", &settings.tls_client_auth_san_ip),
            ("tls_client_auth_san_email", &settings.tls_client_auth_san_email),
        ];
        let mut given =
            fields.into_iter().filter_map(|(field, text)| Some((field, text.as_ref()?)));
        let by_name = settings.token_endpoint_auth_method == ClientAuthMethod::TlsClientAuth;
        match (by_name, given.next(), given.next()) {
            (true, Some((field, text)), None) => Self::read(field, text).map(Some),
            (false, None, _) => Ok(None),
            (true, None, _) => Err(InvalidMetadata::new(
                SUBJECT,
                "token_endpoint_auth_method is tls_client_auth, which needs this or one of \
                 tls_client_auth_san_dns, _uri, _ip and _email",
            )),
            (true, Some(_), Some((field, _))) => Err(InvalidMetadata::new(
                field,
                "only one of tls_client_auth_subject_dn and tls_client_auth_san_* can tell the client",
            )),
            (false, Some((field, _)), _) => {
                let rule = "needs tls_client_auth as token_endpoint_auth_method";
                Err(InvalidMetadata::new(field, rule))
            }
        }
    }

    fn read(field: &str, text: &str) -> Result<Self, InvalidMetadata> {
        let malformed = |rule: &str| InvalidMetadata::new(field, rule);
        match field {
            "tls_client_auth_san_dns" if is_host(text) => Ok(Self::Dns(text.to_owned())),
            "tls_client_auth_san_dns" => Err(malformed("must be a DNS name")),
            "tls_client_auth_san_uri" if Url::parse(text).is_ok() => Ok(Self::Uri(text.to_owned())),
            "tls_client_auth_san_uri" => Err(malformed("must be an absolute URI")),
            "tls_client_auth_san_ip" => {
                let address = text.parse().map_err(|_| malformed("must be an IP address"));
                address.map(Self::Ip)
            }
            "tls_client_auth_san_email" => {
                let mailbox = Mailbox::parse(text);
                mailbox.map(Self::Email).ok_or_else(|| malformed("must be an email address"))
            }
            _ => {
                let name = DistinguishedName::parse(text);
                name.map(Self::Subject).map_err(|error| malformed(&error.to_string()))
            }
        }
    }

    /// Whether the certificate is for this name.
    pub(crate) fn is_of(&self, certificate: &X509Certificate<'_>) -> bool {
        if let Self::Subject(expected) = self {
            return DistinguishedName::of_certificate(certificate.subject()) == *expected;
        }
        let Ok(Some(names)) = certificate.subject_alternative_name() else { return false };
        names.value.general_names.iter().any(|name| self.is(name))
    }

    fn is(&self, name: &GeneralName<'_>) -> bool {
        match (self, name) {
            (Self::Dns(expected), GeneralName::DNSName(name)) => {
                expected.eq_ignore_ascii_case(name)
            }
            (Self::Uri(expected), GeneralName::URI(name)) => expected == name,
            (Self::Email(expected), GeneralName::RFC822Name(name)) => {
                Mailbox::parse(name).as_ref() == Some(expected)
            }
            // RFC 8705 section 2.1.2: the comparison is of the addresses, not of what is written.
            (Self::Ip(IpAddr::V4(expected)), GeneralName::IPAddress(octets)) => {
                *octets == expected.octets()
            }
            (Self::Ip(IpAddr::V6(expected)), GeneralName::IPAddress(octets)) => {
                *octets == expected.octets()
            }
            _ => false,
        }
    }
}

fn is_host(text: &str) -> bool {
    let of_label = |byte: u8| byte.is_ascii_alphanumeric() || b"-_*".contains(&byte);
    let label = |label: &str| !label.is_empty() && label.bytes().all(of_label);
    text.len() <= 253 && text.split('.').all(label)
}
