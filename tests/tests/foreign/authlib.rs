//! Authlib, a library for Python, with Flask.

use tokenbind_tests::Library::Authlib;

use crate::journey::Journey;

#[tokio::test]
async fn authlib_signs_in_refreshes_introspects_revokes_and_signs_out() {
    Journey::begin(Authlib).await.go().await;
}

#[tokio::test]
async fn authlib_takes_an_answer_by_form_post() {
    Journey::begin(Authlib).await.answered_by_form_post().await;
}

#[tokio::test]
async fn authlib_is_told_of_a_refusal() {
    Journey::begin(Authlib).await.refused().await;
}
