//! Colours. The eight that tell series apart follow Okabe and Ito's palette (2008), which stays distinct for colour-blind
//! readers; on the dark ground they are lighter.

use tiny_skia::Color;

use super::{model::Ink, options::Theme};

/// The colours of a theme.
pub(crate) struct Colors {
    pub(crate) background: Color,
    pub(crate) text: Color,
    pub(crate) muted: Color,
    pub(crate) grid: Color,
    pub(crate) alert: Color,
    neutral: Color,
    rate: Color,
    /// The lightest and the strongest of a heat map.
    heat: [Color; 2],
    before: Color,
    series: [Color; 8],
}

impl Colors {
    pub(crate) fn of(theme: Theme) -> Self {
        match theme {
            Theme::Light => Self {
                background: rgb(0xFF_FF_FF),
                text: rgb(0x1B_1F_24),
                muted: rgb(0x5B_65_70),
                grid: rgb(0xE3_E6_EA),
                alert: rgb(0xB8_32_0B),
                neutral: rgb(0xB4_BB_C4),
                rate: rgb(0x6C_8E_AD),
                heat: [0xDE_EB_F7, 0x08_30_6B].map(rgb),
                before: rgb(0xC4_D3_E2),
                series: [
                    0x00_72_B2, 0xD5_5E_00, 0x00_9E_73, 0xCC_79_A7, 0xE6_9F_00, 0x56_B4_E9, 0x4A_4F_57, 0x8C_6D_1F,
                ]
                .map(rgb),
            },
            Theme::Dark => Self {
                background: rgb(0x14_18_1D),
                text: rgb(0xEC_EE_F1),
                muted: rgb(0x9D_A7_B3),
                grid: rgb(0x2B_32_3A),
                alert: rgb(0xFF_6B_4A),
                neutral: rgb(0x5E_68_73),
                rate: rgb(0x6F_96_B8),
                heat: [0x1C_2B_3A, 0xA8_DB_FF].map(rgb),
                before: rgb(0x3C_4F_63),
                series: [
                    0x3D_9B_DC, 0xF0_80_3C, 0x2F_C4_97, 0xDF_95_BD, 0xF3_B8_3A, 0x8A_CD_F5, 0xC3_C9_D1, 0xB9_97_4A,
                ]
                .map(rgb),
            },
        }
    }

    pub(crate) fn ink(&self, ink: Ink) -> Color {
        match ink {
            Ink::Series(place) => self.series[place % self.series.len()],
            Ink::Neutral => self.neutral,
            Ink::Rate => self.rate,
            Ink::Before | Ink::BeforeLine => self.before,
            Ink::Alert => self.alert,
        }
    }

    /// The colour of a cell of a heat map, whose value is this share of the way from the least to the greatest. One hue: what tells values
    /// apart is how light they are.
    pub(crate) fn heat(&self, share: f64) -> Color {
        #[expect(clippy::cast_possible_truncation, reason = "a part of one")]
        let share = share.clamp(0.0, 1.0) as f32;
        let [least, greatest] = &self.heat;
        let mixed = |of: fn(&Color) -> f32| of(least) + (of(greatest) - of(least)) * share;
        let [red, green, blue] = [mixed(Color::red), mixed(Color::green), mixed(Color::blue)];
        Color::from_rgba(red, green, blue, 1.0).unwrap_or(*greatest)
    }

    /// What is readable on it: the text's colour or the ground's, whichever differs more in how light it is.
    pub(crate) fn on_heat(&self, share: f64) -> Color {
        let light = |color: &Color| 0.3 * color.red() + 0.59 * color.green() + 0.11 * color.blue();
        let cell = light(&self.heat(share));
        let far = |color: &Color| (light(color) - cell).abs();
        if far(&self.text) >= far(&self.background) { self.text } else { self.background }
    }

    /// The same, half as strong: for lines of the other period.
    pub(crate) fn faded(&self, ink: Ink) -> Color {
        let (ink, ground) = (self.ink(ink), self.background);
        let mixed = |of: fn(&Color) -> f32| f32::midpoint(of(&ink), of(&ground));
        let [red, green, blue] = [mixed(Color::red), mixed(Color::green), mixed(Color::blue)];
        Color::from_rgba(red, green, blue, 1.0).unwrap_or(ink)
    }

    /// Whether a line must be dashed to be told apart from one of the same colour, or of this period.
    pub(crate) fn dashed(&self, ink: Ink) -> bool {
        matches!(ink, Ink::Series(place) if place >= self.series.len()) || ink == Ink::BeforeLine
    }
}

fn rgb(code: u32) -> Color {
    let [_, red, green, blue] = code.to_be_bytes();
    Color::from_rgba8(red, green, blue, 255)
}
