//! A client's DPoP key (RFC 9449), and what proofs cost by the crypto library alone.

use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
        UnparsedPublicKey,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tokenbind_binding::{
    Timestamp,
    dpop::{
        htu::Htu,
        proof::{Proof, ProvenRequest},
    },
};
use tokio::time::Instant;

use crate::{Result, figures::float};

/// A key on P-256.
pub(crate) struct ProofKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    /// The header of every proof, encoded.
    header: String,
    /// Part of each `jti`.
    serial: AtomicU64,
}

impl ProofKey {
    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark is no server: it makes up its own key"
    )]
    pub(crate) fn generate() -> Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| "no key could be made")?;
        let point = pair.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|part| URL_SAFE_NO_PAD.encode(part));
        let header = URL_SAFE_NO_PAD.encode(format!(
            r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}}}"#
        ));
        let serial = AtomicU64::new(unix_time()?.as_nanos().try_into()?);
        Ok(Self { pair, random: SystemRandom::new(), header, serial })
    }

    /// A fresh proof for a POST to `url`.
    pub(crate) fn proof(&self, url: &str) -> Result<String> {
        let (jti, iat) = (self.serial.fetch_add(1, Relaxed), unix_time()?.as_secs());
        let claims = format!(r#"{{"jti":"{jti:032x}","htm":"POST","htu":"{url}","iat":{iat}}}"#);
        let message = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.sign(message.as_bytes())?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let signature = self.pair.sign(&self.random, message).map_err(|_| "cannot sign")?;
        Ok(signature.as_ref().to_vec())
    }
}

#[expect(clippy::disallowed_methods, reason = "proofs tell the time")]
fn unix_time() -> Result<Duration> {
    Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?)
}

/// What the library alone does on one core, a second.
pub(crate) struct Crypto {
    /// ES256 signatures verified, the key read from its bytes each time as a proof brings it.
    pub(crate) verify: f64,
    /// ES256 signatures made.
    pub(crate) sign: f64,
}

impl Crypto {
    /// Each for so long, on the core that this runs on.
    pub(crate) fn measure(run: Duration) -> Result<Self> {
        let key = ProofKey::generate()?;
        let message = key.proof("https://localhost/oauth2/token")?;
        let signature = key.sign(message.as_bytes())?;
        let public = key.pair.public_key().as_ref();
        let verify = repeat(run, || {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, black_box(public))
                .verify(black_box(message.as_bytes()), &signature)
                .map_err(|_| "does not verify".into())
        })?;
        let sign = repeat(run, || key.sign(black_box(message.as_bytes())).map(drop))?;
        Ok(Self { verify, sign })
    }

    /// So many could be verified and signed a second, one of each.
    pub(crate) fn verify_and_sign(&self) -> f64 {
        (self.verify.recip() + self.sign.recip()).recip()
    }
}

/// How often a second a proof can be read and checked as the server does, short of claiming its `jti`.
pub(crate) fn verification(run: Duration) -> Result<f64> {
    let url = "https://localhost/oauth2/token";
    let text = ProofKey::generate()?.proof(url)?;
    let now = Timestamp::from_secs(unix_time()?.as_secs());
    repeat(run, || {
        let urls = [Htu::parse(black_box(url))?];
        let request =
            ProvenRequest { method: "POST", urls: &urls, nonces: None, access_token: None, now };
        let _ = black_box(Proof::parse(black_box(&text))?.check(&request)?);
        Ok(())
    })
}

/// How often a second `work` can be done.
fn repeat(run: Duration, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let (start, mut count) = (Instant::now(), 0_u64);
    while start.elapsed() < run {
        work()?;
        count += 1;
    }
    Ok(float(count) / start.elapsed().as_secs_f64())
}
