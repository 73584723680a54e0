//! What `postlens verify` and `postlens rebuild` share: which days, where the work is done, and what is seen of it meanwhile.

use chrono::NaiveDate;
use clap::Args;
use ingest::{Doing, Scope, Step, Verdict};
use schema::AccountId;

use super::{ConfigArgs, Failure, block_on, format::grouped, spinner::Spinner};
use crate::{
    config::Log,
    control::{self, Request, Told},
    logging, service,
};

/// Which days
#[derive(Debug, Args)]
pub(super) struct Days {
    /// The first day, in UTC, like 2026-11-01 [default: from the beginning]
    #[arg(long, value_name = "DAY")]
    from: Option<NaiveDate>,
    /// The day after the last [default: to the end]
    #[arg(long, value_name = "DAY")]
    to: Option<NaiveDate>,
}

impl Days {
    /// These days of an account, or of all.
    pub(super) const fn of(&self, account: Option<AccountId>) -> Scope {
        Scope { account, from: self.from, to: self.to }
    }
}

/// Has it done by the service that runs on the data directory; where none runs, does it here, as a service would.
pub(super) fn work(config: &ConfigArgs, request: &Request) -> Result<Verdict, Failure> {
    let config = config.load(Vec::new())?;
    if let (Some(from), Some(to)) = (request.scope.from, request.scope.to)
        && from >= to
    {
        return Err("--to must name a day after --from; the day that it names is left out itself".into());
    }
    if !config.data_dir.is_dir() {
        return Err(format!("there is no data directory {}; name it with --data-dir", config.data_dir.display()).into());
    }
    block_on(async {
        let screen = Spinner::new();
        if let Some(verdict) = control::ask(&config.data_dir, request, |told| screen.show(sentence(&told))).await? {
            return Ok(verdict);
        }
        logging::start(&Log { level: "warn".to_owned(), ..config.log.clone() })?;
        service::without_serving(&config, async |ingest| {
            Ok(control::perform(ingest, request, |told| screen.show(sentence(&told))).await?)
        })
        .await
    })
}

fn sentence(told: &Told) -> String {
    let Step { doing, done, of } = told.step;
    let done = grouped(done);
    let text = match (doing, of) {
        (Doing::Waiting, _) => "waiting for the batch that is being written".to_owned(),
        (Doing::Counting, Some(of)) => format!("{done} of {} events counted anew", grouped(of)),
        (Doing::Counting, None) => format!("{done} events counted anew"),
        (Doing::Comparing, _) => format!("{done} rows compared"),
        (Doing::Repairing, _) => format!("{done} rows looked through and put right"),
    };
    match &told.trouble {
        Some(trouble) => format!("{text} ({trouble})"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_how_far_the_work_is_and_what_is_in_its_way() {
        let step = Step { doing: Doing::Counting, done: 12_000, of: Some(3_000_000) };
        let told = Told { step, trouble: None };
        assert_eq!(sentence(&told), "12,000 of 3,000,000 events counted anew");
        let told = Told { step: Step::default(), trouble: Some("ClickHouse cannot be reached".into()) };
        assert_eq!(sentence(&told), "waiting for the batch that is being written (ClickHouse cannot be reached)");
    }
}
