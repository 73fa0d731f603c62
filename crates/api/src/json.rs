//! JSON to wire types, and what is wrong with it by field.

use crate::problem::{FieldError, Problem, code};
use crate::request::Object;
use serde::Deserialize;
use serde_json::error::Category;

/// Parses `json`, an object. The path of a mistake is found in a second pass, so that what is right pays nothing for it.
///
/// # Errors
/// 400 `invalid_json` for what is no JSON in UTF-8 (or nested over 128 deep), 422 `invalid_request` for a wrong field.
pub(crate) fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Problem> {
    let parsed = serde_json::from_slice(json).map(|Object(value)| value);
    parsed.map_err(|_| explain::<Object<T>>(json))
}

fn explain<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Problem {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let parsed = serde_path_to_error::deserialize::<_, T>(&mut deserializer);
    match parsed {
        Err(error) => {
            let path = match error.path().to_string() {
                root if root == "." || root == "?" => String::new(),
                // Behind a whole value, where a comma or a bracket was to come, no field is known.
                path => clipped(path.trim_end_matches(".?")),
            };
            let error = error.into_inner();
            match error.classify() {
                Category::Data => of_field(path, &error.to_string()),
                Category::Syntax | Category::Eof | Category::Io => not_json(path, &error),
            }
        }
        // The value is right, so something follows it.
        Ok(_) => Problem::new(code::INVALID_JSON, "something follows the JSON value"),
    }
}

fn not_json(path: String, error: &serde_json::Error) -> Problem {
    let detail = format!("no valid JSON in UTF-8: line {}, column {}", error.line(), error.column());
    let mut problem = Problem::new(code::INVALID_JSON, detail.clone());
    if !path.is_empty() {
        problem.errors.push(FieldError { field: path, code: "invalid_json", detail });
    }
    problem
}

/// Says what was expected, never what was found: that is the caller's data.
fn of_field(path: String, message: &str) -> Problem {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let name = message.split('`').nth(1).map(clipped).unwrap_or_default();
    let inner = |name: String| if path.is_empty() { name } else { format!("{path}.{name}") };
    let (field, code, detail) = if message.starts_with("unknown field") {
        let expected =
            message.rsplit_once(", expected ").map_or("", |(_, expected)| expected).replace('`', "");
        let field = if path.is_empty() { name } else { path };
        let detail = match &*expected {
            "" => "no fields stand here".to_owned(),
            expected => format!("there is no such field here; expected {expected}"),
        };
        (field, "unknown_field", detail)
    } else if message.starts_with("missing field") {
        (inner(name), "required", "this field is required".to_owned())
    } else if message.starts_with("duplicate field") {
        let field = if path.ends_with(&name) { path } else { inner(name) };
        (field, "duplicate_field", "this field is given twice".to_owned())
    } else {
        let expected = message.rsplit_once("expected ").map_or("another type", |(_, expected)| expected);
        // Rust's names are not the caller's.
        let expected = match expected {
            "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0",
            "i8" | "i16" | "i32" | "i64" => "a whole number",
            "a boolean" => "true or false",
            expected => expected,
        };
        (path, "invalid_type", format!("expected {expected}"))
    };
    Problem::invalid_field(field, code, detail)
}

fn clipped(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
