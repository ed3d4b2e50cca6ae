//! A certificate for localhost, for those who have none, from a CA that signs nothing else.
//!
//! The CA's private key is thrown away once it has signed, and the CA is constrained to localhost
//! (RFC 5280 section 4.2.1.10), so that trusting `ca.pem` trusts this one server.

use std::{net::Ipv4Addr, net::Ipv6Addr, path::PathBuf, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints,
};
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
};
use rustls_pki_types::{ServerName, UnixTime};
use tokenbind_binding::{
    Timestamp,
    time::{Random, random_bytes},
};

use crate::{
    data_dir::{DataDir, DataDirError},
    tls::{load_certified_key, load_chain, provider},
};

/// How long both certificates are valid. Apple's clients refuse more than 825 days of a server
/// certificate, even from a CA that the user added.
const VALID_DAYS: u64 = 820;

/// Certificates that end sooner than this are made anew.
const RENEW_BEFORE_DAYS: u64 = 30;

const DAY: u64 = 86_400;

/// The names that the certificate is for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The files of the local CA. All of them are there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalCa {
    /// The CA's certificate, which clients have to trust.
    pub ca: PathBuf,
    /// The certificate for localhost.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why there is no certificate for localhost.
#[derive(Debug, thiserror::Error)]
pub enum LocalCaError {
    /// The files cannot be written.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The certificates cannot be made.
    #[error("the certificate for localhost cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The date is out of the calendar.
    #[error("the certificate for localhost cannot be made: the clock says second {0} since 1970")]
    Clock(u64),
}

impl LocalCa {
    /// The certificates in `tls/` of the data directory. They are made where one is missing, where
    /// they do not belong together, and where they end within 30 days; then all anew.
    ///
    /// # Errors
    ///
    /// If they cannot be made or written.
    pub fn load_or_create(
        data: &DataDir,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Self, LocalCaError> {
        let directory = data.directory("tls")?;
        let [ca, certificate, key] =
            ["ca.pem", "localhost.pem", "localhost.key"].map(|name| directory.path().join(name));
        let files = Self { ca, certificate, key };
        if !files.are_good_until(now.plus(RENEW_BEFORE_DAYS * DAY)) {
            let made = Made::new(now, random)?;
            directory.write("localhost.key", made.key.serialize_pem().as_bytes())?;
            directory.write("localhost.pem", made.certificate.as_bytes())?;
            directory.write("ca.pem", made.ca.as_bytes())?;
        }
        Ok(files)
    }

    /// Whether a client that trusts the CA accepts the server at `time` under each of its names.
    fn are_good_until(&self, time: Timestamp) -> bool {
        let Ok(certified) = load_certified_key(&self.certificate, &self.key) else { return false };
        let Some(verifier) = self.verifier() else { return false };
        let (Some(leaf), now) = (certified.cert.first(), unix(time)) else { return false };
        NAMES.into_iter().filter_map(|name| ServerName::try_from(name).ok()).all(|name| {
            verifier.verify_server_cert(leaf, &certified.cert[1..], &name, &[], now).is_ok()
        })
    }

    fn verifier(&self) -> Option<Arc<WebPkiServerVerifier>> {
        let mut roots = RootCertStore::empty();
        for ca in load_chain(&self.ca).ok()? {
            roots.add(ca).ok()?;
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().ok()
    }
}

const fn unix(time: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(time.as_secs()))
}

/// New certificates in PEM, and the key. The CA's key is not among them.
struct Made {
    ca: String,
    certificate: String,
    key: KeyPair,
}

impl Made {
    fn new(now: Timestamp, random: &dyn Random) -> Result<Self, LocalCaError> {
        let ca_key = KeyPair::generate()?;
        let ca = ca_params(now, random)?;
        let ca_certificate = ca.self_signed(&ca_key)?;
        let key = KeyPair::generate()?;
        let certificate = leaf_params(now)?.signed_by(&key, &Issuer::new(ca, ca_key))?;
        Ok(Self { ca: ca_certificate.pem(), certificate: certificate.pem(), key })
    }
}

fn ca_params(now: Timestamp, random: &dyn Random) -> Result<CertificateParams, LocalCaError> {
    let mut params = CertificateParams::default();
    // A name of its own, so that no two of these CAs in one trust store are taken for each other.
    let number = u32::from_be_bytes(random_bytes(random));
    params.distinguished_name = name(&format!("tokenbind local CA {number:08x}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(Ipv4Addr::LOCALHOST.into(), 32)),
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(
                Ipv6Addr::LOCALHOST.into(),
                128,
            )),
        ],
        excluded_subtrees: vec![],
    });
    limit_to(&mut params, now)?;
    Ok(params)
}

