//! Acknowledged means durable: whatever was answered survives SIGKILL at any moment.
//!
//! Several clients work at once and keep their own record of every answer that they got. The server
//! is killed in the midst of it, started again, and must agree with the record. What was under way
//! when it was killed may have happened or not: that is left out of the record.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    ops::AddAssign,
    time::Duration,
};

use serde_json::json;
use tokenbind_tests::{Answer, Client, Operator, Server, Tokens, User};
use tokio::time::sleep;

const ROUNDS: u32 = 24;

/// What a client knows of the tokens that it was answered.
#[derive(Default)]
struct Record {
    /// Acknowledged, and nothing was done to them since.
    alive: Vec<String>,
    /// Ended, and that was acknowledged.
    dead: Vec<String>,
    acknowledged: Count,
}

/// How many answers of each kind there were.
#[derive(Clone, Copy, Default, Debug)]
struct Count {
    tokens: usize,
    revocations: usize,
    rotations: usize,
    ends: usize,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.revocations += other.revocations;
        self.rotations += other.rotations;
        self.ends += other.ends;
    }
}

/// The server was killed before it answered.
struct Killed;

/// The tokens of an answer. Only a kill excuses that there are none.
fn tokens(answer: Result<Answer, reqwest::Error>) -> Result<Tokens, Killed> {
    answer.map(|answer| answer.tokens()).map_err(|_| Killed)
}

impl Record {
    async fn issue(&mut self, client: &Client, id: Option<&str>) -> Result<String, Killed> {
        let fields = [("grant_type", "client_credentials"), ("tokenBindingId", id.unwrap_or(""))];
        let token = tokens(client.try_post("/oauth2/token", &fields).await)?.access_token;
        self.acknowledged.tokens += 1;
        Ok(token)
    }

    /// Revokes; until that is acknowledged, nothing is known of what the token stands for.
    async fn revoke(&mut self, client: &Client, token: &str) -> Result<(), Killed> {
        let answer = client.try_post("/oauth2/revoke", &[("token", token)]).await;
        assert_eq!(answer.map_err(|_| Killed)?.status, 200);
        self.acknowledged.revocations += 1;
        Ok(())
    }

    /// Asks for tokens of its own, each a fresh one, and revokes every third.
    async fn issue_and_revoke(&mut self, client: &Client) -> Result<(), Killed> {
        for number in 0.. {
            let token = self.issue(client, None).await?;
            if number % 3 == 0 {
                self.revoke(client, &token).await?;
                self.dead.push(token);
            } else {
                self.alive.push(token);
            }
        }
        Ok(())
    }

    /// Asks for JWTs on a few instances in turn: each supersedes the instance's previous one.
    async fn supersede(&mut self, client: &Client) -> Result<(), Killed> {
        let instances: Vec<_> = (0..5).map(|number| format!("instance-{number}")).collect();
        let mut live = vec![None; instances.len()];
        loop {
            for (id, live) in instances.iter().zip(&mut live) {
                let previous: Option<String> = live.take();
                self.alive.retain(|token| Some(token) != previous.as_ref());
                let token = self.issue(client, Some(id)).await?;
                self.dead.extend(previous);
                self.alive.push(token.clone());
                *live = Some(token);
            }
        }
    }

    /// Asks for opaque tokens on ever new instances, and now and then for the same again.
    async fn share(&mut self, client: &Client, round: u32) -> Result<(), Killed> {
        for number in 0.. {
            let id = format!("instance-{round}-{number}");
            let token = self.issue(client, Some(&id)).await?;
            self.alive.push(token.clone());
            assert_eq!(self.issue(client, Some(&id)).await?, token);
        }
        Ok(())
    }

    /// Fills an instance, has the operator end it, and begins anew.
    async fn end(&mut self, client: &Client, operator: &Operator) -> Result<(), Killed> {
        loop {
            let token = self.issue(client, Some("tv")).await?;
            // The command works on the data itself where the server is gone, so it never fails.
            operator.end(&["device", "--client", &client.id, "tv"]).await;
            self.acknowledged.ends += 1;
            self.dead.push(token);
        }
    }
}

/// A grant whose refresh token is replaced at each use.
#[derive(Default)]
struct Rotation {
    record: Record,
    /// The refresh token that was answered last; none once its grant was revoked.
    current: Option<String>,
    /// Whether a use of it is under way.
    in_flight: bool,
}

impl Rotation {
    async fn run(&mut self, client: &Client, user: &User) -> Result<(), Killed> {
        loop {
            let fields = [
                ("grant_type", "password"),
                ("username", &*user.username),
                ("password", &*user.password),
            ];
            let login = tokens(client.try_post("/oauth2/token", &fields).await)?;
            self.current.clone_from(&login.refresh_token);
            let mut of_grant = vec![login.access_token.clone()];
            self.record.alive.push(login.access_token);
            for _ in 0..15 {
                of_grant.push(self.refresh(client).await?);
            }
            self.end_grant(client, of_grant).await?;
        }
    }

    async fn refresh(&mut self, client: &Client) -> Result<String, Killed> {
        let spent = self.current.clone().expect("a refresh token");
        self.in_flight = true;
        let fields = [("grant_type", "refresh_token"), ("refresh_token", &*spent)];
        let refreshed = tokens(client.try_post("/oauth2/token", &fields).await)?;
        self.in_flight = false;
        assert_ne!(refreshed.refresh_token(), spent);
        self.current.clone_from(&refreshed.refresh_token);
        self.record.dead.push(spent);
        self.record.alive.push(refreshed.access_token.clone());
        self.record.acknowledged.rotations += 1;
        Ok(refreshed.access_token)
    }

