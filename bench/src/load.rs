//! The load generator: many connections, each asking again as soon as it is answered.

use std::{
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    task::{JoinSet, yield_now},
    time::{Instant, sleep},
};

use crate::{
    Result,
    dpop::ProofKey,
    figures::{Figures, float},
    http::{Answer, Connection, Endpoint, HOST, OwnedAnswer},
    process::{core_time, cpu_time},
};

/// A server under load.
#[derive(Clone)]
pub(crate) struct Target {
    /// How to reach it.
    pub(crate) endpoint: Endpoint,
    /// Whose CPU time counts.
    pub(crate) process: u32,
}

impl Target {
    /// The same server at the port so many on, by a client that shows a certificate.
    pub(crate) fn with_certificate(&self, ports_on: u16, authority: &Path) -> Result<Self> {
        let endpoint = Endpoint::with_certificate(self.endpoint.port() + ports_on, authority)?;
        Ok(Self { endpoint, process: self.process })
    }
}

/// Who asks: the credentials of an application.
#[derive(Clone)]
pub(crate) struct Credentials {
    /// Its `client_id`.
    pub(crate) client_id: String,
    /// Its `client_secret`.
    pub(crate) client_secret: String,
}

/// Form posts that differ in their last value only.
pub(crate) struct Requests {
    head: String,
    /// The key that each request proves, and the URL that it proves it for.
    proof: Option<(Arc<ProofKey>, String)>,
    form: String,
    last: Last,
    marker: &'static str,
}

/// Where the last value of a post comes from.
enum Last {
    /// One of these, chosen at random.
    OneOf(Vec<String>),
    /// The `code` in the `Location` of the answer to this request, which is sent before each post.
    CodeFrom(String),
}

impl Requests {
    /// Posts of `form` to `path`, authenticated by HTTP Basic. Each answer must contain `marker`.
    pub(crate) fn new(path: &str, who: &Credentials, form: &str, marker: &'static str) -> Self {
        let basic = STANDARD.encode(format!("{}:{}", who.client_id, who.client_secret));
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {HOST}\r\nauthorization: Basic {basic}\r\n\
             content-type: application/x-www-form-urlencoded\r\n"
        );
        let last = Last::OneOf(vec![String::new()]);
        Self { head, proof: None, form: form.to_owned(), last, marker }
    }

    /// The same, each with a fresh DPoP proof by `key` for `url`.
    pub(crate) fn with_proofs(self, key: &Arc<ProofKey>, url: String) -> Self {
        Self { proof: Some((Arc::clone(key), url)), ..self }
    }

    /// The same, where each post ends with one of `values`, chosen at random.
    pub(crate) fn with_values(self, values: Vec<String>) -> Self {
        Self { last: Last::OneOf(values), ..self }
    }

    /// The same, where each post ends with the code that the answer to a GET of `path` carries, for a
    /// browser that has this `cookie`.
    pub(crate) fn with_code_from(self, path: &str, cookie: &str) -> Self {
        let get = format!("GET {path} HTTP/1.1\r\nhost: {HOST}\r\ncookie: {cookie}\r\n\r\n");
        Self { last: Last::CodeFrom(get), ..self }
    }

    /// The answers to one of them, on a connection of its own: to what is asked before, if anything
    /// is, and to the post.
    pub(crate) async fn example(&self, endpoint: &Endpoint) -> Result<Vec<OwnedAnswer>> {
        let mut answers = Vec::new();
        let mut value = String::new();
        match &self.last {
            Last::OneOf(values) => Chooser(1).choose(values).clone_into(&mut value),
            Last::CodeFrom(get) => {
                let answer = endpoint.once(get.as_bytes()).await?;
                let location = answer.header("location").unwrap_or_default();
                code_in(location)?.clone_into(&mut value);
                answers.push(answer);
            }
        }
        let mut request = Vec::new();
        self.write(&value, &mut request)?;
        answers.push(endpoint.once(&request).await?);
        Ok(answers)
    }

    /// Asks one of them; `request` is room for it.
    async fn ask<'c>(
        &self,
        connection: &'c mut Connection,
        chooser: &mut Chooser,
        request: &mut Vec<u8>,
    ) -> Result<Answer<'c>> {
        match &self.last {
            Last::OneOf(values) => self.write(chooser.choose(values), request)?,
            Last::CodeFrom(get) => {
                let answer = connection.exchange(get.as_bytes()).await?;
                self.write(code_in(answer.header("location")?)?, request)?;
            }
        }
        connection.exchange(request).await
    }

    fn write(&self, value: &str, request: &mut Vec<u8>) -> Result<()> {
        request.clear();
        request.extend_from_slice(self.head.as_bytes());
        if let Some((key, url)) = &self.proof {
            write!(request, "dpop: {}\r\n", key.proof(url)?)?;
        }
        write!(request, "content-length: {}\r\n\r\n", self.form.len() + value.len())?;
        request.extend_from_slice(self.form.as_bytes());
        request.extend_from_slice(value.as_bytes());
        Ok(())
    }
}

