//! Issuing an authorization code in a living session.

use tokenbind_binding::{Anchor, CodeId, Instant};
use tokenbind_issuer::{
    code::AuthorizationCode,
    session::LoginSession,
    store::{CodeOutcome, CodeRequest},
};

use super::{
    browser_cookies, codes, connections, failure::DbResult, position::Mark, pushed_requests,
    session_ends, sessions, write::Write,
};

pub(crate) fn issue_code(write: &mut Write<'_>, request: &CodeRequest) -> DbResult<CodeOutcome> {
    let instant = write.tick();
    let code = &request.code;
    let found = sessions::find_alive(write, code.login.session, instant.timestamp())?;
    let Some(session) = found.filter(|found| found.session.subject == code.subject) else {
        return Ok(CodeOutcome::SessionOver);
    };
    let decided_on = [
        Anchor::Subject(code.subject.clone()),
        Anchor::Application(code.client_id.clone()),
        Anchor::Consent(code.subject.clone(), code.client_id.clone()),
    ];
    if write.ended_after(request.as_of, Some(session.session.id), decided_on).is_some() {
        return Ok(CodeOutcome::Ended);
    }
    // RFC 9126 section 4: "Authorization servers SHOULD treat request_uri values as one-time use but MAY allow for
    // duplicate requests due to a user reloading/refreshing their user agent." The code spends the request.
    if let Some(pushed) = request.pushed
        && !pushed_requests::spend(write, pushed, &code.client_id, instant.timestamp())?
    {
        return Ok(CodeOutcome::RequestSpent);
    }
    commit(write, request, &session, instant)
}

fn commit(
    write: &mut Write<'_>,
    request: &CodeRequest,
    LoginSession { session, .. }: &LoginSession,
    instant: Instant,
) -> DbResult<CodeOutcome> {
    let now = instant.timestamp();
    let mut code: AuthorizationCode = request.code.clone();
    let cookie = match &request.cookie {
        Some(offer) => Some(browser_cookies::decide(write, offer, &code, now)?),
        None => None,
    };
    code.authorized.cookie = cookie.map(|(_, reference)| reference);
    session_ends::add_application(write.db, session.id, &code.client_id)?;
    sessions::prolong(write, session, request.session_idle, now)?;
    if let Some(scope) = &request.consented {
        connections::add_consent(write.db, &code.subject, &code.client_id, scope, now)?;
    }
    let id = CodeId::new(instant, write.random());
    let expires_at = now.plus(request.lifetime);
    codes::insert(write.db, id, &code, expires_at)?;
    write.position.raise(write.db, Mark::Codes, expires_at)?;
    Ok(CodeOutcome::Issued { id, cookie: cookie.map(|(fate, _)| fate) })
}
