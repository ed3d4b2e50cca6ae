//! A bound token is worth no more after an exchange than before: BINDINGS, "Exchanging a bound token".

use serde_json::{Value, json};
use tokenbind_tests::{Answer, Client, Identity, Login, SESSION_COOKIE, Server, Signer};

use crate::{FORMATS, exchanged, front, merged, service};

/// Every binding type that a login can have, with what shows it, if anything does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Type {
    Cookie,
    SsoSession,
    Certificate,
    Dpop,
    ClientRequest,
}

impl Type {
    const ALL: [Self; 5] =
        [Self::Cookie, Self::SsoSession, Self::Certificate, Self::Dpop, Self::ClientRequest];

    const fn name(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::SsoSession => "sso-session",
            Self::Certificate => "certificate",
            Self::Dpop => "dpop",
            Self::ClientRequest => "client-request",
        }
    }

    /// Whether it works with a private key only.
    const fn is_possession(self) -> bool {
        matches!(self, Self::Certificate | Self::Dpop)
    }

    /// Whether anybody is asked to show anything.
    const fn is_shown(self) -> bool {
        !matches!(self, Self::ClientRequest)
    }
}

/// A login that is bound so, and everything that its holder has to show.
struct Scene {
    server: &'static Server,
    binding: Type,
    login: Login,
    identity: Identity,
    key: Signer,
}

impl Scene {
    async fn new(binding: Type, format: &str, more: &[(&str, &str)]) -> Self {
        let server = Server::shared().await;
        let (identity, key) = (Identity::self_signed("front"), Signer::es256());
        let settings = json!({
            "token_binding_types": [binding.name()],
            "access_token_format": format,
            "validate_token_bindings": true,
        });
        let client = front(server, &settings).await;
        let client = match binding {
            Type::Certificate => client.over(server.http_showing(&identity)),
            Type::Dpop => client.proving(&key),
            Type::Cookie | Type::SsoSession | Type::ClientRequest => client,
        };
        let login = Login::asking(&client, &server.new_browser().await, more).await;
        Self { server, binding, login, identity, key }
    }

    /// This application where everything is at hand that the token is bound to.
    fn with_all(&self, client: &Client) -> Client {
        match self.binding {
            Type::Cookie | Type::SsoSession => self.login.browser.runs(client),
            Type::Certificate => client.over(self.server.http_showing(&self.identity)),
            Type::Dpop => client.proving(&self.key),
            Type::ClientRequest => client.clone(),
        }
    }

