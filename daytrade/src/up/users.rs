//! `daytrade user`: the users that may sign in, also while a server runs.

use crate::Failure;
use crate::terminal::{say, warn};
use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use domain::trading::UserName;
use frontend::people::{
    AccessEvent, AccessLog, PasswordHash, Role, Roles, UserStore, UsersError, passwords,
};
use std::fs;
use std::io::{self, BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Subcommand)]
pub enum UserCommand {
    /// Add a user; the password is asked for, or is the first line of standard input
    Add(AddOptions),
    /// Give a user these roles and no others: trader, analyst, operator
    Role(RoleOptions),
    /// Give a user another password; it is asked for, or is the first line of standard input
    Password(Named),
    /// List the users and their roles
    List(Data),
}

#[derive(Args)]
pub struct Data {
    /// The folder of the system
    #[arg(long, default_value = "data", value_name = "DIR")]
    data: PathBuf,
}

#[derive(Args)]
pub struct Named {
    /// The user
    #[arg(value_name = "USER", value_parser = parse_user)]
    user: UserName,

    #[command(flatten)]
    data: Data,
}

#[derive(Args)]
pub struct AddOptions {
    #[command(flatten)]
    named: Named,

    /// A role beside trader: analyst or operator. More than one can be given
    #[arg(long, value_name = "ROLE", value_parser = parse_role)]
    role: Vec<Role>,
}

#[derive(Args)]
pub struct RoleOptions {
    #[command(flatten)]
    named: Named,

    /// The roles
    #[arg(value_name = "ROLE", required = true, value_parser = parse_role)]
    roles: Vec<Role>,
}

fn parse_role(text: &str) -> Result<Role, &'static str> {
    Role::parse(text).ok_or("trader, analyst or operator is expected")
}

fn parse_user(text: &str) -> Result<UserName, &'static str> {
    UserName::parse(text.as_bytes())
        .filter(|user| user.as_str().starts_with(|first: char| first.is_ascii_alphanumeric()))
        .ok_or("1 to 64 of A-Z a-z 0-9 _ . @ -, beginning with a letter or digit, are expected")
}

/// Where the users of the system in `data` are kept.
pub fn store_in(data: &Path) -> PathBuf {
    data.join("users.jsonl")
}

pub fn user(command: UserCommand) -> Result<ExitCode, Failure> {
    match command {
        UserCommand::Add(AddOptions { named, role }) => {
            // The first user may come before the first `up`.
            let folder = &named.data.data;
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            let store = store(&named.data)?;
            if store.has(&named.user) {
                return Err(UsersError::Taken(named.user).into());
            }
            let hash = new_password(&named.user)?;
            let roles = all(Role::Trader, role);
            store.add(&named.user, hash, roles.clone(), now_ms())?;
            record(&named, "user_added", Some(names(&roles)))?;
            say(format_args!("{}: {}", named.user, names(&roles)));
        }
        UserCommand::Role(RoleOptions { named, roles }) => {
            let roles = all(roles[0], roles);
            store(&named.data)?.change(&named.user, None, Some(roles.clone()), now_ms())?;
            record(&named, "roles_changed", Some(names(&roles)))?;
            say(format_args!("{}: {}", named.user, names(&roles)));
        }
        UserCommand::Password(named) => {
            let store = store(&named.data)?;
            if !store.has(&named.user) {
                return Err(UsersError::Unknown(named.user).into());
            }
            let hash = new_password(&named.user)?;
            store.change(&named.user, Some(hash), None, now_ms())?;
            record(&named, "password_changed", None)?;
            say(format_args!("{} has another password", named.user));
        }
        UserCommand::List(data) => {
            let store = store(&data)?;
            for (user, roles) in store.list() {
                let by = store.provider(&user).map(|by| format!(", by {by}")).unwrap_or_default();
                say(format_args!("{user}: {}{by}", names(&roles)));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn store(data: &Data) -> anyhow::Result<UserStore> {
    let folder = &data.data;
    if !folder.is_dir() {
        return Err(anyhow!("{}: there is no such folder", folder.display()));
    }
    Ok(UserStore::open(&store_in(folder))?)
}

fn all(first: Role, others: Roles) -> Roles {
    let mut roles = vec![first];
    roles.extend(others);
    roles.sort();
    roles.dedup();
    roles
}

fn names(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

fn new_password(user: &UserName) -> anyhow::Result<PasswordHash> {
    let password = if io::stdin().is_terminal() {
        warn(format_args!("password of {user} (10 to 128 characters, not shown):"));
        console::Term::stderr().read_secure_line()?
    } else {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        line.trim_end_matches(['\r', '\n']).to_string()
    };
    passwords::check(user, &password)?;
    Ok(PasswordHash::of(password.as_bytes())?)
}

fn record(named: &Named, event: &'static str, detail: Option<String>) -> anyhow::Result<()> {
    let path = named.data.data.join("access.jsonl");
    let (access, writing) = AccessLog::open(&path).with_context(|| path.display().to_string())?;
    access.record(AccessEvent {
        at_ms: now_ms(),
        event,
        user: Some(named.user.to_string()),
        address: None,
        agent: Some("command line".to_string()),
        detail,
    });
    drop(access);
    writing.join().map_err(|_| anyhow!("{}: cannot be written", path.display()))
}
