//! The CA of the applications that tests serve: another one than the server's.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
/// A host that is no part of the site `localhost`, though it is this machine.
pub(crate) const OTHER_SITE: &str = "other.localhost";

/// A CA and one certificate by it, for this machine.
#[derive(Debug)]
pub struct Authority {
    ca: String,
    ca_key: KeyPair,
    certificate: String,
    key: String,
}

/// What a server and its clients need of it, as files in PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Files {
    /// The CA's certificate.
    pub ca: PathBuf,
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Authority {
    /// The one that all tests of this process share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Authority> = OnceLock::new();
        SHARED.get_or_init(Self::new)
    }

    fn new() -> Self {
        let ca_key = KeyPair::generate().expect("a key");
        let params = ca_params();
        let ca = params.self_signed(&ca_key).expect("a CA");
        let key = KeyPair::generate().expect("a key");
        let issuer = Issuer::from_params(&params, &ca_key);
        let certificate = leaf_params().signed_by(&key, &issuer).expect("a certificate");
        let (ca, certificate) = (ca.pem(), certificate.pem());
        Self { ca, ca_key, certificate, key: key.serialize_pem() }
    }

    /// Another one, that nobody knows.
    #[must_use]
    pub fn unknown() -> Self {
        Self::new()
    }

    /// A certificate of these fields for this key, in PEM.
    pub(crate) fn sign(&self, params: &CertificateParams, key: &KeyPair) -> String {
        let ca = ca_params();
        let issuer = Issuer::from_params(&ca, &self.ca_key);
        params.signed_by(key, &issuer).expect("a certificate").pem()
    }

    /// Writes all three files into a folder.
    #[must_use]
    pub fn write_into(&self, folder: &Path) -> Files {
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).expect("the file can be written");
            path
        };
        Files {
            ca: write("authority.pem", &self.ca),
            certificate: write("localhost.pem", &self.certificate),
            key: write("localhost.key", &self.key),
        }
    }

    /// The CA's certificate in PEM.
    pub(crate) fn ca(&self) -> &[u8] {
        self.ca.as_bytes()
    }

    /// TLS for a server with the certificate.
    #[must_use]
    pub fn tls(&self) -> Arc<ServerConfig> {
        let chain = CertificateDer::from_pem_slice(self.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        let tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![chain.expect("a certificate")], key);
        Arc::new(tls.expect("a certificate with its key"))
    }
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "CA of the end-to-end tests");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn leaf_params() -> CertificateParams {
    let names = ["localhost", "127.0.0.1", OTHER_SITE].map(str::to_owned);
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.use_authority_key_identifier_extension = true;
    params
}
