//! The steps of MCP's authorization, with its SDK on both sides: from a refusal, by the documents of the resource and of
//! this server, to calls that only the holder of the key can make.

use serde_json::{Value, json};
use tokenbind_tests::{
    Browser, Call, Client, Publisher, ScriptedApplication, Server, arrive, unverified_claims,
};

const TOML: &str = "clients.metadata_documents = true\n\
                    clients.metadata_document_scope = \"offline_access mcp:tools\"";

/// Who takes part.
struct Scene {
    server: Server,
    publisher: Publisher,
    agent: ScriptedApplication,
    api: ScriptedApplication,
    origin: String,
    observer: Client,
    browser: Browser,
}

impl Scene {
    async fn new() -> Self {
        let server = Server::serve(TOML, &[]).await;
        let publisher = Publisher::start().await;
        let agent = ScriptedApplication::mcp_agent(&server);
        let (api, origin) = ScriptedApplication::mcp_api(&server).await;
        let observer = server.registrar().observer().await;
        let browser = server.new_browser().await;
        Self { server, publisher, agent, api, origin, observer, browser }
    }

    fn resource(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Declares a resource that the API serves.
    async fn serve(&mut self, path: &str, members: &[&str], dpop: bool) {
        let uri = self.resource(path);
        let set = members.iter().flat_map(|member| ["--set", *member]);
        let add: Vec<_> = ["resource", "add", &uri].into_iter().chain(set).collect();
        self.server.operator().json(&add).await;
        self.serve_as_declared(path, dpop).await;
    }

    /// Has the API serve the document that `tokenbind resource metadata` prints.
    async fn serve_as_declared(&mut self, path: &str, dpop: bool) {
        let uri = self.resource(path);
        let printed = self.server.operator().run(&["resource", "metadata", &uri], "").await;
        let document: Value = serde_json::from_str(&printed.stdout).expect("a document");
        let served = json!({
            "document": document,
            "client_id": self.observer.id,
            "client_secret": self.observer.secret,
            "dpop": dpop,
        });
        self.api.does_with("serve", served).await;
    }

    /// The agent is told nothing but the address of the API.
    async fn begin(&mut self, path: &str, dpop: bool) {
        let members = json!({ "dpop_bound_access_tokens": dpop });
        self.publisher.describe("/agent.json", &members);
        let settings = json!({
            "url": self.resource(path),
            "redirect_uri": self.publisher.url("/callback"),
            "client_document": self.publisher.url("/agent.json"),
            "dpop": dpop,
        });
        self.agent.does_with("begin", settings).await;
    }

    /// Leads the user to where the agent sends them, and back.
    async fn sign_in(&mut self) -> Value {
        let url = self.agent.does("connect").await["authorize"].as_str().expect("a URL").to_owned();
        let callback = arrive(&self.browser, &url, &self.publisher.url("/callback")).await;
        let given = json!({ "url": callback, "issuer": self.server.issuer() });
        self.agent.does_with("callback", given).await
    }

    async fn show(&mut self, path: &str, token: &Value) -> (u64, String) {
        let given = json!({ "url": self.resource(path), "token": token });
        let answer = self.agent.does_with("show", given).await;
        let challenge = answer["challenge"].as_str().unwrap_or_default().to_owned();
        (answer["status"].as_u64().expect("a status"), challenge)
    }
}

const BOUND: [&str; 4] = [
    "name=The tools",
    "scopes=mcp:tools",
    "required_binding_types=dpop",
    "access_token_format=jwt",
];

fn step(call: &Call) -> (&str, &str, u16) {
    (&call.method, &call.path, call.status)
}

#[tokio::test]
async fn from_discovery_to_a_bound_call() {
    let mut scene = Scene::new().await;
    scene.serve("/mcp", &BOUND, true).await;
    scene.begin("/mcp", true).await;
    let url = scene.agent.does("connect").await["authorize"].as_str().expect("a URL").to_owned();
    let steps: Vec<_> = scene.agent.calls().iter().map(step).collect();
    let expected = [
        ("POST", "/mcp", 401),
        ("GET", "/.well-known/oauth-protected-resource/mcp", 200),
        ("GET", "/.well-known/oauth-authorization-server", 200),
    ];
    assert_eq!(steps, expected, "RFC 9728 section 5: the challenge leads to both documents");
    let asked: Vec<_> =
        reqwest::Url::parse(&url).expect("a URL").query_pairs().into_owned().collect();
    let parameter =
        |name: &str| asked.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    assert_eq!(parameter("resource"), Some(scene.resource("/mcp")), "RFC 8707 section 2.1");
    assert_eq!(parameter("client_id"), Some(scene.publisher.url("/agent.json")));
    assert_eq!(parameter("scope").as_deref(), Some("mcp:tools"));
    assert_eq!(parameter("code_challenge_method").as_deref(), Some("S256"));

    let redirect_uri = scene.publisher.url("/callback");
    let callback = arrive(&scene.browser, &url, &redirect_uri).await;
    let given = json!({ "url": callback, "issuer": scene.server.issuer() });
    let tokens = scene.agent.does_with("callback", given).await;
    assert_eq!(tokens["token_type"], "DPoP");
    let claims = unverified_claims(tokens["access_token"].as_str().expect("a token"));
    assert_eq!(claims["aud"], scene.resource("/mcp"));
    assert!(claims["cnf"]["jkt"].is_string(), "{claims}");

    assert_eq!(scene.agent.does("connect").await["connected"], "api");
    assert_eq!(scene.agent.does("tools").await["names"], json!(["whoami"]));
    let told = scene.agent.does_with("call", json!({ "name": "whoami" })).await;
    assert_eq!(told["sub"], scene.browser.user.sub);
    assert_eq!(told["client_id"], scene.publisher.url("/agent.json"));
    assert!(scene.agent.calls().iter().all(|call| call.proof && call.status == 200));

    let refreshed = scene.agent.does("refresh").await;
    assert_eq!(
        (&refreshed["outcome"], &refreshed["token_type"]),
        (&json!("AUTHORIZED"), &json!("DPoP"))
    );
    let claims = unverified_claims(refreshed["access_token"].as_str().expect("a token"));
    assert_eq!(claims["aud"], scene.resource("/mcp"), "RFC 8707 section 2.2");
    scene.agent.does_with("call", json!({ "name": "whoami" })).await;

    scene.server.operator().end(&["app", &scene.publisher.url("/agent.json")]).await;
    let (status, challenge) = scene.show("/mcp", &refreshed["access_token"]).await;
    assert_eq!(status, 401);
    assert!(challenge.contains("not alive"), "{challenge}");
}

#[tokio::test]
async fn a_stolen_token_calls_nothing() {
    let mut scene = Scene::new().await;
    scene.serve("/mcp", &BOUND, true).await;
    scene.begin("/mcp", true).await;
    let tokens = scene.sign_in().await;
    assert_eq!(scene.show("/mcp", &tokens["access_token"]).await.0, 406, "let in; no MCP, though");
    scene.agent.does("steal").await;
    assert_eq!(scene.show("/mcp", &tokens["access_token"]).await.0, 401);
    let _ = scene.agent.fails("refresh").await;
}

#[tokio::test]
async fn rfc8707_section_2_a_token_for_another_resource_is_refused() {
    let mut scene = Scene::new().await;
    scene.serve("/mcp", &BOUND, true).await;
    scene.serve("/other", &BOUND, true).await;
    scene.begin("/other", true).await;
    let tokens = scene.sign_in().await;
    assert_eq!(
        scene.show("/other", &tokens["access_token"]).await.0,
        406,
        "let in; no MCP, though"
    );
    let (status, challenge) = scene.show("/mcp", &tokens["access_token"]).await;
    assert_eq!(status, 401);
    assert!(challenge.contains("aud"), "{challenge}");
}

#[tokio::test]
async fn an_unbound_token_is_neither_issued_for_it_nor_taken() {
    let mut scene = Scene::new().await;
    let unbound = ["scopes=mcp:tools", "access_token_format=jwt"];
    scene.serve("/mcp", &unbound, false).await;
    scene.begin("/mcp", false).await;
    let tokens = scene.sign_in().await;
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(scene.agent.does("connect").await["connected"], "api");
    // From now on the resource wants a key.
    let uri = scene.resource("/mcp");
    let update = ["resource", "update", &uri, "--set", "required_binding_types=dpop"];
    scene.server.operator().json(&update).await;
    scene.serve_as_declared("/mcp", true).await;
    let failure = scene.agent.fails("refresh").await;
    assert_eq!(failure.error, "invalid_target", "{failure:?}");
    let (status, challenge) = scene.show("/mcp", &tokens["access_token"]).await;
    assert_eq!(status, 401);
    assert!(challenge.contains("cnf"), "{challenge}");
}

#[tokio::test]
async fn rfc7591_section_3_an_agent_without_a_document_registers() {
    let mut scene = Scene::new().await;
    scene.serve("/mcp", &BOUND, true).await;
    let settings = json!({
        "url": scene.resource("/mcp"),
        "redirect_uri": scene.publisher.url("/callback"),
        "registration_token": scene.server.registrar().token,
        "dpop": true,
    });
    scene.agent.does_with("begin", settings).await;
    let tokens = scene.sign_in().await;
    assert_eq!(tokens["token_type"], "DPoP");
    assert_eq!(scene.agent.does("connect").await["connected"], "api");
    let told = scene.agent.does_with("call", json!({ "name": "whoami" })).await;
    assert_eq!(told["sub"], scene.browser.user.sub);
    assert_eq!(scene.publisher.asked(), 0);
}
