//! The description is of what is served, no more and no less.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use frontend::http::ROUTES;
use frontend::openapi::Description;
use std::collections::BTreeSet;
use utoipa::OpenApi;

#[test]
fn every_route_is_described_and_every_description_is_served() {
    let served: BTreeSet<(String, String)> =
        ROUTES.iter().map(|(method, path)| (method.to_string(), path.to_string())).collect();
    let document = serde_json::to_value(Description::openapi()).unwrap();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            described.insert((method.clone(), path.clone()));
        }
    }
    assert_eq!(described, served);
}

#[test]
fn what_the_description_refers_to_is_in_it() {
    fn references(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, field) in fields {
                    match field.as_str() {
                        Some(to) if name == "$ref" => found.push(to.to_string()),
                        _ => references(field, found),
                    }
                }
            }
            serde_json::Value::Array(all) => all.iter().for_each(|one| references(one, found)),
            _ => {}
        }
    }
    let document = serde_json::to_value(Description::openapi()).unwrap();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}
