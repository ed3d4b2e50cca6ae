//! Chromium without a window, each with a profile of its own, driven as `WebDriver` has it.

mod person;
mod start;

use std::fmt::Debug;

use fantoccini::{
    Client, Locator,
    actions::{InputSource as _, KeyAction, KeyActions},
    elements::Element,
    error::CmdError,
    key::Key,
    wd::WebDriverCompatibleCommand,
};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::{ParseError, Url};

use crate::{process::Process, wait::in_time};

/// A browser, gone when this is dropped. Whatever is asked of it waits until the page is that far.
#[derive(Debug)]
pub struct Chromium {
    client: Client,
    // Before the folder, which they write into.
    _processes: Process,
    _folder: TempDir,
}

/// A cookie as the browser keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BrowserCookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The host that gets it; with a dot in front, the hosts below it too.
    pub domain: String,
    /// The path below which it is sent.
    pub path: String,
    /// Whether scripts cannot see it.
    pub http_only: bool,
    /// Whether it is sent over TLS only.
    pub secure: bool,
    /// Whether it goes with the browser.
    pub session: bool,
    /// `Strict`, `Lax` or `None`, if the server said which.
    pub same_site: Option<String>,
}

/// A command that this driver alone has.
#[derive(Debug)]
struct Extension {
    path: &'static str,
    body: String,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.clone()))
    }
}

impl Chromium {
    /// Opens an address.
    pub async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap_or_else(|error| panic!("{address}: {error}"));
    }

    /// The address of the page.
    pub async fn address(&self) -> Url {
        self.client.current_url().await.expect("an address")
    }

    /// The text that the page shows.
    pub async fn text(&self) -> String {
        self.try_text().await.unwrap_or_default()
    }

    async fn try_text(&self) -> Option<String> {
        self.client.find(Locator::Css("body")).await.ok()?.text().await.ok()
    }

    /// Waits until the page shows `text`, and returns all that it shows.
    pub async fn shows(&self, text: &str) -> String {
        let told = format!("a page that shows {text:?}");
        self.until(&told, async || self.try_text().await.filter(|all| all.contains(text))).await
    }

    /// Waits until the page has an address that begins like this, and returns it.
    pub async fn arrives(&self, start: &str) -> Url {
        let told = format!("a page at {start}");
        self.until(&told, async || {
            let address = self.client.current_url().await.ok()?;
            address.as_str().starts_with(start).then_some(address)
        })
        .await
    }

    /// Waits until `ask` has an answer; if none comes, says what the browser shows instead.
    pub async fn until<T>(&self, told: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
        match in_time(ask).await {
            Some(answer) => answer,
            None => panic!(
                "waited in vain for {told}; at {} the browser shows:\n{}",
                self.address().await,
                self.text().await
            ),
        }
    }

    /// Waits for an element of this CSS selector.
    pub async fn find(&self, selector: &str) -> Element {
        self.until(selector, async || self.client.find(Locator::Css(selector)).await.ok()).await
    }

    /// How many elements of this CSS selector there are now.
    pub async fn count(&self, selector: &str) -> usize {
        self.client.find_all(Locator::Css(selector)).await.expect("elements").len()
    }

    /// Types into the field of this name, in place of what it held.
    pub async fn fill(&self, field: &str, text: &str) {
        let told = format!("a field {field}");
        let selector = format!("[name='{field}']");
        self.until(&told, async || {
            let element = self.client.find(Locator::Css(&selector)).await.ok()?;
            element.clear().await.ok()?;
            element.send_keys(text).await.ok()
        })
        .await;
    }

    /// Presses the button, or follows the link, that shows this text.
    pub async fn press(&self, text: &str) {
        let told = format!("a button or link {text:?}");
        let path = format!("//*[self::button or self::a][normalize-space()={text:?}]");
        self.click(&told, Locator::XPath(&path)).await;
    }

    /// Clicks on the element of this CSS selector.
    pub async fn press_on(&self, selector: &str) {
        self.click(selector, Locator::Css(selector)).await;
    }

    async fn click(&self, told: &str, locator: Locator<'_>) {
        self.until(told, async || {
            let element = self.client.find(locator).await.ok()?;
            element.click().await.ok()
        })
        .await;
    }

    /// Strikes a key, on whatever has the focus.
    pub async fn strike(&self, key: Key) {
        self.type_in(&char::from(key).to_string()).await;
    }

    /// Types, into whatever has the focus.
    pub async fn type_in(&self, text: &str) {
        let keys = text.chars().fold(KeyActions::new("keyboard".into()), |keys, value| {
            keys.then(KeyAction::Down { value }).then(KeyAction::Up { value })
        });
        self.client.perform_actions(keys).await.expect("keys can be struck");
    }

    /// Enters the frame at this place, of those on the page.
    pub async fn enter_frame(&self, index: u16) {
        let told = format!("frame {index}");
        self.until(&told, async || self.client.enter_frame(index).await.ok()).await;
    }

    /// Leaves it again.
    pub async fn leave_frame(&self) {
        self.client.enter_parent_frame().await.expect("a page around the frame");
    }

    /// What an expression of JavaScript comes to on the page; a promise is waited for.
    pub async fn evaluate(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];\
             Promise.resolve().then(() => ({expression}))\
             .then(value => done({{ value }}), error => done({{ error: String(error) }}));"
        );
        let answer = self.client.execute_async(&script, Vec::new()).await.expect("an answer");
        assert!(answer.get("error").is_none(), "{expression}: {answer}");
        answer["value"].clone()
    }

    /// Asks the browser itself, by its `DevTools` protocol.
    pub async fn dev_tools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.extension("goog/cdp/execute", &body).await
    }

    async fn extension(&self, path: &'static str, body: &Value) -> Value {
        let command = Extension { path, body: body.to_string() };
        let answer: Result<Value, CmdError> = self.client.issue_cmd(command).await;
        answer.unwrap_or_else(|error| panic!("{body}: {error}"))
    }

    /// What the browser complained of since it was last asked, about pages of this origin: what their
    /// policy forbids, what is not there, what a script throws.
    pub async fn complaints(&self, origin: &str) -> Vec<String> {
        let entries = self.extension("se/log", &json!({ "type": "browser" })).await;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let texts = entries.iter().filter_map(|entry| entry["message"].as_str());
        texts.filter(|text| text.contains(origin)).map(str::to_owned).collect()
    }

    /// All cookies that the browser holds, whatever they are for.
    pub async fn cookies(&self) -> Vec<BrowserCookie> {
        let answer = self.dev_tools("Network.getAllCookies", &json!({})).await;
        serde_json::from_value(answer["cookies"].clone()).expect("cookies")
    }

    /// The cookie of this name, if the browser holds exactly one.
    pub async fn cookie(&self, name: &str) -> Option<BrowserCookie> {
        let mut found = self.cookies().await;
        found.retain(|cookie| cookie.name == name);
        assert!(found.len() < 2, "{found:?}");
        found.pop()
    }

    /// Shows pages as a phone does whose screen is so many pixels wide.
    pub async fn be_a_phone(&self, width: u32) {
        let screen =
            json!({ "width": width, "height": 740, "deviceScaleFactor": 2, "mobile": true });
        self.dev_tools("Emulation.setDeviceMetricsOverride", &screen).await;
    }
}
