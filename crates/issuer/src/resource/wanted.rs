//! What a request wants a token for: the resources that it names (RFC 8707 section 2).

use std::sync::Arc;

use tokenbind_binding::{
    BindingType, Bindings,
    requirement::{all_of, any_of, is_strong_enough},
};

use super::{MalformedResource, Resource, ResourceKey};
use crate::{
    error::{ErrorCode, OAuthError},
    form::Form,
    issuer::Issuer,
    login::{Acr, Login},
    scope::{Audience, Scope},
    settings::AccessTokenFormat,
    store::StoreResult,
};

/// The resources that a request names, each of them known; none means what is meant by default.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Wanted {
    resources: Vec<Arc<Resource>>,
}

impl Issuer {
    /// The resources that the parameters `resource` of a request name.
    ///
    /// # Errors
    /// `invalid_target` (RFC 8707 section 2).
    pub(crate) async fn wanted(&self, form: &Form<'_>) -> Result<Wanted, OAuthError> {
        let mut resources: Vec<Arc<Resource>> = Vec::new();
        for uri in form.get_all("resource") {
            let resource = self.declared(uri).await?;
            if !resources.contains(&resource) {
                resources.push(resource);
            }
        }
        Ok(Wanted { resources })
    }
}

impl Issuer {
    /// The same where a grant came before: those of its resources that the request names, or all of them (RFC 8707
    /// section 2.2). A grant for what is meant by default can be for no other.
    ///
    /// # Errors
    /// `invalid_target`, also for a resource of the grant that is declared no more.
    pub(crate) async fn wanted_within(
        &self,
        form: &Form<'_>,
        granted: &Audience,
    ) -> Result<Wanted, OAuthError> {
        let named = self.wanted(form).await?;
        if let Some(stray) = named.resources.iter().find(|one| !one.is_in(granted)) {
            let description = format!("{} was not authorized", stray.identifier);
            return Err(invalid_target(description));
        }
        if !named.is_default() || *granted == self.config.default_audience {
            return Ok(named);
        }
        let mut resources = Vec::new();
        for identifier in granted.resources() {
            resources.push(self.declared(identifier).await?);
        }
        Ok(Wanted { resources })
    }

    async fn declared(&self, uri: &str) -> Result<Arc<Resource>, OAuthError> {
        let key = ResourceKey::of(uri)
            .map_err(|error: MalformedResource| invalid_target(error.to_string()))?;
        // RFC 8707 section 2.2: the server "may map from that value to a more general URI".
        if self.own_names().iter().any(|own| ResourceKey::of(own).as_ref() == Ok(&key)) {
            return Ok(self.own_resource().await?);
        }
        let resource = self.store.find_resource(&key).await?;
        resource.ok_or_else(|| invalid_target("resource names none that this server knows"))
    }

    /// What this server asks of the tokens that it takes itself: what the operator declared of it, or nothing. It can be
    /// named either way.
    pub(crate) async fn own_resource(&self) -> StoreResult<Arc<Resource>> {
        for name in self.own_names() {
            if let Ok(key) = ResourceKey::of(&name)
                && let Some(declared) = self.store.find_resource(&key).await?
            {
                return Ok(declared);
            }
        }
        Ok(Arc::new(Resource::of(&self.config.issuer)))
    }

    /// The issuer, and the URL by which userinfo names itself (RFC 9728 section 2, `resource`).
    fn own_names(&self) -> [String; 2] {
        [self.config.issuer.clone(), self.userinfo_url()]
    }
}

impl Wanted {
    /// Whether the request names no resource.
    pub(crate) fn is_default(&self) -> bool {
        self.resources.is_empty()
    }

    /// These resources besides.
    pub(crate) fn and(mut self, more: Vec<Arc<Resource>>) -> Self {
        for resource in more {
            if !self.resources.contains(&resource) {
                self.resources.push(resource);
            }
        }
        self
    }

