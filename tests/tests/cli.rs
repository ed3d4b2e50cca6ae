//! The command line: quickstart, configuration, applications and users; and its refusals.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::{Value, json};
use tokenbind_tests::{Operator, Server, User};

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[tokio::test]
async fn quickstart_json_has_these_members_and_its_owner_alone_reads_it() {
    let server = Server::shared().await;
    let path = server.data().join("quickstart.json");
    let mode = fs::metadata(&path).expect("the file").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let facts = server.facts();
    assert_eq!(facts.issuer, server.issuer());
    assert_eq!(fs::read(&facts.ca_certificate).ok(), fs::read(server.ca()).ok());
    let formats: Vec<_> =
        facts.applications.iter().map(|each| each.access_token_format.as_str()).collect();
    assert_eq!(formats, ["opaque", "jwt"]);
    let data = fs::metadata(server.data()).expect("the directory").permissions().mode() & 0o777;
    assert_eq!(data, 0o700);
}

#[tokio::test]
async fn quickstart_again_finds_everything_as_it_was() {
    let mut server = Server::quickstart().await;
    let facts = server.facts();
    let listed = server.operator().json(&["app", "list"]).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    server.stop().await;
    server.restart().await;
    assert_eq!(server.facts(), facts, "the same secrets");
    assert_eq!(server.operator().json(&["app", "list"]).await, listed, "nothing twice");
    for format in ["opaque", "jwt"] {
        let (client, user) = server.quickstart_client(format);
        let _ = client.password(&user, &[]).await.tokens();
    }
}

#[tokio::test]
async fn quickstart_completes_a_start_that_was_cut_short() {
    let mut server = Server::quickstart().await;
    let facts = server.facts();
    let operator = server.operator();
    operator.json(&["app", "delete", "quickstart-jwt"]).await;
    operator.json(&["user", "delete", &facts.user.username]).await;
    server.restart().await;
    assert_eq!(server.facts(), facts);
    let (client, user) = server.quickstart_client("jwt");
    let _ = client.password(&user, &[]).await.tokens();
}

