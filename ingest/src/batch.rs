//! Computes what a batch of facts changes: folds them into the states before, and takes the difference.

use schema::{DeliveryKey, Identifier, Millis, RecipientHash};

use crate::{
    contribution::Cells,
    cube::{CubeChange, Dimensions},
    delivery::Delivery,
    fact::{Account, BatchError, Fact, Facts},
    ledger::{Changes, LedgerError, State},
    texts::{Field, FieldsId, TextId, Texts},
};

/// The new state of a delivery that the batch touched.
pub(crate) struct Touched<'s> {
    pub(crate) key: DeliveryKey,
    pub(crate) account: Account<'s>,
    pub(crate) message_id: &'s str,
    pub(crate) recipient: &'s str,
    pub(crate) recipient_hash: RecipientHash,
    pub(crate) domain: TextId,
    pub(crate) fields: FieldsId,
    /// When it counted as sent before the batch, if it was known.
    pub(crate) sent_before: Option<Millis>,
    pub(crate) delivery: Delivery,
}

/// Everything that a batch changes.
pub(crate) struct Batch<'s> {
    pub(crate) facts: Facts<'s>,
    pub(crate) texts: Texts<'s>,
    pub(crate) touched: Vec<Touched<'s>>,
    pub(crate) cube: CubeChange,
}

impl<'s> Batch<'s> {
    /// Folds the facts into the states and takes the difference of what the deliveries contribute before and after.
    /// `cube` is empty.
    pub(crate) fn fold(
        facts: Facts<'s>,
        mut texts: Texts<'s>,
        states: &'s [Option<State>],
        identifier: &Identifier,
        cube: CubeChange,
    ) -> Result<Self, BatchError> {
        let mut touched = Vec::with_capacity(states.len());
        let mut fold = Fold { cube, cells: Cells::default(), fields: Vec::new() };
        for (facts, state) in facts.by_delivery().zip(states) {
            let delivery = match state {
                Some(bytes) => Delivery::read(bytes, &mut texts).map_err(LedgerError::from)?,
                None => Delivery::default(),
            };
            touched.push(fold.touch(facts, delivery, &mut texts, identifier));
        }
        fold.cube.settle();
        Ok(Self { facts, texts, touched, cube: fold.cube })
    }

    /// What the ledger must remember.
    pub(crate) fn changes(&self) -> Result<Changes, LedgerError> {
        let mut bytes = Vec::new();
        let mut states = Vec::with_capacity(self.touched.len());
        for touched in &self.touched {
            bytes.clear();
            bytes = touched.delivery.write(&self.texts, bytes)?;
            states.push((touched.key, State::from(&bytes[..])));
        }
        // They come sorted by account first.
        states.sort_unstable_by_key(|(key, _)| *key);
        Ok(Changes { states, seen: self.facts.ids.clone() })
    }
}

/// What the folding of one delivery after the other fills.
struct Fold {
    cube: CubeChange,
    cells: Cells,
    fields: Vec<Field>,
}

impl Fold {
    /// Folds the facts of one delivery.
    fn touch<'s>(
        &mut self,
        facts: &[Fact<'s>],
        mut delivery: Delivery,
        texts: &mut Texts<'s>,
        identifier: &Identifier,
    ) -> Touched<'s> {
        let Fact { account, delivery: key, message_id, recipient, .. } = facts[0];
        let domain = texts.intern(schema::domain_of(recipient));
        let sent_before = delivery.sent_at();
        let before = sent_before.map(|_| self.dimensions(account.text, domain, &delivery, texts));
        self.cells.add(&delivery, -1);
        for fact in facts {
            delivery.fold(fact.happening(texts), texts);
        }
        let after = self.dimensions(account.text, domain, &delivery, texts);
        if let Some(before) = before.filter(|before| *before != after) {
            self.cube.add(before, &mut self.cells, texts);
        }
        self.cells.add(&delivery, 1);
        self.cube.add(after, &mut self.cells, texts);
        let recipient_hash = identifier.recipient(account.name, recipient);
        Touched {
            key,
            account,
            message_id,
            recipient,
            recipient_hash,
            domain,
            fields: after.fields,
            sent_before,
            delivery,
        }
    }

    fn dimensions(
        &mut self,
        account: TextId,
        domain: TextId,
        delivery: &Delivery,
        texts: &mut Texts<'_>,
    ) -> Dimensions {
        let attributes = &delivery.attributes;
        self.fields.clear();
        self.fields.extend(attributes.fields());
        Dimensions {
            account,
            campaign: attributes.campaign(),
            subject: attributes.subject(),
            sender: attributes.sender(),
            recipient_domain: domain,
            fields: texts.intern_fields(&self.fields),
        }
    }
}
