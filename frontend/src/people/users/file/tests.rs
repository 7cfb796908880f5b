//! Processes that change the file at the same time, step by step, and disks that fail.

use super::*;
use crate::people::users::UserStore;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// Hears of each step before it is made, and may fail it.
pub(in crate::people::users) type Hook = Arc<dyn Fn(&'static str) -> io::Result<()> + Send + Sync>;

fn name(text: &str) -> UserName {
    UserName::parse(text.as_bytes()).unwrap()
}

fn hash(password: &str) -> PasswordHash {
    // The real one takes its time, which nothing here is about.
    let hash = format!("{{\"salt\":\"00\",\"hash\":\"{:02x}\",\"m\":8,\"t\":1}}", password.len());
    serde_json::from_str(&hash).unwrap()
}

fn add(store: &UserStore, user: &str, roles: &[Role]) -> Result<(), UsersError> {
    store.add(&name(user), hash("x"), roles.to_vec(), 1)
}

fn give(store: &UserStore, user: &str, roles: &[Role]) -> Result<(), UsersError> {
    store.change(&name(user), None, Some(roles.to_vec()), 2)
}

/// A process: what it does with the file, and where it is.
struct Process {
    go_on: Sender<()>,
    step: Receiver<&'static str>,
    thread: std::thread::JoinHandle<()>,
}

type Work = Arc<dyn Fn(&Path, Steps) + Send + Sync>;

impl Process {
    /// It stands before its first step.
    fn start(path: &Path, work: Work) -> Process {
        let (go_on, may_go_on) = channel();
        let (tell, step) = channel();
        let may_go_on = Mutex::new(may_go_on);
        let tell = Mutex::new(tell);
        let hook: Hook = Arc::new(move |step| {
            let _ = tell.lock().unwrap().send(step);
            let _ = may_go_on.lock().unwrap().recv();
            Ok(())
        });
        let path = path.to_path_buf();
        let thread = std::thread::spawn(move || work(&path, Steps(Some(hook))));
        Process { go_on, step, thread }
    }
}

/// Runs both at once, in the order that `choices` say (the first process where they say nothing),
/// one step at a time. Returns which of them could have been chosen, and was, at each step.
fn run_both(path: &Path, works: &[Work; 2], choices: &[usize]) -> Vec<(Vec<usize>, usize)> {
    let mut processes: Vec<Option<Process>> =
        works.iter().map(|work| Some(Process::start(path, work.clone()))).collect();
    let mut at = [Some("start"); 2];
    let mut made = Vec::new();
    for (nth, process) in processes.iter().enumerate() {
        at[nth] = process.as_ref().and_then(|process| process.step.recv().ok());
    }
    while at.iter().any(Option::is_some) {
        // Whoever is blocked goes on when the other has given the lock up.
        let can = |nth: &usize| at[*nth].is_some_and(|step| step != "blocked");
        let can: Vec<usize> = (0..2).filter(can).collect();
        assert!(!can.is_empty(), "both wait for each other");
        let wanted = choices.get(made.len()).copied().unwrap_or(can[0]);
        let chosen = if can.contains(&wanted) { wanted } else { can[0] };
        made.push((can, chosen));
        let process = processes[chosen].as_ref().unwrap();
        process.go_on.send(()).unwrap();
        at[chosen] = process.step.recv().ok();
        if matches!(at[chosen], None | Some("unlocked")) && at[1 - chosen] == Some("blocked") {
            let other = processes[1 - chosen].as_ref().unwrap();
            other.go_on.send(()).unwrap();
            at[1 - chosen] = other.step.recv().ok();
        }
    }
    for process in processes.iter_mut().filter_map(Option::take) {
        process.thread.join().unwrap();
    }
    made
}

/// Runs both in every order of their steps; `check` looks at what is there behind each.
fn in_every_order(before: impl Fn(&Path), works: [Work; 2], check: impl Fn(&Path)) -> usize {
    let (mut choices, mut orders) = (Vec::new(), 0);
    loop {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.jsonl");
        before(&path);
        let made = run_both(&path, &works, &choices);
        check(&path);
        orders += 1;
        let other = |(can, chosen): &(Vec<usize>, usize)| can.contains(&1) && *chosen == 0;
        let Some(last) = made.iter().rposition(other) else { return orders };
        choices = made[..last].iter().map(|(_, chosen)| *chosen).chain([1]).collect();
    }
}

/// A store that has read the file before the other process changes it.
fn opened(path: &Path, steps: Steps) -> UserStore {
    let store = UserStore::open(path).unwrap();
    store.file().steps = steps;
    store
}

fn two_lines_a_user(path: &Path) {
    let mut lines = Vec::new();
    for user in ["ann", "bob"] {
        for password in [Some(hash("x")), None] {
            let roles = Some(vec![Role::Trader]);
            let line = Line { user: user.to_string(), password, roles, identity: None, at_ms: 1 };
            serde_json::to_writer(&mut lines, &line).unwrap();
            lines.push(b'\n');
        }
    }
    fs::write(path, lines).unwrap();
}

#[test]
fn no_change_is_lost_while_a_server_starts() {
    let compacts: Work = Arc::new(|path, steps| {
        let store = opened(path, steps);
        store.compact().unwrap();
    });
    let changes: Work = Arc::new(|path, steps| {
        let store = opened(path, steps);
        give(&store, "bob", &[Role::Operator]).unwrap();
    });
    let orders = in_every_order(two_lines_a_user, [compacts, changes], |path| {
        let store = UserStore::open(path).unwrap();
        assert_eq!(store.roles(&name("ann")), [Role::Trader]);
        assert_eq!(store.roles(&name("bob")), [Role::Operator], "a change is lost");
        assert_eq!(store.list().len(), 2);
    });
    println!("{orders} orders");
    assert!(orders > 20, "{orders}");
}

#[test]
fn two_processes_never_share_a_name() {
    let taken = Arc::new(Mutex::new(0));
    let adds = |role: Role| -> Work {
        let taken = taken.clone();
        Arc::new(move |path, steps| {
            let store = opened(path, steps);
            *taken.lock().unwrap() += match add(&store, "cat", &[role]) {
                Ok(()) => 0,
                Err(UsersError::Taken(_)) => 1,
                Err(error) => panic!("{error}"),
            };
        })
    };
    let works = [adds(Role::Analyst), adds(Role::Operator)];
    let orders = in_every_order(
        |_| {},
        works,
        |path| {
            assert_eq!(std::mem::take(&mut *taken.lock().unwrap()), 1);
            assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 1);
        },
    );
    println!("{orders} orders");
}

