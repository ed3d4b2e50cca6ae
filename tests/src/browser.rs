//! A browser without script, and the person before it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::{Method, RequestBuilder, Url, header::LOCATION};

use crate::{
    Answer, AuthorizationRequest, Button, Callback, Client, Cookies, Form, Html, Http,
    ResponseMode, User, authorization::is_at, http::send,
};

/// The cookie of the login session.
pub const SESSION_COOKIE: &str = "__Host-tb_session";

/// How many pages a person looks at before giving up.
const PATIENCE: usize = 8;

/// A browser and the user before it. A clone is another tab: it has the same cookies.
#[derive(Clone, Debug)]
pub struct Browser {
    /// Its connections.
    pub http: Http,
    /// Who sits before it.
    pub user: User,
    cookies: Arc<Mutex<Cookies>>,
}

/// An answer as a browser shows it.
#[derive(Clone, Debug)]
pub struct Page {
    /// Where it came from.
    pub url: Url,
    /// The answer.
    pub answer: Answer,
    /// What is on it; empty for what is no page.
    pub html: Html,
}

impl Browser {
    /// A new browser with these connections, and the user before it.
    #[must_use]
    pub fn on(http: Http, user: &User) -> Self {
        Self { http, user: user.clone(), cookies: Arc::default() }
    }

    /// Another user before the same browser.
    #[must_use]
    pub fn used_by(&self, user: &User) -> Self {
        Self { user: user.clone(), ..self.clone() }
    }

    /// Another browser, of somebody who copied all cookies of this one.
    #[must_use]
    pub fn stolen(&self, http: Http) -> Self {
        let cookies = Arc::new(Mutex::new(self.cookies().clone()));
        Self { http, user: self.user.clone(), cookies }
    }

    /// Its cookies.
    pub fn cookies(&self) -> MutexGuard<'_, Cookies> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of a cookie, if there is one of this name.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies().get(name).map(|cookie| cookie.value().to_owned())
    }

    /// The value of `atbv`.
    #[must_use]
    pub fn atbv(&self) -> Option<String> {
        self.cookie("atbv")
    }

    /// The value of the session's cookie.
    #[must_use]
    pub fn session(&self) -> Option<String> {
        self.cookie(SESSION_COOKIE)
    }

    /// Puts a cookie in, as `name=value` or with attributes.
    pub fn plant(&self, text: &str) {
        self.cookies().plant(&self.http.url("/"), text);
    }

    /// The `Cookie` header that this browser sends to the server.
    #[must_use]
    pub fn shown(&self) -> String {
        self.cookies().header_for(&self.http.url("/")).unwrap_or_default()
    }

    /// The application as its pages in this browser run it: its requests show the browser's cookies.
    #[must_use]
    pub fn runs(&self, client: &Client) -> Client {
        client.over(self.http.clone()).showing(&self.shown())
    }

    /// Opens an address of the server and goes nowhere from there.
    pub async fn get(&self, path: &str) -> Page {
        self.send(self.http.url(path), self.http.request(Method::GET, path)).await
    }

    /// Opens an address, and follows redirects within the server.
    pub async fn open(&self, path: &str) -> Page {
        let page = self.get(path).await;
        self.follow(page).await
    }

    /// Follows redirects within the server.
    pub async fn follow(&self, mut page: Page) -> Page {
        for _ in 0..PATIENCE {
            match page.location() {
                Some(url) if is_at(&url, self.http.base()) => {
                    page = self.get(&path_of(&url)).await;
                }
                _ => return page,
            }
        }
        panic!("redirected too often: {}", page.url)
    }

    /// Sends a form as the button does, and goes nowhere from there.
    pub async fn submit(&self, page: &Page, form: &Form, button: Option<&Button>) -> Page {
        let action = button.and_then(|button| button.action.as_ref()).unwrap_or(&form.action);
        let url = page.url.join(action).expect("a URL");
        assert!(is_at(&url, self.http.base()), "the form leads away: {url}");
        let pairs = form.pairs(button);
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
        if form.method == "get" {
            let query =
                form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            return self.get(&format!("{}?{query}", url.path())).await;
        }
        self.post(&path_of(&url), &pairs).await
    }

    /// Posts a form from a page of the server, and goes nowhere from there.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let request = self.http.form_of(path, fields).header("origin", self.http.base());
        self.send(self.http.url(path), request).await
    }

    async fn send(&self, url: Url, request: RequestBuilder) -> Page {
        let cookies = self.cookies().header_for(&url);
        let request = match cookies {
            Some(cookies) => request.header("cookie", cookies),
            None => request,
        };
        let answer = send(request.header("accept", "text/html")).await;
        self.cookies().take(&url, &answer.headers);
        Page::new(url, answer)
    }

    /// Signs in without being sent by an application.
    pub async fn sign_in(&self) {
        let mut page = self.open("/account").await;
        if page.html.sign_in_form().is_some() {
            page = self.fill_in_password(&page).await;
            page = self.follow(page).await;
        }
        assert_eq!(page.answer.status, 200, "{}", page.html.text);
        assert!(page.html.text.contains(&self.user.username), "{}", page.html.text);
    }

    /// Sends the form that asks for a password, filled in.
    pub async fn fill_in_password(&self, page: &Page) -> Page {
        self.fill_in(page, &self.user.username, &self.user.password).await
    }

    /// The same with another name or password.
    pub async fn fill_in(&self, page: &Page, username: &str, password: &str) -> Page {
        let form = page.html.sign_in_form().expect("a form that asks for a password");
        let form = form.clone().fill("username", username).fill("password", password);
        let button = form.buttons.first().cloned();
        self.submit(page, &form, button.as_ref()).await
    }

    /// Signs out without being sent by an application.
    pub async fn sign_out(&self) {
        let page = self.get("/oauth2/logout").await;
        let form = page.html.form_to("/logout/confirm").expect("a form that asks to confirm");
        let page = self.submit(&page, form, form.buttons.first()).await;
        let page = self.follow(page).await;
        assert_eq!(page.answer.status, 200, "{}", page.html.text);
    }

    /// Lets the application in for what it asks, signing in and consenting wherever asked.
    pub async fn authorize(&self, client: &Client, more: &[(&str, &str)]) -> Callback {
        self.complete(&client.authorization_request(more)).await
    }

    /// The same for a request that is ready.
    pub async fn complete(&self, request: &AuthorizationRequest) -> Callback {
        let page = self.get(&request.path()).await;
        self.go_on(request, page).await
    }

    /// Does what each page asks for, until there is an answer for the application.
    pub async fn go_on(&self, request: &AuthorizationRequest, mut page: Page) -> Callback {
        for _ in 0..PATIENCE {
            if let Some(callback) = page.callback(request, self.http.base()) {
                return callback;
            }
            page = if page.location().is_some() {
                self.follow(page).await
            } else if page.html.sign_in_form().is_some() {
                self.fill_in_password(&page).await
            } else {
                self.consent(&page, "allow").await
            };
        }
        panic!("no answer after {PATIENCE} pages: {} {}", page.url, page.html.text)
    }

    /// Asks without anybody looking (`prompt=none`): the answer comes at once.
    pub async fn authorize_silently(&self, client: &Client, more: &[(&str, &str)]) -> Callback {
        let request = client.authorization_request(more).with("prompt", "none");
        self.ask(&request).await
    }

    /// The answer to a request that is answered at once.
    pub async fn ask(&self, request: &AuthorizationRequest) -> Callback {
        let page = self.get(&request.path()).await;
        page.callback(request, self.http.base())
            .unwrap_or_else(|| panic!("no answer: {} {}", page.answer.status, page.html.text))
    }

    /// Presses a button of the consent page.
    pub async fn consent(&self, page: &Page, value: &str) -> Page {
        let form = page.html.form_to("/consent").unwrap_or_else(|| {
            panic!("neither an answer nor a question: {} {}", page.answer.status, page.html.text)
        });
        let button = form.button(value).expect("the button");
        self.submit(page, form, Some(button)).await
    }
}

