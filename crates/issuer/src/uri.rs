//! URIs that get parameters besides those that they have.

use url::form_urlencoded;

/// The URI with these parameters in its query. What is there stays as it is (RFC 6749 section 3.1.2,
/// OpenID Connect Front-Channel Logout 1.0 section 2).
#[must_use]
pub fn with_query(uri: &str, parameters: &[(&str, &str)]) -> String {
    let mut added = form_urlencoded::Serializer::new(String::new());
    let added = added.extend_pairs(parameters).finish();
    let separator = match uri.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{uri}{separator}{added}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frontchannel_logout_section_2_the_query_of_a_uri_is_retained() {
        let added = |uri| with_query(uri, &[("iss", "https://a.example"), ("sid", "x y&é")]);
        let parameters = "iss=https%3A%2F%2Fa.example&sid=x+y%26%C3%A9";
        for (uri, expected) in [
            ("https://b.example/o", format!("https://b.example/o?{parameters}")),
            ("https://b.example/?a=%20", format!("https://b.example/?a=%20&{parameters}")),
            ("https://b.example/?", format!("https://b.example/?{parameters}")),
            ("https://b.example/?a&", format!("https://b.example/?a&{parameters}")),
            ("com.example.app:/cb", format!("com.example.app:/cb?{parameters}")),
        ] {
            assert_eq!(added(uri), expected);
        }
    }
}
