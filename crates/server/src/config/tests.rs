use std::fmt::Debug;

use super::*;

/// Loads `text` as `tokenbind.toml`, with these variables over it.
pub(super) fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut reading = Reading::default();
    file::read(&mut reading, Path::new("tokenbind.toml"), text);
    environment::read(&mut reading, owned(variables).into_iter());
    reading.finish()
}

fn owned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

pub(super) fn loaded(text: &str, variables: &[(&str, &str)]) -> Config {
    load(text, variables).unwrap()
}

#[track_caller]
pub(super) fn assert_refused(text: &str, variables: &[(&str, &str)], expected: &[&str]) {
    let error = load(text, variables).unwrap_err();
    let problems: Vec<_> = error.problems().iter().map(Problem::to_string).collect();
    assert_eq!(problems, expected);
}

pub(super) fn debug(value: &impl Debug) -> String {
    format!("{value:#?}")
}

const SECRET: &str = "0123456789-abcdefghijklmnopqrstuvwxyz";

const DOCUMENTATION: &str = include_str!("../../../../docs/configuration.md");

/// The fenced TOML blocks of the documentation.
fn documented_files() -> Vec<&'static str> {
    let blocks = DOCUMENTATION.split("```toml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

#[test]
fn the_documentation_has_the_table_of_keys() {
    assert!(DOCUMENTATION.contains(&reference()), "docs/configuration.md needs:\n{}", reference());
}

#[test]
fn the_documented_files_are_taken() {
    let files = documented_files();
    assert!(!files.is_empty());
    for file in files {
        if let Err(error) = load(file, &[]) {
            panic!("{error}");
        }
    }
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let written: String = KEYS
        .iter()
        .filter_map(|key| match key.default {
            keys::Default::Value(value) => Some(format!("{} = {value}\n", key.path)),
            keys::Default::Words(_) => None,
        })
        .collect();
    assert_eq!(debug(&loaded(&written, &[])), debug(&loaded("", &[])));
}

#[test]
fn defaults_follow_the_issuer_the_port_and_the_data_directory() {
    let config = loaded("data = \"/srv/tb\"\n[listen]\nport = 8443", &[]);
    assert_eq!(config.listen.to_string(), "0.0.0.0:8443");
    assert_eq!(config.issuer, "https://localhost:8443");
    assert_eq!(config.tokens.default_audience, ["https://localhost:8443"]);
    assert_eq!(config.server_key_file, Path::new("/srv/tb/server.key"));
    assert_eq!(config.certificate, Certificate::Local);
    assert!(config.initial_access_token.is_none());
    assert!(config.passwords.concurrent_hashes >= 1);
}

#[test]
fn a_quickstart_is_for_this_machine_alone() {
    let config = Config::default_for("/tmp/tb");
    assert_eq!(config.listen.to_string(), "127.0.0.1:9443");
    assert_eq!(config.data, Path::new("/tmp/tb"));
    let serve = loaded("data = \"/tmp/tb\"\nlisten.address = \"127.0.0.1\"", &[]);
    assert_eq!(debug(&config), debug(&serve));
}

#[test]
fn every_key_is_read_from_the_file() {
    let config = loaded(
        r#"
        issuer = "https://id.example.com"
        data = "/var/lib/tokenbind"
        trusted_proxies = ["10.1.0.0/16", "::1/128"]
        proxy.certificate_header = "X-SSL-Client-Cert"
        listen = { address = "::", port = 443 }
        [tls]
        certificate = "/etc/chain.pem"
        key = "/etc/key.pem"
        [mtls]
        address = "::1"
        port = 444
        base_url = "https://mtls.id.example.com"
        client_trust_anchors = "/etc/clients.pem"
        [metrics]
        address = "off"
        [tokens]
        default_audience = ["https://api.example.com", "urn:example:api"]
        access_token_signing_alg = "EdDSA"
        authorization_code_lifetime = "10s"
        pushed_request_lifetime = "5m"
        refresh_token_reuse_grace = 0
        [keys]
        server_key_file = "/run/secrets/server.key"
        [registration]
        initial_access_token = "0123456789-abcdefghijklmnopqrstuvwxyz"
        [clients]
        metadata_documents = true
        metadata_document_hosts = ["app.example", "b.example"]
        metadata_document_scope = "openid mcp:tools"
        [passwords]
        concurrent_hashes = 3
        [limits]
        body_bytes = 1048576
        failed_logins_per_minute = 5
        request_timeout = "10s"
        [session]
        idle = "15m"
        absolute = "24h"
        [cookie]
        same_site = "Lax"
        domain = "example.com"
        [outbound]
        trust_anchors = ["/etc/ca.pem", "/etc/app.pem"]
        allow_loopback = true
        allow_networks = ["10.0.0.0/8", "fd00::/8"]
        [log]
        filter = "warn,tokenbind=debug"
        format = "json"
        "#,
        &[],
    );
    let files = Certificate::Files { chain: "/etc/chain.pem".into(), key: "/etc/key.pem".into() };
    assert_eq!(config.certificate, files);
    assert_eq!(config.issuer, "https://id.example.com");
    assert_eq!(config.data, Path::new("/var/lib/tokenbind"));
    assert_eq!(config.listen.to_string(), "[::]:443");
    let mtls = Mtls {
        listen: Some("[::1]:444".parse().unwrap()),
        base_url: Some("https://mtls.id.example.com".into()),
        client_trust_anchors: vec!["/etc/clients.pem".into()],
    };
    assert_eq!(config.mtls, mtls);
    let header = HeaderName::from_static("x-ssl-client-cert");
    let proxy = Proxy {
        trusted: ["10.1.0.0/16", "::1/128"].map(|net| net.parse().unwrap()).into(),
        certificate_header: Some(CertificateHeader::EscapedPem(header)),
    };
    assert_eq!(config.proxy, proxy);
    assert_eq!(config.metrics, None);
    assert_eq!(
        config.tokens,
        Tokens {
            default_audience: vec!["https://api.example.com".into(), "urn:example:api".into()],
            access_token_signing_alg: SigningAlgorithm::EdDSA,
            authorization_code_lifetime: Duration::from_secs(10),
            pushed_request_lifetime: Duration::from_mins(5),
            refresh_token_reuse_grace: Duration::ZERO,
        }
    );
    assert_eq!(config.server_key_file, Path::new("/run/secrets/server.key"));
    assert_eq!(config.initial_access_token.unwrap().reveal(), SECRET);
    assert_eq!(config.passwords.concurrent_hashes, 3);
    let request_timeout = Duration::from_secs(10);
    let limits = Limits { body_bytes: 1 << 20, failed_logins_per_minute: 5, request_timeout };
    assert_eq!(config.limits, limits);
    assert_eq!(config.session.idle, Duration::from_mins(15));
    assert_eq!(config.session.absolute, Duration::from_hours(24));
    let cookie = Cookie { same_site: SameSite::Lax, domain: Some("example.com".into()) };
    assert_eq!(config.cookie, cookie);
    let outbound = Outbound {
        trust_anchors: vec!["/etc/ca.pem".into(), "/etc/app.pem".into()],
        allow_loopback: true,
        allow_networks: ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap()).into(),
    };
    assert_eq!(config.outbound, outbound);
    let log = Log { filter: "warn,tokenbind=debug".into(), format: LogFormat::Json };
    assert_eq!(config.log, log);
}

