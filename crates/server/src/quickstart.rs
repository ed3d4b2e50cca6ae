//! `tokenbind quickstart`: a server that is ready to try.
//!
//! `quickstart.json` in the data directory says what is to be there; it is written first and then
//! made true, so that a start that was cut short is completed by the next one and nothing is there
//! twice.

use std::{
    fmt::Write as _,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokenbind_binding::{Clock, Random};
use tokenbind_issuer::{Issuer, admin::AdminError, secret::Secret, settings::AccessTokenFormat};

use crate::{
    config::Config,
    data_dir::{DataDir, DataDirError},
    instance::{self, InstanceError},
    local_ca::{LocalCa, LocalCaError},
    logging,
    serve::{ServeError, Server},
    system::{SystemClock, SystemRandom},
};

const FILE: &str = "quickstart.json";
const USERNAME: &str = "alice";

/// Where the applications get codes: on this machine, at any port (RFC 8252 section 7.3).
const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// Why the quickstart does not run.
#[derive(Debug, thiserror::Error)]
pub enum QuickstartError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The data in it.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// The certificate.
    #[error(transparent)]
    LocalCa(#[from] LocalCaError),
    /// The application or the user cannot be made.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The file of an earlier start cannot be read.
    #[error("{path}: {error}; remove the file to get new secrets")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// What is to be there, for scripts to read. Its owner alone can.
#[derive(Serialize, Deserialize)]
struct Quickstart {
    issuer: String,
    ca_certificate: PathBuf,
    registration_token: String,
    user: QuickstartUser,
    applications: Vec<QuickstartApplication>,
}

#[derive(Serialize, Deserialize)]
struct QuickstartUser {
    username: String,
    password: String,
}

#[derive(Serialize, Deserialize)]
struct QuickstartApplication {
    client_id: String,
    client_secret: String,
    access_token_format: AccessTokenFormat,
}

/// Makes what is missing, says how to try it, and serves until told to stop.
///
/// # Errors
/// [`QuickstartError`].
pub async fn run(directory: PathBuf, port: u16) -> Result<(), QuickstartError> {
    let mut config = config(directory, port);
    logging::start(&config.log);
    let data = DataDir::open(&config.data)?;
    let local = LocalCa::load_or_create(&data, SystemClock.now().timestamp(), &SystemRandom)?;
    let ca_certificate = local.ca.canonicalize().unwrap_or(local.ca);
    let wanted = load_or_make(&data, &config, ca_certificate)?;
    config.initial_access_token = Some(Secret::from_text(wanted.registration_token.clone()));
    let issuer = Arc::new(instance::open(&config).await?);
    let server = Server::bind(&config, issuer.clone()).await?;
    write(&data, &wanted)?;
    make_true(&issuer, &wanted).await?;
    println!("{}", instructions(&wanted, config.mtls.base_url.as_deref()));
    Ok(server.run().await?)
}

fn config(data: PathBuf, port: u16) -> Config {
    let mut config = Config::default_for(data);
    config.issuer = format!("https://localhost:{port}");
    config.tokens.default_audience = vec![config.issuer.clone()];
    config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    config.mtls.listen = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port + 1)));
    config.mtls.base_url = Some(format!("https://localhost:{}", port + 1));
    config.metrics = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port + 2)));
    config
}

/// The configuration of the quickstart that was last started on this data directory, if one was.
pub(crate) fn config_in(data: &Path) -> Option<Config> {
    let bytes = std::fs::read(data.join(FILE)).ok()?;
    let quickstart: Quickstart = serde_json::from_slice(&bytes).ok()?;
    let port = url::Url::parse(&quickstart.issuer).ok()?.port()?;
    Some(config(data.to_owned(), port))
}

