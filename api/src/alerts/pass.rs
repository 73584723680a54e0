//! The questions of one pass over an account: every distinct one is asked once, whoever asks it.

use std::collections::HashMap;

use futures::{StreamExt as _, stream};
use query::{
    QueryError, Report,
    alert::{Counts, Looked, Pair, Question},
};
use schema::{AccountId, ClickHouse, Measure, Millis};

/// How many questions of an account are asked at once.
const AT_ONCE: usize = 4;

/// Questions, and the measures that all who ask them need.
#[derive(Debug, Default)]
pub(super) struct Questions(HashMap<Question, Vec<Measure>>);

impl Questions {
    /// Adds what one window of a rule asks.
    pub(super) fn add(&mut self, pair: &Pair, measures: &[Measure]) {
        for question in std::iter::once(&pair.current).chain(&pair.earlier) {
            self.add_one(question, measures);
        }
    }

    /// Adds a question.
    pub(super) fn add_one(&mut self, question: &Question, measures: &[Measure]) {
        if let Some(known) = self.0.get_mut(question) {
            known.extend(measures);
        } else {
            self.0.insert(question.clone(), measures.to_vec());
        }
    }

    /// How many distinct ones there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Asks all of them.
    pub(super) async fn ask(
        self,
        clickhouse: &ClickHouse,
        account: &AccountId,
        as_of: Millis,
        limits: &query::Limits,
    ) -> Answers {
        let ask = |(question, measures): (Question, Vec<Measure>)| async move {
            let answer = query::run(clickhouse, account, &question.spec(&measures), as_of, limits).await;
            (question, answer)
        };
        let mut answers = Answers::default();
        let mut asked = stream::iter(self.0).map(ask).buffer_unordered(AT_ONCE);
        while let Some((question, answer)) = asked.next().await {
            match answer {
                Ok(report) => drop(answers.reports.insert(question, report)),
                Err(error) => answers.error = Some(error),
            }
        }
        answers
    }
}

/// What was answered.
#[derive(Debug, Default)]
pub(super) struct Answers {
    reports: HashMap<Question, Report>,
    /// Why a question has no answer, of one of them.
    pub(super) error: Option<QueryError>,
}

impl Answers {
    /// The answer to a question.
    pub(super) fn get(&self, question: &Question) -> Option<&Report> {
        self.reports.get(question)
    }

    /// The reports alone.
    pub(super) fn into_reports(self) -> Vec<Report> {
        self.reports.into_values().collect()
    }

    /// The answers by value, for the rules to look at.
    pub(super) fn counts(&self) -> HashMap<&Question, Counts<'_>> {
        self.reports.iter().map(|(question, report)| (question, Counts::of(report))).collect()
    }
}

/// What a rule sees; none when one of its questions has no answer.
pub(super) fn looked<'a>(pairs: &[Pair], counts: &'a HashMap<&'a Question, Counts<'a>>) -> Option<Vec<Looked<'a>>> {
    let look = |pair: &Pair| {
        let earlier = match &pair.earlier {
            Some(question) => Some(counts.get(question)?),
            None => None,
        };
        Some(Looked { current: counts.get(&pair.current)?, earlier })
    };
    pairs.iter().map(look).collect()
}

#[cfg(test)]
mod tests {
    use query::alert::{DEFAULTS, Rule};

    use super::*;

    #[test]
    fn the_defaults_of_an_account_ask_each_question_once() {
        let mut questions = Questions::default();
        let mut asked = 0;
        for default in &DEFAULTS {
            let rule = Rule::new(&default.request()).unwrap();
            for pair in rule.questions(Millis(1_795_183_387_123)) {
                questions.add(&pair, rule.measures());
                asked += 1;
            }
        }
        // Three scopes in four windows; failures and unencrypted mail are of all mailbox providers, in two of these.
        assert_eq!((asked, questions.len()), (27, 14));
    }
}
