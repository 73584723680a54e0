//! The table as Parquet: typed columns, every value optional, compressed with Zstandard. No more than one group of rows is held.

use std::{io::Write, sync::Arc};

use parquet::{
    basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel},
    data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::{Type, TypePtr},
};

use crate::table::{Cell, Column, Content};

/// The most rows of a group.
const GROUP_ROWS: usize = 65_536;
/// The most bytes of the texts of a group.
const GROUP_BYTES: usize = 16 * 1024 * 1024;

/// A file while it is written.
pub(crate) struct Parquet<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<Held>,
    rows: usize,
    text: usize,
}

/// What is held of a column: which values are there (1, else 0), and those.
struct Held {
    there: Vec<i16>,
    values: Values,
}

enum Values {
    Whole(Vec<i64>),
    Fractions(Vec<f64>),
    Texts(Vec<ByteArray>),
}

impl<W: Write + Send> Parquet<W> {
    /// Begins a file.
    pub(crate) fn begin(out: W, columns: &[Column]) -> Result<Self, ParquetError> {
        let fields = columns.iter().map(field).collect::<Result<_, _>>()?;
        let schema = Type::group_type_builder("report").with_fields(fields).build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("postlens version ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        let columns = columns.iter().map(|column| Held { there: Vec::new(), values: Values::of(column.content) });
        Ok(Self { file, columns: columns.collect(), rows: 0, text: 0 })
    }

    /// Writes a row.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) -> Result<(), ParquetError> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            if let Cell::Text(text) = &cell {
                self.text += text.len();
            }
            column.there.push(i16::from(column.values.push(cell)));
        }
        self.rows += 1;
        if self.rows == GROUP_ROWS || self.text >= GROUP_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes the group that is held.
    fn flush(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for Held { there, values } in &mut self.columns {
            let Some(mut column) = group.next_column()? else { break };
            match values {
                Values::Whole(values) => {
                    column.typed::<Int64Type>().write_batch(values, Some(there), None)?;
                    values.clear();
                }
                Values::Fractions(values) => {
                    column.typed::<DoubleType>().write_batch(values, Some(there), None)?;
                    values.clear();
                }
                Values::Texts(values) => {
                    column.typed::<ByteArrayType>().write_batch(values, Some(there), None)?;
                    values.clear();
                }
            }
            there.clear();
            column.close()?;
        }
        group.close()?;
        (self.rows, self.text) = (0, 0);
        Ok(())
    }

    /// Writes what is held and what says what was written, with names and values about the file.
    pub(crate) fn finish(mut self, about: Vec<(&str, String)>) -> Result<W, ParquetError> {
        self.flush()?;
        for (name, value) in about {
            self.file.append_key_value_metadata(KeyValue::new(format!("postlens.{name}"), value));
        }
        self.file.into_inner()
    }
}

impl Values {
    const fn of(content: Content) -> Self {
        match content {
            Content::Time | Content::Count => Self::Whole(Vec::new()),
            Content::Rate | Content::Probability | Content::Seconds => Self::Fractions(Vec::new()),
            Content::Day | Content::Text => Self::Texts(Vec::new()),
        }
    }

    /// Whether the cell has a value of this kind.
    fn push(&mut self, cell: Cell) -> bool {
        match (self, cell) {
            (Self::Whole(values), Cell::Count(number)) => values.push(number),
            (Self::Whole(values), Cell::Time(seconds)) => values.push(seconds * 1000),
            (Self::Whole(values), Cell::Instant(at)) => values.push(at.0),
            (Self::Fractions(values), Cell::Fraction(number)) => values.push(number),
            (Self::Texts(values), Cell::Text(text)) => values.push(text.into_bytes().into()),
            _ => return false,
        }
        true
    }
}

/// What the schema says of a column.
fn field(column: &Column) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match column.content {
        Content::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
        Content::Count => (Physical::INT64, None),
        Content::Rate | Content::Probability | Content::Seconds => (Physical::DOUBLE, None),
        Content::Day | Content::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let builder = Type::primitive_type_builder(&column.name, physical);
    Ok(Arc::new(builder.with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build()?))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use parquet::{
        file::reader::{FileReader as _, SerializedFileReader},
        record::Field,
    };

    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written_and_holds_no_more_than_a_group() {
        let column = |name: &str, content| Column { name: name.to_owned(), content };
        let columns = [
            column("at", Content::Time),
            column("name", Content::Text),
            column("n", Content::Count),
            column("rate", Content::Rate),
        ];
        let mut file = Parquet::begin(Vec::new(), &columns).unwrap();
        for number in 0..150_000 {
            let rate = if number % 3 == 0 { Cell::Empty } else { Cell::Fraction(number as f64 / 7.0) };
            let name = Cell::Text(format!("name \u{e9} {number}"));
            file.row(vec![Cell::Time(number), name, Cell::Count(-number), rate]).unwrap();
            assert!(file.rows < GROUP_ROWS && file.columns[0].there.len() < GROUP_ROWS);
        }
        let bytes = file.finish(vec![("tz", "UTC".to_owned())]).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(reader.num_row_groups(), 3);
        let about = reader.metadata().file_metadata().key_value_metadata().unwrap();
        assert!(about.contains(&KeyValue::new("postlens.tz".to_owned(), "UTC".to_owned())), "{about:?}");
        let mut rows = 0;
        for (number, row) in (0_i64..).zip(reader.get_row_iter(None).unwrap()) {
            let row = row.unwrap();
            let cells: HashMap<_, _> = row.get_column_iter().map(|(name, cell)| (name.as_str(), cell)).collect();
            let rate = if number % 3 == 0 { Field::Null } else { Field::Double(number as f64 / 7.0) };
            assert_eq!(cells["at"], &Field::TimestampMillis(number * 1000));
            assert_eq!(cells["name"], &Field::Str(format!("name \u{e9} {number}")));
            assert_eq!((cells["n"], cells["rate"]), (&Field::Long(-number), &rate));
            rows += 1;
        }
        assert_eq!(rows, 150_000);
    }

    #[test]
    fn long_texts_end_a_group_before_its_rows_do() {
        let columns = [Column { name: "text".to_owned(), content: Content::Text }];
        let mut file = Parquet::begin(Vec::new(), &columns).unwrap();
        for _ in 0..3 * 17 {
            file.row(vec![Cell::Text("x".repeat(1 << 20))]).unwrap();
            assert!(file.text < GROUP_BYTES);
        }
        let bytes = file.finish(Vec::new()).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(reader.num_row_groups(), 4);
    }
}
