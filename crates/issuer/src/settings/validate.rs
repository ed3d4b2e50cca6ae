//! Whether settings agree with one another and with what this server can do.

use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::Value;
use tokenbind_binding::{BindingType, GrantType};
use url::Url;
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use super::{
    CertificateName, ClientAuthMethod, IntrospectionRight, InvalidMetadata, Settings, SubjectType,
};
use crate::{claims, pairwise::sector_host};

/// The longest lifetime that a setting may ask for, in seconds: ten years.
pub const MAX_LIFETIME: u64 = 10 * 365 * 86_400;

impl Settings {
    /// Whether these settings agree with one another and with what this server can do.
    ///
    /// # Errors
    /// [`InvalidMetadata`] with the field and the rule that it breaks.
    pub fn validate(&self) -> Result<(), InvalidMetadata> {
        self.validate_fapi()?;
        self.validate_grants()?;
        self.validate_token_exchange()?;
        self.validate_bindings()?;
        self.validate_lifetimes()?;
        self.validate_uris()?;
        self.validate_pkce()?;
        self.validate_sector()?;
        self.validate_frontchannel_logout()?;
        self.validate_keys()?;
        CertificateName::of(self)?;
        self.validate_certificate()?;
        self.validate_claims()?;
        self.validate_availability()
    }

    fn validate_grants(&self) -> Result<(), InvalidMetadata> {
        reject_repeats("grant_types", &self.grant_types)?;
        if self.is_public() && self.grant_types.contains(&GrantType::ClientCredentials) {
            // RFC 6749 section 4.4: "MUST only be used by confidential clients".
            return Err(InvalidMetadata::new(
                "grant_types",
                "client_credentials needs a client that authenticates, but \
                 token_endpoint_auth_method is none",
            ));
        }
        if self.is_public() && self.introspection == IntrospectionRight::Any {
            return Err(InvalidMetadata::new(
                "introspection",
                "any needs a client that authenticates, but token_endpoint_auth_method is none",
            ));
        }
        Ok(())
    }

    fn validate_bindings(&self) -> Result<(), InvalidMetadata> {
        reject_repeats("token_binding_types", &self.token_binding_types)?;
        for &binding_type in &self.token_binding_types {
            let stray = self.grant_types.iter().find(|&&grant| {
                !binding_type.carried_by(grant) && !self.unbound_grants.contains(&grant)
            });
            if let Some(grant) = stray {
                return Err(InvalidMetadata::new(
                    "token_binding_types",
                    format!(
                        "a token of the grant {grant} cannot be bound by {binding_type}; remove \
                         one of them, or list the grant in unbound_grants"
                    ),
                ));
            }
        }
        self.validate_possession()?;
        match self.token_binding_types.iter().find(|kind| !kind.is_available()) {
            Some(kind) => Err(InvalidMetadata::new(
                "token_binding_types",
                format!("this server does not offer {kind} yet; it offers {}", offered_types()),
            )),
            None => Ok(()),
        }
    }

    /// RFC 9449 section 7.1 and RFC 8705 section 3: whoever accepts such a token MUST check the proof. A setting that says
    /// otherwise would not be heard.
    fn validate_possession(&self) -> Result<(), InvalidMetadata> {
        let held = self.token_binding_types.iter().find(|kind| kind.is_possession());
        match held {
            Some(kind) if self.validate_token_bindings == Some(false) => Err(InvalidMetadata::new(
                "validate_token_bindings",
                format!(
                    "cannot be false where token_binding_types names {kind}, whose proof is always checked"
                ),
            )),
            _ => Ok(()),
        }
    }

    fn validate_lifetimes(&self) -> Result<(), InvalidMetadata> {
        let lifetimes = [
            ("user_access_token_lifetime", self.user_access_token_lifetime),
            ("application_access_token_lifetime", self.application_access_token_lifetime),
            ("refresh_token_lifetime", self.refresh_token_lifetime),
            ("id_token_lifetime", self.id_token_lifetime),
            ("device_code_lifetime", self.device_code_lifetime),
        ];
        match lifetimes.into_iter().find(|(_, secs)| !(1..=MAX_LIFETIME).contains(secs)) {
            Some((field, _)) => Err(InvalidMetadata::new(
                field,
                format!("must be a number of seconds from 1 to {MAX_LIFETIME}"),
            )),
            None => Ok(()),
        }
    }

