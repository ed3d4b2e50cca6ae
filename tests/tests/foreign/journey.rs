//! What a user does with a web application, and the application with its tokens.

use serde_json::{Value, json};
use tokenbind_tests::{Chromium, Library, Server, User, WebApp};

/// A user before a browser, and the application that they use.
pub(crate) struct Journey {
    pub(crate) app: WebApp,
    pub(crate) chromium: Chromium,
    pub(crate) user: User,
}

impl Journey {
    pub(crate) async fn begin(library: Library) -> Self {
        let server = Server::shared().await;
        let user = server.operator().user_with(&["name=Ada Lovelace"]).await;
        let app = WebApp::start(server, library).await;
        Self { app, chromium: Chromium::start(server).await, user }
    }

    /// Opens a page of the application, and reads the JSON that it shows.
    pub(crate) async fn shown(&self, path: &str) -> Value {
        self.chromium.open(&self.app.at(path)).await;
        self.read().await
    }

    async fn read(&self) -> Value {
        let read = async || serde_json::from_str(&self.chromium.text().await).ok();
        self.chromium.until("JSON", read).await
    }

    /// Signs in at the application, and returns what it then knows.
    pub(crate) async fn sign_in(&self, path: &str) -> Value {
        let Self { app, chromium, user } = self;
        chromium.open(&app.at(path)).await;
        chromium.sign_in(user).await;
        chromium.press("Allow").await;
        chromium.arrives(&app.at("/callback")).await;
        chromium.shows("id_token").await;
        self.read().await
    }

    /// All that an application does with its user's tokens, until the user signs out.
    pub(crate) async fn go(&self) {
        let Self { app, user, .. } = self;
        let signed_in = self.sign_in("/login").await;
        assert_eq!(signed_in["id_token"]["sub"], *user.sub, "{signed_in}");
        assert_eq!(signed_in["id_token"]["aud"], *app.client.id);

        let userinfo = self.shown("/userinfo").await;
        assert_eq!(userinfo["sub"], *user.sub, "{userinfo}");
        assert_eq!(userinfo["name"], "Ada Lovelace");

        let refreshed = self.shown("/refresh").await;
        assert_eq!(refreshed["renewed"], true, "{refreshed}");
        assert_eq!(refreshed["id_token"]["sub"], *user.sub);
        assert_eq!(refreshed["id_token"]["auth_time"], signed_in["id_token"]["auth_time"]);
        assert_ne!(refreshed["tokens"]["access_token"], signed_in["tokens"]["access_token"]);
        assert_eq!(self.shown("/userinfo").await["sub"], *user.sub, "with the new token");

        let told = self.shown("/introspect").await;
        assert_eq!((&told["active"], &told["sub"]), (&json!(true), &json!(user.sub)), "{told}");
        assert_eq!(self.shown("/revoke").await, json!({}));
        let dead = json!({ "active": false });
        assert_eq!(self.shown("/introspect").await, dead, "its grant ended");
        assert_eq!(self.shown("/refresh").await["error"], "invalid_grant");
        self.sign_out().await;
    }

    /// Signs out at the application, which sends the browser to the server and gets it back.
    async fn sign_out(&self) {
        let Self { app, chromium, .. } = self;
        chromium.open(&app.at("/logout")).await;
        chromium.arrives(&app.at("/signed-out")).await;
        assert_eq!(self.read().await["signed_out"], true);
        chromium.open(&app.at("/login")).await;
        chromium.shows("to continue to").await;
    }

    /// The answer comes in a form that the browser posts.
    pub(crate) async fn answered_by_form_post(&self) {
        let signed_in = self.sign_in("/login?response_mode=form_post").await;
        assert_eq!(signed_in["id_token"]["sub"], *self.user.sub, "{signed_in}");
    }

    /// A refusal comes back to the application as such.
    pub(crate) async fn refused(&self) {
        let refused = self.shown("/login?prompt=none").await;
        assert_eq!(refused["error"], "login_required", "{refused}");
        let description = refused["error_description"].as_str().expect("a description");
        assert!(!description.is_empty());
    }
}
