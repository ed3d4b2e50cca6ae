//! `device-flow` with every other type that its grant carries: each proof of a key that is missing or another's is
//! enough to refuse the poll, the refresh and the use.

use serde_json::{Value, json};
use tokenbind_tests::{Client, Identity, Server, Signer, Tokens};

/// All with `device-flow`, in some order.
const COMBINATIONS: [&[&str]; 7] = [
    &["device-flow", "client-request"],
    &["device-flow", "dpop"],
    &["device-flow", "certificate"],
    &["dpop", "device-flow", "client-request"],
    &["client-request", "certificate", "device-flow"],
    &["certificate", "dpop", "device-flow"],
    &["device-flow", "client-request", "certificate", "dpop"],
];

/// Who holds the keys that are needed, or others.
struct Holder {
    identity: Option<Identity>,
    signer: Option<Signer>,
}

impl Holder {
    fn new(types: &[&str]) -> Self {
        Self {
            identity: types.contains(&"certificate").then(|| Identity::self_signed("tv")),
            signer: types.contains(&"dpop").then(Signer::es256),
        }
    }

    /// The application as they run it.
    fn runs(&self, server: &Server, client: &Client) -> Client {
        let http = match &self.identity {
            Some(identity) => server.http_showing(identity),
            None => server.http_showing_nothing(),
        };
        let client = client.over(http);
        match &self.signer {
            Some(signer) => client.proving(signer),
            None => client.proving_nothing(),
        }
    }
}

/// Everybody who lacks one of the keys that these types need, or has another.
fn thieves(types: &[&str], owner: &Holder) -> Vec<Holder> {
    let mut thieves = Vec::new();
    for identity in [None, Some(Identity::self_signed("tv"))] {
        if types.contains(&"certificate") {
            thieves.push(Holder { identity, signer: owner.signer.clone() });
        }
    }
    for signer in [None, Some(Signer::es256())] {
        if types.contains(&"dpop") {
            thieves.push(Holder { identity: owner.identity.clone(), signer });
        }
    }
    thieves
}

fn tokens(answer: &tokenbind_tests::Answer) -> Tokens {
    serde_json::from_value(answer.expect(200)).expect("a token response")
}

fn types_of(told: &Value) -> Vec<&str> {
    let types = told["binding_type"].as_array().expect("several");
    types.iter().map(|kind| kind.as_str().expect("a name")).collect()
}

#[tokio::test]
async fn a_device_needs_every_key_that_it_asked_with() {
    let server = Server::shared().await;
    let observer = server.registrar().observer().await;
    for types in COMBINATIONS {
        let settings = json!({ "token_binding_types": types, "refresh_token_rotation": false });
        let client = server.registrar().devices(&settings).await;
        let (browser, holder) = (server.new_browser().await, Holder::new(types));
        let owner = holder.runs(server, &client);
        let thieves: Vec<_> =
            thieves(types, &holder).iter().map(|thief| thief.runs(server, &client)).collect();
        let device = owner.device(&[("scope", "openid")]).await;
        browser.approve(&device).await;
        for thief in &thieves {
            let answer = thief.poll_with(&device, &[("tokenBindingId", "tv")]).await;
            assert_eq!(answer.status, 400, "{types:?}: {}", answer.text());
        }
        let issued = tokens(&owner.poll_with(&device, &[("tokenBindingId", "tv")]).await);
        assert_eq!(types_of(&observer.introspect(&issued.access_token).await), types);
        for thief in &thieves {
            let answer = thief.refresh(issued.refresh_token(), &[]).await;
            assert_eq!(answer.status, 400, "{types:?}: {}", answer.text());
            let answer = thief.userinfo(&issued.access_token).await;
            assert_eq!(answer.status, 401, "{types:?}: {}", answer.text());
        }
        assert_eq!(owner.userinfo(&issued.access_token).await.status, 200, "{types:?}");
        for label in [("device_code", "another"), ("tokenBindingId", "another")] {
            let answer = owner.refresh(issued.refresh_token(), &[label]).await;
            let checked = label.0 == "device_code" || types.contains(&"client-request");
            assert_eq!(answer.status, if checked { 400 } else { 200 }, "{types:?} {label:?}");
        }
        let refreshed = tokens(&owner.refresh(issued.refresh_token(), &[]).await);
        assert_eq!(types_of(&observer.introspect(&refreshed.access_token).await), types);
    }
}
