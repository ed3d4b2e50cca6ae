//! `/assets/…`: what pages load. Their addresses change with their contents, so caches keep them for good.

use axum::response::IntoResponse;
use http::header;

use crate::pages::{FORM_POST_SCRIPT, ICON, STYLE};

fn asset(content_type: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text)
}

pub(super) async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", STYLE)
}

pub(super) async fn form_post_script() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", FORM_POST_SCRIPT)
}

pub(super) async fn icon() -> impl IntoResponse {
    asset("image/svg+xml", ICON)
}
