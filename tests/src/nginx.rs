//! nginx before the server, by the configuration that the documentation gives.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path, process::Command};

use tempfile::TempDir;

use crate::{
    Authority, Http, Identity, Server,
    log::{end_of, show_on_failure},
    port::free_triple,
    process::Process,
    wait::eventually,
};

/// What people put into `conf.d`.
const CONFIGURATION: &str = include_str!("../../deploy/nginx.conf");

/// A way of setting it up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nginx {
    /// As the documentation says.
    AsDocumented,
    /// Without the line that drops what clients write into the header.
    PassingOn,
    /// As the documentation says, for an issuer with a path that the server does not see.
    WithPath,
}

/// The addresses of an nginx that need not run yet.
#[derive(Debug)]
pub struct NginxAddress {
    folder: TempDir,
    port: u16,
    path: &'static str,
}

/// A running nginx, gone when this is dropped.
#[derive(Debug)]
pub struct RunningNginx<'a> {
    address: &'a NginxAddress,
    // Before the folder, which it writes into.
    _process: Process,
}

impl NginxAddress {
    /// Two free ports, and the path of the issuer there.
    #[must_use]
    pub fn new(path: &'static str) -> Self {
        let folder = tempfile::Builder::new().prefix("tokenbind-nginx-").tempdir();
        Self { folder: folder.expect("a temporary folder"), port: free_triple(), path }
    }

    /// The issuer, as clients know it.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("https://localhost:{}{}", self.port, self.path)
    }

    /// Where clients with certificates go.
    #[must_use]
    pub fn mtls_base(&self) -> String {
        format!("https://localhost:{}{}", self.port + 1, self.path)
    }

    /// What a server behind it has to have in its environment.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let header = ("TOKENBIND_PROXY__CERTIFICATE_HEADER", "X-Client-Cert".to_owned());
        vec![
            ("TOKENBIND_ISSUER", self.issuer()),
            ("TOKENBIND_MTLS__BASE_URL", self.mtls_base()),
            ("TOKENBIND_TRUSTED_PROXIES", "127.0.0.1/32".to_owned()),
            header,
        ]
    }

    /// A client that shows nothing, and is asked for nothing.
    #[must_use]
    pub fn http(&self) -> Http {
        Http::new(self.issuer(), Authority::shared().ca(), false)
    }

    /// A client that shows no certificate where it is asked for one.
    #[must_use]
    pub fn http_showing_nothing(&self) -> Http {
        Http::new(self.mtls_base(), Authority::shared().ca(), false)
    }

    /// A client that shows this certificate where it is asked for one.
    #[must_use]
    pub fn http_showing(&self, identity: &Identity) -> Http {
        Http::with_certificate(self.mtls_base(), Authority::shared().ca(), identity)
    }

    /// Starts it before this server.
    pub async fn run(&self, server: &Server, nginx: Nginx) -> RunningNginx<'_> {
        let folder = self.folder.path();
        let _ = Authority::shared().write_into(folder);
        fs::copy(server.ca(), folder.join("tokenbind-ca.pem")).expect("the CA can be copied");
        let site = self.site(server.port(), nginx);
        fs::write(folder.join("tokenbind.conf"), site).expect("the configuration can be written");
        fs::write(folder.join("nginx.conf"), main(folder))
            .expect("the configuration can be written");
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(folder).args(["-c", "nginx.conf", "-e", "error.log"]);
        let mut process = Process::start(&mut command, folder);
        show_on_failure(folder.join("error.log"));
        let http = Http::new(self.issuer(), Authority::shared().ca(), true);
        eventually("nginx is ready", async || {
            let complaint =
                || end_of(&folder.join("stderr.log")) + &end_of(&folder.join("error.log"));
            assert!(process.ended().is_none(), "nginx ended:\n{}", complaint());
            http.request(reqwest::Method::GET, "/healthz").send().await.ok()
        })
        .await;
        RunningNginx { address: self, _process: process }
    }

    /// The documented file, on the ports and with the files of this machine.
    fn site(&self, upstream: u16, nginx: Nginx) -> String {
        let folder = self.folder.path().display();
        let mut text = CONFIGURATION.to_owned();
        let mut change = |from: &str, to: &str| {
            assert!(text.contains(from), "the configuration has no {from:?}");
            text = text.replace(from, to);
        };
        change("server 127.0.0.1:9443;", &format!("server 127.0.0.1:{upstream};"));
        for (name, port) in [("id.example.com", self.port), ("mtls.id.example.com", self.port + 1)]
        {
            change(
                &format!("listen 443 ssl http2;\n    server_name {name};"),
                &format!("listen 127.0.0.1:{port} ssl http2;\n    server_name localhost;"),
            );
        }
        change("/etc/nginx/id.example.com.pem", &format!("{folder}/localhost.pem"));
        change("/etc/nginx/id.example.com.key", &format!("{folder}/localhost.key"));
        change("/etc/nginx/tokenbind-ca.pem", &format!("{folder}/tokenbind-ca.pem"));
        match nginx {
            Nginx::AsDocumented => {}
            Nginx::PassingOn => change("proxy_set_header X-Client-Cert \"\";", ""),
            Nginx::WithPath => {
                change("location / {", &format!("location {}/ {{", self.path));
                change("proxy_pass https://tokenbind;", "proxy_pass https://tokenbind/;");
            }
        }
        text
    }
}

impl RunningNginx<'_> {
    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &NginxAddress {
        self.address
    }
}

fn main(folder: &Path) -> String {
    let root = fs::metadata(folder).expect("the folder is there").uid() == 0;
    let user = if root { "user root;" } else { "" };
    format!(
        "daemon off;\nworker_processes 1;\npid nginx.pid;\n{user}\nevents {{}}\nhttp {{\n\
         access_log off;\nclient_body_temp_path body;\nproxy_temp_path proxy;\n\
         fastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n\
         include tokenbind.conf;\n}}\n"
    )
}
