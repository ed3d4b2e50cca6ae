//! Passwords that people choose: argon2id, a bounded number at once, off the runtime's threads.

use std::{sync::Arc, time::Duration};

use argon2::{ARGON2ID_IDENT, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier};
use tokenbind_binding::time::{Random, random_bytes};
use tokio::{sync::Semaphore, time::timeout};
use zeroize::Zeroizing;

/// The password did not fit, or nobody has that name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongPassword;

/// A password could not be hashed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the password could not be hashed: {0}")]
pub struct HashError(String);

/// The most memory that checking one password may take, in KiB: 256 MiB.
const MAX_MEMORY: u32 = 256 * 1024;

/// The most passes over it.
const MAX_PASSES: u32 = 20;

/// A text that no password can be checked against here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadHash {
    /// It is not the result of argon2id.
    #[error(
        "must be an argon2id hash in PHC form, such as $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH"
    )]
    NotArgon2id,
    /// Each login would take too much.
    #[error("must ask for at most {MAX_MEMORY} KiB of memory (m) and {MAX_PASSES} passes (t)")]
    TooExpensive,
}

/// Whether `text` is an argon2id hash in PHC form, as somebody else made it.
///
/// # Errors
/// [`BadHash`].
pub(crate) fn check_phc(text: &str) -> Result<(), BadHash> {
    let hash = PasswordHash::new(text).map_err(|_| BadHash::NotArgon2id)?;
    let params = Params::try_from(&hash).map_err(|_| BadHash::NotArgon2id)?;
    let complete = hash.salt.is_some() && hash.hash.is_some() && params.keyid().is_empty();
    if hash.algorithm != ARGON2ID_IDENT || !complete {
        return Err(BadHash::NotArgon2id);
    }
    if params.m_cost() > MAX_MEMORY || params.t_cost() > MAX_PASSES {
        return Err(BadHash::TooExpensive);
    }
    Ok(())
}

/// Hashes and checks passwords.
pub struct Passwords {
    running: Arc<Semaphore>,
    patience: Duration,
    /// Checked when there is no such user, so that names cannot be told apart by time.
    nobody: Arc<str>,
}

impl Passwords {
    /// Allows `concurrent_hashes` at once; each takes 19 MiB and some ten milliseconds of a core. Who
    /// has to wait for longer than `patience` is turned away.
    ///
    /// # Errors
    /// [`HashError`].
    pub fn new(
        concurrent_hashes: usize,
        patience: Duration,
        random: &dyn Random,
    ) -> Result<Self, HashError> {
        let nobody = hash_now(&random_bytes::<32>(random), &random_bytes(random))?;
        let running = Arc::new(Semaphore::new(concurrent_hashes.max(1)));
        Ok(Self { running, patience, nobody: nobody.into() })
    }

    /// The hash of `password` in PHC form, with a fresh salt.
    ///
    /// # Errors
    /// [`HashError`].
    pub async fn hash(&self, password: &str, random: &dyn Random) -> Result<String, HashError> {
        let password = Zeroizing::new(password.to_owned());
        let salt = random_bytes(random);
        self.run(move || hash_now(password.as_bytes(), &salt)).await?
    }

    /// Checks `password` against a user's hash, or against nobody's, which never fits.
    ///
    /// # Errors
    /// The inner one is [`WrongPassword`]; the outer one [`HashError`] if nothing could be checked.
    pub async fn verify(
        &self,
        password: &str,
        hash: Option<&str>,
    ) -> Result<Result<(), WrongPassword>, HashError> {
        let password = Zeroizing::new(password.to_owned());
        let known = hash.is_some();
        let hash: Arc<str> = hash.map_or_else(|| self.nobody.clone(), Into::into);
        let fits = self
            .run(move || Argon2::default().verify_password(password.as_bytes(), &*hash).is_ok())
            .await?;
        Ok(if fits && known { Ok(()) } else { Err(WrongPassword) })
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let permit = timeout(self.patience, self.running.clone().acquire_owned()).await;
        let permit = permit.map_err(|_| HashError("too many are waiting".into()))?;
        let permit = permit.map_err(|error| HashError(error.to_string()))?;
        let worked = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        worked.await.map_err(|error| HashError(error.to_string()))
    }
}

/// The library's defaults: argon2id, 19 MiB, 2 passes, 1 lane.
fn hash_now(password: &[u8], salt: &[u8; 16]) -> Result<String, HashError> {
    Argon2::default()
        .hash_password_with_salt(password, salt)
        .map(|hash| hash.to_string())
        .map_err(|error| HashError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Random for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    #[tokio::test]
    async fn only_the_right_password_of_somebody_fits() {
        let passwords = Passwords::new(1, Duration::from_secs(9), &Fixed).unwrap();
        let hash = passwords.hash("correct horse", &Fixed).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(passwords.verify("correct horse", Some(&hash)).await, Ok(Ok(())));
        assert_eq!(passwords.verify("Correct horse", Some(&hash)).await, Ok(Err(WrongPassword)));
        assert_eq!(passwords.verify("correct horse", Some("")).await, Ok(Err(WrongPassword)));
        let nobody = String::from_utf8(vec![7; 32]).unwrap();
        assert_eq!(passwords.verify(&nobody, None).await, Ok(Err(WrongPassword)));
    }

    /// Of `password`, from the tests of the reference implementation.
    const FOREIGN: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ\
                           $nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

    #[tokio::test]
    async fn a_hash_by_others_is_good_with_its_own_parameters() {
        check_phc(FOREIGN).unwrap();
        let passwords = Passwords::new(1, Duration::from_secs(9), &Fixed).unwrap();
        assert_eq!(passwords.verify("password", Some(FOREIGN)).await, Ok(Ok(())));
        assert_eq!(passwords.verify("wrong", Some(FOREIGN)).await, Ok(Err(WrongPassword)));
    }

    #[test]
    fn only_complete_hashes_of_argon2id_are_good() {
        let output = FOREIGN.rsplit('$').next().unwrap();
        for refused in [
            String::new(),
            "correct".into(),
            FOREIGN.replace("argon2id", "argon2i"),
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".into(),
            FOREIGN.replace(output, ""),
            "$argon2id$v=19$m=256,t=2,p=1".into(),
            FOREIGN.replace("m=256", "m=x"),
            FOREIGN.replace("p=1", "p=1,keyid=Hj5+dsK0"),
        ] {
            assert_eq!(check_phc(&refused), Err(BadHash::NotArgon2id), "{refused}");
        }
        for refused in [FOREIGN.replace("m=256", "m=262145"), FOREIGN.replace("t=2", "t=21")] {
            assert_eq!(check_phc(&refused), Err(BadHash::TooExpensive), "{refused}");
        }
    }
}
