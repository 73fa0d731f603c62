//! The command line's own API client: over the network with a key, or over the control socket without one.

use crate::args::Place;
use crate::config::{Config, Loaded, Origin};
use crate::exit::{Exit, Failure};
use crate::service::control_path;
use anyhow::Result;
use reqwest::header::HeaderMap;
use reqwest::{Certificate, Method, StatusCode, Url};
use serde_json::Value;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// A way to the service.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: Option<String>,
}

/// What the service answered.
#[derive(Debug)]
pub struct Answer {
    /// The body; null if there was none.
    pub body: Value,
    /// Whether an `Idempotency-Key` was recognised.
    pub is_replayed: bool,
}

impl Client {
    /// To `--url`, or to the control socket of the data directory.
    ///
    /// # Errors
    /// With exit code 6 if there is neither.
    pub fn new(place: &Place) -> Result<Self> {
        if let Some(url) = &place.url {
            return Self::trusting(url, place.key.clone(), place.ca.as_deref());
        }
        let dir = data_dir(place)?;
        let socket = control_path(&dir);
        // A crash leaves its socket behind: only one that answers is a service.
        if let Err(error) = std::os::unix::net::UnixStream::connect(&socket) {
            let dir = dir.display();
            let message = match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => format!(
                    "no service is running on {dir}: start one with `postledger serve`, or name one with --url and --key"
                ),
                _ => format!("the service on {dir} cannot be reached: {}: {error}", socket.display()),
            };
            return Err(Failure::new(Exit::Unreachable, message));
        }
        let http = reqwest::Client::builder().no_proxy().unix_socket(socket).build()?;
        Ok(Self { http, base: "http://localhost".into(), key: None })
    }

    /// To a service by its address. Over https the system's roots are trusted, or those of `SSL_CERT_FILE`.
    ///
    /// # Errors
    /// The client cannot be built.
    pub fn remote(url: &Url, key: Option<String>) -> Result<Self> {
        Self::trusting(url, key, None)
    }

    /// The same, with the roots of a PEM file beside the others.
    fn trusting(url: &Url, key: Option<String>, ca: Option<&Path>) -> Result<Self> {
        let is_local = match url.host_str() {
            Some("localhost" | "[::1]") => true,
            Some(host) => host.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback()),
            None => false,
        };
        let builder = reqwest::Client::builder();
        // A proxy of the environment knows another machine by that name.
        let builder = if is_local { builder.no_proxy() } else { builder };
        let http = builder.tls_certs_merge(ca.map_or_else(|| Ok(Vec::new()), roots)?).build()?;
        Ok(Self { http, base: url.as_str().trim_end_matches('/').to_owned(), key })
    }

    /// GET.
    ///
    /// # Errors
    /// The problem that the service answered with, with its exit code.
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value> {
        let request = self.http.request(Method::GET, format!("{}{path}", self.base)).query(query);
        Ok(self.answer(request).await?.body)
    }

    /// POST with a JSON body.
    ///
    /// # Errors
    /// As for `get`.
    pub async fn post(&self, path: &str, body: &Value, idempotency_key: Option<&str>) -> Result<Answer> {
        let mut request = self.http.request(Method::POST, format!("{}{path}", self.base)).json(body);
        if let Some(key) = idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        self.answer(request).await
    }

    /// GET of what is not JSON.
    ///
    /// # Errors
    /// As for `get`.
    pub async fn bytes(&self, path: &str) -> Result<Vec<u8>> {
        Ok(self.received(self.http.request(Method::GET, format!("{}{path}", self.base))).await?.1)
    }

    /// PATCH with a JSON body.
    ///
    /// # Errors
    /// As for `get`.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.http.request(Method::PATCH, format!("{}{path}", self.base)).json(body);
        Ok(self.answer(request).await?.body)
    }

    /// DELETE.
    ///
    /// # Errors
    /// As for `get`.
    pub async fn delete(&self, path: &str) -> Result<Value> {
        Ok(self.answer(self.http.request(Method::DELETE, format!("{}{path}", self.base))).await?.body)
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Answer> {
        let (headers, bytes) = self.received(request).await?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { body, is_replayed: headers.contains_key("Idempotency-Replayed") })
    }

    /// What a success brought.
    async fn received(&self, mut request: reqwest::RequestBuilder) -> Result<(HeaderMap, Vec<u8>)> {
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let unreachable = |error: reqwest::Error| {
            let cause = root_cause(&error);
            let hint = match cause.contains("UnknownIssuer") {
                true => "; --ca names the root of a private certificate authority",
                false => "",
            };
            Failure::new(Exit::Unreachable, format!("{} does not answer: {cause}{hint}", self.base))
        };
        let response = request.send().await.map_err(unreachable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok((headers, bytes.into()));
        }
        let problem = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Err(Failure::new(exit_of(status, &problem), problem_text(status, &problem)))
    }
}

