//! Orders: that a report is to be delivered, and the letters that bring it.

use schema::{AccountId, Millis};
use serde::{Deserialize, Serialize};

use super::{Question, attachment::SheetFormat};
use crate::{
    alerts::{LetterText, digest, letter_id},
    metadata::{
        Metadata, MetadataError,
        alerts::Letter,
        saved::{Order, SavedReportRow},
    },
    problem::Problem,
    routes::segments,
};

/// What a letter says: the report as it was when it was due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dispatch {
    /// The saved report.
    pub(crate) saved: String,
    /// Its name.
    pub(crate) name: String,
    /// What names the delivery: the same for all channels.
    pub(crate) delivery: String,
    /// When it was due, in milliseconds.
    pub(crate) due_at: i64,
    /// What is attached to e-mail.
    pub(crate) format: SheetFormat,
    /// What is asked, its range in dates, without names of saved filters.
    pub(crate) question: Question,
}

/// The order of a report that is due at a time. What cannot be asked any more is ordered all the same: its letters tell why.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn order(metadata: &Metadata, row: &SavedReportRow, due_at: Millis) -> Result<Order, MetadataError> {
    let SavedReportRow { account, id, request, .. } = row;
    let delivery = digest(&["report", account.as_str(), id, &due_at.0.to_string()])[..16].to_owned();
    let mut letters = Vec::new();
    // A document that was saved can be read; should it not, nobody can be told of anything.
    if let Ok(mut question) = request.question(due_at) {
        put_in_segments(metadata, account, &mut question).await?;
        let dispatch = Dispatch {
            saved: id.clone(),
            name: request.name.clone(),
            delivery: delivery.clone(),
            due_at: due_at.0,
            format: request.format,
            question,
        };
        let text = LetterText::Report { report: Box::new(dispatch) };
        let notice = serde_json::to_string(&text).expect("letters are plain data");
        letters.extend(request.channels.iter().map(|channel| Letter {
            id: letter_id(&["report", &delivery, channel]),
            channel: channel.clone(),
            alert: delivery.clone(),
            position: due_at.0 * 1_000_000,
            notice: notice.clone(),
        }));
    } else {
        tracing::warn!(account = account.as_str(), report = id, "a saved report cannot be read; save it anew");
    }
    Ok(Order { due_at, delivery, letters })
}

/// Names that stand for nothing stay, and the report is refused for them when it is made.
async fn put_in_segments(
    metadata: &Metadata,
    account: &AccountId,
    question: &mut Question,
) -> Result<(), MetadataError> {
    if let Some(known) = segments::known(metadata, account, &question.segments()).await? {
        question.segments().resolve(&known);
    }
    Ok(())
}

/// What an author saves, or runs, can be asked: judged for the account, as of a time.
///
/// # Errors
/// Names the parameter and what to change.
pub(crate) async fn judge(
    metadata: &Metadata,
    account: &AccountId,
    mut question: Question,
    least: Option<u32>,
) -> Result<(), Problem> {
    segments::resolve(metadata, account, question.segments()).await?;
    question.judged(least)?;
    Ok(())
}
