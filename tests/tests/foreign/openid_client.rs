//! `openid-client`, a certified library for Node.js.

use tokenbind_tests::Library::OpenidClient;

use crate::journey::Journey;

#[tokio::test]
async fn openid_client_signs_in_refreshes_introspects_revokes_and_signs_out() {
    Journey::begin(OpenidClient).await.go().await;
}

#[tokio::test]
async fn openid_client_takes_an_answer_by_form_post() {
    Journey::begin(OpenidClient).await.answered_by_form_post().await;
}

#[tokio::test]
async fn openid_client_is_told_of_a_refusal() {
    Journey::begin(OpenidClient).await.refused().await;
}

/// RFC 9207 section 2.4: the client must compare `iss`. It can only where the server announces and sends
/// it, so an answer without it, or with another, is one that the library refuses.
#[tokio::test]
async fn rfc9207_section_2_4_openid_client_refuses_an_answer_without_the_issuer_or_by_another() {
    let journey = Journey::begin(OpenidClient).await;
    let callback = journey.app.at("/callback");
    for iss in ["", "&iss=https%3A%2F%2Fother.example"] {
        journey.chromium.open(&journey.app.at("/login")).await;
        let sent = journey.chromium.address().await;
        let state = sent.query_pairs().find(|(name, _)| name == "state").expect("a state").1;
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", "made-up")
            .append_pair("state", &state)
            .finish();
        journey.chromium.open(&format!("{callback}?{query}{iss}")).await;
        let text = journey.chromium.shows("error_description").await;
        assert!(text.contains("iss"), "{text}");
    }
}
