//! Accounts folded from the entries of a log.

use domain::trading::entry::{self, Divergence};
use domain::trading::{Account, Entry, UserName};
use rustc_hash::FxHashMap;

/// All accounts as the entries so far leave them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    accounts: FxHashMap<UserName, Account>,
}

impl Ledger {
    /// A ledger that begins with `accounts`.
    pub fn new(accounts: impl IntoIterator<Item = (UserName, Account)>) -> Ledger {
        Ledger { accounts: accounts.into_iter().collect() }
    }

    /// Replays one entry.
    ///
    /// # Errors
    /// The entry does not follow from the accounts and the rules.
    pub fn replay(&mut self, entry: &Entry) -> Result<(), Divergence> {
        let Some(user) = entry.account() else { return Ok(()) };
        if let Some(account) = self.accounts.get_mut(user) {
            return entry::replay(account, entry);
        }
        let mut account = Account::default();
        entry::replay(&mut account, entry)?;
        if account.open {
            self.accounts.insert(user.clone(), account);
        }
        Ok(())
    }

    /// The accounts.
    pub fn accounts(&self) -> &FxHashMap<UserName, Account> {
        &self.accounts
    }

    /// Gives the accounts away.
    pub fn into_accounts(self) -> impl Iterator<Item = (UserName, Account)> {
        self.accounts.into_iter()
    }
}
