//! `postlens verify`: whether the numbers of reports are what the events say.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Args;
use ingest::{Drift, Verdict};
use schema::AccountId;

use super::{ConfigArgs, Failure, format::grouped, recount};
use crate::{
    control::{Request, Task},
    problem::chain,
};

const EXAMPLES: &str = "\
Examples:
  postlens verify
  postlens verify --account acme --from 2026-11-01 --to 2026-12-01
  postlens verify --data-dir /var/lib/postlens || echo 'the numbers cannot be believed'

Every event is counted anew and compared, cell by cell, with what reports read. The service may run meanwhile: it is asked to do the work,
by a socket in its data directory. When none runs, the command does it itself.

Exit status: 0 when everything agrees, 1 when something differs, 2 when it was not compared.";

/// Count all events anew and compare with what reports read
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Verify {
    /// Only this account
    #[arg(long)]
    account: Option<AccountId>,
    #[command(flatten)]
    days: recount::Days,
    #[command(flatten)]
    config: ConfigArgs,
}

impl Verify {
    /// Runs it; the exit status tells what was found.
    pub(super) fn run(&self) -> ExitCode {
        match self.verify() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(error) => {
                eprintln!("postlens: {}", chain(error.as_ref()));
                ExitCode::from(2)
            }
        }
    }

    fn verify(&self) -> Result<bool, Failure> {
        let scope = self.days.of(self.account.clone());
        let verdict = recount::work(&self.config, &Request { task: Task::Verify, scope })?;
        io::stdout().write_all(text(&verdict).as_bytes())?;
        Ok(verdict.is_clean())
    }
}

/// What was found, for people.
fn text(verdict: &Verdict) -> String {
    let mut text = format!(
        "{} events of {} deliveries were counted anew and compared with {} rows of deliveries, cube, coarse and rollup.\n",
        grouped(verdict.events),
        grouped(verdict.deliveries),
        grouped(verdict.rows)
    );
    if verdict.is_clean() {
        return text + "Everything agrees.\n";
    }
    for drift in &verdict.drifts {
        text.push_str(&line(drift));
    }
    // Writing to memory does not fail.
    let _ = writeln!(
        text,
        "{} rows differ in accounts {}; named are {} differences. `postlens rebuild` makes the tables what the events say.",
        grouped(verdict.differing),
        verdict.accounts.join(", "),
        verdict.drifts.len()
    );
    text
}

fn line(drift: &Drift) -> String {
    let Drift { table, account, basis, at, dimensions, measure, expected, found } = drift;
    let mut line = format!("{table} account={account}");
    if let Some(basis) = basis {
        let _ = write!(line, " basis={basis}");
    }
    let _ = write!(line, " at={at}");
    for (name, value) in dimensions {
        let _ = write!(line, " {name}={value:?}");
    }
    let _ = writeln!(line, " {measure}: expected {expected}, found {found}");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_with_what_is_expected() {
        let drift = Drift {
            table: "cube".into(),
            account: "acme".into(),
            basis: Some("sent".into()),
            at: "2026-11-01T00:15:00Z".into(),
            dimensions: vec![("subject".into(), "A \"subject\"".into())],
            measure: "opened".into(),
            expected: "3".into(),
            found: "4".into(),
        };
        let verdict = Verdict {
            events: 1234,
            differing: 1,
            drifts: vec![drift],
            accounts: vec!["acme".into()],
            ..Verdict::default()
        };
        let text = text(&verdict);
        let expected = r#"cube account=acme basis=sent at=2026-11-01T00:15:00Z subject="A \"subject\"" opened: expected 3, found 4"#;
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("1,234 events") && text.contains("1 rows differ in accounts acme"), "{text}");
    }
}
