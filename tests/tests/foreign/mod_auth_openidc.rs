//! Apache with `mod_auth_openidc`: a page that knows nothing of OpenID Connect, and who looks at it.

use tokenbind_tests::{Apache, Chromium, Server, User};

struct Scene {
    server: Server,
    apache: Apache,
    chromium: Chromium,
    user: User,
}

impl Scene {
    /// A server that may call Apache on this machine, and somebody before Apache.
    async fn set() -> Self {
        let server = Server::serve("", &[]).await;
        let claims = ["name=Ada Lovelace", "email=ada@boats.example"];
        let user = server.operator().user_with(&claims).await;
        let apache = Apache::start(&server).await;
        let chromium = Chromium::start(&server).await;
        Self { server, apache, chromium, user }
    }

    async fn sign_in(&self) {
        let Self { apache, chromium, user, .. } = self;
        chromium.open(&apache.at("/private/")).await;
        chromium.shows("to continue to A page behind Apache").await;
        chromium.sign_in(user).await;
        chromium.press("Allow").await;
        self.sees_the_page().await;
    }

    async fn sees_the_page(&self) {
        let Self { chromium, user, .. } = self;
        let told = "name Ada Lovelace, mail ada@boats.example.";
        chromium.shows(&format!("User {}, {told}", user.sub)).await;
    }
}

#[tokio::test]
async fn apache_shows_a_page_to_whom_tokenbind_vouches_for() {
    let scene = Scene::set().await;
    scene.sign_in().await;
    // From now on Apache knows the browser by itself.
    scene.chromium.open(&scene.apache.at("/private/index.shtml")).await;
    scene.sees_the_page().await;
}

#[tokio::test]
async fn signing_out_at_apache_signs_out_at_tokenbind() {
    let scene = Scene::set().await;
    scene.sign_in().await;
    let Scene { apache, chromium, .. } = &scene;
    let back = apache.at("/signed-out.html");
    let back: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
    chromium.open(&apache.at(&format!("/private/redirect_uri?logout={back}"))).await;
    chromium.shows("Signed out of Apache").await;
    chromium.open(&apache.at("/private/")).await;
    chromium.shows("to continue to A page behind Apache").await;
}

#[tokio::test]
async fn signing_out_at_tokenbind_signs_out_at_apache_by_the_back_channel() {
    let scene = Scene::set().await;
    scene.sign_in().await;
    let Scene { server, apache, chromium, .. } = &scene;
    chromium.open(&format!("{}/oauth2/logout", server.issuer())).await;
    chromium.press("Sign out").await;
    chromium.shows("You are signed out").await;
    // Apache still gets its cookie, and knows that it is good for nothing any more.
    chromium
        .until("Apache to be told", async || {
            chromium.open(&apache.at("/private/")).await;
            chromium.text().await.contains("to continue to").then_some(())
        })
        .await;
}
