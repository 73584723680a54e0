//! The size and the colours of a picture.

use crate::SpecError;

/// The colours of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on nearly black.
    Dark,
}

/// What a picture is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// Pixels.
    Png,
    /// Shapes and texts.
    Svg,
}

/// The size and the colours of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChartOptions {
    width: u32,
    height: u32,
    theme: Theme,
}

impl Default for ChartOptions {
    fn default() -> Self {
        Self { width: 1200, height: 675, theme: Theme::Light }
    }
}

impl ChartOptions {
    /// A picture of 320 to 4096 by 240 to 4096 pixels.
    ///
    /// # Errors
    /// When it would be smaller or larger.
    pub fn new(width: u32, height: u32, theme: Theme) -> Result<Self, SpecError> {
        if !(320..=4096).contains(&width) {
            return Err(SpecError::value("width", &width.to_string(), "use 320 to 4096 pixels"));
        }
        if !(240..=4096).contains(&height) {
            return Err(SpecError::value("height", &height.to_string(), "use 240 to 4096 pixels"));
        }
        Ok(Self { width, height, theme })
    }

    /// The width in pixels.
    #[must_use]
    pub const fn width(self) -> u32 {
        self.width
    }

    /// The height in pixels.
    #[must_use]
    pub const fn height(self) -> u32 {
        self.height
    }

    /// The colours.
    #[must_use]
    pub const fn theme(self) -> Theme {
        self.theme
    }
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChartError {
    /// The picture could not be drawn.
    #[error("the picture cannot be drawn: {0}")]
    Draw(String),
    /// The picture could not be written as PNG.
    #[error("the picture cannot be encoded")]
    Encode(#[from] png::EncodingError),
}
