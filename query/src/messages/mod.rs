//! Single messages: a search over the states of deliveries (**search**), the events of one (**timeline**), and the recipients to stop
//! mailing (**hygiene**). Their texts are PHI: they go to the caller and nowhere else.

mod hygiene;
mod id;
mod row;
mod search;
mod timeline;

pub use hygiene::{Hygiene, HygieneRequest, HygieneSpec, Kind, Sheet, hygiene};
pub use id::MessageId;
pub use row::Message;
pub use search::{Found, MessageSpec, MessagesRequest, messages};
pub(crate) use search::{Outcome, Place};
pub use timeline::{Carried, Inference, Timeline, TimelineEvent, timeline};

/// A time as answers write it: RFC 3339 in UTC, to the millisecond.
fn written(millis: i64) -> String {
    let time = schema::Millis(millis).to_datetime().unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
