//! What every page shows of this server, and where its links lead.

use tokenbind_issuer::device::{USER_CODE, VERIFICATION_PATH};
use url::{Url, form_urlencoded};

/// The server as browsers see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Site {
    /// The host of the issuer, with the port if it is not the usual one.
    pub(crate) host: String,
    /// The path of the issuer, which goes before the path of every endpoint; mostly empty.
    pub(crate) base: String,
}

impl Site {
    /// The site of an issuer.
    pub(crate) fn of(issuer: &str) -> Self {
        let Ok(url) = Url::parse(issuer) else {
            return Self { host: issuer.to_owned(), base: String::new() };
        };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Self {
            host: format!("{}{port}", url.host_str().unwrap_or_default()),
            base: url.path().trim_end_matches('/').to_owned(),
        }
    }

    /// The address of an endpoint within the site.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Where a device is connected: with its code, or to type one.
    pub(crate) fn device(&self, user_code: Option<&str>) -> String {
        let page = self.at(VERIFICATION_PATH);
        match user_code {
            Some(code) => {
                let code: String = form_urlencoded::byte_serialize(code.as_bytes()).collect();
                format!("{page}?{USER_CODE}={code}")
            }
            None => page,
        }
    }

    /// Where an authorization request goes on; without one, the account.
    pub(crate) fn authorize(&self, request: Option<&str>) -> String {
        match request {
            Some(request) => format!("{}/oauth2/authorize?{request}", self.base),
            None => self.at("/account"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_below_the_path_of_the_issuer() {
        let site = Site::of("https://example.com:8443/tenants/a");
        assert_eq!(site.host, "example.com:8443");
        assert_eq!(site.at("/sign-in"), "/tenants/a/sign-in");
        let site = Site::of("https://id.example.com");
        assert_eq!(site, Site { host: "id.example.com".into(), base: String::new() });
        assert_eq!(site.authorize(Some("a=b")), "/oauth2/authorize?a=b");
        assert_eq!(site.authorize(None), "/account");
        assert_eq!(site.device(None), "/device");
        assert_eq!(site.device(Some("WDJB-MJHT")), "/device?user_code=WDJB-MJHT");
        assert_eq!(site.device(Some("a&b=\r\n")), "/device?user_code=a%26b%3D%0D%0A");
    }
}