    /// The same where something else is at hand.
    fn with_another(&self, client: &Client) -> Client {
        match self.binding {
            Type::Cookie => client.showing("atbv=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            Type::SsoSession => client.showing(&format!("{SESSION_COOKIE}=x")),
            Type::Certificate => {
                client.over(self.server.http_showing(&Identity::self_signed("front")))
            }
            Type::Dpop => client.proving(&Signer::es256()),
            Type::ClientRequest => client.clone(),
        }
    }

    async fn exchanged_by(&self, client: &Client) -> Answer {
        client.exchange(&self.login.tokens.access_token, &[]).await
    }

    /// A service that may exchange the tokens of this application, with tokens of its own bound so.
    async fn service(&self, types: &[&str]) -> Client {
        let settings = json!({ "token_binding_types": types });
        service(self.server, &[&self.login.client], &settings).await
    }
}

#[tokio::test]
async fn whoever_cannot_show_what_it_is_bound_to_gets_nothing_for_it() {
    for binding in Type::ALL.into_iter().filter(|binding| binding.is_shown()) {
        for format in FORMATS {
            let scene = Scene::new(binding, format, &[]).await;
            let own = scene.login.client.over(scene.server.http()).proving_nothing();
            let listed = scene.service(&[]).await;
            let (own_key, own_certificate) = (Signer::es256(), Identity::self_signed("service"));
            let by_key = scene.service(&["dpop"]).await.proving(&own_key);
            let by_certificate = scene.service(&["certificate"]).await;
            let by_certificate = by_certificate.over(scene.server.http_showing(&own_certificate));
            for thief in [&own, &listed, &by_key, &by_certificate] {
                for thief in [thief, &scene.with_another(thief)] {
                    let answer = scene.exchanged_by(thief).await;
                    let error = answer.expect(400)["error"].clone();
                    assert!(
                        ["invalid_request", "invalid_dpop_proof"]
                            .contains(&error.as_str().expect("a code")),
                        "{binding:?} {error}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn possession_is_never_exchanged_for_none() {
    for binding in Type::ALL {
        for format in FORMATS {
            let scene = Scene::new(binding, format, &[]).await;
            let weak = scene.with_all(&scene.service(&[]).await);
            let answer = scene.exchanged_by(&weak).await;
            if binding.is_possession() {
                let description = answer.refused(400, "invalid_request");
                assert!(description.contains("works with a private key only"), "{description}");
            } else {
                let _ = exchanged(&answer);
            }
        }
    }
}

#[tokio::test]
async fn with_the_proof_the_new_token_is_bound_to_what_the_requester_proves() {
    for binding in Type::ALL {
        let scene = Scene::new(binding, "jwt", &[]).await;
        let client = scene.with_all(&scene.service(&["dpop"]).await);
        let key = if binding == Type::Dpop { scene.key.clone() } else { Signer::es256() };
        let client = client.proving(&key);
        let tokens = exchanged(&scene.exchanged_by(&client).await);
        let told = client.introspect(&tokens.access_token).await;
        assert_eq!(told["cnf"]["jkt"], key.thumbprint(), "{binding:?}");
        assert_eq!(tokens.token_type, "DPoP");
    }
}

#[tokio::test]
async fn whoever_it_is_meant_for_exchanges_it_for_one_of_its_own_key() {
    let server = Server::shared().await;
    for binding in Type::ALL {
        for format in FORMATS {
            let (key, identity) = (Signer::es256(), Identity::self_signed("service"));
            let by_key = service(server, &[], &json!({ "token_binding_types": ["dpop"] })).await;
            let by_certificate =
                service(server, &[], &json!({ "token_binding_types": ["certificate"] })).await;
            let weak = service(server, &[], &json!({})).await;
            let by_certificate = by_certificate.over(server.http_showing(&identity));
            for (client, expected) in [
                (by_key.proving(&key), json!({ "jkt": key.thumbprint() })),
                (by_certificate, json!({ "x5t#S256": identity.thumbprint() })),
                (weak, Value::Null),
            ] {
                let uri = server.operator().resource_of(&client.id, &[]).await;
                let scene = Scene::new(binding, format, &[("resource", &uri)]).await;
                let answer = scene.exchanged_by(&client).await;
                if expected.is_null() && binding.is_possession() {
                    let _ = answer.refused(400, "invalid_request");
                    continue;
                }
                let tokens = exchanged(&answer);
                let told = client.introspect(&tokens.access_token).await;
                assert_eq!(told.get("cnf").unwrap_or(&Value::Null), &expected, "{binding:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_service_without_its_own_proof_gets_no_bound_token() {
    let server = Server::shared().await;
    for (types, code) in [("dpop", "invalid_dpop_proof"), ("certificate", "invalid_request")] {
        let settings = json!({ "token_binding_types": [types] });
        let client = service(server, &[], &settings).await;
        let uri = server.operator().resource_of(&client.id, &[]).await;
        let scene = Scene::new(Type::Dpop, "opaque", &[("resource", &uri)]).await;
        let _ = scene.exchanged_by(&client).await.refused(400, code);
    }
}

#[tokio::test]
async fn a_refresh_token_without_its_key_is_exchanged_for_nothing() {
    let more = [("subject_token_type", crate::REFRESH_TOKEN)];
    for binding in Type::ALL.into_iter().filter(|binding| binding.is_shown()) {
        let scene = Scene::new(binding, "opaque", &[]).await;
        let bare = scene.login.client.over(scene.server.http()).proving_nothing();
        let refresh_token = scene.login.tokens.refresh_token();
        for thief in [&bare, &scene.with_another(&bare)] {
            assert_eq!(thief.exchange(refresh_token, &more).await.status, 400, "{binding:?}");
        }
        let holder = scene.with_all(&scene.login.client);
        let _ = exchanged(&holder.exchange(refresh_token, &more).await);
    }
}

#[tokio::test]
async fn a_proof_counts_for_one_exchange() {
    let scene = Scene::new(Type::Dpop, "opaque", &[]).await;
    let client = scene.login.client.proving_nothing();
    let proof = scene.key.dpop_proof("POST", client.http.url("/oauth2/token").as_str(), &json!({}));
    let exchange = || async {
        let fields = [
            ("grant_type", crate::EXCHANGE),
            ("subject_token", &*scene.login.tokens.access_token),
            ("subject_token_type", crate::ACCESS_TOKEN),
        ];
        let request = client.http.form_of("/oauth2/token", &fields);
        let request = request.header("authorization", client.authorization().expect("a secret"));
        tokenbind_tests::send(request.header("dpop", &proof)).await
    };
    let _ = exchanged(&exchange().await);
    let _ = exchange().await.refused(400, "invalid_dpop_proof");
}

#[tokio::test]
async fn what_an_exchange_gave_is_itself_held_to_its_binding() {
    let scene = Scene::new(Type::Dpop, "opaque", &[]).await;
    let holder = scene.with_all(&scene.service(&["dpop"]).await);
    let tokens = exchanged(&scene.exchanged_by(&holder).await);
    let settings = merged(
        json!({ "token_binding_types": ["dpop"] }),
        &json!({ "token_exchange_subject_clients": [holder.id] }),
    );
    let next = service(scene.server, &[&holder], &settings).await.proving(&Signer::es256());
    let description =
        next.exchange(&tokens.access_token, &[]).await.refused(400, "invalid_request");
    assert!(description.starts_with("the subject token is bound:"), "{description}");
}
