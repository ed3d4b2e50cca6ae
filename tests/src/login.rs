//! A login of a user with an application, and whoever holds what came of it.

use serde_json::Value;

use crate::{Answer, Browser, Client, Server, Tokens};

/// What a whole code flow gave.
#[derive(Clone, Debug)]
pub struct Login {
    /// The application, as its back end runs it: without cookies.
    pub client: Client,
    /// Where the user signed in.
    pub browser: Browser,
    /// What came of it.
    pub tokens: Tokens,
}

impl Login {
    /// A new user signs in, in a new browser, to a new application that has these settings.
    pub async fn anew(server: &Server, settings: &Value) -> Self {
        let client = server.registrar().sign_in(settings).await;
        Self::to(&client, &server.new_browser().await).await
    }

    /// The user of this browser signs in to this application.
    pub async fn to(client: &Client, browser: &Browser) -> Self {
        Self::asking(client, browser, &[]).await
    }

    /// The same with these parameters in the authorization request.
    pub async fn asking(client: &Client, browser: &Browser, more: &[(&str, &str)]) -> Self {
        let callback = browser.authorize(client, more).await;
        let tokens = client.tokens_of(&client.redeem(&callback).await);
        Self { client: client.clone(), browser: browser.clone(), tokens }
    }

    /// The application's page in the user's browser: its requests show the browser's cookies.
    #[must_use]
    pub fn in_browser(&self) -> Client {
        self.browser.runs(&self.client)
    }

    /// Uses the access token where `shower` runs.
    pub async fn used_by(&self, shower: &Client) -> Answer {
        shower.userinfo(&self.tokens.access_token).await
    }

    /// Refreshes where `shower` runs.
    pub async fn refreshed_by(&self, shower: &Client) -> Answer {
        shower.refresh(self.tokens.refresh_token(), &[]).await
    }

    /// What the server says of the access token.
    pub async fn told(&self) -> Value {
        self.client.introspect(&self.tokens.access_token).await
    }

    /// `sid`.
    pub async fn sid(&self) -> String {
        let claims = self.client.id_token(&self.tokens).await.claims;
        claims["sid"].as_str().expect("sid").to_owned()
    }

    /// Access and refresh token are both alive, as far as `observer` is told.
    pub async fn assert_alive(&self, observer: &Client) {
        let both = [&*self.tokens.access_token, self.tokens.refresh_token()];
        assert_eq!(observer.which_active(&both).await, [true, true], "{:?}", self.tokens);
    }

    /// Access and refresh token are both dead: for introspection, for userinfo and for a refresh,
    /// whoever shows them.
    pub async fn assert_dead(&self, observer: &Client) {
        let both = [&*self.tokens.access_token, self.tokens.refresh_token()];
        assert_eq!(observer.which_active(&both).await, [false, false], "{:?}", self.tokens);
        for shower in [&self.client, &self.in_browser()] {
            let _ = self.used_by(shower).await.challenged("invalid_token");
            let _ = self.refreshed_by(shower).await.refused(400, "invalid_grant");
        }
    }
}
