//! A device without a browser, and the person who connects it on another one (RFC 8628).

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Answer, Browser, Client, Page, Registrar, Tokens};

/// The grant's identifier.
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What a device was answered (RFC 8628 section 3.2). A member that is not known fails the test.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// What it polls with.
    pub device_code: String,
    /// What it shows.
    pub user_code: String,
    /// Where that is to be typed.
    pub verification_uri: String,
    /// The same with the code.
    pub verification_uri_complete: String,
    /// The same as a picture.
    pub verification_uri_qr: String,
    /// Seconds.
    pub expires_in: u64,
    /// Seconds.
    pub interval: u64,
}

impl Registrar {
    /// An application for devices, public unless `more` says otherwise.
    pub async fn devices(&self, more: &Value) -> Client {
        let mut metadata = json!({
            "client_name": "Television",
            "token_endpoint_auth_method": "none",
            "grant_types": [DEVICE_CODE, "refresh_token"],
            "scope": "openid profile email offline_access films",
        });
        if let (Value::Object(metadata), Value::Object(more)) = (&mut metadata, more) {
            metadata.extend(more.clone());
        }
        self.application(&metadata).await
    }
}

impl Client {
    /// Asks for a device code.
    pub async fn start_device(&self, more: &[(&str, &str)]) -> Answer {
        self.post("/oauth2/device_authorization", more).await
    }

    /// The device that was started so.
    pub async fn device(&self, more: &[(&str, &str)]) -> Device {
        let answer = self.start_device(more).await;
        assert_eq!(answer.header(&reqwest::header::CACHE_CONTROL), Some("no-store"));
        serde_json::from_value(answer.expect(200)).expect("a device authorization response")
    }

    /// Polls.
    pub async fn poll(&self, device: &Device) -> Answer {
        self.poll_with(device, &[]).await
    }

    /// Polls with more parameters.
    pub async fn poll_with(&self, device: &Device, more: &[(&str, &str)]) -> Answer {
        let fields = [("grant_type", DEVICE_CODE), ("device_code", &*device.device_code)];
        self.token(&[&fields[..], more].concat()).await
    }

    /// What a new device gets that the user of this browser approves.
    pub async fn connected(&self, browser: &Browser, more: &[(&str, &str)]) -> (Device, Tokens) {
        let device = self.device(more).await;
        browser.approve(&device).await;
        let tokens = self.tokens_of(&self.poll(&device).await);
        (device, tokens)
    }
}

impl Browser {
    /// The page that asks whether this device may be connected; signs in where that is asked for first.
    pub async fn device_page(&self, device: &Device) -> Page {
        let path = device.verification_uri_complete.strip_prefix(self.http.base());
        let page = self.open(path.expect("an address of this server")).await;
        if page.html.sign_in_form().is_none() {
            return page;
        }
        let page = self.fill_in_password(&page).await;
        self.follow(page).await
    }

    /// Presses a button of that page.
    pub async fn answer_device(&self, page: &Page, decision: &str) -> Page {
        let form = page.html.form_to("/device").filter(|form| form.method == "post");
        let form = form.unwrap_or_else(|| panic!("nothing to answer: {}", page.html.text));
        self.submit(page, form, form.button(decision)).await
    }

    /// Connects the device.
    pub async fn approve(&self, device: &Device) {
        let page = self.device_page(device).await;
        let page = self.answer_device(&page, "approve").await;
        assert!(page.html.text.contains("is connected"), "{}", page.html.text);
    }
}