#[test]
fn the_environment_goes_over_the_file() {
    let file = "[listen]\nport = 1\n[session]\nidle = \"1h\"";
    let variables = [
        ("PATH", "/bin"),
        ("TOKENBIND_LISTEN__PORT", "8443"),
        ("TOKENBIND_SESSION__ABSOLUTE", "2h"),
        ("TOKENBIND_TOKENS__DEFAULT_AUDIENCE", "urn:a urn:b"),
        ("tokenbind_log__format", "json"),
    ];
    let config = loaded(file, &variables);
    assert_eq!(config.listen.port(), 8443);
    assert_eq!(config.session.idle, Duration::from_hours(1));
    assert_eq!(config.session.absolute, Duration::from_hours(2));
    assert_eq!(config.tokens.default_audience, ["urn:a", "urn:b"]);
    assert_eq!(config.log.format, LogFormat::Text);
}

#[test]
fn all_problems_are_told_at_once_with_their_places() {
    let file = "\
issuer = \"http://id.example.com\"
lisen.port = 1
filter = 1
address = 1
[listen]
addres = \"::\"
  port = \"x\"
[limits]
\"é\" = 1
body_bytes = 1.5
body_byte.s = 2
";
    let variables = [
        ("TOKENBIND_LISTEN__PORT", "65536"),
        ("TOKENBIND_LISTEN_PORT", "1"),
        ("TOKENBIND_ZZZ", ""),
        ("TOKENBIND_TLS__KEY", ""),
    ];
    assert_refused(
        file,
        &variables,
        &[
            "tokenbind.toml:1:10: issuer: expected an https URL without query, fragment, user name and final slash, found \"http://id.example.com\"",
            "tokenbind.toml:2:1: lisen: unknown key, did you mean listen?",
            "tokenbind.toml:3:1: filter: unknown key, did you mean log.filter?",
            "tokenbind.toml:4:1: address: unknown key",
            "tokenbind.toml:6:1: listen.addres: unknown key, did you mean listen.address?",
            "tokenbind.toml:7:10: listen.port: expected a port number from 1 to 65535, found \"x\"",
            "tokenbind.toml:9:1: limits.é: unknown key",
            "tokenbind.toml:10:14: limits.body_bytes: expected a number of bytes from 1024 to 1048576, found a floating-point number",
            "tokenbind.toml:11:1: limits.body_byte: unknown key, did you mean limits.body_bytes?",
            "TOKENBIND_LISTEN_PORT: unknown variable, did you mean TOKENBIND_LISTEN__PORT?",
            "TOKENBIND_LISTEN__PORT: expected a port number from 1 to 65535, found \"65536\"",
            "TOKENBIND_TLS__KEY: expected the path of a PEM file, found \"\"",
            "TOKENBIND_TLS__KEY: needs tls.certificate beside it",
            "TOKENBIND_ZZZ: unknown variable",
        ],
    );
}

