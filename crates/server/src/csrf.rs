//! Forms that come from our own pages: each carries a hidden field that must equal a cookie.
//!
//! Another site can have a browser post a form here, but it can neither read nor set the cookie.

use aws_lc_rs::constant_time;
use axum::response::Response;
use http::header;
use tokenbind_binding::{Random, ShownCookie};
use tokenbind_issuer::{OAuthError, form::Form, secret::Secret};

use crate::cookies;

/// The name of the hidden field.
const FIELD: &str = "csrf";

/// Characters of a token: 256 bits in base64url.
const LENGTH: usize = 43;

/// The token of a browser's forms. One for all of them, so that pages in several tabs work.
#[derive(Debug)]
pub(crate) enum CsrfToken<'a> {
    /// The one that the browser has.
    Known(&'a str),
    /// A new one, which the browser has yet to get.
    Fresh(Secret),
}

impl<'a> CsrfToken<'a> {
    /// The token that the browser shows, or a fresh one.
    pub(crate) fn of(shown: &'a ShownCookie, random: &dyn Random) -> Self {
        match well_formed(shown) {
            Some(known) => Self::Known(known),
            None => Self::Fresh(Secret::generate(random)),
        }
    }

    /// The value of the hidden field.
    pub(crate) fn field(&self) -> &str {
        match self {
            Self::Known(known) => known,
            Self::Fresh(secret) => secret.reveal(),
        }
    }

    /// Gives the browser the cookie, along with the page that has the field.
    pub(crate) fn keep(&self, mut response: Response) -> Result<Response, OAuthError> {
        if let Self::Fresh(secret) = self {
            let cookie = cookies::csrf(secret.reveal())?;
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }
}

/// A form that does not show what our pages put into theirs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ForeignForm;

/// Whether a form comes from a page that this browser got from us.
pub(crate) fn check(shown: &ShownCookie, form: &Form<'_>) -> Result<(), ForeignForm> {
    let (Some(cookie), Some(field)) = (well_formed(shown), form.get(FIELD)) else {
        return Err(ForeignForm);
    };
    constant_time::verify_slices_are_equal(cookie.as_bytes(), field.as_bytes())
        .map_err(|_| ForeignForm)
}

fn well_formed(shown: &ShownCookie) -> Option<&str> {
    let of_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    shown.value().filter(|value| value.len() == LENGTH && value.bytes().all(of_token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemRandom;

    const TOKEN: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDE-_";
    const OTHER: &str = "1123456789abcdefghijklmnopqrstuvwxyzABCDE-_";

    fn one(value: &str) -> ShownCookie {
        ShownCookie::One(value.into())
    }

    fn checked(shown: &ShownCookie, body: &str) -> Result<(), ForeignForm> {
        check(shown, &Form::parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn the_field_must_equal_the_cookie() {
        let own = format!("csrf={TOKEN}");
        assert_eq!(checked(&one(TOKEN), &own), Ok(()));
        assert_eq!(checked(&one(OTHER), &own), Err(ForeignForm));
        assert_eq!(checked(&one(TOKEN), ""), Err(ForeignForm));
        assert_eq!(checked(&ShownCookie::Absent, &own), Err(ForeignForm));
        assert_eq!(checked(&ShownCookie::Several, &own), Err(ForeignForm));
    }

    #[test]
    fn values_that_we_never_made_are_refused_even_if_they_are_equal() {
        for value in ["x", "", &TOKEN[1..]] {
            assert_eq!(checked(&one(value), &format!("csrf={value}")), Err(ForeignForm));
        }
    }

    #[test]
    fn a_browser_keeps_its_token_and_one_without_gets_a_cookie() {
        let shown = one(TOKEN);
        let known = CsrfToken::of(&shown, &SystemRandom);
        assert_eq!(known.field(), TOKEN);
        let kept = known.keep(Response::default()).unwrap();
        assert!(!kept.headers().contains_key(header::SET_COOKIE));

        let bad = one("<script>");
        let fresh = CsrfToken::of(&bad, &SystemRandom);
        assert_eq!(fresh.field().len(), LENGTH);
        let kept = fresh.keep(Response::default()).unwrap();
        let expected =
            format!("__Host-tb_csrf={}; Path=/; Secure; HttpOnly; SameSite=Lax", fresh.field());
        assert_eq!(kept.headers()[header::SET_COOKIE], expected);
    }
}
