//! CORS: which pages of other origins may read an answer, and show cookies for it (Fetch Standard,
//! section 3.2).
//!
//! An application says by `allowed_origins` where its pages are. Nothing here keeps a request from being
//! carried out, since a browser asks only after that: what a request may do is decided by what it proves.

use std::sync::Arc;

use crate::{
    admit::shown_token,
    application::Application,
    basic::BasicCredentials,
    client::{ClientEvidence, named_by_assertion},
    issuer::Issuer,
    presented::Presented,
    settings::Settings,
    store::StoreResult,
    userinfo::TokenEvidence,
};

/// What a page of another origin may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PageAccess {
    /// Read nothing.
    Denied,
    /// Read the answer to a request without cookies.
    Plain,
    /// Also send its browser's cookies for this server, such as the `atbv` that tokens are bound to.
    WithCredentials,
}

impl PageAccess {
    /// What a page of this origin may do with the tokens of an application.
    #[must_use]
    pub fn of(settings: &Settings, origin: &str) -> Self {
        let cookie = settings.token_binding_types.iter().any(|kind| kind.is_cookie());
        match (settings.allowed_origins.iter().any(|allowed| allowed == origin), cookie) {
            (false, _) => Self::Denied,
            (true, false) => Self::Plain,
            (true, true) => Self::WithCredentials,
        }
    }
}

impl Issuer {
    /// What a page of this origin may do by any of the applications that list it: all that can be said
    /// before a request is there, and of one that names no application that is known. Then the answer
    /// is a refusal, for the page to read.
    ///
    /// # Errors
    /// [`crate::store::StoreError`].
    pub async fn page_access(&self, origin: &str) -> StoreResult<PageAccess> {
        let mut access = PageAccess::Denied;
        for client_id in self.store.find_origin(origin).await? {
            if let Some(application) = self.find(client_id.as_str()).await? {
                access = access.max(PageAccess::of(&application.settings, origin));
            }
        }
        Ok(access)
    }

    /// What a page of this origin may do with the answer to a request of the application that it names,
    /// whether or not it proves to be that one.
    ///
    /// # Errors
    /// [`crate::store::StoreError`].
    pub async fn page_access_of_client(
        &self,
        origin: &str,
        shown: ClientEvidence<'_>,
    ) -> StoreResult<PageAccess> {
        let named = match named_client(shown) {
            Some(client_id) => self.find(&client_id).await?,
            None => None,
        };
        self.page_access_of(origin, named).await
    }

    /// What a page of this origin may do with the answer to a request that shows an access token. A
    /// dead token still says whose it was, for the page to read that it is dead.
    ///
    /// # Errors
    /// [`crate::store::StoreError`].
    pub async fn page_access_of_token(
        &self,
        origin: &str,
        shown: TokenEvidence<'_>,
    ) -> StoreResult<PageAccess> {
        let Ok(shown) = shown_token(shown) else { return self.page_access(origin).await };
        let owner = match self.find_presented(shown.token).await? {
            Some(Presented::AccessToken(found)) => {
                self.find(found.record.token.client_id.as_str()).await?
            }
            Some(Presented::RefreshToken(..)) | None => None,
        };
        self.page_access_of(origin, owner).await
    }

    async fn page_access_of(
        &self,
        origin: &str,
        application: Option<Arc<Application>>,
    ) -> StoreResult<PageAccess> {
        match application {
            Some(application) => Ok(PageAccess::of(&application.settings, origin)),
            None => self.page_access(origin).await,
        }
    }
}

/// The application that a request names, in its form or in a Basic header.
fn named_client(shown: ClientEvidence<'_>) -> Option<String> {
    if let Some(client_id) = shown.form.get("client_id") {
        return Some(client_id.to_owned());
    }
    let Some(authorization) = shown.authorization else { return named_by_assertion(shown) };
    BasicCredentials::parse(authorization).ok().map(|credentials| credentials.client_id)
}

#[cfg(test)]
mod tests {
    use tokenbind_binding::BindingType;

    use super::*;

    fn access(types: &[BindingType], origin: &str) -> PageAccess {
        let settings = Settings {
            allowed_origins: vec!["https://shop.example".into(), "https://b.example:8443".into()],
            token_binding_types: types.to_vec(),
            ..Settings::default()
        };
        PageAccess::of(&settings, origin)
    }

    #[test]
    fn only_listed_origins_read_answers_and_only_for_cookies_with_credentials() {
        use BindingType::{ClientRequest, Cookie, Dpop, SsoSession};
        let listed = "https://b.example:8443";
        assert_eq!(access(&[], listed), PageAccess::Plain);
        assert_eq!(access(&[ClientRequest, Dpop], listed), PageAccess::Plain);
        assert_eq!(access(&[Cookie], listed), PageAccess::WithCredentials);
        assert_eq!(access(&[Dpop, SsoSession], listed), PageAccess::WithCredentials);
    }

    #[test]
    fn origins_are_compared_exactly() {
        for origin in [
            "https://b.example",
            "https://b.example:8444",
            "http://b.example:8443",
            "https://b.example:8443/",
            "https://B.example:8443",
            "https://shop.example.evil.example",
            "null",
            "*",
            "",
        ] {
            assert_eq!(access(&[BindingType::Cookie], origin), PageAccess::Denied, "{origin}");
        }
    }
}