#[test]
fn columns_count_characters() {
    let file = "log = { filter = \"é\", format = \"xml\" }";
    assert_refused(
        file,
        &[],
        &["tokenbind.toml:1:32: log.format: expected one of \"text\", \"json\", found \"xml\""],
    );
}

#[test]
fn kinds_of_values_are_named() {
    let file = "\
data = [1]
listen = 9443
log.format = true
[issuer]
[[tls]]
";
    let issuer = "expected an https URL without query, fragment, user name and final slash";
    assert_refused(
        file,
        &[],
        &[
            "tokenbind.toml:1:8: data: expected a directory, found an array of other than strings",
            "tokenbind.toml:2:1: listen: expected a table, found 9443",
            "tokenbind.toml:3:14: log.format: expected one of \"text\", \"json\", found true",
            &format!("tokenbind.toml:4:1: issuer: {issuer}, found a table"),
            "tokenbind.toml:5:3: tls: expected a table, found an array of tables",
        ],
    );
}

#[test]
fn what_is_not_toml_is_told_with_its_place() {
    let error = load("[tls]\nkey = \"k\"\nkey = \"k\"\n", &[]).unwrap_err();
    assert_eq!(error.to_string(), "tokenbind.toml:3:1: not TOML: duplicate key");
}

#[test]
fn the_environment_is_judged_alone_where_the_file_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("absent.toml");
    let variables =
        [("TOKENBIND_LISTEN__PORT", "0"), ("TOKENBIND_TLS__KEY", "perhaps the file has the rest")];
    let error = Config::load(Some(&path), owned(&variables).into_iter()).unwrap_err();
    let problems: Vec<_> = error.problems().iter().map(Problem::to_string).collect();
    assert_eq!(
        problems,
        [
            format!("{}: cannot be read: No such file or directory (os error 2)", path.display()),
            "TOKENBIND_LISTEN__PORT: expected a port number from 1 to 65535, found \"0\"".into(),
        ]
    );
}

#[test]
fn a_file_is_read_from_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokenbind.toml");
    fs::write(&path, "listen.port = 7").unwrap();
    let config = Config::load(Some(&path), std::iter::empty()).unwrap();
    assert_eq!(config.listen.port(), 7);
}

