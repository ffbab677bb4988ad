//! What shapes stand for, and the colour of each under a theme.

/// What a shape stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Words.
    Text,
    /// Words of lesser weight.
    Muted,
    /// Lines that guide the eye.
    Grid,
    /// The axis itself.
    Axis,
    /// What everything lies on.
    Panel,
    /// A series, by its place in the summary.
    Series(usize),
    /// A level of the heat map, 1 to [`LEVELS`]; 0 is the empty ground.
    Heat(u8),
    /// A level of a map of differences: 1 to 12 rising for fewer, 13 to [`LEVELS`] rising for more; 0 is the ground of the heat map.
    Change(u8),
    /// p50 over a heat map.
    OverP50,
    /// p99 over a heat map.
    OverP99,
    /// The largest value over a heat map.
    OverMax,
    /// The dark edge that keeps a line apart from the heat map beneath.
    Casing,
    /// Planned load.
    Planned,
    /// Sent load.
    Sent,
    /// Answered load.
    Answered,
    /// Open connections.
    Open,
    /// Errors.
    Bad,
    /// A phase that is not measured.
    Phase,
    /// The run held.
    Good,
}

/// What the levels of a grid of cells stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shades {
    /// Counts.
    Heat,
    /// Differences of counts.
    Change,
}

impl Shades {
    /// The ink of a level.
    pub(crate) fn ink(self, level: u8) -> Ink {
        match self {
            Shades::Heat => Ink::Heat(level),
            Shades::Change => Ink::Change(level),
        }
    }

    /// The levels from one end of the scale to the other.
    pub(crate) fn levels(self) -> Vec<u8> {
        match self {
            Shades::Heat => (1..=LEVELS).collect(),
            Shades::Change => (1..=HALF).rev().chain([0]).chain(HALF + 1..=LEVELS).collect(),
        }
    }
}

/// What a drawing lies on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on nearly black.
    Dark,
}

/// Levels of the heat map above the empty ground.
pub(crate) const LEVELS: u8 = 24;
/// Levels of a map of differences on either side.
pub(crate) const HALF: u8 = LEVELS / 2;

impl Ink {
    /// The class that themes address.
    pub(crate) fn class(self) -> String {
        match self {
            Ink::Series(i) => format!("k-s{}", i % 6),
            Ink::Heat(level) => format!("k-h{level}"),
            Ink::Change(level) => format!("k-d{level}"),
            Ink::Text => "k-text".into(),
            Ink::Muted => "k-muted".into(),
            Ink::Grid => "k-grid".into(),
            Ink::Axis => "k-axis".into(),
            Ink::Panel => "k-panel".into(),
            Ink::OverP50 => "k-over50".into(),
            Ink::OverP99 => "k-over99".into(),
            Ink::OverMax => "k-overmax".into(),
            Ink::Casing => "k-casing".into(),
            Ink::Planned => "k-planned".into(),
            Ink::Sent => "k-sent".into(),
            Ink::Answered => "k-answered".into(),
            Ink::Open => "k-open".into(),
            Ink::Bad => "k-bad".into(),
            Ink::Phase => "k-phase".into(),
            Ink::Good => "k-good".into(),
        }
    }

    /// The colour under a theme. Every line and word has a contrast of at least 3:1 with the panel and with a shaded phase, small
    /// words 4.5:1; the grid, the shades and the heat map's own colours only guide. What lies over a heat map, and the map itself, is
    /// the same in both themes.
    pub(crate) fn rgb(self, theme: Theme) -> [u8; 3] {
        match (self, theme) {
            (Ink::Heat(0) | Ink::Change(0), _) => [0x06, 0x1B, 0x3A],
            (Ink::Change(level), _) => change(level.min(LEVELS)),
            (Ink::Heat(level), _) => cividis(0.16 + 0.84 * f64::from(level.min(LEVELS) - 1) / f64::from(LEVELS - 1)),
            (Ink::OverP50, _) => [0xFF, 0xFF, 0xFF],
            (Ink::OverP99, _) => [0xFF, 0x7A, 0x3D],
            (Ink::OverMax, _) => [0x8F, 0xD3, 0xFF],
            (Ink::Casing, _) => [0x06, 0x14, 0x2B],
            (ink, Theme::Light) => ink.light(),
            (ink, Theme::Dark) => ink.dark(),
        }
    }

