//! The rows of the table: what is asked of whom, and in which order.

use std::sync::Arc;

use serde_json::json;

use crate::{
    Result, dpop,
    dpop::{Crypto, ProofKey},
    figures::{Figures, float},
    floor::Floor,
    flow, hash,
    http::HOST,
    load::{Credentials, Requests, Shape, Target, collect, measure},
    peer::{self, Peer},
    plan::Plan,
    process::resident_mb,
    start::Scratch,
    subject::{Subject, User},
    table::grouped,
};

const TOKEN: &str = "/oauth2/token";
const INTROSPECT: &str = "/oauth2/introspect";
const NO_JWT_INTROSPECTION: &str = "keeps no record of JWTs and refuses to introspect them";

/// Everything that was measured.
pub(crate) struct Report {
    /// `client_credentials`, opaque.
    pub(crate) issue_opaque: Row,
    /// `client_credentials`, JWT.
    pub(crate) issue_jwt: Row,
    /// `refresh_token`, opaque.
    pub(crate) refresh: Row,
    /// `client_credentials`, JWT, bound to a DPoP key.
    pub(crate) issue_dpop: Row,
    /// `refresh_token`, opaque, bound to a DPoP key.
    pub(crate) refresh_dpop: Row,
    /// `client_credentials`, JWT, bound to a certificate.
    pub(crate) issue_certificate: Row,
    /// `refresh_token`, opaque, bound to a certificate.
    pub(crate) refresh_certificate: Row,
    /// The checks of a DPoP proof alone, a second on one core.
    pub(crate) dpop_verification: f64,
    /// What the crypto library alone does.
    pub(crate) crypto: Crypto,
    /// A whole code flow of a browser that is signed in.
    pub(crate) code_flow: Row,
    /// Introspection of opaque tokens, few of them alive.
    pub(crate) introspect_opaque: Row,
    /// Introspection of JWTs, few of them alive.
    pub(crate) introspect_jwt: Row,
    /// Introspection of opaque tokens, many of them alive.
    pub(crate) introspect_many: Row,
    /// `password`.
    pub(crate) login: Row,
    /// Memory, few tokens alive.
    pub(crate) memory_few: Memory,
    /// Memory, many tokens alive.
    pub(crate) memory_many: Memory,
}

/// One kind of request.
pub(crate) struct Row {
    /// What is asked.
    pub(crate) name: String,
    /// On how many connections.
    pub(crate) connections: u64,
    /// Of tokenbind.
    pub(crate) subject: Figures,
    /// Of the same exchange without any work.
    pub(crate) floor: Figures,
    /// Of the peer, or why there are none.
    pub(crate) peer: std::result::Result<Figures, &'static str>,
}

/// Resident memory in MB, after a load of introspections.
pub(crate) struct Memory {
    /// Of tokenbind.
    pub(crate) subject: f64,
    /// Of the peer.
    pub(crate) peer: f64,
}

/// Measures all rows.
pub(crate) async fn measure_all(plan: &Plan) -> Result<Report> {
    peer::install()?;
    let scratch = Scratch::new()?;
    let bench = Bench::start(plan, &scratch).await?;
    let [introspect_opaque, introspect_many] = bench.introspect_opaque().await?;
    let introspect_jwt = bench.introspect_jwt().await?;
    let memory_few = memory(&bench.small.target, &bench.peer_small)?;
    let memory_many = memory(&bench.large.subject.target, &bench.peer_large)?;
    let (login, refresh) = bench.login_and_refresh().await?;
    let key = Arc::new(ProofKey::generate()?);
    Ok(Report {
        issue_opaque: bench.issue_opaque().await?,
        issue_jwt: bench.issue_jwt().await?,
        refresh,
        issue_dpop: bench.issue_dpop(&key).await?,
        refresh_dpop: bench.refresh_dpop(&key).await?,
        issue_certificate: bench.issue_certificate().await?,
        refresh_certificate: bench.refresh_certificate().await?,
        dpop_verification: dpop::verification(plan.run())?,
        crypto: Crypto::measure(plan.run())?,
        code_flow: bench.code_flow().await?,
        introspect_opaque,
        introspect_jwt,
        introspect_many,
        login,
        memory_few,
        memory_many,
    })
}