    /// Each of them.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter().map(|resource| &**resource)
    }

    /// `aud`; `default` where none was named.
    pub(crate) fn audience(&self, default: &Audience) -> Audience {
        if self.is_default() {
            return default.clone();
        }
        let identifiers: Vec<_> = self.resources.iter().map(|one| &one.identifier).collect();
        Audience::of(&identifiers)
    }

    /// What of `granted` the resources know.
    ///
    /// # Errors
    /// `invalid_scope` if that is nothing.
    pub(crate) fn narrow(&self, granted: &Scope) -> Result<Scope, OAuthError> {
        if self.is_default() || self.resources.iter().any(|one| one.scopes.is_empty()) {
            return Ok(granted.clone());
        }
        let known = self.resources.iter().fold(Scope::default(), |all, one| all.union(&one.scopes));
        let narrowed = granted.intersection(&known);
        if narrowed.is_empty() {
            let description = format!("the resource knows {known}, of which nothing was granted");
            return Err(OAuthError::new(ErrorCode::InvalidScope, description));
        }
        Ok(narrowed)
    }

    /// Whether every resource takes a token that is bound so.
    ///
    /// # Errors
    /// `invalid_target` with what would do (BINDINGS: "resource that wants a stronger binding than the application
    /// has").
    pub(crate) fn check_bindings(&self, bindings: &Bindings) -> Result<(), OAuthError> {
        self.check_types(&bindings.types())
    }

    /// The same before there is anything to be bound to: whether tokens bound by these types are taken.
    ///
    /// # Errors
    /// As [`Self::check_bindings`].
    pub(crate) fn check_types(&self, types: &[BindingType]) -> Result<(), OAuthError> {
        let takes = |one: &Arc<Resource>| is_strong_enough(&one.required_binding_types, types);
        let weak = self.resources.iter().find(|one| !takes(one));
        weak.map_or(Ok(()), |resource| Err(too_weak(resource, types)))
    }

    /// Whether a token that comes of this login can do at the resources. How long ago it was, they see for themselves.
    ///
    /// # Errors
    /// `invalid_target` if a resource wants to know how or when the user signed in and this login cannot tell it.
    pub(crate) fn check_login(&self, login: Option<&Login>) -> Result<(), OAuthError> {
        let unmet = self.resources.iter().find(|resource| match login {
            None => resource.acr.is_some() || resource.max_age.is_some(),
            Some(login) => resource.acr > Some(login.acr),
        });
        unmet.map_or(Ok(()), |resource| Err(no_such_login(resource)))
    }

    /// Seconds that the login may lie back, if a resource says so.
    pub(crate) fn max_age(&self) -> Option<u64> {
        self.resources.iter().filter_map(|one| one.max_age).min()
    }

    /// How strong the login has to be, if a resource says so.
    pub(crate) fn acr(&self) -> Option<Acr> {
        self.resources.iter().filter_map(|one| one.acr).max()
    }

    /// What people see of the resources.
    pub(crate) fn names(&self) -> Vec<String> {
        let name = |one: &Arc<Resource>| one.name.as_ref().unwrap_or(&one.identifier).clone();
        self.resources.iter().map(name).collect()
    }

    /// The form that the resources want their tokens in, if any wants one.
    ///
    /// # Errors
    /// `invalid_target` if no one form would do for all.
    pub(crate) fn format(&self) -> Result<Option<AccessTokenFormat>, OAuthError> {
        let mut formats = self.resources.iter().filter_map(|one| one.access_token_format);
        let first = formats.next();
        if formats.any(|format| Some(format) != first) {
            return Err(invalid_target(
                "the resources want access tokens of different formats; ask for one at a time",
            ));
        }
        Ok(first)
    }

    /// Seconds for which a token for them lives, where the application's would live for `own`.
    pub(crate) fn lifetime(&self, own: u64) -> u64 {
        self.resources.iter().filter_map(|one| one.access_token_lifetime).fold(own, u64::min)
    }
}

impl Resource {
    /// Whether tokens of this audience may be meant for it.
    fn is_in(&self, audience: &Audience) -> bool {
        let Ok(own) = self.key() else { return false };
        audience.resources().any(|uri| ResourceKey::of(uri).is_ok_and(|key| key == own))
    }
}