#[tokio::test]
async fn a_second_process_on_the_same_data_is_refused() {
    let server = Server::shared().await;
    let data = server.data();
    let port = (server.port() + 3).to_string();
    let second = ["quickstart", "--data", text(&data), "--port", &port];
    let complaint = Operator::tokenbind(&second, &[], "").await.complaint();
    assert!(complaint.contains("process"), "{complaint}");
    assert!(complaint.contains(text(&data)) || complaint.contains("data"), "{complaint}");
    let _ = server.registrar().slotted("opaque").await.own_token(None).await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_told() {
    let server = Server::shared().await;
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let (data, port) = (elsewhere.path().join("data"), server.port().to_string());
    let second = ["quickstart", "--data", text(&data), "--port", &port];
    let ran = Operator::tokenbind(&second, &[], "").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    let last = ran.stderr.lines().last().expect("a complaint");
    assert!(last.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{last}");
}

/// Writes a configuration and checks it.
async fn check(toml: &str, environment: &[(&str, &str)]) -> (String, tokenbind_tests::Ran) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("tokenbind.toml");
    fs::write(&path, toml).expect("the configuration can be written");
    let arguments = ["config", "check", "--config", text(&path)];
    let ran = Operator::tokenbind(&arguments, environment, "").await;
    (text(&path).to_owned(), ran)
}

#[tokio::test]
async fn config_check_names_every_slip_with_its_place() {
    let toml = "issuer = \"https://id.example.com\"\n\
                [listen]\n\
                prot = 9443\n\
                port = 99999\n\
                [session]\n\
                idle = \"soon\"\n";
    let (path, ran) = check(toml, &[]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    for (line, place, key) in [
        (lines[0], "3:1", "listen.prot"),
        (lines[1], "4:8", "listen.port"),
        (lines[2], "6:8", "session.idle"),
    ] {
        assert!(line.contains(&format!("{path}:{place}: {key}: ")), "{line}");
    }
    assert!(lines[0].contains("port"), "a suggestion: {}", lines[0]);
}

#[tokio::test]
async fn config_check_reads_the_environment_and_shows_no_secret() {
    let (_, ran) = check("", &[("TOKENBIND_SESSION__IDLE", "soon")]).await;
    assert!(ran.complaint().contains("TOKENBIND_SESSION__IDLE"), "{ran:?}");
    let (_, ran) = check("", &[("TOKENBIND_SESION__IDLE", "15m")]).await;
    assert!(ran.complaint().contains("TOKENBIND_SESSION__IDLE"), "a suggestion: {ran:?}");
    let (_, ran) = check("registration.initial_access_token = \"too short\"", &[]).await;
    let complaint = ran.complaint();
    assert!(complaint.contains("1:") && !complaint.contains("too short"), "{complaint}");
    let missing = ["config", "check", "--config", "/nonexistent/tokenbind.toml"];
    let complaint = Operator::tokenbind(&missing, &[], "").await.complaint();
    assert!(complaint.contains("/nonexistent/tokenbind.toml"), "{complaint}");
}

#[tokio::test]
async fn config_check_accepts_what_config_reference_documents() {
    let reference = Operator::tokenbind(&["config", "reference"], &[], "").await;
    assert_eq!(reference.code, Some(0));
    for key in ["issuer", "listen.port", "session.idle", "tokens.refresh_token_reuse_grace"] {
        assert!(reference.stdout.contains(key), "{key}");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let toml = format!(
        "issuer = \"https://id.example.com\"\ndata = \"{}\"\n\
         session = {{ idle = \"15m\", absolute = 3600 }}\n",
        folder.path().join("data").display()
    );
    let environment = [("TOKENBIND_SESSION__IDLE", "20m"), ("HOME", "/")];
    let (path, ran) = check(&toml, &environment).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout, format!("{path}: the configuration is good\n"));
}

#[tokio::test]
async fn serve_takes_its_configuration_from_the_file_and_the_environment_over_it() {
    let environment = [
        ("TOKENBIND_SESSION__IDLE", "15m"),
        ("TOKENBIND_TOKENS__DEFAULT_AUDIENCE", "https://api.example urn:other"),
    ];
    let toml = "tokens.default_audience = \"https://file.example\"\nlimits.body_bytes = 2048\n";
    let mut server = Server::serve(toml, &environment).await;
    let client = server.registrar().slotted("opaque").await;
    let token = client.own_token(None).await.access_token;
    let told = client.introspect(&token).await;
    assert_eq!(told["aud"], json!(["https://api.example", "urn:other"]));
    let answer = client.client_credentials(&[("padding", &"x".repeat(2048))]).await;
    let _ = answer.refused(413, "invalid_request");

    let config = server.config_file();
    let listed = ["app", "list", "--json", "--config", text(&config)];
    let ran = Operator::tokenbind(&listed, &[], "").await;
    let applications: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(applications[0]["client_id"], client.id, "--config finds the data too");
    server.stop().await;
    server.restart().await;
    assert!(client.over(server.http()).is_active(&token).await);
}

#[tokio::test]
async fn the_life_of_an_application() {
    let server = Server::shared().await;
    let operator = server.operator();
    let id = "cli-application";
    let added = operator
        .json(&[
            "app",
            "add",
            "--client-id",
            id,
            "--set",
            "client_name=From the command line",
            "--set",
            "grant_types=client_credentials,refresh_token,device_code",
            "--set",
            "token_binding_types=client-request",
            "--set",
            "application_access_token_lifetime=60",
        ])
        .await;
    assert_eq!(added["client_id"], id);
    let grant_types = json!([
        "client_credentials",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code"
    ]);
    assert_eq!(added["grant_types"], grant_types, "short names are for people");
    let secret = added["client_secret"].as_str().expect("a secret");
    let client = tokenbind_tests::Client::new(server.http(), id, secret);
    assert!(client.own_token(None).await.expires_in <= 60);

    let shown = operator.json(&["app", "show", id]).await;
    assert_eq!(shown["client_name"], "From the command line");
    assert!(
        shown.get("client_secret").is_none() && shown.get("registration_access_token").is_none()
    );
    let listed = operator.json(&["app", "list"]).await;
    assert!(listed.as_array().is_some_and(|all| all.contains(&shown)));

    let update = ["app", "update", id, "--set", "access_token_format=jwt"];
    let updated = operator.json(&update).await;
    assert_eq!(updated["access_token_format"], "jwt");
    assert_eq!(updated["application_access_token_lifetime"], 60, "the rest stays");
    let update = ["app", "update", id, "--set", "application_access_token_lifetime=null"];
    assert_eq!(operator.json(&update).await["application_access_token_lifetime"], 3600);
    assert_eq!(client.own_token(None).await.access_token.split('.').count(), 3);

    assert_eq!(operator.json(&["app", "delete", id]).await, json!({ "deleted": id }));
    assert!(operator.refused(&["app", "show", id], "").await.contains(id));
}

#[tokio::test]
async fn people_get_lines_and_scripts_json() {
    let server = Server::shared().await;
    let ran = server.operator().run(&["app", "list"], "").await;
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.lines().any(|line| line.starts_with("quickstart-jwt")), "{}", ran.stdout);
    let ran = server.operator().run(&["app", "show", "quickstart-jwt"], "").await;
    let format = ran.stdout.lines().find(|line| line.starts_with("access_token_format "));
    assert!(format.is_some_and(|line| line.ends_with(" jwt")), "{}", ran.stdout);
}

#[tokio::test]
async fn the_life_of_a_user() {
    let server = Server::shared().await;
    let operator = server.operator();
    let client = server.registrar().slotted("opaque").await;
    let name = "Zoë Ünal";
    let add = ["user", "add", name, "--password-stdin", "--claim", "email=zoe@example.com"];
    let added = operator.json_with(&add, "first password\r\n").await;
    assert_eq!(added["username"], name);
    let sub = added["sub"].as_str().expect("sub").to_owned();
    let user = User { username: name.into(), password: "first password".into(), sub };
    let _ = client.password(&user, &[]).await.tokens();
    assert!(operator.refused(&add, "x").await.contains(name), "the name is taken");
    for command in ["lock", "unlock", "delete"] {
        operator.json(&["user", command, name]).await;
        assert_eq!(
            client.password(&user, &[]).await.status == 200,
            command == "unlock",
            "{command}"
        );
    }
}

#[tokio::test]
async fn the_life_of_a_resource() {
    let mut server = Server::quickstart().await;
    let operator = server.operator();
    let uri = "https://api.example/orders";
    let add = ["resource", "add", uri, "--set", "scopes=read,write", "--set", "name=Orders"];
    let added = operator.json(&add).await;
    let expected = json!({ "identifier": uri, "name": "Orders", "scopes": ["read", "write"] });
    assert_eq!(added, expected);
    assert!(operator.refused(&add, "").await.contains("there already"));
    let show = ["resource", "show", "https://API.example:443/orders"];
    assert_eq!(operator.json(&show).await, expected);
    let told = operator.json(&["resource", "metadata", uri]).await;
    let metadata = "https://api.example/.well-known/oauth-protected-resource/orders";
    assert_eq!(told["url"], metadata, "RFC 9728 section 3.1");
    let document = operator.run(&["resource", "metadata", uri], "").await;
    assert!(document.stderr.contains(metadata), "{document:?}");
    let document: Value = serde_json::from_str(&document.stdout).expect("a document");
    assert_eq!(document, told["document"]);
    assert_eq!(document["scopes_supported"], json!(["read", "write"]));
    let update = ["resource", "update", uri, "--set", "max_age=60", "--set", "name=null"];
    let changed = json!({ "identifier": uri, "scopes": ["read", "write"], "max_age": 60 });
    assert_eq!(operator.json(&update).await, changed);
    let rename = ["resource", "update", uri, "--set", "identifier=https://other.example"];
    assert!(operator.refused(&rename, "").await.contains("identifier"));
    // The same without a server.
    server.stop().await;
    assert_eq!(operator.json(&show).await, changed);
    operator.declare("urn:example:mail", &["name=Mail"]).await;
    let ran = operator.run(&["resource", "list"], "").await;
    assert_eq!(ran.stdout, format!("{uri}\nurn:example:mail  Mail\n"));
    assert_eq!(operator.json(&["resource", "delete", uri]).await, json!({ "deleted": uri }));
    server.restart().await;
    let listed = operator.json(&["resource", "list"]).await;
    assert_eq!(listed, json!([{ "identifier": "urn:example:mail", "name": "Mail" }]));
}

#[tokio::test]
async fn errors_exit_non_zero_with_one_clear_line() {
    let server = Server::shared().await;
    let operator = server.operator();
    for (arguments, stdin, named) in [
        (&["app", "show", "no-such-app"][..], "", "no-such-app"),
        (&["app", "update", "no-such-app"], "", "no-such-app"),
        (&["app", "add", "--client-id", "quickstart-jwt"], "", "client_id"),
        (&["app", "add", "--client-id", "a/b"], "", "client_id"),
        (&["app", "add", "--client-id", ""], "", "client_id"),
        (&["app", "add", "--set", "token_binding_types=device-flow"], "", "token_binding_types"),
        (&["app", "add", "--set", "refresh_token_lifetime=1h"], "", "refresh_token_lifetime"),
        (&["resource", "show", "https://nobody.example"], "", "https://nobody.example"),
        (&["resource", "delete", "https://nobody.example"], "", "https://nobody.example"),
        (&["resource", "update", "https://nobody.example"], "", "https://nobody.example"),
        (&["resource", "show", "api"], "", "absolute URI"),
        (&["resource", "add", "http://api.example"], "", "identifier"),
        (&["resource", "add", "urn:x", "--set", "acr=phr"], "", "acr"),
        (&["user", "add", "", "--password-stdin"], "x", "username"),
        (&["user", "add", "somebody", "--password-stdin"], "", "password"),
        (&["user", "add", "somebody", "--password-stdin"], "\n", "password"),
        (&["user", "add", "x", "--password-stdin", "--claim", "sub=alice"], "x", "sub"),
        (&["user", "set-claims", "nobody-here"], "", "nobody-here"),
        (&["user", "set-password", "nobody-here", "--password-stdin"], "x", "nobody-here"),
        (&["user", "unlock", "nobody-here"], "", "nobody-here"),
    ] {
        let complaint = operator.refused(arguments, stdin).await;
        assert!(complaint.contains(named), "{arguments:?}: {complaint}");
    }
    let nowhere = ["app", "list", "--data", "/nonexistent/data"];
    let complaint = Operator::tokenbind(&nowhere, &[], "").await.complaint();
    assert!(complaint.contains("/nonexistent/data"), "{complaint}");
}

#[tokio::test]
async fn a_command_line_that_cannot_be_is_refused_before_anything_happens() {
    for arguments in [
        &["app", "add", "--set", "acess_token_format=jwt"][..],
        &["app", "add", "--set", "access_token_format"],
        &["resource", "add"],
        &["resource", "add", "urn:x", "--set", "lifetime=1"],
        &["app", "update", "x", "--add-secret", "--drop-old-secret"],
        &["user", "add", "somebody"],
        &["quickstart", "--port", "65534"],
        &["serve"],
        &["end", "device", "tv"],
        &["no-such-command"],
    ] {
        let ran = Operator::tokenbind(arguments, &[], "").await;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
}