impl Page {
    fn new(url: Url, answer: Answer) -> Self {
        let content_type = answer.header(&reqwest::header::CONTENT_TYPE).unwrap_or_default();
        let is_html = content_type.starts_with("text/html");
        let html = if is_html { Html::read(&answer.text()) } else { Html::default() };
        Self { url, answer, html }
    }

    /// Where it redirects to, if it does.
    #[must_use]
    pub fn location(&self) -> Option<Url> {
        self.redirect().map(|to| self.url.join(to).expect("a URL"))
    }

    fn redirect(&self) -> Option<&str> {
        let redirects = matches!(self.answer.status, 302 | 303);
        self.answer.header(&LOCATION).filter(|_| redirects)
    }

    /// The answer for the application that this carries, if it carries one.
    #[must_use]
    pub fn callback(&self, request: &AuthorizationRequest, issuer: &str) -> Option<Callback> {
        if let Some(location) = self.redirect() {
            return Callback::from_redirect(request, issuer, location);
        }
        let redirect_uri = request.get("redirect_uri")?;
        let form = self.html.form_to(redirect_uri)?;
        assert_eq!(form.method, "post");
        Some(Callback {
            request: request.clone(),
            issuer: issuer.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            mode: ResponseMode::FormPost,
            parameters: form.pairs(None),
        })
    }

    /// The text of a page that tells what is wrong with a request, and sends the browser nowhere.
    #[must_use]
    pub fn refused(&self, status: u16) -> &str {
        assert_eq!(self.answer.status, status, "{}", self.html.text);
        assert_eq!(self.answer.header(&LOCATION), None);
        assert!(
            self.html.forms.is_empty(),
            "an error page asks for nothing: {:?}",
            self.html.forms
        );
        assert!(!self.html.text.is_empty(), "no text: {}", self.answer.text());
        &self.html.text
    }
}

fn path_of(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}
