//! What is too old leaves the ledger when the store merges its files anyway: no index, no sweep, no further write. Reading takes no
//! notice of it before, so it does not matter when that happens.

use std::{
    panic::RefUnwindSafe,
    sync::{Arc, Mutex},
};

use fjall::compaction::filter::{CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict};

use super::{
    DELIVERY, SEEN, VALUE, VALUES,
    age::{Bounds, Generation},
    view::Aged,
};
use crate::lock::lock;

/// What merges leave out; nothing until the first commit since the ledger was opened, for a batch that was begun before is computed
/// again by what it found then.
#[derive(Clone, Debug)]
pub(super) struct Forgetting(Arc<Mutex<Bounds>>);

impl Default for Forgetting {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Bounds::NONE)))
    }
}

impl Forgetting {
    /// From now on this is too old.
    pub(super) fn set(&self, bounds: Bounds) {
        *lock(&self.0) = bounds;
    }

    pub(super) fn bounds(&self) -> Bounds {
        *lock(&self.0)
    }
}

impl RefUnwindSafe for Forgetting {}

impl Factory for Forgetting {
    fn name(&self) -> &'static str {
        "forgetting"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(Filter(self.bounds()))
    }
}

/// One merge.
struct Filter(Bounds);

impl CompactionFilter for Filter {
    /// An older form of an entry that lies below is as old at least, so nothing comes back that counts for something.
    fn filter_item(&mut self, item: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        if self.0 == Bounds::NONE {
            return Ok(Verdict::Keep);
        }
        let Bounds { remembered, traced, registered } = self.0;
        let old = |bound: Generation, value: &[u8]| Aged::of(value).is_some_and(|aged| aged.generation < bound);
        Ok(match item.key().split_first() {
            Some((&DELIVERY, _)) => {
                let value = item.value()?;
                if old(traced, &value) {
                    Verdict::Destroy
                } else if old(remembered, &value) && value.len() > Aged::SUFFIX {
                    Verdict::ReplaceValue(value[value.len() - Aged::SUFFIX..].into())
                } else {
                    Verdict::Keep
                }
            }
            Some((&SEEN, _)) if old(remembered, &item.value()?) => Verdict::Destroy,
            Some((&(VALUE | VALUES), rest)) => match rest.first_chunk() {
                Some(day) if u32::from_be_bytes(*day) < registered => Verdict::Destroy,
                _ => Verdict::Keep,
            },
            _ => Verdict::Keep,
        })
    }
}
