//! `/oauth2/client-certificate`: which certificate the request is taken to show. For operators who set up
//! a proxy, and for the server's own check of it.

use axum::{Extension, response::Response};
use http::StatusCode;

use super::private_json;
use crate::{
    client_certificate::{Peer, Report},
    error_response::error_response,
};

pub(super) async fn answer(Extension(peer): Extension<Peer>) -> Response {
    let report = Report::of(&peer);
    private_json(StatusCode::OK, &report).unwrap_or_else(|error| error_response(&error))
}