fn memory(subject: &Target, peer: &Peer) -> Result<Memory> {
    Ok(Memory { subject: resident_mb(subject.process)?, peer: resident_mb(peer.target.process)? })
}

/// A server and what it is asked.
pub(crate) struct Contender {
    /// The server.
    pub(crate) target: Target,
    /// The requests.
    pub(crate) requests: Arc<Requests>,
}

impl Contender {
    fn new(target: &Target, requests: Requests) -> Self {
        Self { target: target.clone(), requests: Arc::new(requests) }
    }

    /// Asks for `count` tokens and keeps every `every`-th.
    async fn tokens(
        &self,
        member: &'static str,
        (count, every): (u64, u64),
        shape: Shape,
    ) -> Result<Vec<String>> {
        let extent = (count, shape.connections);
        collect(&self.target, &self.requests, extent, (member, every)).await
    }
}

/// A tokenbind that holds many tokens.
struct Large {
    subject: Subject,
    application: Credentials,
    sample: Vec<String>,
}

/// All servers; they are idle while another one is asked.
struct Bench<'a> {
    plan: &'a Plan,
    scratch: &'a Scratch,
    small: Subject,
    large: Large,
    peer_small: Peer,
    peer_large: Peer,
    opaque: Credentials,
    jwt: Credentials,
}

impl<'a> Bench<'a> {
    async fn start(plan: &'a Plan, scratch: &'a Scratch) -> Result<Self> {
        let small = Subject::start(scratch, "small").await?;
        let about = (&small.certificate, &small.user);
        say("filling");
        let peer_small = Peer::start(scratch, "peer-small", about, (plan.few, 1)).await?;
        let fill = (plan.many, plan.keep_every());
        let peer_large = Peer::start(scratch, "peer-large", about, fill).await?;
        let large = Self::fill_large(plan, scratch).await?;
        let opaque = small.register(&client_credentials("opaque")).await?;
        let jwt = small.register(&client_credentials("jwt")).await?;
        Ok(Self { plan, scratch, small, large, peer_small, peer_large, opaque, jwt })
    }

    async fn fill_large(plan: &Plan, scratch: &Scratch) -> Result<Large> {
        let subject = Subject::start(scratch, "large").await?;
        let application = subject.register(&client_credentials("opaque")).await?;
        let issue = Contender::new(&subject.target, issue(&application));
        let extent = (plan.many, plan.keep_every());
        let sample = issue.tokens("access_token", extent, plan.durable()).await?;
        Ok(Large { subject, application, sample })
    }

    /// At a thousand live tokens and at a million, in turns.
    async fn introspect_opaque(&self) -> Result<[Row; 2]> {
        let [few, many] = [self.plan.few, self.plan.many]
            .map(|count| format!("introspection, opaque, {} alive", grouped(float(count))));
        say(&few);
        let shape = self.plan.reading();
        let tokens = Contender::new(&self.small.target, issue(&self.opaque));
        let tokens = tokens.tokens("access_token", (self.plan.few, 1), shape).await?;
        let small = Contender::new(&self.small.target, introspect(&self.opaque, tokens));
        let Large { subject, application, sample } = &self.large;
        let large = Contender::new(&subject.target, introspect(application, sample.clone()));
        let floor = self.floor(&small).await?;
        let peers = [&self.peer_small, &self.peer_large];
        let [peer_small, peer_large] = peers.map(|peer| {
            Contender::new(&peer.target, introspect(&peer::opaque(), peer.sample.clone()))
        });
        let contenders = [&floor.contender, &small, &large, &peer_small, &peer_large];
        let [floor, small, large, peer_small, peer_large] = self.compare(shape, contenders).await?;
        let row = |name, subject, peer| Row {
            name,
            connections: shape.connections,
            subject,
            floor,
            peer: Ok(peer),
        };
        Ok([row(few, small, peer_small), row(many, large, peer_large)])
    }

