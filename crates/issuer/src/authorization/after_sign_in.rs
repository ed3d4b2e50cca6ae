//! An authorization request once the user has signed in for it.

use url::form_urlencoded;

use crate::form::{Form, FormError};

/// The query of an authorization request without what asked for the login that has just happened:
/// `login` and `select_account` of `prompt`, and `max_age`. All other parameters stay, in their order.
///
/// # Errors
/// [`FormError`] if it is none that [`crate::Issuer::authorize`] would be asked about.
pub fn request_after_sign_in(query: &str) -> Result<String, FormError> {
    let parameters = Form::parse(query.as_bytes())?;
    let mut kept = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters.pairs() {
        match name {
            "max_age" => {}
            "prompt" => {
                kept.extend_pairs(prompt_without_login(value).map(|prompt| (name, prompt)));
            }
            _ => {
                kept.append_pair(name, value);
            }
        }
    }
    Ok(kept.finish())
}

fn prompt_without_login(prompt: &str) -> Option<String> {
    let asks_for_login = |word: &&str| ["", "login", "select_account"].contains(word);
    let words: Vec<_> = prompt.split(' ').filter(|word| !asks_for_login(word)).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asked_for_the_login_is_gone_and_all_else_stays() {
        let cases = [
            ("client_id=a&prompt=login&state=+x", "client_id=a&state=+x"),
            ("prompt=login%20consent&a=1", "prompt=consent&a=1"),
            ("prompt=select_account+login+consent", "prompt=consent"),
            ("prompt=select_account", ""),
            ("a=1&max_age=0&b=2", "a=1&b=2"),
            ("%70rompt=%6cogin&m%61x_age=1&a=", "a="),
            ("a=1&\n prompt=login\n&\n max_age=1", "a=1"),
            ("prompt=none", "prompt=none"),
            (
                "xprompt=login&state=prompt%3Dlogin&max_ages=1",
                "xprompt=login&state=prompt%3Dlogin&max_ages=1",
            ),
            ("resource=urn%3Aa&max_age=1&resource=urn%3Ab", "resource=urn%3Aa&resource=urn%3Ab"),
            ("", ""),
        ];
        for (query, expected) in cases {
            assert_eq!(request_after_sign_in(query).as_deref(), Ok(expected), "{query}");
        }
    }

    #[test]
    fn no_value_can_smuggle_a_parameter_or_a_header_in() {
        let after = request_after_sign_in("prompt=a%26client_id=b+login&state=%0D%0A%23&x=\u{e9}");
        assert_eq!(after.as_deref(), Ok("prompt=a%26client_id%3Db&state=%0D%0A%23&x=%C3%A9"));
    }

    #[test]
    fn a_request_that_cannot_be_read_is_refused() {
        assert!(request_after_sign_in("prompt=login&prompt=none").is_err());
        assert!(request_after_sign_in("a=%FF").is_err());
    }

    #[test]
    fn a_second_time_changes_nothing() {
        let once = request_after_sign_in("prompt=login+consent&max_age=1&a=%2b").unwrap();
        assert_eq!(request_after_sign_in(&once), Ok(once));
    }
}