/// The parameter `code` of a URL. It holds nothing that would be encoded.
fn code_in(location: &str) -> Result<&str> {
    let (_, query) = location.split_once('?').unwrap_or_default();
    let code = query.split('&').find_map(|pair| pair.strip_prefix("code="));
    code.ok_or_else(|| format!("no code in {location:?}").into())
}

/// A cheap source of choices that is the same in every run (xorshift).
struct Chooser(u64);

impl Chooser {
    fn choose<'a>(&mut self, values: &'a [String]) -> &'a str {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let count = u64::try_from(values.len()).unwrap_or(u64::MAX);
        let index = usize::try_from(self.0 % count).unwrap_or_default();
        &values[index]
    }
}

/// What the connections of one run share.
struct Tally {
    left: AtomicU64,
    done: AtomicU64,
    stop: AtomicBool,
}

impl Tally {
    fn new(limit: u64) -> Arc<Self> {
        let (left, done) = (AtomicU64::new(limit), AtomicU64::new(0));
        Arc::new(Self { left, done, stop: AtomicBool::new(false) })
    }

    /// The right to ask once more: how many may ask after this one.
    fn claim(&self) -> Option<u64> {
        if self.stop.load(Relaxed) {
            return None;
        }
        let claimed = self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        claimed.ok().map(|left| left - 1)
    }
}

/// How long and how wide a run is.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// How many connections ask at the same time.
    pub(crate) connections: u64,
    /// How long they do so before anything counts.
    pub(crate) warm_up: Duration,
    /// How long it counts.
    pub(crate) run: Duration,
}

/// Asks for a while and tells what it cost.
pub(crate) async fn measure(
    target: &Target,
    requests: &Arc<Requests>,
    shape: Shape,
) -> Result<Figures> {
    let tally = Tally::new(u64::MAX);
    let mut workers = start(target, requests, shape.connections, &tally, Keep::Nothing);
    let awake = tokio::spawn(stay_awake());
    sleep(shape.warm_up).await;
    let before = Reading::take(target, &tally)?;
    sleep(shape.run).await;
    let after = Reading::take(target, &tally)?;
    tally.stop.store(true, Relaxed);
    awake.abort();
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    Ok(after.since(&before))
}

/// Keeps this thread from sleeping. A server would pay for waking it with every answer, and the more
/// the slower it is; real clients are on other machines.
async fn stay_awake() {
    loop {
        yield_now().await;
    }
}

