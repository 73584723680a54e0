//! Sizes: everything grows with the picture, and how much fits follows from it.

use super::{font::Type, options::ChartOptions};

/// The most rows of bars of one picture.
const MOST_ROWS: f32 = 50.0;

/// The sizes of a picture, in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) width: f32,
    pub(crate) height: f32,
    /// How much larger than at 1200 × 675.
    pub(crate) scale: f32,
}

impl Layout {
    pub(crate) fn of(options: ChartOptions) -> Self {
        let (width, height) = (options.width() as f32, options.height() as f32);
        let scale = (width * height / (1200.0 * 675.0)).sqrt().min(height / 400.0).min(width / 460.0).max(0.72);
        Self { width, height, scale }
    }

    pub(crate) fn px(&self, size: f32) -> f32 {
        (size * self.scale).round()
    }

    pub(crate) fn margin(&self) -> f32 {
        self.px(28.0).min(self.width / 24.0).round()
    }

    pub(crate) fn title(&self) -> Type {
        Type { bold: true, size: 23.0 * self.scale }
    }

    pub(crate) fn text(&self) -> Type {
        Type { bold: false, size: 14.5 * self.scale }
    }

    pub(crate) fn small(&self) -> Type {
        Type { bold: false, size: 12.5 * self.scale }
    }

    pub(crate) fn heading(&self) -> Type {
        Type { bold: true, size: 12.5 * self.scale }
    }

    /// How many rows of bars fit.
    pub(crate) fn rows(&self) -> usize {
        let taken = 2.0 * self.margin() + self.px(150.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 3 and 50")]
        let rows = ((self.height - taken) / self.px(20.0)).clamp(3.0, MOST_ROWS) as usize;
        rows
    }

    /// How many columns of rates fit beside the counts.
    pub(crate) fn rate_columns(&self) -> usize {
        match self.width / self.scale {
            narrow if narrow < 700.0 => 1,
            middle if middle < 1_150.0 => 2,
            _ => 3,
        }
    }

    /// Whether two parts fit one below the other.
    pub(crate) fn two_parts(&self) -> bool {
        self.height / self.scale >= 480.0
    }
}
