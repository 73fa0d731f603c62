//! What is answered is what `/openapi.json` says: every field is described, nothing that is promised is missing.

use super::service::{Answer, Service, hello, request};
use crate::caller::Peer;
use serde_json::{Value, json};

/// The parts of JSON Schema that the description uses. What it does not know it lets through.
struct Described(Value);

impl Described {
    /// Checks an answer against what its call says of that status and media type.
    fn check(&self, method: &str, template: &str, answer: &Answer) {
        let status = answer.status.as_str();
        let call = format!("{method} {template} {status}");
        let response = &self.0["paths"][template][method.to_lowercase()]["responses"][status];
        assert!(response.is_object(), "{call} is not described: {}", answer.text());
        let media_type = answer.header("content-type").split(';').next().unwrap();
        if answer.bytes.is_empty() {
            return;
        }
        let schema = &response["content"][media_type]["schema"];
        assert!(schema.is_object(), "{call} says nothing of {media_type}");
        if media_type.ends_with("json") {
            self.fits(schema, &answer.json(), &call);
        }
    }

    fn fits(&self, schema: &Value, value: &Value, at: &str) {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.fits(self.0.pointer(&reference[1..]).unwrap(), value, at);
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let is_null = |choice: &&Value| (choice["type"] == "null") == value.is_null();
            return self.fits(choices.iter().find(is_null).unwrap(), value, at);
        }
        let types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let merged = schema["allOf"].as_array();
        assert!(
            merged.is_some() || types == [Value::Null] || types.contains(&kind.into()),
            "{at}: {value} is no {types:?}"
        );
        for item in value.as_array().into_iter().flatten() {
            self.fits(&schema["items"], item, &format!("{at}[]"));
        }
        let Some(object) = value.as_object() else { return };
        let parts: Vec<&Value> = merged.map_or_else(|| vec![schema], |parts| parts.iter().collect());
        let parts: Vec<&Value> = parts.into_iter().map(|part| self.resolved(part)).collect();
        for required in parts.iter().filter_map(|part| part["required"].as_array()).flatten() {
            assert!(
                object.contains_key(required.as_str().unwrap()),
                "{at}: {required} is missing in {value}"
            );
        }
        let is_free =
            parts.iter().any(|part| part["additionalProperties"].is_object() || part["properties"].is_null());
        for (name, inner) in object {
            match parts.iter().find_map(|part| part["properties"].get(name)) {
                Some(property) => self.fits(property, inner, &format!("{at}.{name}")),
                None => assert!(is_free, "{at}.{name} is not described"),
            }
        }
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        schema["$ref"].as_str().map_or(schema, |reference| self.0.pointer(&reference[1..]).unwrap())
    }
}

#[tokio::test]
async fn every_answer_is_what_the_description_says() {
    let service = Service::start().await;
    let described = Described(serde_json::from_str(&crate::openapi_json()).unwrap());
    let check = async |method: &str, template: &str, id: &str, query: &str, body: Value| {
        let path = template.replace("{id}", id) + query;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = service.call(Peer::Control, request(method, &path, body)).await;
        described.check(method, template, &answer);
        answer
    };
    let mut message = hello();
    message["send_at"] = "2026-12-02T09:00:00Z".into();
    let accepted = check("POST", "/v1/messages", "", "", message.clone()).await.json();
    let id = accepted["id"].as_str().unwrap();
    let delivery = accepted["deliveries"][0]["id"].as_str().unwrap();
    check("POST", "/v1/messages", "", "", json!({})).await;
    check("POST", "/v1/messages", "", "?dry=1", hello()).await;
    check("POST", "/v1/messages/batch", "", "", json!({"messages": [hello()]})).await;
    check("POST", "/v1/messages/batch", "", "", json!({"messages": [hello(), {}]})).await;
    check("PATCH", "/v1/messages/{id}", id, "", json!({"send_at": "2026-12-03T09:00:00Z"})).await;
    for verb in ["hold", "release", "redrive", "cancel", "hold"] {
        check("POST", &format!("/v1/messages/{{id}}/{verb}"), id, "", Value::Null).await;
        check("POST", &format!("/v1/deliveries/{{id}}/{verb}"), delivery, "", json!({"surplus": 1})).await;
    }
    let outcome = json!({"outcome": "delivered", "reason": "the relay says so"});
    check("POST", "/v1/deliveries/{id}/resolve", delivery, "", outcome).await;
    check("GET", "/v1/deliveries/{id}/content", delivery, "", Value::Null).await;
    check("GET", "/v1/deliveries/{id}/explain", delivery, "", Value::Null).await;
    for suffix in ["", "/events", "/content"] {
        check("GET", &format!("/v1/messages/{{id}}{suffix}"), id, "", Value::Null).await;
        check("GET", &format!("/v1/messages/{{id}}{suffix}"), "msg_none", "", Value::Null).await;
        check("GET", &format!("/v1/messages/{{id}}{suffix}"), id, "?a=b", Value::Null).await;
    }
    check("GET", "/v1/messages", "", "?limit=1", Value::Null).await;
    check("GET", "/v1/messages", "", "?limit=0", Value::Null).await;
    let key =
        check("POST", "/v1/keys", "", "", json!({"scopes": ["send"], "expires_after": "90d"})).await.json();
    check("POST", "/v1/keys", "", "", json!({"scopes": []})).await;
    check("GET", "/v1/keys", "", "", Value::Null).await;
    check("DELETE", "/v1/keys/{id}", key["id"].as_str().unwrap(), "", Value::Null).await;
    check("DELETE", "/v1/keys/{id}", "key_none", "", Value::Null).await;
    for path in ["/v1/relays", "/livez", "/readyz", "/metrics", "/openapi.json", "/dev/mailbox"] {
        check("GET", path, "", "", Value::Null).await;
    }
}
