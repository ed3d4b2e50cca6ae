//! Pages for people: rendered here, readable without script, styled by one sheet.

mod account;
mod assets;
mod browser_name;
mod consent;
mod device;
mod form_post;
mod message;
mod moment;
mod policy;
mod qr;
mod sign_in;
mod sign_out;
mod site;

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use tokenbind_issuer::OAuthError;

pub(crate) use account::{
    AccountPage, ApplicationRow, Notice, PasswordError, PasswordField, SessionRow,
};
pub(crate) use assets::{FORM_POST_SCRIPT, ICON, STYLE, VERSION};
pub(crate) use browser_name::browser_name;
pub(crate) use consent::{ConsentPage, Permission};
pub(crate) use device::{DeviceCodePage, DeviceConfirmPage};
pub(crate) use form_post::FormPostPage;
pub(crate) use message::{Link, MessagePage};
pub(crate) use moment::Moment;
pub(crate) use policy::{Policy, origin_source};
pub(crate) use qr::qr_picture;
pub(crate) use sign_in::SignInPage;
pub(crate) use sign_out::{SignOutPage, SignedOutPage};
pub(crate) use site::Site;

use crate::response::{broken, keep_private};

/// A page with the headers that every page has.
pub(crate) fn html(
    status: StatusCode,
    page: &impl Template,
    policy: &Policy,
) -> Result<Response, OAuthError> {
    let text = page.render().map_err(|error| broken(&error))?;
    let mut response = (status, Html(text)).into_response();
    let headers = response.headers_mut();
    keep_private(headers);
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    policy.apply(headers)?;
    Ok(response)
}

/// The host that a browser will be sent to, as people know it.
pub(crate) fn place_name(host: &str) -> &str {
    match host {
        "localhost" | "127.0.0.1" | "[::1]" => "an application on this device",
        host => host,
    }
}

/// A description of an error as people read it: a capital letter first, unless it begins with the name of a
/// parameter, and a full stop last.
pub(crate) fn sentence(description: &str) -> String {
    let description = description.trim_end_matches('.');
    if description.split(' ').next().is_some_and(|word| word.contains('_')) {
        return format!("{description}.");
    }
    let mut characters = description.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).chain(['.']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Template)]
    #[template(source = "<p>{{ text }}</p>", ext = "html")]
    struct Paragraph {
        text: &'static str,
    }

    #[test]
    fn every_page_is_framed_nowhere_kept_nowhere_and_escaped() {
        let page = Paragraph { text: "<script>" };
        let response = html(StatusCode::OK, &page, &Policy::own()).unwrap();
        let headers = response.headers();
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(headers[name], value, "{name}");
        }
        assert!(headers.contains_key("content-security-policy"));
        assert!(!page.render().unwrap().contains("<script>"));
    }

    #[test]
    fn descriptions_become_sentences() {
        assert_eq!(sentence("the password is wrong"), "The password is wrong.");
        assert_eq!(sentence("Done."), "Done.");
        assert_eq!(sentence("client_id is missing"), "client_id is missing.");
    }
}