fn too_weak(resource: &Resource, types: &[BindingType]) -> OAuthError {
    invalid_target(format!(
        "{} takes only tokens that are bound by {}, and those of this application would be bound by {}",
        resource.identifier,
        any_of(&resource.required_binding_types),
        all_of(types),
    ))
}

fn no_such_login(resource: &Resource) -> OAuthError {
    invalid_target(format!(
        "{} takes only tokens of a user who signed in, at the authorization endpoint{}",
        resource.identifier,
        resource.acr.map(|acr| format!(", with acr {}", acr.as_str())).unwrap_or_default(),
    ))
}

fn invalid_target(description: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidTarget, description)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: &str = "https://orders.example";
    const MAIL: &str = "https://mail.example";

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    fn wanted(resources: [Resource; 2]) -> Wanted {
        Wanted { resources: resources.into_iter().map(Arc::new).collect() }
    }

    fn both(change: impl FnOnce(&mut Resource, &mut Resource)) -> Wanted {
        let [mut orders, mut mail] = [ORDERS, MAIL].map(Resource::of);
        change(&mut orders, &mut mail);
        wanted([orders, mail])
    }

    #[test]
    fn a_token_has_the_scopes_that_any_of_its_resources_knows() {
        let known = both(|orders, mail| {
            (orders.scopes, mail.scopes) = (scope("read write"), scope("read send"));
        });
        let narrowed = known.narrow(&scope("openid read send")).unwrap();
        assert_eq!(narrowed, scope("read send"));
        assert_eq!(known.narrow(&scope("openid")).unwrap_err().code, ErrorCode::InvalidScope);
        let all = both(|orders, _| orders.scopes = scope("read"));
        assert_eq!(all.narrow(&scope("openid send")), Ok(scope("openid send")));
        assert_eq!(Wanted::default().narrow(&Scope::default()), Ok(Scope::default()));
    }

    #[test]
    fn of_several_resources_the_strictest_decides() {
        let strict = both(|orders, mail| {
            orders.access_token_lifetime = Some(60);
            mail.access_token_lifetime = Some(600);
            mail.max_age = Some(30);
        });
        assert_eq!((strict.lifetime(3600), strict.lifetime(10)), (60, 10));
        assert_eq!(strict.max_age(), Some(30));
        let bound = both(|_, mail| mail.required_binding_types = vec![BindingType::Dpop]);
        assert!(bound.check_types(&[BindingType::Dpop]).is_ok());
        let refused = bound.check_types(&[BindingType::Cookie]).unwrap_err();
        let told = "https://mail.example takes only tokens that are bound by dpop, and those of this \
                    application would be bound by cookie";
        assert_eq!((refused.code, &*refused.description), (ErrorCode::InvalidTarget, told));
    }

    #[test]
    fn one_format_has_to_do_for_all() {
        let formats = |orders_wants, mail_wants| {
            both(|orders, mail| {
                (orders.access_token_format, mail.access_token_format) = (orders_wants, mail_wants);
            })
            .format()
            .map_err(|error| error.code)
        };
        let (jwt, opaque) = (Some(AccessTokenFormat::Jwt), Some(AccessTokenFormat::Opaque));
        assert_eq!(formats(None, None), Ok(None));
        assert_eq!(formats(None, jwt), Ok(jwt));
        assert_eq!(formats(opaque, opaque), Ok(opaque));
        assert_eq!(formats(jwt, opaque), Err(ErrorCode::InvalidTarget));
    }

    #[test]
    fn a_resource_is_in_an_audience_by_any_spelling() {
        let orders = Resource::of("https://Orders.example:443");
        for (audience, is_in) in [
            (&[ORDERS][..], true),
            (&[MAIL, "https://orders.example/"], true),
            (&[MAIL], false),
            (&["https://orders.example/v2"], false),
            (&["not a uri"], false),
        ] {
            assert_eq!(orders.is_in(&Audience::of(audience)), is_in, "{audience:?}");
        }
    }
}
