//! Who may come in: users and their passwords, sessions, how often one may try, and the record of
//! who came.
//!
//! * [`users`]: the store of users, a file of its own.
//! * [`passwords`]: Argon2id, away from everything else.
//! * [`sessions`]: who is signed in.
//! * [`devices`]: browsers that a user has signed in with before.
//! * [`addresses`]: network addresses as they are compared and counted.
//! * [`limits`]: how often one may ask.
//! * [`oidc`]: sign-in with a provider.
//! * [`access`]: the record of sign-ins, failures and changes of roles.

pub mod access;
pub mod addresses;
pub mod devices;
pub mod limits;
pub mod oidc;
pub mod passwords;
pub mod sessions;
pub mod users;

pub use access::{AccessEvent, AccessLog};
pub use devices::Devices;
pub use limits::{Limit, Limits};
pub use oidc::{Oidc, OidcError, OidcSettings};
pub use passwords::{PasswordHash, Passwords};
pub use sessions::{Session, Sessions};
pub use users::{Identity, Role, Roles, UserStore, UsersError};