/// The certificates of a PEM file.
fn roots(file: &Path) -> Result<Vec<Certificate>> {
    let wrong =
        |what: String| Failure::new(Exit::Usage, format!("--ca: cannot read {}: {what}", file.display()));
    let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(roots) if !roots.is_empty() => Ok(roots),
        _ => Err(wrong("it holds no certificate in PEM".to_owned())),
    }
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn exit_of(status: StatusCode, problem: &Value) -> Exit {
    match status {
        StatusCode::NOT_FOUND => Exit::NotFound,
        StatusCode::CONFLICT => Exit::Refused,
        // The request is right: an earlier one stands in its way.
        StatusCode::UNPROCESSABLE_ENTITY if problem["code"] == "idempotency_key_reused" => Exit::Refused,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::PAYLOAD_TOO_LARGE => {
            Exit::Usage
        }
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Exit::Unreachable
        }
        _ => Exit::Failed,
    }
}

/// The problem (RFC 9457) in words: title, detail, then each field on a line where there are several.
fn problem_text(status: StatusCode, body: &Value) -> String {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let (title, detail) = (text(body, "title"), text(body, "detail").replace("; see errors", ""));
    let mut lines = match (title.is_empty(), detail.is_empty()) {
        (true, _) => format!("the service answered {status}"),
        (false, true) => title,
        (false, false) => format!("{title}: {detail}"),
    };
    match (status, body["instance"].as_str()) {
        (StatusCode::NOT_FOUND, Some(path)) => lines.push_str(&format!(": {path}")),
        (StatusCode::UNAUTHORIZED, _) => lines.push_str("\ngive a key with --key or in POSTLEDGER_KEY"),
        _ => {}
    }
    let errors = body["errors"].as_array().into_iter().flatten();
    // Fifty deliveries that say the same say it once.
    let mut said: Vec<(String, Vec<String>)> = Vec::new();
    for (field, what) in errors.map(|error| (text(error, "field"), text(error, "detail"))) {
        match said.iter_mut().find(|(known, _)| *known == what) {
            Some((_, fields)) => fields.push(field),
            None => said.push((what, vec![field])),
        }
    }
    for (what, fields) in said {
        let more = if fields.len() > 1 { format!(" and {} more", fields.len() - 1) } else { String::new() };
        // A detail that says all about the one field is enough.
        if body["detail"] != format!("{}: {what}", fields[0]) {
            lines.push_str(&format!("\n  {}{more}: {what}", fields[0]));
        }
    }
    lines
}

/// The data directory that is meant: the option, else the configuration's, else `./data`.
///
/// # Errors
/// The configuration cannot be read.
pub fn data_dir(place: &Place) -> Result<PathBuf> {
    match &place.data_dir {
        Some(dir) => Ok(dir.clone()),
        None => Ok(configuration(place)?.store.path),
    }
}

/// The configuration with `--data-dir` laid over it.
///
/// # Errors
/// It cannot be read.
pub fn configuration(place: &Place) -> Result<Config> {
    Ok(loaded(place)?.config)
}

/// The same, with where each value comes from.
///
/// # Errors
/// It cannot be read.
pub fn loaded(place: &Place) -> Result<Loaded> {
    let mut loaded = Loaded::read(place.config.as_deref())?;
    if let Some(dir) = &place.data_dir {
        loaded.config.store.path = dir.clone();
        let variable = "POSTLEDGER_DATA_DIR";
        let is_by_variable = std::env::var_os(variable).is_some_and(|value| value == *dir);
        let origin = match is_by_variable {
            true => Origin::Variable(variable.to_owned()),
            false => Origin::Option("--data-dir"),
        };
        loaded.origins.insert("store.path".to_owned(), origin);
    }
    Ok(loaded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_problem_names_its_fields_and_says_the_same_once() {
        let errors: Vec<_> =
            (1..=3).map(|n| json!({"field": format!("dlv_{n}"), "detail": "it has ended"})).collect();
        let problem = json!({"title": "Refused by state", "detail": "none of 3 deliveries allows it; see errors", "errors": errors});
        let told = "Refused by state: none of 3 deliveries allows it\n  dlv_1 and 2 more: it has ended";
        assert_eq!(problem_text(StatusCode::CONFLICT, &problem), told);
        let one = json!({"title": "Invalid request", "detail": "to: no address", "errors": [{"field": "to", "detail": "no address"}]});
        assert_eq!(problem_text(StatusCode::UNPROCESSABLE_ENTITY, &one), "Invalid request: to: no address");
    }
}