    fn validate_pkce(&self) -> Result<(), InvalidMetadata> {
        // RFC 9700 section 2.1.1: "Public clients MUST use PKCE".
        if self.is_public() && !self.require_pkce {
            let rule = "cannot be off where token_endpoint_auth_method is none";
            return Err(InvalidMetadata::new("require_pkce", rule));
        }
        Ok(())
    }

    fn validate_sector(&self) -> Result<(), InvalidMetadata> {
        if self.subject_type == SubjectType::Pairwise {
            sector_host(self)
                .map_err(|error| InvalidMetadata::new("subject_type", error.to_string()))?;
        }
        Ok(())
    }

    /// Front-Channel Logout section 2: "The domain, port, and scheme of this URL MUST be the same as that of a
    /// registered Redirection URI value".
    fn validate_frontchannel_logout(&self) -> Result<(), InvalidMetadata> {
        let origin = |uri: &String| Url::parse(uri).ok().map(|url| url.origin());
        let Some(uri) = &self.frontchannel_logout_uri else { return Ok(()) };
        if self.redirect_uris.iter().any(|redirect_uri| origin(redirect_uri) == origin(uri)) {
            return Ok(());
        }
        Err(InvalidMetadata::new(
            "frontchannel_logout_uri",
            "must have the scheme, host and port of one of the redirect_uris",
        ))
    }

    fn validate_uris(&self) -> Result<(), InvalidMetadata> {
        for uri in &self.redirect_uris {
            validate_redirect_uri("redirect_uris", uri)?;
        }
        for uri in &self.post_logout_redirect_uris {
            validate_redirect_uri("post_logout_redirect_uris", uri)?;
        }
        for origin in &self.allowed_origins {
            validate_origin(origin)?;
        }
        let endpoints = [
            ("backchannel_logout_uri", &self.backchannel_logout_uri),
            ("frontchannel_logout_uri", &self.frontchannel_logout_uri),
            ("jwks_uri", &self.jwks_uri),
        ];
        for (field, uri) in endpoints {
            uri.as_deref().map_or(Ok(()), |uri| validate_https(field, uri))?;
        }
        Ok(())
    }

    fn validate_keys(&self) -> Result<(), InvalidMetadata> {
        if self.jwks.is_some() && self.jwks_uri.is_some() {
            // RFC 7591 section 2: "MUST NOT both be present in the same request or response".
            return Err(InvalidMetadata::new("jwks", "cannot stand together with jwks_uri"));
        }
        let is_key_set = |jwks: &Value| jwks.get("keys").is_some_and(Value::is_array);
        if self.jwks.as_ref().is_some_and(|jwks| !is_key_set(jwks)) {
            return Err(InvalidMetadata::new("jwks", "must be an object with an array keys"));
        }
        if self.jwks.as_ref().is_some_and(holds_secrets) {
            return Err(InvalidMetadata::new(
                "jwks",
                "must hold public keys alone, without d or k",
            ));
        }
        let signs = [
            (
                "token_endpoint_auth_method",
                self.token_endpoint_auth_method == ClientAuthMethod::PrivateKeyJwt,
            ),
            ("request_object_signing_alg", self.request_object_signing_alg.is_some()),
        ];
        if let Some((field, _)) = signs.into_iter().find(|(_, signs)| *signs)
            && self.jwks.is_none()
            && self.jwks_uri.is_none()
        {
            let rule = "needs jwks or jwks_uri, to verify what the application signs";
            return Err(InvalidMetadata::new(field, rule));
        }
        Ok(())
    }

