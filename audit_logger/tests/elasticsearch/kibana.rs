//! The dashboards in `docker/kibana`: whole JSON, references that lead somewhere, and no field that
//! the index does not have.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The fields of the mapping, dots between the names.
fn mapped() -> BTreeSet<String> {
    fn add(below: &str, properties: &Value, fields: &mut BTreeSet<String>) {
        for (name, field) in properties.as_object().unwrap() {
            let path = if below.is_empty() { name.clone() } else { format!("{below}.{name}") };
            if field.get("properties").is_some() {
                add(&path, &field["properties"], fields);
                continue;
            }
            for (more, _) in field["fields"].as_object().into_iter().flatten() {
                fields.insert(format!("{path}.{more}"));
            }
            // What has no index can be shown, and nothing else can be done with it.
            if field["index"] != false {
                fields.insert(path);
            }
        }
    }
    let template: Value =
        serde_json::from_str(include_str!("../../templates/entries.json")).unwrap();
    let mut fields = BTreeSet::new();
    add("", &template["template"]["mappings"]["properties"], &mut fields);
    fields
}

/// Every saved object of every file, by type and id.
fn objects() -> BTreeMap<(String, String), Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker/kibana");
    let mut all = BTreeMap::new();
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        assert_eq!(path.extension().unwrap(), "ndjson", "{}", path.display());
        for line in fs::read_to_string(&path).unwrap().lines() {
            let object: Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let name = |field: &str| object[field].as_str().unwrap().to_string();
            let key = (name("type"), name("id"));
            assert!(all.insert(key.clone(), object).is_none(), "{key:?} is there twice");
        }
    }
    all
}

fn parsed(text: &Value) -> Value {
    serde_json::from_str(text.as_str().expect("a text of JSON")).unwrap()
}

/// The names that a query compares: those before a colon.
fn of_query(query: &str) -> Vec<String> {
    let before_colons = query.split(" : ").collect::<Vec<_>>();
    let named = before_colons.iter().rev().skip(1).rev();
    named.map(|text| text.rsplit(' ').next().unwrap().to_string()).collect()
}

/// The fields that an object names.
fn fields_of(object: &Value) -> Vec<String> {
    let attributes = &object["attributes"];
    let mut fields = Vec::new();
    let source = &attributes["kibanaSavedObjectMeta"]["searchSourceJSON"];
    if source.is_string() {
        fields.extend(of_query(parsed(source)["query"]["query"].as_str().unwrap()));
    }
    let text = |value: &Value| value.as_str().unwrap().to_string();
    match object["type"].as_str().unwrap() {
        "visualization" => {
            let state = parsed(&attributes["visState"]);
            let aggregations = state["aggs"].as_array().unwrap();
            assert!(!aggregations.is_empty());
            fields.extend(
                aggregations
                    .iter()
                    .filter_map(|one| Some(one["params"]["field"].as_str()?.to_string())),
            );
        }
        "search" => {
            fields.extend(attributes["columns"].as_array().unwrap().iter().map(text));
            fields.extend(attributes["sort"].as_array().unwrap().iter().map(|sort| text(&sort[0])));
        }
        "dashboard" => {
            let controls = &attributes["controlGroupInput"]["panelsJSON"];
            if controls.is_string() {
                let panels = parsed(controls);
                let named = |panel: &Value| text(&panel["explicitInput"]["fieldName"]);
                fields.extend(panels.as_object().unwrap().values().map(named));
            }
        }
        "index-pattern" => {
            fields.push(text(&attributes["timeFieldName"]));
            for field in parsed(&attributes["runtimeFieldMap"]).as_object().unwrap().values() {
                let script = text(&field["script"]["source"]);
                let mut quoted = script.split("doc['").skip(1);
                assert!(script.contains("doc['"));
                fields.extend(
                    quoted.by_ref().map(|rest| rest.split('\'').next().unwrap().to_string()),
                );
            }
        }
        other => panic!("an object of type {other}"),
    }
    fields
}

#[test]
fn every_dashboard_is_whole_and_names_only_fields_that_there_are() {
    let objects = objects();
    let view = &objects[&("index-pattern".to_string(), "daytrade-audit".to_string())];
    assert_eq!(view["attributes"]["title"], "daytrade-audit-*");
    let runtime = parsed(&view["attributes"]["runtimeFieldMap"]);
    let mut known = mapped();
    for field in fields_of(view) {
        assert!(known.contains(&field), "the data view names {field}");
    }
    known.extend(runtime.as_object().unwrap().keys().cloned());
    let mut named = 0;
    for ((kind, id), object) in &objects {
        for field in fields_of(object) {
            assert!(known.contains(&field), "{kind} {id} names {field}");
            named += 1;
        }
    }
    assert!(named > 60, "{named} fields are named");
}

#[test]
fn every_reference_leads_to_an_object_and_every_panel_to_a_reference() {
    let objects = objects();
    let mut shown = BTreeSet::new();
    for ((kind, id), object) in &objects {
        let references = object["references"].as_array().unwrap();
        for reference in references {
            let name = |field: &str| reference[field].as_str().unwrap().to_string();
            let key = (name("type"), name("id"));
            assert!(objects.contains_key(&key), "{kind} {id} refers to {key:?}");
            shown.insert(key);
        }
        if kind == "dashboard" {
            let panels = parsed(&object["attributes"]["panelsJSON"]);
            for panel in panels.as_array().unwrap() {
                let text = |field: &str| panel[field].as_str().unwrap();
                let name = format!("{}:{}", text("panelIndex"), text("panelRefName"));
                let found = references.iter().find(|one| one["name"] == *name).unwrap();
                assert_eq!(found["type"], panel["type"], "{id} {name}");
            }
        } else if kind != "index-pattern" {
            assert_eq!(references[0]["type"], "index-pattern", "{id}");
            let source = &object["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"];
            assert_eq!(parsed(source)["indexRefName"], references[0]["name"], "{id}");
        }
    }
    let dashboards = objects.keys().filter(|(kind, _)| kind == "dashboard").count();
    assert_eq!(dashboards, 4);
    for key in objects.keys().filter(|(kind, _)| kind != "dashboard") {
        assert!(shown.contains(key), "{key:?} is shown nowhere");
    }
}