    /// On white: the four of Okabe and Ito's palette that reach a contrast of 3:1, two of them a little darker, then dark grey and
    /// black.
    fn light(self) -> [u8; 3] {
        match self {
            Ink::Series(i) => {
                [[0x00, 0x72, 0xB2], [0xD5, 0x5E, 0x00], [0x00, 0x8F, 0x69], [0xB8, 0x5C, 0x92], [0x5A, 0x62, 0x6C], [0x11, 0x14, 0x18]]
                    [i % 6]
            }
            Ink::Sent => Ink::Series(0).light(),
            Ink::Bad => Ink::Series(1).light(),
            Ink::Answered => Ink::Series(2).light(),
            Ink::Open => Ink::Series(4).light(),
            Ink::Muted => [0x56, 0x5F, 0x6A],
            Ink::Grid => [0xE3, 0xE7, 0xEC],
            Ink::Axis => [0x7F, 0x89, 0x95],
            Ink::Planned => [0x7C, 0x86, 0x92],
            Ink::Phase => [0xEE, 0xF1, 0xF4],
            Ink::Good => [0x00, 0x7A, 0x5A],
            Ink::Panel => [0xFF, 0xFF, 0xFF],
            _ => [0x16, 0x1A, 0x1F],
        }
    }

    /// On nearly black: the same hues, lighter.
    fn dark(self) -> [u8; 3] {
        match self {
            Ink::Series(i) => {
                [[0x4A, 0xA8, 0xE0], [0xFF, 0x7F, 0x3F], [0x2F, 0xBF, 0x95], [0xE0, 0x8F, 0xBB], [0xA7, 0xB0, 0xBB], [0xF2, 0xF4, 0xF7]]
                    [i % 6]
            }
            Ink::Sent => Ink::Series(0).dark(),
            Ink::Bad => Ink::Series(1).dark(),
            Ink::Answered => Ink::Series(2).dark(),
            Ink::Open => Ink::Series(4).dark(),
            Ink::Muted => [0xA1, 0xAB, 0xB7],
            Ink::Grid => [0x2C, 0x33, 0x3C],
            Ink::Axis => [0x76, 0x80, 0x8C],
            Ink::Planned => [0x76, 0x80, 0x8C],
            Ink::Phase => [0x1E, 0x24, 0x2B],
            Ink::Good => [0x4C, 0xC7, 0x9A],
            Ink::Panel => [0x14, 0x17, 0x1C],
            _ => [0xE8, 0xEB, 0xEF],
        }
    }
}

/// The cividis colour map (Nunez, Anderton, Renslow 2018) at `t` from 0 to 1, by the polynomial
/// that d3-scale-chromatic uses.
fn cividis(t: f64) -> [u8; 3] {
    let t = t.clamp(0.0, 1.0);
    let r = -4.54 - t * (35.34 - t * (2381.73 - t * (6402.7 - t * (7024.72 - t * 2710.57))));
    let g = 32.49 + t * (170.73 + t * (52.82 - t * (131.46 - t * (176.58 - t * 67.37))));
    let b = 81.24 + t * (442.36 - t * (2482.43 - t * (6167.24 - t * (6614.94 - t * 2475.67))));
    [r, g, b].map(|v| v.round().clamp(0.0, 255.0) as u8)
}

/// From the ground towards light blue for fewer, towards light orange for more: the pair of hues that all kinds of colour vision tell
/// apart (Okabe and Ito).
fn change(level: u8) -> [u8; 3] {
    let (far, step) = if level > HALF { ([0xFF, 0xB0, 0x4D], level - HALF) } else { ([0x7F, 0xD0, 0xFF], level) };
    let share = 0.18 + 0.82 * f64::from(step) / f64::from(HALF);
    let ground = Ink::Heat(0).rgb(Theme::Light);
    std::array::from_fn(|i| (f64::from(ground[i]) + (f64::from(far[i]) - f64::from(ground[i])) * share).round() as u8)
}

