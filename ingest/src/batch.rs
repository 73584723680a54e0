//! Computes what a batch of facts changes: folds them into the states before, and takes the difference.

use schema::{DeliveryKey, Identifier, Millis, RecipientHash};

use crate::{
    contribution::Cells,
    cube::{CubeChange, Dimensions},
    delivery::Delivery,
    fact::{Account, BatchError, Fact, Facts},
    ledger::{Age, Changes, Known, LedgerError, aged},
    limits::{Admission, Registered, day},
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
    /// The values that reports tell apart from now on.
    registered: Registered,
}

impl<'s> Batch<'s> {
    /// Folds the facts into the states and takes the difference of what the deliveries contribute before and after.
    /// `cube` is empty.
    pub(crate) fn fold(
        facts: Facts<'s>,
        mut texts: Texts<'s>,
        known: &'s [Option<Known>],
        identifier: &Identifier,
        admission: Admission<'_, 's>,
        cube: CubeChange,
    ) -> Result<Self, BatchError> {
        let mut touched = Vec::with_capacity(known.len());
        let mut fold = Fold { cube, cells: Cells::default(), fields: Vec::new(), admission };
        for (facts, known) in facts.by_delivery().zip(known) {
            let delivery = match known {
                Some(Known::State(state)) => Delivery::read(state.bytes(), &mut texts).map_err(LedgerError::from)?,
                Some(Known::Trace) => Delivery::forgotten(),
                None => Delivery::default(),
            };
            touched.push(fold.touch(facts, delivery, &mut texts, identifier)?);
        }
        fold.cube.settle();
        Ok(Self { facts, texts, touched, cube: fold.cube, registered: fold.admission.registered() })
    }

    /// Events of deliveries that the ledger had forgotten.
    pub(crate) fn late(&self) -> u64 {
        let late = self.facts.by_delivery().zip(&self.touched).filter(|(_, touched)| touched.delivery.is_forgotten());
        late.map(|(facts, _)| facts.len() as u64).sum()
    }

    /// The time of the latest event.
    pub(crate) fn latest(&self) -> Option<Millis> {
        self.facts.all.iter().map(|fact| fact.time).max()
    }

    /// What the ledger must remember, and how old it is then.
    pub(crate) fn changes(&self, age: Age) -> Result<Changes, LedgerError> {
        let mut bytes = Vec::new();
        let mut states = Vec::with_capacity(self.touched.len());
        for touched in &self.touched {
            bytes.clear();
            bytes = touched.delivery.write(&self.texts, bytes)?;
            states.push((touched.key, aged(&mut bytes, &age)));
        }
        // They come sorted by account first.
        states.sort_unstable_by_key(|(key, _)| *key);
        Ok(Changes { states, seen: self.facts.ids.clone(), registered: self.registered.clone(), age })
    }
}

/// What the folding of one delivery after the other fills.
struct Fold<'l, 's> {
    cube: CubeChange,
    cells: Cells,
    fields: Vec<Field>,
    admission: Admission<'l, 's>,
}

impl<'s> Fold<'_, 's> {
    /// Folds the facts of one delivery.
    fn touch(
        &mut self,
        facts: &[Fact<'s>],
        mut delivery: Delivery,
        texts: &mut Texts<'s>,
        identifier: &Identifier,
    ) -> Result<Touched<'s>, LedgerError> {
        let Fact { account, delivery: key, message_id, recipient, .. } = facts[0];
        let domain = texts.intern(schema::domain_of(recipient));
        let sent_before = delivery.sent_at();
        let exact_before = sent_before.map(|_| self.dimensions(account.text, domain, &delivery, texts));
        let before = exact_before.map(|exact| self.admission.shown(delivery.others, exact, texts));
        self.cells.add(&delivery, -1);
        for fact in facts {
            delivery.fold(fact.happening(texts), texts);
        }
        let exact = self.dimensions(account.text, domain, &delivery, texts);
        let sent_at = delivery.sent_at().unwrap_or_default();
        // What was judged once stands until there is something else to judge: most events ask nothing of the ledger.
        let is_new = exact_before != Some(exact) || sent_before.map(day) != Some(day(sent_at));
        // The few late events of what was forgotten are told apart as they are, without a register.
        if is_new && !delivery.is_forgotten() {
            delivery.others = self.admission.judge((account, key), sent_at, &exact, texts)?;
        }
        let after = self.admission.shown(delivery.others, exact, texts);
        if let Some(before) = before.filter(|before| *before != after) {
            self.cube.add(before, &mut self.cells, texts);
        }
        self.cells.add(&delivery, 1);
        self.cube.add(after, &mut self.cells, texts);
        let recipient_hash = identifier.recipient(account.name, recipient);
        Ok(Touched {
            key,
            account,
            message_id,
            recipient,
            recipient_hash,
            domain,
            fields: exact.fields,
            sent_before,
            delivery,
        })
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