#[test]
fn certificate_and_key_need_each_other() {
    assert_refused(
        "[tls]\ncertificate = \"chain.pem\"",
        &[],
        &["tokenbind.toml:2:15: tls.certificate: needs tls.key beside it"],
    );
    // A key that is there but not a path is one problem, not two.
    assert_refused(
        "[tls]\ncertificate = \"chain.pem\"\nkey = 1",
        &[],
        &["tokenbind.toml:3:7: tls.key: expected the path of a PEM file, found 1"],
    );
}

#[test]
fn a_session_ends_absolutely_no_sooner_than_idly() {
    assert_refused(
        "[session]\nidle = \"1h\"\nabsolute = \"30m\"",
        &[],
        &[
            "tokenbind.toml:3:12: session.absolute: session.absolute (30m) is shorter than session.idle (1h)",
        ],
    );
    assert_refused(
        "[session]\nidle = \"13h\"",
        &[],
        &[
            "tokenbind.toml:2:8: session.idle: session.absolute (12h) is shorter than session.idle (13h)",
        ],
    );
    assert_refused(
        "[session]\nidle = \"13h\"",
        &[("TOKENBIND_SESSION__ABSOLUTE", "soon")],
        &[
            "TOKENBIND_SESSION__ABSOLUTE: expected a duration from \"1s\" to \"87600h\", or whole seconds, found \"soon\"",
        ],
    );
    assert_eq!(loaded("[session]\nidle = \"12h\"", &[]).session.idle, Duration::from_hours(12));
}

#[test]
fn the_cookie_goes_to_a_domain_of_the_issuer() {
    for domain in ["id.example.com", "example.com"] {
        let file = format!("issuer = \"https://id.example.com\"\ncookie.domain = {domain:?}");
        assert_eq!(loaded(&file, &[]).cookie.domain.as_deref(), Some(domain));
    }
    for domain in ["app.example.com", "ample.com", "d.example.com"] {
        assert_refused(
            &format!("issuer = \"https://id.example.com\"\ncookie.domain = {domain:?}"),
            &[],
            &[&format!(
                "tokenbind.toml:2:17: cookie.domain: the issuer's host id.example.com is neither {domain} nor under it"
            )],
        );
    }
    assert_refused(
        "cookie = { same_site = \"none\", domain = \".example.com\" }",
        &[],
        &[
            "tokenbind.toml:1:24: cookie.same_site: expected one of \"None\", \"Lax\", \"Strict\", found \"none\"",
            "tokenbind.toml:1:41: cookie.domain: expected a domain name in lower case, without a leading dot, found \".example.com\"",
        ],
    );
}

#[test]
fn metrics_do_not_take_the_servers_port() {
    assert_refused(
        "metrics.address = \"127.0.0.1:9443\"",
        &[],
        &[
            "tokenbind.toml:1:19: metrics.address: the metrics and the server cannot both listen on 0.0.0.0:9443",
        ],
    );
    assert_refused(
        "listen.port = 9445",
        &[],
        &[
            "tokenbind.toml:1:15: listen.port: the metrics and the server cannot both listen on 0.0.0.0:9445",
        ],
    );
    loaded("metrics.address = \"127.0.0.2:9443\"\nlisten.address = \"127.0.0.1\"", &[]);
    loaded("metrics.address = \"off\"\nlisten.port = 9445", &[]);
}

#[test]
fn the_listener_for_certificates_has_an_address_of_its_own() {
    assert_refused(
        "mtls.port = 9443",
        &[],
        &[
            "tokenbind.toml:1:13: mtls.port: the listener for client certificates and the server cannot both listen on 0.0.0.0:9443",
        ],
    );
    assert_refused(
        "mtls.port = 9445",
        &[],
        &[
            "tokenbind.toml:1:13: mtls.port: the listener for client certificates and the metrics cannot both listen on 127.0.0.1:9445",
        ],
    );
    assert_refused(
        "mtls.address = \"127.0.0.1\"",
        &[],
        &["tokenbind.toml:1:16: mtls.address: needs mtls.port beside it"],
    );
    let config = loaded("listen.address = \"127.0.0.1\"\nmtls.port = 9444", &[]);
    assert_eq!(config.mtls.listen, Some("127.0.0.1:9444".parse().unwrap()));
}

