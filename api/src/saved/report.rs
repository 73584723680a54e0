//! Reports of letters, made when they are brought.

use std::{sync::Arc, time::Duration};

use query::{
    Presentation, QueryError, Report,
    chart::{self, Picture},
};
use schema::{AccountId, ClickHouse, Millis};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::{
    Question,
    attachment::{Sheet, SheetFormat},
};
use crate::config::Suppression;

/// Why there is no report to bring. Tells nothing of what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// The report is refused by now.
    #[error(
        "the report is refused: its parameter `{0}` does not make a report any more; run the saved report to learn why"
    )]
    Refused(String),
    /// There is no answer.
    #[error("the report cannot be made: {0}")]
    Query(#[from] QueryError),
    /// There is no answer in time.
    #[error("the report was not made in its time")]
    Overdue,
    /// The file cannot be made.
    #[error(transparent)]
    Book(#[from] query::xlsx::BookError),
    /// The report is longer than what is sent.
    #[error("the report is longer than {} MiB: ask for fewer rows", LONGEST >> 20)]
    Long,
    /// Nobody makes reports here.
    #[error("this service makes no reports")]
    Nobody,
}

impl ReportError {
    /// Whether trying again is in vain.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Long | Self::Query(QueryError::TooExpensive(_)))
    }
}

/// The longest file or document that is sent.
pub(crate) const LONGEST: usize = 10 << 20;

/// Makes reports.
#[derive(Clone)]
pub(crate) struct Reports {
    pub(crate) clickhouse: ClickHouse,
    /// What a report may cost.
    pub(crate) limits: query::Limits,
    /// How long one may take.
    pub(crate) timeout: Duration,
    /// How many pictures may be drawn at once.
    pub(crate) drawing: Arc<Semaphore>,
    /// Below how many people the reports of an account hide a number.
    pub(crate) suppression: Arc<Suppression>,
    /// Until when everything that was acknowledged is counted.
    pub(crate) as_of: Arc<dyn Fn() -> Millis + Send + Sync>,
}

/// A report, and how it is shown.
pub(crate) struct Made {
    pub(crate) report: Arc<Report>,
    pub(crate) presentation: Presentation,
}

impl Reports {
    /// Makes a report of an account.
    ///
    /// # Errors
    /// When it is refused, or cannot be made now.
    pub(crate) async fn make(&self, account: &AccountId, question: &Question) -> Result<Made, ReportError> {
        let refused = |error: query::SpecError| ReportError::Refused(error.parameter().to_owned());
        let (spec, presentation) = question.judged(self.suppression.of(account)).map_err(refused)?;
        let as_of = (self.as_of)();
        let making = Box::pin(query::run(&self.clickhouse, account, &spec, as_of, &self.limits));
        let report = timeout(self.timeout, making).await.map_err(|_| ReportError::Overdue)??;
        Ok(Made { report: Arc::new(report), presentation })
    }

    /// Its file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) async fn sheet(&self, made: &Made, format: SheetFormat) -> Result<Sheet, ReportError> {
        let _turn = self.drawing.acquire().await.map_err(|_| ReportError::Nobody)?;
        let (report, presentation) = (Arc::clone(&made.report), made.presentation);
        let sheet = spawn_blocking(move || format.sheet(&report, &presentation)).await;
        Ok(sheet.map_err(|_| ReportError::Nobody)??)
    }

    /// Its picture; none when it cannot be drawn, for the numbers come all the same.
    pub(crate) async fn picture(&self, made: &Made) -> Option<Vec<u8>> {
        let _turn = self.drawing.acquire().await.ok()?;
        let (report, options) = (Arc::clone(&made.report), made.presentation.chart);
        let drawn = spawn_blocking(move || chart::draw(&report, &options, Picture::Png).ok()).await.ok()?;
        if drawn.is_none() {
            tracing::warn!("the picture of a saved report cannot be drawn; it is sent without");
        }
        drawn
    }
}