    async fn introspect_jwt(&self) -> Result<Row> {
        let name = format!("introspection, JWT, {} alive", grouped(float(self.plan.few)));
        say(&name);
        let shape = self.plan.reading();
        let tokens = Contender::new(&self.small.target, issue(&self.jwt));
        let tokens = tokens.tokens("access_token", (self.plan.few, 1), shape).await?;
        let subject = Contender::new(&self.small.target, introspect(&self.jwt, tokens));
        let floor = self.floor(&subject).await?;
        let [floor, subject] = self.compare(shape, [&floor.contender, &subject]).await?;
        let peer = Err(NO_JWT_INTROSPECTION);
        Ok(Row { name, connections: shape.connections, subject, floor, peer })
    }

    async fn issue_opaque(&self) -> Result<Row> {
        let requests = [issue(&self.opaque), issue(&peer::opaque())];
        self.row("token, client_credentials, opaque", self.contenders(requests)).await
    }

    async fn issue_jwt(&self) -> Result<Row> {
        let requests = [issue(&self.jwt), issue(&peer::jwt())];
        self.row("token, client_credentials, JWT (ES256)", self.contenders(requests)).await
    }

    async fn issue_dpop(&self, key: &Arc<ProofKey>) -> Result<Row> {
        let mut metadata = client_credentials("jwt");
        metadata["dpop_bound_access_tokens"] = true.into();
        let application = self.small.register(&metadata).await?;
        let requests = self.proving(key, [issue(&application), issue(&peer::dpop())]);
        self.row("token, client_credentials, JWT (ES256), DPoP", self.contenders(requests)).await
    }

    async fn issue_certificate(&self) -> Result<Row> {
        let mut metadata = client_credentials("jwt");
        metadata["tls_client_certificate_bound_access_tokens"] = true.into();
        let application = self.small.register(&metadata).await?;
        let requests = [issue(&application), issue(&peer::certificate())];
        let contenders = self.with_certificates(requests)?;
        self.row("token, client_credentials, JWT (ES256), certificate", contenders).await
    }

    async fn refresh_dpop(&self, key: &Arc<ProofKey>) -> Result<Row> {
        let mut metadata = password_and_refresh();
        metadata["dpop_bound_access_tokens"] = true.into();
        let who = [self.small.register(&metadata).await?, peer::user()];
        let logins = who.each_ref().map(|who| log_in(who, &self.small.user));
        let contenders = self.contenders(self.proving(key, logins));
        let [grants, peer_grants] = self.grants(&contenders).await?;
        let requests = [refresh(&who[0], grants), refresh(&who[1], peer_grants)];
        let contenders = self.contenders(self.proving(key, requests));
        self.row("token, refresh_token, opaque, DPoP", contenders).await
    }

    async fn refresh_certificate(&self) -> Result<Row> {
        let mut metadata = password_and_refresh();
        metadata["tls_client_certificate_bound_access_tokens"] = true.into();
        let who = [self.small.register(&metadata).await?, peer::user_with_certificate()];
        let logins = who.each_ref().map(|who| log_in(who, &self.small.user));
        // Whoever refreshes shows the certificate of the login.
        let logins = self.with_certificates(logins)?;
        let [grants, peer_grants] = self.grants(&logins).await?;
        let contenders = [
            Contender::new(&logins[0].target, refresh(&who[0], grants)),
            Contender::new(&logins[1].target, refresh(&who[1], peer_grants)),
        ];
        self.row("token, refresh_token, opaque, certificate", contenders).await
    }

    /// The tokens are opaque, the ID token is signed by ES256.
    async fn code_flow(&self) -> Result<Row> {
        let application = self.small.register(&flow::metadata()).await?;
        let cookie = flow::sign_in(&self.small, &application).await?;
        let requests = [
            flow::requests(&application, &cookie),
            flow::requests(&peer::web(), &self.peer_small.session_cookie),
        ];
        let contenders = self.contenders(requests);
        self.row("code flow, signed in: authorize, then token", contenders).await
    }

    /// Logins make the grants that are refreshed afterwards.
    async fn login_and_refresh(&self) -> Result<(Row, Row)> {
        let application = self.small.register(&password_and_refresh()).await?;
        let logins =
            [log_in(&application, &self.small.user), log_in(&peer::user(), &self.small.user)];
        let contenders = self.contenders(logins);
        let [grants, peer_grants] = self.grants(&contenders).await?;
        let requests = [refresh(&application, grants), refresh(&peer::user(), peer_grants)];
        let refresh = self.row("token, refresh_token, opaque", self.contenders(requests)).await?;
        Ok((self.login(&contenders).await?, refresh))
    }