#[test]
fn clients_with_certificates_are_told_the_issuer_at_the_other_port() {
    let told = |text: &str| loaded(text, &[]).mtls.base_url;
    assert_eq!(told(""), None);
    assert_eq!(told("mtls.port = 9444"), Some("https://localhost:9444".into()));
    let with_path = "issuer = \"https://id.example.com/tenant\"\nmtls.port = 444";
    assert_eq!(told(with_path), Some("https://id.example.com:444/tenant".into()));
    let own = "mtls.port = 444\nmtls.base_url = \"https://mtls.id.example.com\"";
    assert_eq!(told(own), Some("https://mtls.id.example.com".into()));
}

#[test]
fn certificates_have_to_be_shown_somewhere_and_headers_to_be_believed_from_somebody() {
    let nowhere = "needs mtls.port or proxy.certificate_header beside it, since otherwise nobody can show a certificate";
    assert_refused(
        "mtls.base_url = \"https://a.example\"\nmtls.client_trust_anchors = \"ca.pem\"",
        &[],
        &[
            &format!("tokenbind.toml:1:17: mtls.base_url: {nowhere}"),
            &format!("tokenbind.toml:2:29: mtls.client_trust_anchors: {nowhere}"),
        ],
    );
    assert_refused(
        "proxy.certificate_header = \"client-cert\"",
        &[],
        &[
            "tokenbind.toml:1:28: proxy.certificate_header: needs trusted_proxies beside it: from anyone else it is ignored",
        ],
    );
    let config =
        loaded("proxy.certificate_header = \"client-cert\"\ntrusted_proxies = \"::1/128\"", &[]);
    assert!(config.takes_certificates());
    assert!(!loaded("", &[]).takes_certificates());
}

#[test]
fn secrets_show_nowhere() {
    let shown = debug(&loaded(&format!("registration.initial_access_token = {SECRET:?}"), &[]));
    assert!(!shown.contains(SECRET), "{shown}");
    let takes = "at least 32 characters out of letters, digits and -._~+/, with = at the end only";
    assert_refused(
        "registration.initial_access_token = \"too short\"",
        &[("TOKENBIND_REGISTRATION__INITIAL_ACCESS_TOKEN", "hunter2")],
        &[
            &format!(
                "tokenbind.toml:1:37: registration.initial_access_token: expected {takes}, found a string of 9 characters"
            ),
            &format!(
                "TOKENBIND_REGISTRATION__INITIAL_ACCESS_TOKEN: expected {takes}, found a string of 7 characters"
            ),
        ],
    );
}

#[test]
fn the_initial_access_token_may_be_in_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let variable = [("TOKENBIND_REGISTRATION__INITIAL_ACCESS_TOKEN_FILE", path)];

    fs::write(path, format!("{SECRET}\n")).unwrap();
    assert_eq!(loaded("", &variable).initial_access_token.unwrap().reveal(), SECRET);

    let both = format!("registration.initial_access_token = {SECRET:?}");
    let two = "TOKENBIND_REGISTRATION__INITIAL_ACCESS_TOKEN_FILE: registration.initial_access_token is given too; keep one";
    assert_refused(&both, &variable, &[two]);

    fs::write(path, "short\n").unwrap();
    let short = format!(
        "TOKENBIND_REGISTRATION__INITIAL_ACCESS_TOKEN_FILE: {path} must hold at least 32 characters out of letters, digits and -._~+/, with = at the end only; it holds a string of 5 characters"
    );
    assert_refused("", &variable, &[&short]);

    let absent = "registration.initial_access_token_file = \"/nonexistent/token\"";
    assert_refused(
        absent,
        &[],
        &[
            "tokenbind.toml:1:42: registration.initial_access_token_file: /nonexistent/token cannot be read: No such file or directory (os error 2)",
        ],
    );
}

#[test]
fn a_rejection_may_say_more() {
    assert_refused(
        "issuer = \"https://id.example.com/\"",
        &[],
        &[
            "tokenbind.toml:1:10: issuer: expected an https URL without query, fragment, user name and final slash, found \"https://id.example.com/\": write it as \"https://id.example.com\"",
        ],
    );
}