    async fn end_grant(&mut self, client: &Client, tokens: Vec<String>) -> Result<(), Killed> {
        let current = self.current.take().expect("a refresh token");
        self.record.alive.retain(|token| !tokens.contains(token));
        self.record.revoke(client, &current).await?;
        self.record.dead.extend(tokens);
        self.record.dead.push(current);
        Ok(())
    }

    /// The acknowledged refresh token is the current one. If a use was under way it is that, or was
    /// replaced by one that nobody saw: a lost reply. Either way it gets a token that works.
    async fn assert_continues(&mut self, client: &Client) {
        let Some(current) = self.current.take() else { return };
        if !self.in_flight {
            assert!(client.is_active(&current).await, "the successor was lost");
        }
        let next = client.refresh(&current, &[]).await.tokens();
        assert!(client.is_active(next.refresh_token()).await);
        let last = client.refresh(next.refresh_token(), &[]).await.tokens();
        assert!(client.is_active(&last.access_token).await);
        self.record.dead.extend([current, next.refresh_token().to_owned()]);
        self.record.alive.extend([last.refresh_token().to_owned(), last.access_token]);
    }
}

/// The applications that work in parallel, and who sees all their tokens.
struct Scene {
    plain: Client,
    jwt: Client,
    opaque: Client,
    ended: Client,
    rotating: Client,
    observer: Client,
    user: User,
}

impl Scene {
    async fn set(server: &Server) -> Self {
        let registrar = server.registrar();
        let plain = json!({ "grant_types": ["client_credentials"] });
        let rotating = json!({
            "grant_types": ["password", "refresh_token"], "refresh_token_rotation": true,
        });
        Self {
            plain: registrar.application(&plain).await,
            jwt: registrar.slotted("jwt").await,
            opaque: registrar.slotted("opaque").await,
            ended: registrar.slotted("jwt").await,
            rotating: registrar.application(&rotating).await,
            observer: registrar.observer().await,
            user: server.operator().user().await,
        }
    }

    /// Works until the server is killed after `until_kill`, and collects what each client knows.
    async fn round(&self, server: &mut Server, number: u32, until_kill: Duration) -> Round {
        let mut round = Round::default();
        let Round { plain, jwt, opaque, ended, rotations } = &mut round;
        let operator = server.operator();
        let [first, second, third] = plain;
        let [one, other] = rotations;
        let http = server.http();
        let clients = [&self.plain, &self.jwt, &self.opaque, &self.ended, &self.rotating]
            .map(|client| client.over(http.clone()));
        let kill = async {
            sleep(until_kill).await;
            server.kill();
        };
        let _all_killed = tokio::join!(
            first.issue_and_revoke(&clients[0]),
            second.issue_and_revoke(&clients[0]),
            third.issue_and_revoke(&clients[0]),
            jwt.supersede(&clients[1]),
            opaque.share(&clients[2], number),
            async {
                // Every other time the server itself repairs the database, not a command before it.
                if number.is_multiple_of(2) {
                    ended.end(&clients[3], &operator).await
                } else {
                    Ok(())
                }
            },
            one.run(&clients[4], &self.user),
            other.run(&clients[4], &self.user),
            kill,
        );
        round
    }
}

/// What was known when the server was killed.
#[derive(Default)]
struct Round {
    plain: [Record; 3],
    jwt: Record,
    opaque: Record,
    ended: Record,
    rotations: [Rotation; 2],
}

impl Round {
    fn records(&self) -> impl Iterator<Item = &Record> {
        let rotations = self.rotations.iter().map(|rotation| &rotation.record);
        let others = [&self.jwt, &self.opaque, &self.ended];
        self.plain.iter().chain(others).chain(rotations)
    }

    async fn assert_kept(&self, observer: &Client) {
        for (number, record) in self.records().enumerate() {
            for token in &record.alive {
                assert!(observer.is_active(token).await, "client {number}: {token} was lost");
            }
            for token in &record.dead {
                assert!(!observer.is_active(token).await, "client {number}: {token} came back");
            }
        }
    }
}

/// A moment that is different each time.
fn some_time() -> Duration {
    Duration::from_millis(40 + RandomState::new().build_hasher().finish() % 360)
}

#[tokio::test]
async fn nothing_that_was_acknowledged_is_lost_or_undone_by_a_kill() {
    let mut server = Server::quickstart().await;
    let scene = Scene::set(&server).await;
    let mut rounds = Vec::new();
    let mut count = Count::default();
    for number in 0..ROUNDS {
        let mut round = scene.round(&mut server, number, some_time()).await;
        server.restart().await;
        let observer = scene.observer.over(server.http());
        round.assert_kept(&observer).await;
        let rotating = scene.rotating.over(server.http());
        for rotation in &mut round.rotations {
            rotation.assert_continues(&rotating).await;
        }
        round.records().for_each(|record| count += record.acknowledged);
        // The next round asks for the same instances again, and so ends what this one left there.
        let jwt = scene.jwt.over(server.http());
        for token in round.jwt.alive.drain(..) {
            assert_eq!(jwt.revoke(&token).await.status, 200);
            round.jwt.dead.push(token);
        }
        rounds.push(round);
    }
    let observer = scene.observer.over(server.http());
    for round in &rounds {
        round.assert_kept(&observer).await;
    }
    println!("{count:?}");
    let least = [count.tokens, count.revocations, count.rotations, count.ends].into_iter().min();
    assert!(least >= Some(20), "too little was acknowledged to tell: {count:?}");
}
