//! `openid-client` and `oauth4webapi` as services that exchange tokens (RFC 8693), by their own requests for grants that they
//! have no other words for.

use serde_json::{Value, json};
use tokenbind_tests::{Identity, Login, Server, Signer};

use crate::proof_of_possession::{FORMATS, LIBRARIES, Plan, REDIRECT_URI, Scene};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The settings of an application that exchanges tokens, with tokens bound so.
fn exchanging(binding: &str, format: &str) -> Value {
    json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["authorization_code", "refresh_token", "client_credentials", EXCHANGE],
        "token_binding_types": [binding],
        "access_token_format": format,
    })
}

/// A user's token for the service, bound to the key of the page that the user is at.
async fn received(server: &Server, service: &Scene<'_>) -> Login {
    let resource = server.operator().resource_of(&service.client.id, &[]).await;
    let page = json!({ "token_endpoint_auth_method": "none", "token_binding_types": ["dpop"] });
    let page = server.registrar().sign_in(&page).await.proving(&Signer::es256());
    let asked = [("scope", "openid profile"), ("resource", &*resource)];
    Login::asking(&page, &server.new_browser().await, &asked).await
}

#[tokio::test]
async fn a_service_exchanges_a_token_that_it_received_for_one_of_its_own_key() {
    let server = Server::shared().await;
    for library in LIBRARIES {
        for format in FORMATS {
            let plan = Plan::new(server, exchanging("dpop", format), json!({ "dpop": true }));
            let mut service = plan.set(library).await;
            let login = received(server, &service).await;
            let more = json!({ "subject_token": login.tokens.access_token, "scope": "profile" });
            let tokens = service.app.does_with("exchange", more).await;
            assert_eq!(tokens["issued_token_type"], ACCESS_TOKEN, "{tokens}");
            assert_eq!(
                (&tokens["token_type"], &tokens["scope"]),
                (&json!("dpop"), &json!("profile"))
            );
            let calls = service.app.calls_at("/oauth2/token");
            assert!(calls.iter().all(|call| call.proof), "{calls:?}");
            let told = service.app.does("introspect").await;
            assert_eq!(told["sub"], login.browser.user.sub, "{told}");
            let observer = server.registrar().observer().await;
            let before = observer.introspect(&login.tokens.access_token).await;
            assert_ne!(told["cnf"]["jkt"], before["cnf"]["jkt"]);
            login.browser.sign_out().await;
            assert_eq!(service.app.does("introspect").await["active"], false);
        }
    }
}

#[tokio::test]
async fn a_service_acts_for_the_user_with_a_certificate_of_its_own() {
    let server = Server::shared().await;
    for library in LIBRARIES {
        let identity = Identity::self_signed("service");
        let mut plan = Plan::new(server, exchanging("certificate", "opaque"), json!({}));
        plan.certificate = Some(identity.clone());
        let mut service = plan.set(library).await;
        let login = received(server, &service).await;
        let own = service.app.does("client_credentials").await;
        let more = json!({
            "subject_token": login.tokens.access_token,
            "actor_token": own["access_token"],
            "actor_token_type": ACCESS_TOKEN,
        });
        let _ = service.app.does_with("exchange", more).await;
        let told = service.app.does("introspect").await;
        let act = json!({ "sub": service.client.id, "client_id": service.client.id });
        assert_eq!((&told["sub"], &told["act"]), (&json!(login.browser.user.sub), &act));
        assert_eq!(told["cnf"], json!({ "x5t#S256": identity.thumbprint() }), "{told}");
    }
}

#[tokio::test]
async fn whoever_has_the_token_and_not_the_key_exchanges_nothing() {
    let server = Server::shared().await;
    for library in LIBRARIES {
        let plan = Plan::new(server, exchanging("dpop", "opaque"), json!({ "dpop": true }));
        let mut scene = plan.set(library).await;
        let _ = scene.app.sign_in(&scene.browser, REDIRECT_URI).await;
        let _ = scene.app.does("exchange").await;
        let sub = scene.app.does("userinfo").await["sub"].clone();
        assert_eq!(sub, scene.browser.user.sub);
        let _ = scene.app.does_with("steal", json!({})).await;
        let failure = scene.app.fails("exchange").await;
        assert_eq!(
            (&*failure.error, failure.status),
            ("invalid_request", Some(400)),
            "{failure:?}"
        );
    }
}