    fn validate_certificate(&self) -> Result<(), InvalidMetadata> {
        let is_certificate = |pem: &String| {
            let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok();
            der.is_some_and(|der| matches!(X509Certificate::from_der(&der), Ok(([], _))))
        };
        if !self.certificate.as_ref().is_none_or(is_certificate) {
            return Err(InvalidMetadata::new("certificate", "must be a certificate in PEM"));
        }
        // RFC 8705 section 2.2.2.
        let registers_one =
            self.certificate.is_some() || self.jwks.is_some() || self.jwks_uri.is_some();
        if self.token_endpoint_auth_method == ClientAuthMethod::SelfSignedTlsClientAuth
            && !registers_one
        {
            return Err(InvalidMetadata::new(
                "jwks",
                "token_endpoint_auth_method is self_signed_tls_client_auth, which needs jwks, \
                 jwks_uri or certificate to tell the client's certificate",
            ));
        }
        Ok(())
    }

    /// A claim about the user must not stand in for one that the server makes.
    fn validate_claims(&self) -> Result<(), InvalidMetadata> {
        reject_repeats("access_token_claims", &self.access_token_claims)?;
        match self.access_token_claims.iter().find(|claim| claims::is_own(claim)) {
            Some(claim) => Err(InvalidMetadata::new(
                "access_token_claims",
                format!("{claim} is made by the server and cannot come from the user"),
            )),
            None => Ok(()),
        }
    }

    /// Security settings that this server cannot honour are refused rather than ignored.
    fn validate_availability(&self) -> Result<(), InvalidMetadata> {
        let unavailable = [(
            "token_endpoint_auth_method",
            !ClientAuthMethod::AVAILABLE.contains(&self.token_endpoint_auth_method),
        )];
        match unavailable.into_iter().find(|(_, asked)| *asked) {
            Some((field, _)) => {
                Err(InvalidMetadata::new(field, "this server does not offer that value yet"))
            }
            None => Ok(()),
        }
    }
}

/// Whether a key of the set is private or symmetric (RFC 7518 sections 6.2.2, 6.3.2 and 6.4).
fn holds_secrets(jwks: &Value) -> bool {
    let mut keys = jwks.get("keys").and_then(Value::as_array).into_iter().flatten();
    keys.any(|key| key.get("d").is_some() || key.get("k").is_some())
}

fn offered_types() -> String {
    let offered = BindingType::ALL.into_iter().filter(|kind| kind.is_available());
    offered.map(BindingType::as_str).collect::<Vec<_>>().join(", ")
}

pub(super) fn reject_repeats<T: PartialEq>(
    field: &str,
    items: &[T],
) -> Result<(), InvalidMetadata> {
    let repeated = items.iter().enumerate().any(|(index, item)| items[..index].contains(item));
    if repeated { Err(InvalidMetadata::new(field, "must not repeat a value")) } else { Ok(()) }
}

fn parse_uri(field: &str, uri: &str) -> Result<Url, InvalidMetadata> {
    Url::parse(uri)
        .map_err(|error| InvalidMetadata::new(field, format!("must hold absolute URIs: {error}")))
}

fn validate_redirect_uri(field: &str, uri: &str) -> Result<(), InvalidMetadata> {
    let url = parse_uri(field, uri)?;
    // RFC 6749 section 3.1.2: "MUST NOT include a fragment component".
    if url.fragment().is_some() {
        return Err(InvalidMetadata::new(field, "must not have a fragment"));
    }
    let loopback = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        // RFC 8252 section 7.1: private-use schemes are based on a domain name.
        scheme if scheme.contains('.') => Ok(()),
        _ => Err(InvalidMetadata::new(
            field,
            "must use https, http on a loopback address, or a private scheme such as \
             com.example.app",
        )),
    }
}

fn validate_origin(origin: &str) -> Result<(), InvalidMetadata> {
    let url = parse_uri("allowed_origins", origin)?;
    if url.origin().is_tuple() && url.origin().ascii_serialization() == origin {
        Ok(())
    } else {
        Err(InvalidMetadata::new(
            "allowed_origins",
            "must hold origins such as https://app.example:8443, without path or default port",
        ))
    }
}

fn validate_https(field: &str, uri: &str) -> Result<(), InvalidMetadata> {
    let url = parse_uri(field, uri)?;
    if url.scheme() == "https" && url.fragment().is_none() {
        Ok(())
    } else {
        Err(InvalidMetadata::new(field, "must be an https URL without a fragment"))
    }
}