/// Asks `count` times, and keeps the access token (or what `member` names) of every `every`-th answer.
pub(crate) async fn collect(
    target: &Target,
    requests: &Arc<Requests>,
    (count, connections): (u64, u64),
    (member, every): (&'static str, u64),
) -> Result<Vec<String>> {
    let tally = Tally::new(count);
    let mut workers = start(target, requests, connections, &tally, Keep::Member(member, every));
    let mut kept = Vec::new();
    while let Some(worker) = workers.join_next().await {
        kept.append(&mut worker??);
    }
    Ok(kept)
}

#[derive(Clone, Copy)]
enum Keep {
    Nothing,
    Member(&'static str, u64),
}

fn start(
    target: &Target,
    requests: &Arc<Requests>,
    connections: u64,
    tally: &Arc<Tally>,
    keep: Keep,
) -> JoinSet<Result<Vec<String>>> {
    let mut workers = JoinSet::new();
    for number in 1..=connections {
        let endpoint = target.endpoint.clone();
        let (requests, tally) = (Arc::clone(requests), Arc::clone(tally));
        let chooser = Chooser(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        workers.spawn(async move {
            let connection = endpoint.connect().await?;
            ask(connection, &requests, &tally, chooser, keep).await
        });
    }
    workers
}

async fn ask(
    mut connection: Connection,
    requests: &Requests,
    tally: &Tally,
    mut chooser: Chooser,
    keep: Keep,
) -> Result<Vec<String>> {
    let mut kept = Vec::new();
    let mut request = Vec::new();
    while let Some(left) = tally.claim() {
        let answer = requests.ask(&mut connection, &mut chooser, &mut request).await?;
        answer.check(requests.marker)?;
        tally.done.fetch_add(1, Relaxed);
        if let Keep::Member(member, every) = keep
            && left % every == 0
        {
            kept.push(answer.member(member)?);
        }
    }
    Ok(kept)
}

/// The state of a run at one moment.
struct Reading {
    at: Instant,
    cpu: Duration,
    core: Duration,
    done: u64,
}

impl Reading {
    fn take(target: &Target, tally: &Tally) -> Result<Self> {
        let (cpu, core) = (cpu_time(target.process)?, core_time()?);
        Ok(Self { at: Instant::now(), cpu, core, done: tally.done.load(Relaxed) })
    }

    fn since(&self, before: &Self) -> Figures {
        let seconds = (self.at - before.at).as_secs_f64();
        let cpu = self.cpu.saturating_sub(before.cpu).as_secs_f64();
        let core = self.core.saturating_sub(before.core).as_secs_f64();
        let done = float(self.done - before.done);
        Figures {
            per_second: done / seconds,
            cpu_micros: cpu * 1e6 / done,
            busy: cpu / seconds,
            others: (core - cpu).max(0.0) / seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests() -> Requests {
        let who = Credentials { client_id: "a".into(), client_secret: "b".into() };
        Requests::new("/oauth2/introspect", &who, "token=", "active")
    }

    #[test]
    fn a_request_is_whole() {
        let mut request = Vec::new();
        requests().write("xyz", &mut request).unwrap();
        let text = String::from_utf8(request).unwrap();
        assert!(text.starts_with("POST /oauth2/introspect HTTP/1.1\r\nhost: localhost\r\n"));
        assert!(text.contains("\r\nauthorization: Basic YTpi\r\n"));
        assert!(text.ends_with("\r\ncontent-length: 9\r\n\r\ntoken=xyz"));
    }

    #[test]
    fn the_code_is_found_wherever_it_stands() {
        for query in ["code=a-b&iss=x", "state=code&code=a-b", "xcode=1&code=a-b"] {
            assert_eq!(code_in(&format!("https://app/cb?{query}")).unwrap(), "a-b");
        }
        assert!(code_in("https://app/cb?error=login_required").is_err());
        assert!(code_in("").is_err());
    }

    #[test]
    fn every_value_is_chosen() {
        let values: Vec<String> = (0..50).map(|value| value.to_string()).collect();
        let mut chooser = Chooser(1);
        let chosen: std::collections::HashSet<_> =
            (0..2000).map(|_| chooser.choose(&values).to_owned()).collect();
        assert_eq!(chosen.len(), values.len());
    }

    #[test]
    fn a_tally_gives_out_its_limit_and_no_more() {
        let tally = Tally::new(2);
        assert_eq!([tally.claim(), tally.claim(), tally.claim()], [Some(1), Some(0), None]);
        let stopped = Tally::new(2);
        stopped.stop.store(true, Relaxed);
        assert_eq!(stopped.claim(), None);
    }

    #[test]
    fn figures_are_of_the_time_between_two_readings() {
        let at = Instant::now();
        let before =
            Reading { at, cpu: Duration::from_secs(1), core: Duration::from_secs(9), done: 100 };
        let after = Reading {
            at: at + Duration::from_secs(2),
            cpu: Duration::from_millis(2500),
            core: Duration::from_millis(10_700),
            done: 1100,
        };
        let figures = after.since(&before);
        assert!((figures.per_second - 500.0).abs() < 1e-6);
        assert!((figures.cpu_micros - 1500.0).abs() < 1e-6);
        assert!((figures.busy - 0.75).abs() < 1e-6);
        assert!((figures.others - 0.1).abs() < 1e-6);
    }
}
