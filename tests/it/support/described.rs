//! Whether an answer is as an OpenAPI document says: every field described, no other, each of its type and within its limits.

use regex::Regex;
use serde_json::{Map, Value};

/// An OpenAPI document, by which answers are judged. A keyword that is not judged fails the test: nothing passes unseen.
pub(crate) struct Document(pub(crate) Value);

impl Document {
    /// What is wrong with an answer; `None`: the document has no such operation.
    pub(crate) fn faults(&self, method: &str, path: &str, answer: &Answer<'_>) -> Option<Vec<String>> {
        let path = path.split('?').next().unwrap();
        let paths = self.0["paths"].as_object().unwrap();
        // A path that is written out goes before one that names something.
        let mut fitting: Vec<_> = paths.iter().filter(|(template, _)| fits(template, path)).collect();
        fitting.sort_by_key(|(template, _)| template.matches('{').count());
        let operation = fitting.first()?.1.get(method.to_ascii_lowercase())?;
        let responses = &operation["responses"];
        let response = responses.get(answer.status.to_string()).or_else(|| responses.get("default")).unwrap();
        let response = self.resolved(response);
        let mut faults = Vec::new();
        for (name, header) in response.get("headers").and_then(Value::as_object).into_iter().flatten() {
            if header["required"] == true && !answer.headers.contains(&name.to_ascii_lowercase().as_str()) {
                faults.push(format!("the header {name} is missing"));
            }
        }
        match response["content"].get(answer.content_type) {
            Some(content) => self.check(&content["schema"], answer.body, "", &mut faults),
            None => faults.push(format!("{} is not described", answer.content_type)),
        }
        Some(faults)
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref") {
            Some(place) => {
                self.0.pointer(place.as_str().unwrap().trim_start_matches('#')).expect("a reference leads on")
            }
            None => value,
        }
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let known = self.properties(schema);
        for (name, value) in value.as_object().into_iter().flatten().filter(|_| !known.is_empty()) {
            match known.get(name) {
                Some(schema) => self.check(schema, value, &format!("{at}/{name}"), faults),
                None if self.resolved(schema)["additionalProperties"] == true => (),
                None => faults.push(format!("{at}/{name} is not described")),
            }
        }
        self.check_rest(schema, value, at, faults);
    }

    /// All but the fields of objects, which several schemas may describe together.
    fn check_rest(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let schema = self.resolved(schema);
        for (keyword, wanted) in schema.as_object().unwrap() {
            let alternatives = || {
                wanted.as_array().unwrap().iter().filter(|one| {
                    let mut against = Vec::new();
                    self.check(one, value, at, &mut against);
                    against.is_empty()
                })
            };
            let number =
                |holds: fn(f64, f64) -> bool| value.as_f64().is_none_or(|value| holds(value, wanted.as_f64().unwrap()));
            let count = |of: Option<usize>, holds: fn(usize, usize) -> bool| {
                let limit = usize::try_from(wanted.as_u64().unwrap()).unwrap();
                of.is_none_or(|count| holds(count, limit))
            };
            let characters = value.as_str().map(|text| text.chars().count());
            let holds = match keyword.as_str() {
                "$ref" | "description" | "default" | "examples" | "properties" | "additionalProperties" => true,
                "type" => match wanted {
                    Value::Array(types) => types.iter().any(|one| is_of(one, value)),
                    one => is_of(one, value),
                },
                "enum" => wanted.as_array().unwrap().contains(value),
                "required" => value.as_object().is_none_or(|fields| {
                    wanted.as_array().unwrap().iter().all(|name| fields.contains_key(name.as_str().unwrap()))
                }),
                "items" => {
                    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(wanted, item, &format!("{at}/{n}"), faults);
                    }
                    true
                }
                "allOf" => {
                    for part in wanted.as_array().unwrap() {
                        self.check_rest(part, value, at, faults);
                    }
                    true
                }
                "oneOf" => alternatives().count() == 1,
                "anyOf" => alternatives().count() > 0,
                "minimum" => number(|value, limit| value >= limit),
                "maximum" => number(|value, limit| value <= limit),
                "minLength" => count(characters, |count, limit| count >= limit),
                "maxLength" => count(characters, |count, limit| count <= limit),
                "maxItems" => count(value.as_array().map(Vec::len), |count, limit| count <= limit),
                "pattern" => {
                    let pattern = Regex::new(wanted.as_str().unwrap()).unwrap();
                    value.as_str().is_none_or(|text| pattern.is_match(text))
                }
                "format" => match wanted.as_str().unwrap() {
                    "date-time" => value.as_str().is_none_or(|time| humantime::parse_rfc3339(time).is_ok()),
                    "int32" => value.is_null() || value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
                    "int64" => value.is_null() || value.as_i64().is_some(),
                    "double" => value.is_null() || value.is_number(),
                    other => panic!("the format {other} is not judged"),
                },
                other => panic!("the keyword {other} is not judged"),
            };
            if !holds {
                faults.push(format!("{at}: {value} is not as {keyword} says: {wanted}"));
            }
        }
    }

    /// What fields an object may have, its parts' together.
    fn properties<'a>(&'a self, schema: &'a Value) -> Map<String, Value> {
        let schema = self.resolved(schema);
        let mut properties = schema["properties"].as_object().cloned().unwrap_or_default();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            properties.extend(self.properties(part));
        }
        properties
    }
}

/// What came back.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) content_type: &'a str,
    /// Names, in lower case.
    pub(crate) headers: &'a [&'a str],
    pub(crate) body: &'a Value,
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let fit = |(template, path): (&&str, &&str)| template.starts_with('{') || template == path;
    template.len() == path.len() && template.iter().zip(&path).all(fit)
}

fn is_of(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("there is no type {other}"),
    }
}
