//! Rust types that are written as ClickHouse's dates, times and maps.

use clickhouse::native::{
    DataTypeNode,
    encode::{Encode, ValueWriter},
};
use schema::Millis;

use super::Result;

/// `DateTime64(3, 'UTC')`.
#[derive(Clone, Copy)]
pub(super) struct Time(pub(super) Millis);

impl Time {
    /// 1970 stands for never: a column of nulls would cost another column.
    pub(super) fn or_never(time: Option<Millis>) -> Self {
        Self(time.unwrap_or_default())
    }
}

impl Encode for Time {
    fn produces() -> DataTypeNode {
        DataTypeNode::new("DateTime64(3, 'UTC')").expect("the type is spelled right")
    }

    fn encode(&self, writer: &mut ValueWriter<'_>) -> Result<()> {
        Ok(writer.write_fixed(&self.0.0.to_le_bytes())?)
    }
}

/// `DateTime('UTC')`.
pub(super) struct Bucket(pub(super) schema::Bucket);

impl Encode for Bucket {
    fn produces() -> DataTypeNode {
        DataTypeNode::DateTime(Some("UTC".into()))
    }

    fn encode(&self, writer: &mut ValueWriter<'_>) -> Result<()> {
        Ok(writer.write_fixed(&self.0.0.to_le_bytes())?)
    }
}

/// `Date`: days since 1970 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(u16);

impl Day {
    pub(super) fn of(time: Millis) -> Self {
        let days = time.0.div_euclid(24 * 3600 * 1000).clamp(0, i64::from(u16::MAX));
        Self(u16::try_from(days).unwrap_or(u16::MAX))
    }
}

impl Encode for Day {
    fn produces() -> DataTypeNode {
        DataTypeNode::Date
    }

    fn encode(&self, writer: &mut ValueWriter<'_>) -> Result<()> {
        Ok(writer.write_fixed(&self.0.to_le_bytes())?)
    }
}

/// `Map(String, String)` from a sorted list.
pub(super) struct Fields<'f>(pub(super) &'f [(&'f str, &'f str)]);

impl Encode for Fields<'_> {
    fn produces() -> DataTypeNode {
        DataTypeNode::Map([Box::new(DataTypeNode::String), Box::new(DataTypeNode::String)])
    }

    fn encode(&self, writer: &mut ValueWriter<'_>) -> Result<()> {
        let mut map = writer.write_map::<&str, &str>()?;
        for (name, value) in self.0 {
            map.write(name, value)?;
        }
        map.finish();
        Ok(())
    }
}

/// A value of an `Enum8`, by its number: ClickHouse takes an `Int8` for it.
pub(super) struct Name(pub(super) u8);

impl Encode for Name {
    fn produces() -> DataTypeNode {
        DataTypeNode::Int8
    }

    fn encode(&self, writer: &mut ValueWriter<'_>) -> Result<()> {
        Ok(writer.write_fixed(&[self.0])?)
    }
}
