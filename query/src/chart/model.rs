//! What a picture shows, as plain values: texts, lengths and ticks, before a single pixel. Tests compare these.

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) legend: Vec<Entry>,
    pub(crate) blocks: Vec<Block>,
    /// What the picture does not show.
    pub(crate) note: Option<String>,
}

/// An entry of the legend.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) label: String,
    pub(crate) ink: Ink,
}

/// A colour by its meaning; the theme knows the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// One of the colours that tell lines and parts apart; from the ninth on, lines are dashed.
    Series(usize),
    /// What is neither good nor bad yet.
    Neutral,
    /// A rate.
    Rate,
    /// The other period, as bars.
    Before,
    /// The other period, as lines.
    BeforeLine,
    /// Beyond a line that should not be passed.
    Alert,
}

/// A part of the picture; parts stand one below the other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Block {
    Bars(Bars),
    Lines(Lines),
    Heat(Heat),
    Marks(Marks),
    /// Nothing to draw, and why.
    Empty(String),
}

/// Horizontal bars: a row for each label, a column for each panel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bars {
    pub(crate) labels: Vec<String>,
    pub(crate) panels: Vec<Panel>,
}

/// A column of bars.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Panel {
    pub(crate) title: String,
    /// The value that the whole width stands for.
    pub(crate) max: f64,
    /// How much of the width it takes, compared with the others.
    pub(crate) share: f32,
    pub(crate) bars: Vec<Bar>,
    pub(crate) threshold: Option<Threshold>,
}

/// A bar of one or more parts, and the text behind it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) parts: Vec<(Ink, f64)>,
    pub(crate) text: String,
    /// A line that this bar alone should not pass; a panel's threshold is for all of its bars.
    pub(crate) mark: Option<f64>,
    /// What it was in the other period.
    pub(crate) before: Option<f64>,
}

/// A line that should not be passed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Threshold {
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// Marks on an axis of time that is logarithmic: a row for each label.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Marks {
    pub(crate) title: String,
    pub(crate) labels: Vec<String>,
    /// What the columns of values are called, each in the ink of its marks; those without have none.
    pub(crate) columns: Vec<(String, Option<Ink>)>,
    pub(crate) rows: Vec<Marked>,
    /// The longest text of each column, in this part of the picture or another: columns stand below each other.
    pub(crate) widest: Vec<String>,
    /// Places on the axis, from 0 to 1, ascending, and what stands there.
    pub(crate) ticks: Vec<(f64, String)>,
}

/// A row of marks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Marked {
    /// A place from 0 to 1 for each column that has marks; nothing is known of some.
    pub(crate) places: Vec<Option<f64>>,
    /// A text for each column.
    pub(crate) texts: Vec<String>,
}

/// A grid of cells, the darker the greater their values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Heat {
    pub(crate) rows: Vec<String>,
    pub(crate) columns: Vec<String>,
    /// Row by row; nothing is known of some.
    pub(crate) cells: Vec<Vec<Option<Cell>>>,
    /// What the lightest and the darkest stand for.
    pub(crate) ends: [String; 2],
}

/// A cell of a heat map.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cell {
    /// From 0, the least value, to 1, the greatest.
    pub(crate) share: f64,
    pub(crate) text: String,
}

/// Lines over time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lines {
    pub(crate) title: String,
    /// The ticks of the value axis, ascending from zero; the last is the upper end.
    pub(crate) ticks: Vec<(f64, String)>,
    /// The points of time.
    pub(crate) times: Vec<Time>,
    /// How far apart texts may stand on the time axis, in steps of `Time::grid`, from the closest on.
    pub(crate) steps: &'static [i64],
    pub(crate) curves: Vec<LineOf>,
    pub(crate) threshold: Option<Threshold>,
}

/// A line; where there is no value it is interrupted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LineOf {
    pub(crate) ink: Ink,
    /// Whether it is the other period's.
    pub(crate) before: bool,
    pub(crate) values: Vec<Option<f64>>,
}

/// A point of the time axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Time {
    pub(crate) text: String,
    /// Its number on the local clock or calendar: texts stand at multiples of a step, so at full hours or midnights.
    pub(crate) grid: i64,
}
