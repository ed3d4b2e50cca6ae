//! Refreshes in a storm: replies are lost, requests cross, and a thief is among them. Whoever holds the key is never
//! logged out, and whoever does not gets nothing.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::task::JoinSet;

use super::*;

const REFRESHES: usize = 10_000;
const WORKERS: usize = 16;

/// One installation: a grant with its key. Its workers share what they know, and may all be late.
struct Installation {
    client: Client,
    thief: Client,
    first: String,
    left: AtomicUsize,
    caught: AtomicUsize,
}

impl Installation {
    async fn new(rotation: bool) -> Arc<Self> {
        let server = Server::shared().await;
        let settings = json!({
            "token_endpoint_auth_method": "none",
            "grant_types": ["password", "refresh_token"],
            "token_binding_types": ["dpop"],
            "refresh_token_rotation": rotation,
        });
        let client = server.registrar().application(&settings).await.proving(&Signer::es256());
        let user = server.operator().user().await;
        let tokens = client.password(&user, &[("scope", "openid")]).await.dpop_tokens();
        Arc::new(Self {
            thief: client.over(server.http_from(66)).proving(&Signer::es256()),
            client,
            first: tokens.refresh_token().to_owned(),
            left: AtomicUsize::new(REFRESHES / 2),
            caught: AtomicUsize::new(0),
        })
    }

    /// Refreshes with what it knows until all is done, and forgets a third of the replies: then the next
    /// request shows an older token again.
    async fn work(self: Arc<Self>, number: usize) -> String {
        let mut known = self.first.clone();
        let next = |left: usize| left.checked_sub(1);
        while let Ok(left) = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            let tokens = self.client.refresh(&known, &[]).await.dpop_tokens();
            if !(left + number).is_multiple_of(3) {
                tokens.refresh_token().clone_into(&mut known);
            }
            if left.is_multiple_of(50) {
                self.steal(&known, left).await;
            }
        }
        known
    }

    /// The thief has whatever the worker has, but for the key.
    async fn steal(&self, refresh_token: &str, number: usize) {
        if number.is_multiple_of(100) {
            let stolen = self.thief.refresh(refresh_token, &[]).await;
            let _ = stolen.refused(400, "invalid_grant");
        } else {
            let stolen = self.thief.proving_nothing().refresh(refresh_token, &[]).await;
            let _ = stolen.refused(400, "invalid_dpop_proof");
        }
        self.caught.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_ten_thousand_refreshes_with_lost_replies_nobody_is_logged_out_and_no_thief_gets_in() {
    for rotation in [true, false] {
        let installation = Installation::new(rotation).await;
        let workers = (0..WORKERS).map(|number| Arc::clone(&installation).work(number));
        let known = workers.collect::<JoinSet<_>>().join_all().await;
        assert_eq!(installation.caught.load(Ordering::Relaxed), REFRESHES / 2 / 50);
        for refresh_token in known.iter().chain([&installation.first]) {
            let tokens = installation.client.refresh(refresh_token, &[]).await.dpop_tokens();
            let used = installation.client.userinfo(&tokens.access_token).await;
            assert_eq!(used.status, 200, "{}", used.text());
        }
    }
}
