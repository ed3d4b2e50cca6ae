use std::fs;

use tokenbind_issuer::declared::DeclaredUser;

use super::super::tests::{assert_refused, debug, load, loaded};

const SECRET: &str = "0123456789-abcdefghijklmnopqrstuvwxyz";
const PHC: &str =
    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

#[test]
fn applications_and_users_are_declared() {
    let file = format!(
        r#"
        [[applications]]
        client_id = "shop"
        client_secret = "{SECRET}"
        client_name = "Shop"
        redirect_uris = ["https://shop.example/callback"]
        grant_types = ["authorization_code", "refresh_token"]
        scope = "openid email"
        revoke_tokens_on_logout = true
        user_access_token_lifetime = 600
        [[applications.jwks.keys]]
        kty = "EC"
        crv = "P-256"
        x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
        y = "x0L8pPCzPnFVRoCwLUhiW2uZ_2uhhaf4RgiFWd8-mTM"

        [[applications]]
        client_id = "pocket"
        token_endpoint_auth_method = "none"

        [[users]]
        username = "alice"
        password = " correct horse "
        [users.claims]
        name = "Alice Example"
        email_verified = true
        updated_at = 1700000000
        address = {{ country = "NZ", locality = "Dunedin" }}

        [[users]]
        username = "bob"
        password_hash = "{PHC}"
        "#
    );
    let config = loaded(&file, &[]);
    let ids: Vec<_> = config.applications.iter().map(|each| each.client_id().as_str()).collect();
    assert_eq!(ids, ["shop", "pocket"]);
    let shown = debug(&config.applications);
    for part in
        ["Shop", "https://shop.example/callback", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let names: Vec<_> = config.users.iter().map(DeclaredUser::username).collect();
    assert_eq!(names, ["alice", "bob"]);
    let shown = debug(&config.users);
    for part in ["Alice Example", "Dunedin", "1700000000"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn secrets_of_declarations_show_nowhere() {
    let file = format!(
        r#"
        applications = [{{ client_id = "shop", client_secret = "{SECRET}" }}]
        users = [
            {{ username = "alice", password = "correct horse" }},
            {{ username = "bob", password_hash = "{PHC}" }},
        ]
        "#
    );
    let shown = debug(&loaded(&file, &[]));
    for secret in [SECRET, "correct horse", PHC] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let file = r#"
        [[applications]]
        client_id = "shop"
        client_secret = "hunter2"
        [[applications]]
        client_id = "pocket"
        token_endpoint_auth_method = "none"
        client_secret = ["hunter2-hunter2-hunter2-hunter2-hunter2", 7]
        [[users]]
        username = "alice"
        password = ["hunter2", "hunter2"]
        [[users]]
        username = "bob"
        password_hash = "hunter2"
        [[users]]
        username = "carol"
        password = 222
    "#;
    let error = load(file, &[]).unwrap_err();
    assert_eq!(error.problems().len(), 5, "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert!(!error.to_string().contains("222"), "{error}");
}

#[test]
fn every_slip_in_a_declaration_is_told_with_its_place() {
    let file = "\
[[applications]]
client_id = \"shop\"
client_secret = \"0123456789-abcdefghijklmnopqrstuvwxyz\"
redirect_uri = [\"https://shop.example/callback\"]
redirect_uris = [\"http://shop.example/callback\"]

[[applications]]
client_id = \"a/b\"
grant_types = [\"authorization_code\", \"implicit\"]

[[applications]]
token_endpoint_auth_method = \"none\"
grant_types = [\"client_credentials\"]

[[users]]
username = \" \"
pasword = \"correct horse\"
claims.birthdate = 1990-01-31
";
    assert_refused(
        file,
        &[],
        &[
            "tokenbind.toml:4:1: applications[0].redirect_uri: unknown, did you mean redirect_uris?",
            "tokenbind.toml:5:17: applications[0].redirect_uris: must use https, http on a loopback address, or a private scheme such as com.example.app",
            "tokenbind.toml:8:13: applications[1].client_id: must be 1 to 255 visible ASCII characters, without any of / : \" \\ % +",
            "tokenbind.toml:9:38: applications[1].grant_types[1]: not a known grant type",
            "tokenbind.toml:11:1: applications[2].client_id: is missing",
            "tokenbind.toml:13:15: applications[2].grant_types: client_credentials needs a client that authenticates, but token_endpoint_auth_method is none",
            "tokenbind.toml:15:1: users[0].password: is missing; password_file or password_hash will do as well",
            "tokenbind.toml:16:12: users[0].username: must be 1 to 255 characters and not blank",
            "tokenbind.toml:17:1: users[0].pasword: unknown, did you mean password?",
            "tokenbind.toml:18:20: users[0].claims.birthdate: expected text: write it as \"1990-01-31\"",
        ],
    );
}

#[test]
fn an_application_has_a_secret_exactly_if_it_shows_one() {
    let of = |members: &str| format!("[[applications]]\nclient_id = \"shop\"\n{members}\n");
    let long = "must be at least 32 visible ASCII characters without spaces; `openssl rand -hex 32` makes one";
    for (members, place, told) in [
        (
            "",
            "1:1: applications[0].client_secret",
            "is missing, and the application authenticates by client_secret_basic",
        ),
        (
            &format!("token_endpoint_auth_method = \"none\"\nclient_secret = \"{SECRET}\""),
            "4:17: applications[0].client_secret",
            "is of no use, since token_endpoint_auth_method is none",
        ),
        (
            "client_secret = \"0123456789abcdefghijklmnopqrstu\"",
            "3:17: applications[0].client_secret",
            long,
        ),
        (
            "client_secret = \"0123456789abcdefghijklmnopqrst vwxyz\"",
            "3:17: applications[0].client_secret",
            long,
        ),
        ("client_secret = []", "3:17: applications[0].client_secret", "expected a string"),
        (
            &format!("client_secret = [\"{SECRET}1\", \"{SECRET}2\", \"{SECRET}3\"]"),
            "3:17: applications[0].client_secret",
            "must be at most 2 secrets",
        ),
    ] {
        assert_refused(&of(members), &[], &[&format!("tokenbind.toml:{place}: {told}")]);
    }
    loaded(&of(&format!("client_secret = [\"{SECRET}1\", \"{SECRET}2\"]")), &[]);
}

#[test]
fn secrets_may_be_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (secret, password) = (path("secret"), path("password"));
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    fs::write(&password, " correct horse \n").unwrap();
    let of = |secret: &str, password: &str| {
        format!(
            "[[applications]]\nclient_id = \"shop\"\n{secret}\n\
             [[users]]\nusername = \"alice\"\n{password}\n"
        )
    };
    let in_files = loaded(
        &of(&format!("client_secret_file = {secret:?}"), &format!("password_file = {password:?}")),
        &[],
    );
    let inline =
        loaded(&of(&format!("client_secret = {SECRET:?}"), "password = \" correct horse \""), &[]);
    assert_eq!(in_files.applications, inline.applications, "the newline is not the secret's");
    let [user] = &in_files.users[..] else { panic!("one user") };
    assert_eq!(user.clear_password(), Some(" correct horse "), "spaces are the password's");

    fs::write(&secret, "short").unwrap();
    assert_refused(
        &of(
            &format!("client_secret_file = {secret:?}"),
            "password_file = \"/nonexistent/password\"",
        ),
        &[],
        &[
            "tokenbind.toml:3:22: applications[0].client_secret_file: must be at least 32 visible ASCII characters without spaces; `openssl rand -hex 32` makes one",
            "tokenbind.toml:6:17: users[0].password_file: /nonexistent/password cannot be read: No such file or directory (os error 2)",
        ],
    );
    assert_refused(
        &of(
            &format!("client_secret = {SECRET:?}\nclient_secret_file = {secret:?}"),
            &format!("password = \"x\"\npassword_hash = {PHC:?}"),
        ),
        &[],
        &[
            "tokenbind.toml:4:22: applications[0].client_secret_file: client_secret is given too; keep one",
            "tokenbind.toml:8:17: users[0].password_hash: a password is given too; keep one",
        ],
    );
}

#[test]
fn nothing_is_declared_twice() {
    let file = format!(
        "[[applications]]\nclient_id = \"shop\"\nclient_secret = \"{SECRET}\"\n\
         [[applications]]\nclient_id = \"shop\"\ntoken_endpoint_auth_method = \"none\"\n\
         [[users]]\nusername = \"alice\"\npassword = \"a\"\n\
         [[users]]\nusername = \"alice\"\npassword = \"b\"\n"
    );
    assert_refused(
        &file,
        &[],
        &[
            "tokenbind.toml:5:13: applications[1].client_id: shop is declared twice",
            "tokenbind.toml:11:12: users[1].username: alice is declared twice",
        ],
    );
}

#[test]
fn declarations_are_arrays_of_tables() {
    assert_refused(
        "aplications = 1\napplications = [1]\n[users]\nusername = \"alice\"\n",
        &[],
        &[
            "tokenbind.toml:1:1: aplications: unknown key, did you mean applications?",
            "tokenbind.toml:2:1: applications: expected an array of tables, found an array of other than strings",
            "tokenbind.toml:3:2: users: expected an array of tables, found a table",
        ],
    );
    assert_refused(
        "[[users]]\nusername = \"alice\"\npassword = \"x\"\nclaims = \"none\"\n",
        &[],
        &["tokenbind.toml:4:10: users[0].claims: expected a table"],
    );
    assert_refused(
        "[[users]]\nusername = \"alice\"\npassword = \"x\"\n[users.claims]\nx = [1, { y = nan }]\n",
        &[],
        &["tokenbind.toml:5:15: users[0].claims.x[1].y: expected a finite number"],
    );
}

#[test]
fn a_password_hash_is_argon2id_and_affordable() {
    let of = |hash: &str| format!("[[users]]\nusername = \"alice\"\npassword_hash = {hash:?}\n");
    loaded(&of(PHC), &[]);
    let form =
        "must be an argon2id hash in PHC form, such as $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH";
    let cost = "must ask for at most 262144 KiB of memory (m) and 20 passes (t)";
    for (hash, told) in [
        ("$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", form),
        (&PHC.replace("m=256", "m=4194304"), cost),
    ] {
        assert_refused(
            &of(hash),
            &[],
            &[&format!("tokenbind.toml:3:17: users[0].password_hash: {told}")],
        );
    }
}

#[test]
fn resources_are_declared() {
    let file = r#"
        [[resources]]
        identifier = "https://api.example/orders"
        name = "Orders"
        scopes = ["orders:read", "orders:write"]
        required_binding_types = ["dpop", "certificate"]
        access_token_format = "jwt"
        access_token_lifetime = 300
        acr = "pwd"
        max_age = 3600
        client_id = "declared-later"

        [[resources]]
        identifier = "urn:example:mail"
    "#;
    let config = loaded(file, &[]);
    let identifiers: Vec<_> = config.resources.iter().map(|each| &*each.identifier).collect();
    assert_eq!(identifiers, ["https://api.example/orders", "urn:example:mail"]);
    let orders = &config.resources[0];
    assert_eq!(orders.scopes.as_str(), "orders:read orders:write");
    assert_eq!((orders.access_token_lifetime, orders.max_age), (Some(300), Some(3600)));
}

#[test]
fn every_slip_in_a_resource_is_told_with_its_place() {
    let file = "\
[[resources]]
identifier = \"http://api.example\"
scope = [\"read\"]
scopes = [\"two words\"]

[[resources]]
required_binding_types = [\"dpop\", \"token\"]
access_token_format = \"paseto\"
access_token_lifetime = 0

[[resources]]
identifier = \"https://api.example/#top\"
acr = \"phr\"
max_age = \"1h\"

[[resources]]
identifier = \"https://api.example\"
[[resources]]
identifier = \"https://API.example:443/\"
";
    assert_refused(
        file,
        &[],
        &[
            "tokenbind.toml:2:14: resources[0].identifier: must be an https URI or a URN; http is for this very machine only",
            "tokenbind.toml:3:1: resources[0].scope: unknown, did you mean scopes?",
            "tokenbind.toml:4:10: resources[0].scopes: must be scope words: an array, or text with spaces",
            "tokenbind.toml:6:1: resources[1].identifier: is missing",
            "tokenbind.toml:7:26: resources[1].required_binding_types: must be an array of these, each at most once: cookie, sso-session, certificate, device-flow, client-request, dpop",
            "tokenbind.toml:8:23: resources[1].access_token_format: must be opaque or jwt",
            "tokenbind.toml:9:25: resources[1].access_token_lifetime: must be a number of seconds from 1 to 315360000",
            "tokenbind.toml:12:14: resources[2].identifier: a resource is named by an absolute URI without a fragment, in visible ASCII",
            "tokenbind.toml:13:7: resources[2].acr: must be one that a login here can reach: pwd",
            "tokenbind.toml:14:11: resources[2].max_age: must be a number of seconds from 1 to 315360000",
            "tokenbind.toml:19:14: resources[4].identifier: https://api.example/ is declared twice",
        ],
    );
}