/// What an earlier start decided, at the address of this one; or else new secrets.
fn load_or_make(
    data: &DataDir,
    config: &Config,
    ca_certificate: PathBuf,
) -> Result<Quickstart, QuickstartError> {
    let path = data.path().join(FILE);
    let issuer = config.issuer.clone();
    match std::fs::read(&path) {
        Ok(bytes) => match serde_json::from_slice::<Quickstart>(&bytes) {
            Ok(earlier) => Ok(Quickstart { issuer, ca_certificate, ..earlier }),
            Err(error) => Err(QuickstartError::Unreadable { path, error: error.into() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(make(issuer, ca_certificate, &SystemRandom))
        }
        Err(error) => Err(QuickstartError::Unreadable { path, error }),
    }
}

fn make(issuer: String, ca_certificate: PathBuf, random: &dyn Random) -> Quickstart {
    let secret = || Secret::generate(random).reveal().to_owned();
    let application = |client_id: &str, access_token_format| QuickstartApplication {
        client_id: client_id.into(),
        client_secret: secret(),
        access_token_format,
    };
    Quickstart {
        issuer,
        ca_certificate,
        registration_token: secret(),
        user: QuickstartUser { username: USERNAME.into(), password: secret() },
        applications: vec![
            application("quickstart-opaque", AccessTokenFormat::Opaque),
            application("quickstart-jwt", AccessTokenFormat::Jwt),
        ],
    }
}

fn write(data: &DataDir, wanted: &Quickstart) -> Result<(), QuickstartError> {
    let bytes = serde_json::to_vec_pretty(wanted).map_err(|error| QuickstartError::Unreadable {
        path: data.path().join(FILE),
        error: error.into(),
    })?;
    Ok(data.write(FILE, &bytes)?)
}

async fn make_true(issuer: &Issuer, wanted: &Quickstart) -> Result<(), AdminError> {
    for application in &wanted.applications {
        let secret = Secret::from_text(application.client_secret.clone()).hash();
        let metadata = metadata(application);
        issuer.ensure_application(&application.client_id, metadata, secret).await?;
    }
    let username = wanted.user.username.clone();
    let password = wanted.user.password.clone();
    issuer.ensure_user(username, &password, claims()).await
}

fn metadata(application: &QuickstartApplication) -> Map<String, Value> {
    let metadata = json!({
        "client_name": format!("Quickstart ({})", in_words(application.access_token_format)),
        "grant_types": ["authorization_code", "password", "client_credentials", "refresh_token"],
        "redirect_uris": [REDIRECT_URI],
        "access_token_format": application.access_token_format,
        "token_binding_types": ["client-request"],
    });
    match metadata {
        Value::Object(metadata) => metadata,
        _ => Map::new(),
    }
}

fn claims() -> Map<String, Value> {
    let claims = [("name", "Alice Example"), ("email", "alice@example.com")];
    claims.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// The examples of the page, with the real ids in them.
fn instructions(wanted: &Quickstart, mtls_base: Option<&str>) -> String {
    let asks_at = |base| format!(" It asks for client certificates at {base}.");
    let mut text = format!(
        "tokenbind is ready at {issuer}.{certificates}\n\
         A browser that trusts {ca} shows {username} their account at {issuer}/account; the\n\
         password is {password}. Or paste these lines into another terminal.\n\n\
         export CURL_CA_BUNDLE='{ca}'\n",
        issuer = wanted.issuer,
        certificates = mtls_base.map(asks_at).unwrap_or_default(),
        username = wanted.user.username,
        password = wanted.user.password,
        ca = wanted.ca_certificate.display(),
    );
    for application in &wanted.applications {
        let _ = write!(text, "\n{}", example(wanted, application));
    }
    text
}

fn example(wanted: &Quickstart, application: &QuickstartApplication) -> String {
    let QuickstartApplication { client_id, client_secret, .. } = application;
    let format = in_words(application.access_token_format);
    format!(
        r#"# An access token ({format}) for the instance that tokenBindingId names
curl -X POST \
    -u "{client_id}:{client_secret}" \
    -H "Content-Type: application/x-www-form-urlencoded" \
    -d "grant_type=password&username={username}&password={password}&tokenBindingId=uniqueId" \
    {issuer}/oauth2/token

# What it is worth (put the access_token of the answer in)
curl -X POST \
    -u "{client_id}:{client_secret}" \
    -H "Content-Type: application/x-www-form-urlencoded" \
    -d "token=<your_access_token>" \
    {issuer}/oauth2/introspect
"#,
        username = wanted.user.username,
        password = wanted.user.password,
        issuer = wanted.issuer,
    )
}

const fn in_words(format: AccessTokenFormat) -> &'static str {
    match format {
        AccessTokenFormat::Opaque => "opaque",
        AccessTokenFormat::Jwt => "JWT",
    }
}
