//! Pairwise subjects (OpenID Connect Core section 8.1): applications of two sectors cannot tell by `sub`
//! that they speak of one user.

use std::{fmt, sync::Arc};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tokenbind_binding::{ClientId, SubjectId};
use url::Url;

use crate::{
    application::Application,
    issuer::Issuer,
    settings::{Settings, SubjectType},
};

/// The applications among which a user has one `sub`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Sector<'a> {
    /// Those whose redirect URIs have this host.
    Host(String),
    /// One that has no redirect URI.
    Application(&'a ClientId),
}

/// Why an application has no sector.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NoSector {
    /// OpenID Connect Core section 8.1 has `sector_identifier_uri` for that, which is not offered.
    #[error("pairwise needs redirect_uris that all have one host")]
    SeveralHosts,
    /// A private scheme.
    #[error("pairwise needs redirect_uris with a host, which those of private schemes have not")]
    NoHost,
}

/// The host that all redirect URIs have, if there is a redirect URI.
pub(crate) fn sector_host(settings: &Settings) -> Result<Option<String>, NoSector> {
    let mut sector = None;
    for uri in &settings.redirect_uris {
        let url = Url::parse(uri).ok();
        let host = url.as_ref().and_then(Url::host_str).ok_or(NoSector::NoHost)?;
        match &sector {
            None => sector = Some(host.to_owned()),
            Some(known) if known == host => {}
            Some(_) => return Err(NoSector::SeveralHosts),
        }
    }
    Ok(sector)
}

/// Makes pairwise subjects. It is never replaced: users would become strangers to their applications.
pub struct PairwiseKey(hmac::Key);

impl PairwiseKey {
    /// From its 32 secret bytes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// An HMAC-SHA-256 in base64url over what kind of sector, which, and whom, each with its length
    /// before it.
    fn subject(&self, sector: &Sector<'_>, subject: &SubjectId) -> Arc<str> {
        let (kind, which) = match sector {
            Sector::Host(host) => ("host", host.as_str()),
            Sector::Application(client_id) => ("application", client_id.as_str()),
        };
        let mut context = hmac::Context::with_key(&self.0);
        for part in [kind, which, subject.as_str()] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        URL_SAFE_NO_PAD.encode(context.sign()).into()
    }
}

impl fmt::Debug for PairwiseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairwiseKey(…)")
    }
}

impl Issuer {
    /// What the application is told in place of the subject; none if it is told the subject itself.
    pub(crate) fn shown_subject(
        &self,
        application: &Application,
        subject: &SubjectId,
    ) -> Option<Arc<str>> {
        match application.settings.subject_type {
            SubjectType::Public => None,
            SubjectType::Pairwise => {
                Some(self.keys().pairwise().subject(&sector_of(application), subject))
            }
        }
    }
}

/// Settings whose redirect URIs have no one host are refused. Should they be there all the same,
/// the application is a sector of its own.
fn sector_of(application: &Application) -> Sector<'_> {
    match sector_host(&application.settings) {
        Ok(Some(host)) => Sector::Host(host),
        Ok(None) | Err(_) => Sector::Application(&application.client_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_uris(uris: &[&str]) -> Settings {
        let redirect_uris = uris.iter().map(|&uri| uri.to_owned()).collect();
        Settings { redirect_uris, ..Settings::default() }
    }

    fn host(name: &str) -> Sector<'_> {
        Sector::Host(name.into())
    }

    #[test]
    fn the_subject_is_the_mac_of_sector_and_user_with_their_lengths() {
        // Python: hmac.new(bytes([7]) * 32, b"".join(len(p).to_bytes(8) + p for p in
        // (b"host", b"a.example", b"u1")), "sha256"), in base64url.
        let key = PairwiseKey::new(&[7; 32]);
        assert_eq!(
            &*key.subject(&host("a.example"), &"u1".into()),
            "NCdAiW9aQEy66MxtxbPM6V7j3JeORK90UQfjbVsztAw"
        );
    }

    #[test]
    fn sectors_and_users_never_share_a_subject() {
        let key = PairwiseKey::new(&[7; 32]);
        let application = ClientId::from("a.example");
        let all = [
            key.subject(&host("a.example"), &"u1".into()),
            key.subject(&host("a.example"), &"u2".into()),
            key.subject(&host("b.example"), &"u1".into()),
            key.subject(&host("a.exampleu"), &"1".into()),
            key.subject(&Sector::Application(&application), &"u1".into()),
            PairwiseKey::new(&[8; 32]).subject(&host("a.example"), &"u1".into()),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(key.subject(&host("a.example"), &"u1".into()), all[0]);
    }

    #[test]
    fn the_sector_is_the_one_host_of_the_redirect_uris() {
        let one = with_uris(&["https://A.example/cb", "https://a.example:8443/other"]);
        assert_eq!(sector_host(&one), Ok(Some("a.example".into())));
        assert_eq!(sector_host(&with_uris(&[])), Ok(None));
    }

    #[test]
    fn oidc_core_section_8_1_redirect_uris_of_several_hosts_have_no_sector() {
        let several = with_uris(&["https://a.example/cb", "https://b.example/cb"]);
        assert_eq!(sector_host(&several), Err(NoSector::SeveralHosts));
        let private = with_uris(&["com.example.app:/cb"]);
        assert_eq!(sector_host(&private), Err(NoSector::NoHost));
    }
}
