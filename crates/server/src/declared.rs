//! At each start: what the configuration declares is made true.
//!
//! The file is the truth about what it declares, and says nothing of the rest: an application, a
//! resource or a user that is no longer in it stays as it is.

use tokenbind_issuer::{Issuer, admin::AdminError, declared::Declared};

use crate::config::Config;

/// How many declarations there are, and what became of them.
#[derive(Clone, Copy, Default, Debug)]
struct Tally {
    added: usize,
    changed: usize,
    unchanged: usize,
}

impl Tally {
    fn count(&mut self, declared: Declared) {
        match declared {
            Declared::Added => self.added += 1,
            Declared::Changed => self.changed += 1,
            Declared::Unchanged => self.unchanged += 1,
        }
    }

    /// Says so, unless nothing is declared.
    fn tell(self, kind: &str) {
        let Self { added, changed, unchanged } = self;
        if added + changed + unchanged > 0 {
            tracing::info!(added, changed, unchanged, "the declared {kind} are in place");
        }
    }
}

/// Makes the declared applications, resources and users what is declared of them, one by one: a start that was cut
/// short, or that failed, is completed by the next one.
///
/// # Errors
/// [`AdminError`], which names the declaration.
pub(crate) async fn make_true(issuer: &Issuer, config: &Config) -> Result<(), AdminError> {
    let mut applications = Tally::default();
    for declared in &config.applications {
        let name = format!("the declared application {}", declared.client_id());
        applications.count(issuer.declare_application(declared).await.map_err(of(&name))?);
    }
    applications.tell("applications");
    let mut resources = Tally::default();
    for declared in &config.resources {
        let name = format!("the declared resource {}", declared.identifier);
        resources.count(issuer.declare_resource(declared).await.map_err(of(&name))?);
    }
    resources.tell("resources");
    let mut users = Tally::default();
    for declared in &config.users {
        let name = format!("the declared user {}", declared.username());
        users.count(issuer.declare_user(declared).await.map_err(of(&name))?);
    }
    users.tell("users");
    Ok(())
}

fn of(name: &str) -> impl FnOnce(AdminError) -> AdminError {
    move |error| AdminError::new(format!("{name}: {error}"))
}