#[test]
fn two_servers_and_a_change_agree() {
    // A store that has read the file before it is replaced sees what is in the new one.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.jsonl");
    two_lines_a_user(&path);
    let server = UserStore::open(&path).unwrap();
    let line = UserStore::open(&path).unwrap();
    UserStore::open_compacted(&path).unwrap();
    line.change(&name("ann"), Some(hash("another")), Some(vec![Role::Analyst]), 3).unwrap();
    server.refresh().unwrap();
    assert_eq!(server.roles(&name("ann")), [Role::Analyst]);
    assert_eq!(server.take_new_passwords(), [name("ann")], "her sessions go on");
    // As long as before, and yet another file.
    let length = fs::metadata(&path).unwrap().len();
    give(&line, "bob", &[Role::Operator]).unwrap();
    UserStore::open_compacted(&path).unwrap();
    let short = length - fs::metadata(&path).unwrap().len().min(length);
    println!("{short} bytes shorter");
    server.refresh().unwrap();
    assert_eq!(server.roles(&name("bob")), [Role::Operator]);
}

#[test]
fn a_slow_disk_freezes_no_signed_in_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.jsonl");
    two_lines_a_user(&path);
    let (tell, told) = channel();
    let (go_on, stands) = channel::<()>();
    let (tell, stands) = (Mutex::new(tell), Mutex::new(stands));
    let hook: Hook = Arc::new(move |step| {
        if step == "sync" {
            let _ = tell.lock().unwrap().send(());
            let _ = stands.lock().unwrap().recv();
        }
        Ok(())
    });
    let store = Arc::new(UserStore::open_with(&path, Steps(Some(hook))).unwrap());
    let writer = store.clone();
    let change = std::thread::spawn(move || give(&writer, "bob", &[Role::Operator]));
    told.recv().unwrap();
    // The disk stands still. Whoever is signed in is answered, and sees what is on disk.
    assert_eq!(store.roles(&name("bob")), [Role::Trader]);
    assert!(store.has(&name("ann")) && store.password(&name("ann")).is_some());
    assert!(store.take_new_passwords().is_empty() && store.list().len() == 2);
    drop(go_on);
    change.join().unwrap().unwrap();
    assert_eq!(store.roles(&name("bob")), [Role::Operator]);
}

#[test]
fn a_failed_flush_is_never_tried_again() {
    for fails_at in ["write", "sync"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.jsonl");
        two_lines_a_user(&path);
        let (synced, failing) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(true)));
        let hook: Hook = {
            let (synced, failing) = (synced.clone(), failing.clone());
            Arc::new(move |step| {
                *synced.lock().unwrap() += usize::from(step == "sync");
                let fails = step == fails_at && *failing.lock().unwrap();
                if fails { Err(io::Error::other("the disk is gone")) } else { Ok(()) }
            })
        };
        let store = UserStore::open_with(&path, Steps(Some(hook))).unwrap();
        let before = FileId::of(&fs::metadata(&path).unwrap()).unwrap();
        assert!(matches!(give(&store, "bob", &[Role::Operator]), Err(UsersError::Io { .. })));
        assert_eq!(store.roles(&name("bob")), [Role::Trader], "what failed counts");
        assert_eq!(UserStore::open(&path).unwrap().roles(&name("bob")), [Role::Trader]);
        *failing.lock().unwrap() = false;
        give(&store, "ann", &[Role::Analyst]).unwrap();
        let after = FileId::of(&fs::metadata(&path).unwrap()).unwrap();
        assert!((before == after) == (fails_at == "write"), "the same file is flushed again");
        for store in [store, UserStore::open(&path).unwrap()] {
            assert_eq!(store.roles(&name("ann")), [Role::Analyst]);
            assert_eq!(store.roles(&name("bob")), [Role::Trader]);
        }
    }
}

#[test]
fn changes_that_wait_too_long_are_busy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.jsonl");
    two_lines_a_user(&path);
    let store = Arc::new(UserStore::open(&path).unwrap());
    // Another process holds the file.
    let held = File::open(&path).unwrap();
    held.lock().unwrap();
    let (tell, told) = channel();
    for _ in 0..100 {
        let (store, tell) = (store.clone(), tell.clone());
        std::thread::spawn(move || tell.send(give(&store, "bob", &[Role::Operator])).unwrap());
    }
    drop(tell);
    for _ in 0..36 {
        assert!(matches!(told.recv().unwrap(), Err(UsersError::Busy)));
    }
    assert_eq!(store.roles(&name("bob")), [Role::Trader]);
    drop(held);
    assert_eq!(told.iter().filter(Result::is_ok).count(), 64);
}
