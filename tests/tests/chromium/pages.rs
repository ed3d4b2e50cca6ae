//! What holds for every page: it fits a phone, everybody can read it, and nobody frames it.

use serde_json::{Value, json};
use tokenbind_tests::{Chromium, RelyingParty, Server, User};

/// A name without a place to break it.
const LONG: &str = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerk";

/// How wide the screen is, of the smallest phones.
const WIDTH: u32 = 360;

/// What a finger hits hardly, or a phone zooms in on.
const TOO_SMALL: &str = "[...document.querySelectorAll('input:not([type=hidden], .hidden), button:not(.link)')]
    .filter(each => each.getBoundingClientRect().height < 24 || parseFloat(getComputedStyle(each).fontSize) < 13)
    .map(each => each.outerHTML)";

/// The texts that stand out from what is behind them by less than 4.5 to 1 (WCAG 2.2, criterion 1.4.3).
const TOO_FAINT: &str = "(() => {
    document.getAnimations().forEach(animation => animation.finish());
    const parts = color => color.match(/[\\d.]+/g).map(Number);
    const light = color => parts(color).slice(0, 3).map(part => part / 255)
        .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const paints = element => (parts(getComputedStyle(element).backgroundColor)[3] ?? 1) === 1;
    const behind = element => {
        while (element && !paints(element)) element = element.parentElement;
        return element ? getComputedStyle(element).backgroundColor : 'rgb(255, 255, 255)';
    };
    const words = element => [...element.childNodes]
        .some(node => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    return [...document.body.querySelectorAll('*')]
        .filter(element => words(element) && element.checkVisibility())
        .map(element => {
            const [ink, paper] = [getComputedStyle(element).color, behind(element)];
            const [less, more] = [light(ink), light(paper)].sort((one, other) => one - other);
            return [element.outerHTML, ink, paper, (more + 0.05) / (less + 0.05)];
        })
        .filter(([, , , contrast]) => !(contrast >= 4.5));
})()";

/// Leads somebody through all pages, and shows each to `check`.
async fn walk(server: &Server, chromium: &Chromium, check: impl AsyncFn(&Chromium)) {
    let operator = server.operator();
    let user = operator.user().await;
    let user = User { username: format!("{LONG}-{}", user.username), ..user };
    let added = ["user", "add", &user.username, "--password-stdin"];
    let _ = operator.json_with(&added, &user.password).await;
    let scope = "openid profile email address phone";
    let settings = json!({ "client_name": LONG, "scope": scope });
    let app = RelyingParty::start(server, |_| settings).await;
    app.always_ask("scope", scope);

    chromium.open(&app.at("/login")).await;
    shown(chromium, "to continue to", &check).await;
    chromium.sign_in(&User { password: "wrong".into(), ..user.clone() }).await;
    shown(chromium, "The username or the password is wrong", &check).await;
    chromium.sign_in(&user).await;
    shown(chromium, "wants access to your account", &check).await;
    chromium.press("Allow").await;
    chromium.shows("Signed in").await;
    let tv = server.registrar().devices(&json!({ "client_name": LONG, "scope": scope })).await;
    let code = tv.device(&[("scope", scope)]).await.user_code;
    for (path, text) in [
        ("/device", "Type the code"),
        ("/device?user_code=x", "eight letters"),
        (&*format!("/device?user_code={code}"), "Connect this device?"),
        ("/account", "Your account"),
        ("/oauth2/authorize?client_id=nobody", "This request cannot be answered"),
        ("/oauth2/logout?id_token_hint=nonsense", "This sign-out cannot be answered"),
        ("/oauth2/logout", "Sign out?"),
    ] {
        chromium.open(&format!("{}{path}", server.issuer())).await;
        shown(chromium, text, &check).await;
    }
    chromium.press("Sign out").await;
    shown(chromium, "You are signed out", &check).await;
}

async fn shown(chromium: &Chromium, text: &str, check: &impl AsyncFn(&Chromium)) {
    chromium.shows(text).await;
    check(chromium).await;
}