fn leaf_params(now: Timestamp) -> Result<CertificateParams, LocalCaError> {
    let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
    params.distinguished_name = name("localhost");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Python's default context wants it since 3.13 (RFC 5280 section 4.2.1.1).
    params.use_authority_key_identifier_extension = true;
    limit_to(&mut params, now)?;
    Ok(params)
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// Valid from the day before, for clients whose clocks are behind.
fn limit_to(params: &mut CertificateParams, now: Timestamp) -> Result<(), LocalCaError> {
    let midnight = |secs: u64| {
        let time =
            i64::try_from(secs).ok().and_then(|secs| jiff::Timestamp::from_second(secs).ok());
        let date = time.ok_or(LocalCaError::Clock(secs))?.to_zoned(TimeZone::UTC).date();
        let [month, day] = [date.month(), date.day()].map(i8::unsigned_abs);
        Ok::<_, LocalCaError>(rcgen::date_time_ymd(date.year().into(), month, day))
    };
    let start = now.as_secs().saturating_sub(DAY);
    params.not_before = midnight(start)?;
    params.not_after = midnight(start + VALID_DAYS * DAY)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustls::{CertificateError, ClientConfig, Error, time_provider::TimeProvider};
    use tempfile::TempDir;

    use super::*;
    use crate::tls::{server_config, tests::shake};

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn days(days: u64) -> Timestamp {
        NOW.plus(days * DAY)
    }

    struct Fixed;

    impl Random for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(0xab);
        }
    }

    #[derive(Debug)]
    struct At(Timestamp);

    impl TimeProvider for At {
        fn current_time(&self) -> Option<UnixTime> {
            Some(unix(self.0))
        }
    }

    fn data() -> (TempDir, DataDir) {
        let directory = TempDir::new().unwrap();
        let data = DataDir::open(directory.path()).unwrap();
        (directory, data)
    }

    fn at(data: &DataDir, now: Timestamp) -> LocalCa {
        LocalCa::load_or_create(data, now, &Fixed).unwrap()
    }

    fn contents(files: &LocalCa) -> [Vec<u8>; 3] {
        [&files.ca, &files.certificate, &files.key].map(|path| fs::read(path).unwrap())
    }

    /// Connects, in memory, a client that trusts the CA to the server, under `name` at `time`.
    fn connect(files: &LocalCa, name: &str, time: Timestamp) -> Result<(), Error> {
        let mut roots = RootCertStore::empty();
        roots.add(load_chain(&files.ca).unwrap().remove(0)).unwrap();
        let client = ClientConfig::builder_with_details(provider(), Arc::new(At(time)))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let server = server_config(&files.certificate, &files.key).unwrap();
        shake(Arc::new(client), name, Arc::new(server)).map(drop)
    }

    #[test]
    fn clients_that_trust_the_ca_accept_localhost_and_nothing_else() {
        let (_directory, data) = data();
        let files = at(&data, NOW);
        for name in NAMES {
            assert_eq!(connect(&files, name, NOW), Ok(()), "{name}");
        }
        for name in ["example.com", "127.0.0.2", "sub.localhost"] {
            let refused = connect(&files, name, NOW).unwrap_err();
            let named = matches!(
                refused,
                Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. })
            );
            assert!(named, "{name}: {refused}");
        }
    }

    #[test]
    fn the_certificate_lasts_from_yesterday_for_less_than_825_days() {
        let (_directory, data) = data();
        let files = at(&data, NOW);
        assert_eq!(connect(&files, "localhost", Timestamp::from_secs(NOW.as_secs() - DAY)), Ok(()));
        assert_eq!(connect(&files, "localhost", days(VALID_DAYS - 3)), Ok(()));
        let expired = connect(&files, "localhost", days(VALID_DAYS + 1)).unwrap_err();
        let of_time =
            matches!(expired, Error::InvalidCertificate(CertificateError::ExpiredContext { .. }));
        assert!(of_time, "{expired}");
    }

    #[test]
    fn the_files_are_made_once_and_anew_when_they_end_soon() {
        let (_directory, data) = data();
        let first = contents(&at(&data, NOW));
        assert_eq!(contents(&at(&data, days(700))), first);
        let last = days(VALID_DAYS - RENEW_BEFORE_DAYS);
        let renewed = at(&data, last);
        for (old, new) in first.iter().zip(contents(&renewed)) {
            assert_ne!(*old, new);
        }
        assert_eq!(connect(&renewed, "localhost", last), Ok(()));
    }

    #[test]
    fn half_made_files_are_made_anew_as_a_whole() {
        let (_directory, data) = data();
        let (_elsewhere, other) = self::data();
        let others = contents(&at(&other, NOW));
        for (index, of_another) in others.iter().enumerate() {
            for damage in [&b""[..], of_another] {
                let files = at(&data, NOW);
                let before = contents(&files);
                fs::write([&files.ca, &files.certificate, &files.key][index], damage).unwrap();
                let after = at(&data, NOW);
                assert!(before.iter().zip(contents(&after)).all(|(old, new)| *old != new));
                assert_eq!(connect(&after, "localhost", NOW), Ok(()));
            }
        }
    }

    #[test]
    fn the_directory_holds_no_key_of_the_ca() {
        let (_directory, data) = data();
        let files = at(&data, NOW);
        let mut names: Vec<_> = fs::read_dir(data.path().join("tls"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["ca.pem", "localhost.key", "localhost.pem"]);
        // The one key there is the leaf's.
        assert!(load_certified_key(&files.certificate, &files.key).is_ok());
        assert!(load_certified_key(&files.ca, &files.key).is_err());
    }
}
