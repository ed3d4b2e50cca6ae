//! Who acts for the subject of a token (RFC 8693 section 4.1).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokenbind_binding::{ClientId, SubjectId};

/// Acts for somebody else, at present or before another took over. Never changes.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Who.
    pub subject: SubjectId,
    /// What the application that holds the token is told in place of that, if it is another thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairwise: Option<Arc<str>>,
    /// The application that they act through.
    pub client_id: ClientId,
    /// Who acted before.
    #[serde(rename = "act", default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Arc<Actor>>,
}

/// `act`, as JWTs and introspection show it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct ShownActor {
    sub: Box<str>,
    client_id: ClientId,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Box<ShownActor>>,
}

impl Actor {
    /// This one and all before, the present one first.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |actor| actor.before.as_deref())
    }

    /// Whether it is an application that acts on its own account, and no user.
    #[must_use]
    pub fn is_application(&self) -> bool {
        self.subject.as_str() == self.client_id.as_str()
    }

    /// The same chain as another application is told of it.
    pub(crate) fn retold(&self, pairwise: &impl Fn(&SubjectId) -> Option<Arc<str>>) -> Self {
        Self {
            pairwise: if self.is_application() { None } else { pairwise(&self.subject) },
            before: self.before.as_deref().map(|before| before.retold(pairwise).into()),
            ..self.clone()
        }
    }
}

impl From<&Actor> for ShownActor {
    fn from(actor: &Actor) -> Self {
        Self {
            sub: actor.pairwise.as_deref().unwrap_or(actor.subject.as_str()).into(),
            client_id: actor.client_id.clone(),
            act: actor.before.as_deref().map(|before| Box::new(before.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chain() -> Actor {
        let first =
            Actor { subject: "u2".into(), pairwise: None, client_id: "desk".into(), before: None };
        Actor {
            subject: "service".into(),
            pairwise: None,
            client_id: "service".into(),
            before: Some(first.into()),
        }
    }

    #[test]
    fn rfc8693_section_4_1_the_present_actor_is_outermost() {
        let shown = serde_json::to_value(ShownActor::from(&chain())).unwrap();
        assert_eq!(
            shown,
            json!({
                "sub": "service",
                "client_id": "service",
                "act": { "sub": "u2", "client_id": "desk" }
            })
        );
        let names: Vec<_> = chain().chain().map(|actor| actor.subject.to_string()).collect();
        assert_eq!(names, ["service", "u2"]);
    }

    #[test]
    fn an_application_with_pairwise_subjects_is_told_users_by_theirs() {
        let told = chain().retold(&|subject| Some(format!("pairwise {subject}").into()));
        let shown = serde_json::to_value(ShownActor::from(&told)).unwrap();
        assert_eq!(
            (&shown["sub"], &shown["act"]["sub"]),
            (&json!("service"), &json!("pairwise u2"))
        );
        assert_eq!(told.retold(&|_| None), chain());
    }
}
