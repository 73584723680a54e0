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

/// A time in milliseconds as answers write it.
fn written(millis: i64) -> String {
    crate::zone::instant(schema::Millis(millis))
}