    /// The refresh tokens that logins give.
    async fn grants(&self, logins: &[Contender; 2]) -> Result<[Vec<String>; 2]> {
        let [subject, peer] = logins
            .each_ref()
            .map(|logins| logins.tokens("refresh_token", (self.plan.grants, 1), self.plan.login()));
        Ok([subject.await?, peer.await?])
    }

    fn contenders(&self, [subject, peer]: [Requests; 2]) -> [Contender; 2] {
        [Contender::new(&self.small.target, subject), Contender::new(&self.peer_small.target, peer)]
    }

    /// By connections that show a client certificate.
    fn with_certificates(&self, [subject, peer]: [Requests; 2]) -> Result<[Contender; 2]> {
        let authority = &self.small.certificate.authority;
        Ok([
            Contender::new(&self.small.target.with_certificate(1, authority)?, subject),
            Contender::new(&self.peer_small.target.with_certificate(0, authority)?, peer),
        ])
    }

    /// Each with a proof by the key. The peer takes the URL from the `Host` of the request.
    fn proving(&self, key: &Arc<ProofKey>, [subject, peer]: [Requests; 2]) -> [Requests; 2] {
        [
            subject.with_proofs(key, self.small.target.endpoint.url(TOKEN)),
            peer.with_proofs(key, format!("https://{HOST}{TOKEN}")),
        ]
    }

    async fn login(&self, [subject, peer]: &[Contender; 2]) -> Result<Row> {
        let name = "token, password".to_owned();
        say(&name);
        let shape = self.plan.login();
        let floor = hash::measure(self.plan.run())?;
        let [subject, peer] = self.compare(shape, [subject, peer]).await?;
        Ok(Row { name, connections: shape.connections, subject, floor, peer: Ok(peer) })
    }

    /// A row of requests that commit.
    async fn row(&self, name: &str, [subject, peer]: [Contender; 2]) -> Result<Row> {
        say(name);
        let shape = self.plan.durable();
        let floor = self.floor(&subject).await?;
        let contenders = [&floor.contender, &subject, &peer];
        let [floor, subject, peer] = self.compare(shape, contenders).await?;
        let name = name.to_owned();
        Ok(Row { name, connections: shape.connections, subject, floor, peer: Ok(peer) })
    }

    async fn floor(&self, subject: &Contender) -> Result<Floor> {
        Floor::start(self.scratch, &self.small.certificate, subject).await
    }

    /// The medians of several runs. The contenders take turns.
    async fn compare<const N: usize>(
        &self,
        shape: Shape,
        contenders: [&Contender; N],
    ) -> Result<[Figures; N]> {
        let mut runs = [const { Vec::new() }; N];
        for _ in 0..self.plan.runs {
            for (contender, runs) in contenders.iter().zip(&mut runs) {
                runs.push(measure(&contender.target, &contender.requests, shape).await?);
            }
        }
        Ok(runs.map(|runs| Figures::median(&runs)))
    }
}

fn say(what: &str) {
    eprintln!("{what} ...");
}

fn client_credentials(format: &str) -> serde_json::Value {
    json!({"grant_types": ["client_credentials"], "access_token_format": format})
}

fn password_and_refresh() -> serde_json::Value {
    json!({"grant_types": ["password", "refresh_token"]})
}

fn issue(who: &Credentials) -> Requests {
    Requests::new(TOKEN, who, "grant_type=client_credentials", "\"access_token\"")
}

fn introspect(who: &Credentials, tokens: Vec<String>) -> Requests {
    Requests::new(INTROSPECT, who, "token=", "\"active\":true").with_values(tokens)
}

fn refresh(who: &Credentials, tokens: Vec<String>) -> Requests {
    let form = "grant_type=refresh_token&refresh_token=";
    Requests::new(TOKEN, who, form, "\"access_token\"").with_values(tokens)
}

fn log_in(who: &Credentials, user: &User) -> Requests {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "password")
        .append_pair("username", &user.username)
        .append_pair("password", &user.password)
        .finish();
    Requests::new(TOKEN, who, &form, "\"refresh_token\"")
}
