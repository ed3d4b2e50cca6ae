//! Applications, resources and users that the operator declares in the configuration, which is the truth about them.
//!
//! Each declaration is made true by itself and can be made true again at any time, so that a start that
//! was cut short is completed by the next one.

use std::fmt;

use serde_json::{Map, Value};
use tokenbind_binding::ClientId;

use crate::{
    admin::AdminError,
    application::{Application, MAX_SECRETS, valid_client_id},
    claims::{self, InvalidClaim},
    issuer::Issuer,
    password::{WrongPassword, check_phc},
    resource::Resource,
    secret::{Secret, SecretHash},
    settings::{InvalidMetadata, Settings},
    store::{ChangeOutcome, RegisterOutcome, UserChange},
    user::{User, check_username},
};

/// The fewest characters of a declared client secret. It is kept as a plain hash and heard however often
/// others failed, so it must not be one that can be guessed.
const MIN_SECRET: usize = 32;

/// A declaration that cannot be made true.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{member}: {rule}")]
pub struct InvalidDeclaration {
    /// What of it, such as `redirect_uris` or `claims.email`.
    pub member: String,
    /// What is expected of it. Never shows a secret.
    pub rule: String,
}

impl InvalidDeclaration {
    fn new(member: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { member: member.into(), rule: rule.into() }
    }
}

impl From<InvalidMetadata> for InvalidDeclaration {
    fn from(InvalidMetadata { field, rule }: InvalidMetadata) -> Self {
        Self { member: field, rule }
    }
}

impl From<InvalidClaim> for InvalidDeclaration {
    fn from(InvalidClaim { name, rule }: InvalidClaim) -> Self {
        Self::new(format!("claims.{name}"), rule)
    }
}

/// What a declaration changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Declared {
    /// It is there now.
    Added,
    /// It is now as declared.
    Changed,
    /// Nothing: it was as declared.
    Unchanged,
}

/// An application as it is declared.
#[derive(Clone, PartialEq, Debug)]
pub struct DeclaredApplication {
    client_id: ClientId,
    secrets: Vec<SecretHash>,
    settings: Settings,
}

impl DeclaredApplication {
    /// Of client metadata (RFC 7591 section 2) and those secrets that are good, the newest first.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(
        client_id: String,
        secrets: &[Secret],
        metadata: Map<String, Value>,
    ) -> Result<Self, Vec<InvalidDeclaration>> {
        let client_id = valid_client_id(client_id).map_err(InvalidDeclaration::from);
        let settings = Settings::from_metadata(metadata).map_err(InvalidDeclaration::from);
        let checked = check_secrets(secrets, settings.as_ref().ok());
        match (client_id, settings, checked) {
            (Ok(client_id), Ok(settings), Ok(())) => {
                let secrets = secrets.iter().map(Secret::hash).collect();
                Ok(Self { client_id, secrets, settings })
            }
            (client_id, settings, checked) => Err([client_id.err(), settings.err(), checked.err()]
                .into_iter()
                .flatten()
                .collect()),
        }
    }

    /// Which it is.
    #[must_use]
    pub const fn client_id(&self) -> &ClientId {
        &self.client_id
    }
}

fn check_secrets(
    secrets: &[Secret],
    settings: Option<&Settings>,
) -> Result<(), InvalidDeclaration> {
    let refuse = |rule: String| Err(InvalidDeclaration::new("client_secret", rule));
    if secrets.len() > MAX_SECRETS {
        return refuse(format!("must be at most {MAX_SECRETS} secrets"));
    }
    // RFC 6749 appendix A.2 allows these characters, and the space, which is too easily lost.
    let good = |secret: &Secret| {
        let text = secret.reveal();
        text.len() >= MIN_SECRET && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if !secrets.iter().all(good) {
        return refuse(format!(
            "must be at least {MIN_SECRET} visible ASCII characters without spaces; \
             `openssl rand -hex 32` makes one"
        ));
    }
    let Some(method) = settings.map(|settings| settings.token_endpoint_auth_method) else {
        return Ok(());
    };
    match (method.uses_secret(), secrets.is_empty()) {
        (true, true) => {
            refuse(format!("is missing, and the application authenticates by {}", method.as_str()))
        }
        (false, false) => {
            refuse(format!("is of no use, since token_endpoint_auth_method is {}", method.as_str()))
        }
        (true, false) | (false, true) => Ok(()),
    }
}

/// A user as they are declared.
#[derive(Clone, Debug)]
pub struct DeclaredUser {
    username: String,
    password: DeclaredPassword,
    claims: Map<String, Value>,
}

/// What a declared user signs in with.
#[derive(Clone)]
pub enum DeclaredPassword {
    /// The password in clear.
    Clear(Secret),
    /// Its argon2id hash in PHC form.
    Phc(String),
}

impl fmt::Debug for DeclaredPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clear(_) => "Clear(…)",
            Self::Phc(_) => "Phc(…)",
        })
    }
}

