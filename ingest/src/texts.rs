//! The texts of a batch, each once: what repeats in event after event – senders, subjects, campaigns, domains, custom fields – is
//! compared, hashed and counted as a number. Strangers write these texts: they are hashed with a seed that nobody knows, as whatever is
//! keyed by them is, so that nobody can have them fall together.

use foldhash::fast::RandomState;
use indexmap::IndexSet;

/// A text of the batch. Number 0 is the empty text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct TextId(u32);

/// A set of custom fields of the batch. Number 0 is the empty set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct FieldsId(u32);

/// A name and a value.
pub(crate) type Field = (TextId, TextId);

impl TextId {
    /// Its number: numbers are counted up from 0 without gaps.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl FieldsId {
    /// Its number: numbers are counted up from 0 without gaps.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// All texts and sets of fields of a batch.
#[derive(Debug)]
pub(crate) struct Texts<'s> {
    texts: IndexSet<&'s str, RandomState>,
    /// Sorted by the texts of their names.
    fields: IndexSet<Box<[Field]>, RandomState>,
}

impl Default for Texts<'_> {
    fn default() -> Self {
        Self { texts: std::iter::once("").collect(), fields: std::iter::once(Box::default()).collect() }
    }
}

impl<'s> Texts<'s> {
    /// The number of a text.
    pub(crate) fn intern(&mut self, text: &'s str) -> TextId {
        if text.is_empty() {
            return TextId::default();
        }
        TextId(number(self.texts.insert_full(text).0))
    }

    /// The number of a set of fields, which come sorted by name.
    pub(crate) fn intern_fields(&mut self, fields: &[Field]) -> FieldsId {
        let place = match self.fields.get_index_of(fields) {
            Some(place) => place,
            None => self.fields.insert_full(fields.into()).0,
        };
        FieldsId(number(place))
    }

    /// The text of a number.
    pub(crate) fn text(&self, id: TextId) -> &'s str {
        self.texts.get_index(id.index()).copied().unwrap_or_default()
    }

    /// The fields of a number, sorted by name.
    pub(crate) fn fields(&self, id: FieldsId) -> &[Field] {
        self.fields.get_index(id.index()).map_or(&[], |fields| fields)
    }

    /// How many texts there are.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The place of every text in the order of all, by its number.
    pub(crate) fn ranks(&self) -> Ranks {
        let mut order: Vec<u32> = (0..number(self.texts.len())).collect();
        order.sort_unstable_by_key(|place| self.texts[*place as usize]);
        let texts = inverse(&order);
        Ranks { fields: self.field_ranks(&texts), texts }
    }

    /// Sets of fields are ordered name by name and value by value, as ClickHouse orders its maps.
    fn field_ranks(&self, texts: &[u32]) -> Vec<u32> {
        let ranked = |place: &u32| -> Vec<(u32, u32)> {
            let fields = &self.fields[*place as usize];
            fields.iter().map(|(name, value)| (texts[name.index()], texts[value.index()])).collect()
        };
        let mut order: Vec<u32> = (0..number(self.fields.len())).collect();
        order.sort_by_cached_key(ranked);
        inverse(&order)
    }
}

/// The order of a batch's texts and sets of fields.
pub(crate) struct Ranks {
    texts: Vec<u32>,
    fields: Vec<u32>,
}

impl Ranks {
    pub(crate) fn text(&self, id: TextId) -> u32 {
        self.texts[id.index()]
    }

    pub(crate) fn fields(&self, id: FieldsId) -> u32 {
        self.fields[id.index()]
    }
}

/// Which place has each number in `order`.
pub(crate) fn inverse(order: &[u32]) -> Vec<u32> {
    let mut ranks = vec![0; order.len()];
    for (rank, place) in (0..).zip(order) {
        ranks[*place as usize] = rank;
    }
    ranks
}

/// A place as a number. A batch is limited to far fewer than 2^32 bytes, so are its texts and all that is made of them.
pub(crate) fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_and_the_empty_one_has_none_else() {
        let mut texts = Texts::default();
        let (b, a) = (texts.intern("b"), texts.intern("a"));
        assert_eq!((texts.intern("b"), texts.intern("")), (b, TextId::default()));
        assert_eq!((texts.text(a), texts.text(b), texts.text(TextId::default())), ("a", "b", ""));
        let ranks = texts.ranks();
        assert!(ranks.text(TextId::default()) < ranks.text(a) && ranks.text(a) < ranks.text(b));
    }

    #[test]
    fn sets_of_fields_are_ordered_as_lists_of_texts() {
        let mut texts = Texts::default();
        let (b, a) = (texts.intern("b"), texts.intern("a"));
        let (ba, ab, a_only) =
            (texts.intern_fields(&[(b, a)]), texts.intern_fields(&[(a, b)]), texts.intern_fields(&[(a, a)]));
        assert_eq!(texts.intern_fields(&[(b, a)]), ba);
        let ranks = texts.ranks();
        let order = [FieldsId::default(), a_only, ab, ba].map(|set| ranks.fields(set));
        assert!(order.is_sorted(), "{order:?}");
    }
}
