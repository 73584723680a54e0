//! What ClickHouse answers in its formats `JSONCompact` and `JSONCompactEachRow`: rows of texts and whole numbers.

use serde::Deserialize;

/// The answer is not what the query asks for.
#[derive(Debug, thiserror::Error)]
#[error("the database's answer cannot be read: {0}")]
pub(crate) struct Malformed(String);

/// An answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    data: Vec<Vec<Cell>>,
}

/// A value; truth values are 0 and 1.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Cell {
    Number(i64),
    Truth(bool),
    Text(String),
    Numbers(Vec<i64>),
}

/// A row of an answer in the format `JSONCompactEachRow`, which has one a line.
pub(crate) struct AnswerRow(Vec<Cell>);

impl AnswerRow {
    pub(crate) fn parse(line: &[u8]) -> Result<Self, Malformed> {
        serde_json::from_slice(line).map(Self).map_err(|error| Malformed(error.to_string()))
    }

    pub(crate) fn cells(&self) -> Cells<'_> {
        Cells(&self.0)
    }
}

/// A row of an answer.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a>(&'a [Cell]);

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        serde_json::from_slice(bytes).map_err(|error| Malformed(error.to_string()))
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Cells<'_>> {
        self.data.iter().map(|row| Cells(row))
    }
}

impl Cells<'_> {
    /// The number in a column.
    pub(crate) fn number(self, column: usize) -> Result<i64, Malformed> {
        self.0.get(column).ok_or_else(missing).and_then(number)
    }

    /// The numbers of `count` columns.
    pub(crate) fn numbers(self, from: usize, count: usize) -> Result<impl Iterator<Item = i64>, Malformed> {
        let cells = self.0.get(from..from + count).ok_or_else(missing)?;
        Ok(cells.iter().map(number).collect::<Result<Vec<_>, _>>()?.into_iter())
    }

    /// The list of numbers in a column.
    pub(crate) fn list(&self, column: usize) -> Result<&[i64], Malformed> {
        match self.0.get(column).ok_or_else(missing)? {
            Cell::Numbers(numbers) => Ok(numbers),
            other => Err(Malformed(format!("{other:?} is no list"))),
        }
    }

    /// The texts of `count` columns.
    pub(crate) fn texts(self, from: usize, count: usize) -> Result<Vec<String>, Malformed> {
        let text = |cell: &Cell| match cell {
            Cell::Text(text) => Ok(text.clone()),
            other => Err(Malformed(format!("{other:?} is no text"))),
        };
        self.0.get(from..from + count).ok_or_else(missing)?.iter().map(text).collect()
    }
}

fn number(cell: &Cell) -> Result<i64, Malformed> {
    match cell {
        Cell::Number(number) => Ok(*number),
        Cell::Truth(truth) => Ok(i64::from(*truth)),
        Cell::Text(_) => Err(Malformed("a text is no number".to_owned())),
        Cell::Numbers(_) => Err(Malformed("a list is no number".to_owned())),
    }
}

fn missing() -> Malformed {
    Malformed("a column is missing".to_owned())
}
