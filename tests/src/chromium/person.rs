//! The person before the browser.

use fantoccini::key::Key;

use super::Chromium;
use crate::User;

impl Chromium {
    /// Fills in the page that asks who they are, and sends it.
    pub async fn sign_in(&self, user: &User) {
        self.fill("username", &user.username).await;
        self.fill("password", &user.password).await;
        self.press("Sign in").await;
    }

    /// Goes to an application's sign-in, and does what the pages ask until the application greets them.
    pub async fn sign_in_to(&self, address: &str, user: &User) {
        self.open(address).await;
        self.sign_in(user).await;
        self.press("Allow").await;
        self.shows("Signed in").await;
    }

    /// Waits until the field of this name has the focus, without anybody having put it there.
    pub async fn has_focus(&self, field: &str) {
        let selector = format!("[name='{field}']:focus");
        self.find(&selector).await;
    }

    /// Strikes the Tab key until whatever shows this text has the focus, which must be seen.
    pub async fn tab_to(&self, text: &str) {
        for _ in 0..20 {
            self.strike(Key::Tab).await;
            if self.evaluate("document.activeElement.innerText.trim()").await == text {
                let outline = "getComputedStyle(document.activeElement).outlineStyle";
                assert_ne!(self.evaluate(outline).await, "none", "{text} shows no focus");
                return;
            }
        }
        panic!("no Tab leads to {text:?}, at {}:\n{}", self.address().await, self.text().await);
    }
}
