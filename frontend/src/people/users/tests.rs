use super::*;
use std::fs;

fn name(text: &str) -> UserName {
    UserName::parse(text.as_bytes()).unwrap()
}

fn hash() -> PasswordHash {
    PasswordHash::of(b"a password of somebody").unwrap()
}

#[test]
fn users_and_roles_outlive_the_process_and_a_line_that_was_cut_short() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.jsonl");
    let store = UserStore::open(&path).unwrap();
    store.add(&name("ann"), hash(), vec![Role::Trader], 1).unwrap();
    store.add(&name("bob"), hash(), vec![Role::Trader], 2).unwrap();
    store.change(&name("bob"), None, Some(vec![Role::Trader, Role::Analyst]), 3).unwrap();
    assert!(matches!(store.add(&name("ann"), hash(), vec![], 4), Err(UsersError::Taken(_))));
    let whole = fs::read(&path).unwrap();
    for cut in 1..40 {
        let mut torn = whole.clone();
        torn.extend_from_slice(&whole[..cut]);
        fs::write(&path, &torn).unwrap();
        let store = UserStore::open_compacted(&path).unwrap();
        assert_eq!(store.roles(&name("bob")), [Role::Trader, Role::Analyst]);
        assert_eq!(store.list().len(), 2);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
    }
}

#[test]
fn an_identity_is_one_user_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.jsonl");
    let identity = |subject: &str| Identity {
        issuer: "https://sso.example.com".to_string(),
        subject: subject.to_string(),
    };
    let store = UserStore::open(&path).unwrap();
    store.add(&name("ann"), hash(), vec![Role::Trader], 1).unwrap();
    let taken = |done| matches!(done, Err(UsersError::Taken(_)));
    assert!(taken(store.add_identity(&name("ann"), identity("1"), vec![], 2)));
    store.add_identity(&name("bob"), identity("1"), vec![Role::Trader], 2).unwrap();
    assert!(taken(store.add_identity(&name("cat"), identity("1"), vec![], 3)));
    assert!(taken(store.add(&name("bob"), hash(), vec![], 3)));
    store.change(&name("bob"), None, Some(vec![Role::Analyst]), 4).unwrap();
    for store in [store, UserStore::open_compacted(&path).unwrap()] {
        assert_eq!(store.of_identity(&identity("1")), Some(name("bob")));
        assert_eq!(store.of_identity(&identity("2")), None);
        assert_eq!(store.roles(&name("bob")), [Role::Analyst]);
        assert!(store.has(&name("bob")) && store.password(&name("bob")).is_none());
    }
}

#[test]
fn a_server_hears_of_what_the_command_line_adds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.jsonl");
    let server = UserStore::open_compacted(&path).unwrap();
    let line = UserStore::open(&path).unwrap();
    line.add(&name("ann"), hash(), vec![Role::Trader, Role::Operator], 1).unwrap();
    assert!(server.password(&name("ann")).is_none());
    server.refresh().unwrap();
    assert_eq!(server.roles(&name("ann")), [Role::Trader, Role::Operator]);
    // A name that the other process took is taken here.
    line.add(&name("bob"), hash(), vec![], 1).unwrap();
    assert!(matches!(server.add(&name("bob"), hash(), vec![], 4), Err(UsersError::Taken(_))));
}