#[tokio::test]
async fn every_page_fits_a_phone() {
    let server = Server::shared().await;
    let chromium = Chromium::start(server).await;
    chromium.be_a_phone(WIDTH).await;
    walk(server, &chromium, async |chromium| {
        let width = chromium.evaluate("document.documentElement.scrollWidth").await;
        assert_eq!(width, WIDTH, "{}:\n{}", chromium.address().await, chromium.text().await);
        assert_eq!(chromium.evaluate(TOO_SMALL).await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn every_page_is_legible_in_light_and_dark() {
    let server = Server::shared().await;
    let chromium = Chromium::start(server).await;
    walk(server, &chromium, async |chromium| {
        let mut papers = Vec::new();
        for scheme in ["light", "dark"] {
            let wanted = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
            let wanted = json!({ "features": wanted });
            chromium.dev_tools("Emulation.setEmulatedMedia", &wanted).await;
            assert_eq!(chromium.evaluate(TOO_FAINT).await, json!([]), "in {scheme}");
            papers.push(chromium.evaluate("getComputedStyle(document.body).backgroundColor").await);
        }
        assert_ne!(papers[0], papers[1], "dark is another paper than light");
    })
    .await;
}

#[tokio::test]
async fn every_page_says_to_a_screen_reader_what_it_is_and_what_its_fields_and_buttons_are() {
    let server = Server::shared().await;
    let chromium = Chromium::start(server).await;
    walk(server, &chromium, async |chromium| {
        let tree = chromium.dev_tools("Accessibility.getFullAXTree", &json!({})).await;
        let nodes = tree["nodes"].as_array().expect("what a screen reader sees");
        let heard = |role: &str| {
            let of_role = nodes
                .iter()
                .filter(move |node| node["role"]["value"] == role && node["ignored"] == false);
            of_role
                .map(|node| node["name"]["value"].as_str().unwrap_or_default())
                .collect::<Vec<_>>()
        };
        for role in ["textbox", "button", "link"] {
            let names = heard(role);
            assert!(names.iter().all(|name| !name.trim().is_empty()), "{role}: {names:?}");
        }
        assert_eq!(heard("main").len(), 1);
        assert!(!heard("RootWebArea")[0].is_empty(), "a title");
        let headings = chromium.evaluate("document.querySelectorAll('h1').length").await;
        assert_eq!(headings, 1);
        assert_eq!(chromium.evaluate("document.documentElement.lang").await, "en");
    })
    .await;
}

/// What a page shows within a frame on another: its address, and its text.
async fn framed(chromium: &Chromium, frame: &str, page: &str) -> (Value, String) {
    let page: String = form_urlencoded::byte_serialize(page.as_bytes()).collect();
    chromium.open(&format!("{frame}?page={page}")).await;
    let loaded =
        async || (chromium.evaluate("document.title").await == "Frame loaded").then_some(());
    chromium.until("the frame to load", loaded).await;
    chromium.enter_frame(0).await;
    let shown = (chromium.evaluate("location.href").await, chromium.text().await);
    chromium.leave_frame().await;
    shown
}

#[tokio::test]
async fn no_page_shows_itself_in_a_frame() {
    let server = Server::shared().await;
    let user = server.operator().user().await;
    let app = RelyingParty::start(server, |_| json!({})).await;
    let chromium = Chromium::start(server).await;
    // Were it not for the headers, this is what would be seen.
    let (address, text) = framed(&chromium, &app.at("/frame"), &app.at("/")).await;
    assert_eq!((address, &*text), (json!(app.at("/")), "Paper Boats\nSign in"));

    chromium.open(&app.at("/login")).await;
    let sign_in = chromium.address().await;
    for signed_in in [false, true] {
        if signed_in {
            chromium.open(sign_in.as_str()).await;
            chromium.sign_in(&user).await;
            chromium.shows("Allow access?").await;
        }
        for page in [sign_in.as_str(), "/account", "/oauth2/logout", "/oauth2/authorize"] {
            let page = sign_in.join(page).expect("an address");
            for frame in [app.at("/frame"), app.from_another_site("/frame")] {
                let (address, text) = framed(&chromium, &frame, page.as_str()).await;
                assert_eq!(address, "chrome-error://chromewebdata/", "{page} in {frame}: {text}");
                assert!(!text.contains("Sign"), "{page}: {text}");
            }
        }
    }
    let complaints = chromium.complaints(&server.issuer()).await;
    assert!(complaints.iter().any(|text| text.contains("frame-ancestors")), "{complaints:?}");
}