impl DeclaredUser {
    /// A user with claims by their registered names (OpenID Connect Core section 5.1).
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn new(
        username: String,
        password: DeclaredPassword,
        claims: Map<String, Value>,
    ) -> Result<Self, Vec<InvalidDeclaration>> {
        let username_rule =
            check_username(&username).map_err(|rule| InvalidDeclaration::new("username", rule));
        let password_rule = match &password {
            DeclaredPassword::Clear(password) if password.reveal().is_empty() => {
                Err(InvalidDeclaration::new("password", "must not be empty"))
            }
            DeclaredPassword::Clear(_) => Ok(()),
            DeclaredPassword::Phc(hash) => check_phc(hash)
                .map_err(|error| InvalidDeclaration::new("password_hash", error.to_string())),
        };
        let claims_rule = claims::check(&claims).map_err(InvalidDeclaration::from);
        let wrong: Vec<_> = [username_rule, password_rule, claims_rule]
            .into_iter()
            .filter_map(Result::err)
            .collect();
        if wrong.is_empty() { Ok(Self { username, password, claims }) } else { Err(wrong) }
    }

    /// What they call themselves when they sign in.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Their password, where it is declared in clear.
    #[must_use]
    pub fn clear_password(&self) -> Option<&str> {
        match &self.password {
            DeclaredPassword::Clear(password) => Some(password.reveal()),
            DeclaredPassword::Phc(_) => None,
        }
    }
}

impl Issuer {
    /// Makes an application what is declared of it, also if it is there by other means: then it no
    /// longer manages itself (RFC 7592), or else it could undo what is declared. Its tokens live on.
    ///
    /// # Errors
    /// [`AdminError`]; then nothing changed.
    pub async fn declare_application(
        &self,
        declared: &DeclaredApplication,
    ) -> Result<Declared, AdminError> {
        let DeclaredApplication { client_id, secrets, settings } = declared.clone();
        let before = self.find(client_id.as_str()).await?;
        let issued_at = match &before {
            Some(before) => before.issued_at,
            None => self.now().timestamp(),
        };
        let registration_access_token = None;
        let after =
            Application { client_id, issued_at, secrets, registration_access_token, settings };
        match before {
            Some(before) if *before == after => Ok(Declared::Unchanged),
            Some(before) => {
                self.replace_application(&before, after).await?;
                Ok(Declared::Changed)
            }
            None => match self.store.register_application(after).await? {
                RegisterOutcome::Registered => Ok(Declared::Added),
                RegisterOutcome::Taken => Err(AdminError::new("was added meanwhile; try again")),
            },
        }
    }

    /// Makes a resource what is declared of it. Its tokens live on.
    ///
    /// # Errors
    /// [`AdminError`]; then nothing changed.
    pub async fn declare_resource(&self, declared: &Resource) -> Result<Declared, AdminError> {
        let key = declared.key()?;
        let before = self.store.find_resource(&key).await?;
        if before.as_deref() == Some(declared) {
            return Ok(Declared::Unchanged);
        }
        self.store.put_resource(key, declared.clone()).await?;
        Ok(if before.is_some() { Declared::Changed } else { Declared::Added })
    }

    /// Makes a user what is declared of them. A password that is theirs already stays, and with it their
    /// tokens; another one ends these. Whoever is locked stays locked.
    ///
    /// # Errors
    /// [`AdminError`]; then the next call does what is missing.
    pub async fn declare_user(&self, declared: &DeclaredUser) -> Result<Declared, AdminError> {
        let DeclaredUser { username, password, claims } = declared;
        let Some(user) = self.store.find_user(username).await? else {
            let hash = match password {
                DeclaredPassword::Clear(password) => {
                    self.hash_new_password(password.reveal()).await?
                }
                DeclaredPassword::Phc(hash) => hash.clone(),
            };
            self.add_user(username, hash, claims.clone()).await?;
            return Ok(Declared::Added);
        };
        let new_hash = self.hash_if_new(&user, password).await?;
        let new_password = new_hash.map(|hash| UserChange::Password { hash, spared: None });
        let new_claims = self.claims_if_new(&user, claims)?.map(UserChange::Claims);
        let mut outcome = Declared::Unchanged;
        for change in [new_password, new_claims].into_iter().flatten() {
            match self.store.change_user(username, change).await? {
                ChangeOutcome::Changed => outcome = Declared::Changed,
                ChangeOutcome::Unknown => return Err(AdminError::new("was removed meanwhile")),
            }
        }
        Ok(outcome)
    }

    /// The claims, to be recorded now, if they are not the user's yet.
    fn claims_if_new(
        &self,
        user: &User,
        claims: &Map<String, Value>,
    ) -> Result<Option<Map<String, Value>>, AdminError> {
        if claims::are_recorded(claims, &user.claims) {
            return Ok(None);
        }
        Ok(Some(claims::checked(claims.clone(), self.now().timestamp())?))
    }

    /// The hash of a password that is not yet the user's.
    async fn hash_if_new(
        &self,
        user: &User,
        password: &DeclaredPassword,
    ) -> Result<Option<String>, AdminError> {
        match password {
            DeclaredPassword::Phc(hash) => Ok((user.password_hash != *hash).then(|| hash.clone())),
            DeclaredPassword::Clear(password) => {
                let password = password.reveal();
                match self.passwords.verify(password, Some(&user.password_hash)).await? {
                    Ok(()) => Ok(None),
                    Err(WrongPassword) => self.hash_new_password(password).await.map(Some),
                }
            }
        }
    }
}
