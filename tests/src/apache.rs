//! Apache with `mod_auth_openidc` before a page: a gateway that people have already.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::Path,
    process::Command,
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    Authority, Client, Server,
    http::Http,
    log::{end_of, show_on_failure},
    process::Process,
    wait::eventually,
};

/// The user that it becomes when root runs the tests, since Apache serves nothing as root.
const NOBODY: u32 = 65534;

/// A running Apache, gone when this is dropped.
#[derive(Debug)]
pub struct Apache {
    /// The origin that it is at. What lies below `/private/` is for users who signed in.
    pub origin: String,
    /// It, as the server knows it.
    pub client: Client,
    // Before the folder, which it writes into.
    _process: Process,
    _folder: TempDir,
}

impl Apache {
    /// Registers and starts one.
    pub async fn start(server: &Server) -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
        let origin = format!("https://localhost:{}", port.expect("a free port").port());
        let redirect_uri = format!("{origin}/private/redirect_uri");
        let metadata = json!({
            "client_name": "A page behind Apache",
            "redirect_uris": [redirect_uri],
            "post_logout_redirect_uris": [format!("{origin}/signed-out.html")],
            "backchannel_logout_uri": format!("{redirect_uri}?logout=backchannel"),
        });
        let client = server.registrar().application(&metadata).await;
        let folder = tempfile::Builder::new().prefix("tokenbind-apache-").tempdir();
        let folder = folder.expect("a temporary folder");
        write_files(server, &client, &origin, folder.path());
        let mut process = run(folder.path());
        let log = folder.path().join("error.log");
        show_on_failure(log.clone());
        let http = Http::new(origin.clone(), Authority::shared().ca(), true);
        eventually("Apache is ready", async || {
            let complaint = || end_of(&folder.path().join("stderr.log")) + &end_of(&log);
            assert!(process.ended().is_none(), "Apache ended:\n{}", complaint());
            http.request(reqwest::Method::GET, "/signed-out.html").send().await.ok()
        })
        .await;
        Self { origin, client, _process: process, _folder: folder }
    }

    /// The address of one of its pages.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

fn write_files(server: &Server, client: &Client, origin: &str, folder: &Path) {
    let _ = Authority::shared().write_into(folder);
    fs::copy(server.ca(), folder.join("ca.pem")).expect("the CA can be copied");
    fs::write(folder.join("mime.types"), "").expect("the file can be written");
    let pages = folder.join("pages");
    fs::create_dir_all(pages.join("private")).expect("a folder for pages");
    fs::write(pages.join("signed-out.html"), "Signed out of Apache").expect("a page");
    // What the module tells an application behind it, shown as one would in a template.
    let page = r#"User <!--#echo var="REMOTE_USER" -->, name <!--#echo var="OIDC_CLAIM_name" -->, mail <!--#echo var="OIDC_CLAIM_email" -->."#;
    fs::write(pages.join("private/index.shtml"), page).expect("a page");
    let text = configuration(server, client, origin, folder);
    fs::write(folder.join("apache.conf"), text).expect("the configuration can be written");
}

fn configuration(server: &Server, client: &Client, origin: &str, folder: &Path) -> String {
    let (folder, issuer) = (folder.display(), server.issuer());
    let port = origin.rsplit(':').next().expect("a port");
    let secret = client.secret.as_deref().expect("a secret");
    let client_id = &client.id;
    format!(
        r#"
ServerRoot "{folder}"
ServerName localhost
PidFile apache.pid
DefaultRuntimeDir "{folder}"
Mutex file:{folder}
Listen 127.0.0.1:{port}
ErrorLog error.log
LogLevel warn ssl:error auth_openidc:info
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
LoadModule filter_module /usr/lib/apache2/modules/mod_filter.so
LoadModule include_module /usr/lib/apache2/modules/mod_include.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
LoadModule auth_openidc_module /usr/lib/apache2/modules/mod_auth_openidc.so
TypesConfig mime.types
AddType text/html .html .shtml
AddOutputFilter INCLUDES .shtml
DocumentRoot "{folder}/pages"
DirectoryIndex index.shtml
SSLEngine on
SSLCertificateFile localhost.pem
SSLCertificateKeyFile localhost.key

OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCSSLValidateServer On
OIDCCABundlePath "{folder}/ca.pem"
OIDCClientID {client_id}
OIDCClientSecret {secret}
OIDCProviderTokenEndpointAuth client_secret_basic
OIDCRedirectURI {origin}/private/redirect_uri
OIDCCryptoPassphrase "of one test only"
OIDCScope "openid profile email"
OIDCPKCEMethod S256
OIDCResponseType code
OIDCRemoteUserClaim sub
OIDCCookieSameSite On
OIDCDefaultLoggedOutURL {origin}/signed-out.html

<Directory "{folder}/pages">
    Options +Includes
    Require all granted
</Directory>
<Location "/private/">
    AuthType openid-connect
    Require valid-user
</Location>
"#
    )
}

/// Runs it in this process's own name, or nobody's.
fn run(folder: &Path) -> Process {
    let mut command = Command::new("/usr/sbin/apache2");
    command.arg("-d").arg(folder).arg("-f").arg(folder.join("apache.conf")).arg("-DFOREGROUND");
    let owner = fs::metadata(folder).expect("the folder is there").uid();
    if owner == 0 {
        give_to_nobody(folder);
        command.uid(NOBODY).gid(NOBODY);
    }
    Process::start(&mut command, folder)
}

fn give_to_nobody(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        chown(&next, Some(NOBODY), Some(NOBODY)).expect("root gives away what it likes");
        if next.is_dir() {
            let entries = fs::read_dir(&next).expect("a folder");
            folders.extend(entries.map(|entry| entry.expect("an entry").path()));
        }
    }
}