/// The level of a difference when the largest is `most`: linear, 0 for what is less than half a level.
pub(crate) fn change_level(difference: f64, most: f64) -> u8 {
    let step = if most > 0.0 { (difference.abs() / most * f64::from(HALF)).round().clamp(0.0, f64::from(HALF)) as u8 } else { 0 };
    if difference > 0.0 && step > 0 { HALF + step } else { step }
}

/// The level of a count when the largest count is `most`: logarithmic, 0 only for none.
pub(crate) fn heat_level(count: u64, most: u64) -> u8 {
    match count {
        0 => 0,
        _ if most <= 1 => LEVELS,
        n => 1 + ((n as f64).ln() / (most as f64).ln() * f64::from(LEVELS - 1)).round().clamp(0.0, f64::from(LEVELS - 1)) as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_levels_tell_none_from_one() {
        assert_eq!(heat_level(0, 100), 0);
        assert_eq!(heat_level(1, 100), 1);
        assert_eq!(heat_level(100, 100), LEVELS);
        assert_eq!(heat_level(1, 1), LEVELS);
    }

    #[test]
    fn differences_go_both_ways() {
        assert_eq!([-10.0, -0.1, 0.0, 0.1, 5.0, 10.0].map(|d| change_level(d, 10.0)), [HALF, 0, 0, 0, HALF + 6, LEVELS]);
        assert_eq!(change_level(0.0, 0.0), 0);
        let [fewer, more] = [Ink::Change(HALF), Ink::Change(LEVELS)].map(|ink| ink.rgb(Theme::Dark));
        assert!(fewer[2] > fewer[0] && more[0] > more[2], "{fewer:?} {more:?}");
    }

    #[test]
    fn cividis_runs_from_blue_to_yellow() {
        assert_eq!(cividis(0.0), [0, 32, 81]);
        let [r, g, b] = cividis(1.0);
        assert!(r > 240 && g > 220 && b < 90, "{r} {g} {b}");
    }

    /// The relative luminance of WCAG 2.
    fn luminance(rgb: [u8; 3]) -> f64 {
        let light = rgb.map(|v| f64::from(v) / 255.0).map(|v| if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) });
        0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]
    }

    fn contrast(a: Ink, b: Ink, theme: Theme) -> f64 {
        let (a, b) = (luminance(a.rgb(theme)), luminance(b.rgb(theme)));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn lines_and_words_are_seen_in_both_themes() {
        let mut lines = vec![Ink::Axis, Ink::Planned, Ink::Sent, Ink::Answered, Ink::Open, Ink::Bad, Ink::Good];
        lines.extend((0..6).map(Ink::Series));
        for theme in [Theme::Light, Theme::Dark] {
            for ground in [Ink::Panel, Ink::Phase] {
                for ink in &lines {
                    let found = contrast(*ink, ground, theme);
                    assert!(found >= 3.0, "{ink:?} on {ground:?}, {theme:?}: {found:.2}");
                }
                for ink in [Ink::Text, Ink::Muted] {
                    let found = contrast(ink, ground, theme);
                    assert!(found >= 4.5, "{ink:?} on {ground:?}, {theme:?}: {found:.2}");
                }
            }
            for (ink, ground) in [(Ink::OverP50, Ink::Casing), (Ink::OverP99, Ink::Casing), (Ink::OverMax, Ink::Heat(0))] {
                assert!(contrast(ink, ground, theme) >= 4.5, "{ink:?} over a heat map");
            }
        }
    }

    #[test]
    fn the_grounds_are_the_documented_ones() {
        assert_eq!(Ink::Panel.rgb(Theme::Light), [0xFF; 3]);
        assert_eq!(Ink::Panel.rgb(Theme::Dark), [0x14, 0x17, 0x1C]);
    }
}
