//! `postlens keys`: API keys, straight in the metadata store; no service has to run.

use std::io::Write as _;

use clap::{Args, Subcommand};
use schema::{AccountId, Clock as _, Millis, SystemClock};

use super::{ConfigArgs, Failure, block_on};
use crate::{
    config::{Config, Sensitive},
    metadata::{KeyRecord, Metadata, NewKey, Role},
    secret,
    token::{KeyId, Token},
};

const EXAMPLES: &str = "\
Examples:
  postlens keys create --account acme --role ingest --name \"mail server\"
  KEY=$(postlens keys create --account acme --role read)
  postlens keys list --account acme
  postlens keys revoke 4fX0aQ9mZk2B";

/// Make, list and revoke API keys
///
/// Works directly on the metadata store that the configuration names, whether the service runs or not. A running service refuses
/// a revoked key after 5 seconds at the latest.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Keys {
    /// Make a key and print it, this once: only its hash is stored
    #[command(after_help = EXAMPLES)]
    Create(Create),
    /// List the keys, revoked ones too; what a key is itself cannot be shown again
    #[command(after_help = EXAMPLES)]
    List(List),
    /// Revoke a key, for good
    #[command(after_help = EXAMPLES)]
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The account, made if it is not there: 1 to 64 characters out of a-z, 0-9, `-` and `_`
    #[arg(long)]
    account: AccountId,
    /// What the key allows: to report events, to read reports, or everything and the account's keys
    #[arg(long)]
    role: Role,
    /// What people call the key
    #[arg(long, default_value = "")]
    name: String,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Only the keys of this account
    #[arg(long)]
    account: Option<AccountId>,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// The key's id: what stands between the underscores of `pl_ID_…`, and in the list
    id: String,
    #[command(flatten)]
    config: ConfigArgs,
}

impl Keys {
    pub(super) fn run(&self) -> Result<(), Failure> {
        match self {
            Self::Create(command) => block_on(command.run()),
            Self::List(command) => block_on(command.run()),
            Self::Revoke(command) => block_on(command.run()),
        }
    }
}

impl Create {
    async fn run(&self) -> Result<(), Failure> {
        let metadata = open(&self.config.load(Vec::new())?).await?;
        let token = Token::generate();
        let now = SystemClock.now();
        metadata.ensure_account(&self.account, now).await?;
        let key = NewKey {
            id: token.id(),
            account: self.account.clone(),
            role: self.role,
            name: self.name.clone(),
            digest: token.digest(),
            created_at: now,
        };
        if !metadata.insert_key(&key).await? {
            return Err("a key of that id exists already; try again".into());
        }
        metadata.close().await;
        writeln!(std::io::stdout(), "{}", token.expose())?;
        eprintln!("The key {} of account {} allows `{}`. It is not shown again.", key.id, key.account, key.role);
        Ok(())
    }
}

impl List {
    async fn run(&self) -> Result<(), Failure> {
        let metadata = open(&self.config.load(Vec::new())?).await?;
        let keys = metadata.list_keys(self.account.as_ref()).await?;
        metadata.close().await;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", line(["ID", "ACCOUNT", "ROLE", "CREATED", "REVOKED", "NAME"]))?;
        for key in &keys {
            writeln!(out, "{}", row(key))?;
        }
        Ok(())
    }
}

impl Revoke {
    async fn run(&self) -> Result<(), Failure> {
        let metadata = open(&self.config.load(Vec::new())?).await?;
        let found = match KeyId::given(&self.id) {
            Some(id) => metadata.revoke_key(&id, None, SystemClock.now()).await?,
            None => false,
        };
        metadata.close().await;
        if !found {
            return Err(format!("there is no key {}; `postlens keys list` shows them", self.id).into());
        }
        eprintln!("The key {} is revoked. A running service refuses it within 5 seconds.", self.id);
        Ok(())
    }
}

async fn open(config: &Config) -> Result<Metadata, Failure> {
    secret::make_private_dir(&config.data_dir)?;
    let url = config.metadata.url.as_ref().map(Sensitive::expose);
    Ok(Metadata::open(url, &config.data_dir).await?)
}

fn row(key: &KeyRecord) -> String {
    let date = |time: Millis| time.to_datetime().map_or_else(String::new, |time| time.format("%Y-%m-%d").to_string());
    line([
        key.id.as_str(),
        key.account.as_str(),
        key.role.name(),
        &date(key.created_at),
        &key.revoked_at.map_or_else(|| "-".to_owned(), date),
        &key.name,
    ])
}

fn line([id, account, role, created, revoked, name]: [&str; 6]) -> String {
    format!("{id:<12}  {account:<20}  {role:<6}  {created:<10}  {revoked:<10}  {name}").trim_end().to_owned()
}
