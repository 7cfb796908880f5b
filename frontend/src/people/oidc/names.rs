//! What somebody is called here: the first of what the provider says that makes a user name.

use super::token::text;
use domain::trading::UserName;
use serde_json::{Map, Value};

/// The names that somebody's claims make, best first.
pub(super) fn of(claims: &Map<String, Value>) -> Vec<String> {
    // An address that the provider has not checked may be anybody's.
    let checked = claims.get("email_verified").is_none_or(|value| value != &Value::Bool(false));
    let said = [
        text(claims, "preferred_username"),
        text(claims, "email").filter(|_| checked),
        text(claims, "name"),
    ];
    let mut names: Vec<String> = said.into_iter().flatten().filter_map(name).collect();
    names.dedup();
    names
}

/// A user name made of `said`: what a user name may not have becomes `_`, and it begins with a
/// letter or digit.
pub fn name(said: &str) -> Option<String> {
    let allowed = |char: char| char.is_ascii_alphanumeric() || "_.@-".contains(char);
    let plain: String =
        said.trim().chars().map(|char| if allowed(char) { char } else { '_' }).collect();
    let name: String = plain
        .trim_start_matches(|char: char| !char.is_ascii_alphanumeric())
        .chars()
        .take(UserName::MAX_LEN)
        .collect();
    UserName::parse(name.as_bytes()).map(|_| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_keeps_the_rule() {
        for (said, expected) in [
            ("ann", Some("ann")),
            ("ann.smith@example.com", Some("ann.smith@example.com")),
            ("ann+trade@example.com", Some("ann_trade@example.com")),
            (" Ann Smith ", Some("Ann_Smith")),
            ("_market", Some("market")),
            ("-", None),
            ("", None),
            ("Zoë", Some("Zo_")),
            ("名前", None),
        ] {
            assert_eq!(name(said).as_deref(), expected, "{said}");
        }
        assert_eq!(name(&"x".repeat(100)).unwrap().len(), UserName::MAX_LEN);
    }

    #[test]
    fn the_best_name_comes_first_and_an_unchecked_address_is_none() {
        let claims = json!({ "email": "ann@x.org", "preferred_username": "ann", "name": "Ann" });
        assert_eq!(of(claims.as_object().unwrap()), ["ann", "ann@x.org", "Ann"]);
        let claims = json!({ "email": "ann@x.org", "email_verified": false });
        assert!(of(claims.as_object().unwrap()).is_empty());
    }
}
