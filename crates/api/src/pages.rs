//! What people open in a browser. Nothing is loaded from elsewhere.

pub(crate) mod mailbox;

use crate::answer;
use crate::api::Shared;
use crate::edge::PagePolicy;
use crate::problem::Problem;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::response::Redirect;
use axum::routing::get;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;

/// The viewer sets styles from its script; scripts come from this service alone.
const VIEWER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Pages of ours have no script at all.
pub(super) const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Pages that are no part of the API.
pub(crate) fn undescribed() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::new()
        .route("/", get(|| async { Redirect::temporary("/docs/") }))
        .route("/docs", get(|| async { Redirect::temporary("/docs/") }))
        .route("/docs/", get(|| async { viewer("index.html") }))
        .route("/docs/{*file}", get(|Path(file): Path<String>| async move { viewer(&file) }))
        .route(
            "/page.css",
            get(|| async { answer::bytes(StatusCode::OK, "text/css", include_str!("pages/page.css")) }),
        )
}

/// Read this description.
#[utoipa::path(
    get, path = "/openapi.json", tag = "service",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
)]
pub(crate) async fn openapi(State(shared): State<Arc<Shared>>) -> Response<Body> {
    answer::bytes(StatusCode::OK, "application/json", shared.openapi.clone())
}

/// A file of the reference's viewer.
fn viewer(file: &str) -> Result<Response<Body>, Problem> {
    let config =
        utoipa_swagger_ui::Config::from("/openapi.json").validator_url("none").persist_authorization(false);
    let served =
        utoipa_swagger_ui::serve(file, Arc::new(config)).ok().flatten().ok_or_else(Problem::not_found)?;
    let mut response = answer::bytes(StatusCode::OK, "application/octet-stream", served.bytes.into_owned());
    if let Ok(media_type) = HeaderValue::from_str(&served.content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    }
    response.extensions_mut().insert(PagePolicy(VIEWER_POLICY));
    Ok(response)
}
