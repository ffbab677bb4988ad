//! A storm: a share of the connections ends at one instant, and everybody comes back at once.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

use crate::units::Nanos;

/// Parts in the whole of a share.
const WHOLE: u64 = 1_000_000;

/// How the connections of a storm end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Reset, as when a machine on the way dies: nothing is said.
    Cut,
    /// Closed by us with code 1001, as when users leave and come back.
    Close,
}

/// When which share of the clients loses its connection, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storm {
    /// How.
    pub ending: Ending,
    /// Share of the clients in millionths, above 0 and at most 1,000,000.
    share: u64,
    /// When, from the start of the measured time.
    pub at: Nanos,
}

impl Storm {
    /// Whether client number `client` is struck: of any N clients in a row, from client 0 on, exactly the share rounded down.
    pub fn strikes(&self, client: u64) -> bool {
        let before = |n: u64| u128::from(n) * u128::from(self.share) / u128::from(WHOLE);
        before(client + 1) > before(client)
    }
}

impl FromStr for Storm {
    type Err = String;

    /// `cut:50%@30s` or `close:50%@30s`.
    fn from_str(text: &str) -> Result<Storm, String> {
        let wrong = |why: &str| format!("`{text}` is not a storm: {why}; write for example cut:50%@30s or close:100%@10s");
        let (how, rest) = text.split_once(':').ok_or_else(|| wrong("it has no `:`"))?;
        let (share, at) = rest.split_once('@').ok_or_else(|| wrong("it has no `@`"))?;
        let ending = match how {
            "cut" => Ending::Cut,
            "close" => Ending::Close,
            _ => return Err(wrong("connections are cut or closed")),
        };
        let percent = share.strip_suffix('%').and_then(|p| p.trim().parse::<f64>().ok());
        let share = percent.map_or(0, |percent| (percent * WHOLE as f64 / 100.0).round() as u64);
        if !(1..=WHOLE).contains(&share) {
            return Err(wrong("the share is above 0% and at most 100%"));
        }
        Ok(Storm { ending, share, at: at.parse().map_err(|e: String| wrong(&e))? })
    }
}

impl fmt::Display for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.ending == Ending::Cut { "cut" } else { "close" };
        write!(f, "{how}:{}%@{}", self.share as f64 * 100.0 / WHOLE as f64, self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_share_is_exact(share in 1u64..=WHOLE, clients in 1u64..5_000) {
            let storm = Storm { ending: Ending::Cut, share, at: Nanos::ZERO };
            let struck = (0..clients).filter(|client| storm.strikes(*client)).count() as u64;
            prop_assert_eq!(struck, clients * share / WHOLE);
            prop_assert_eq!(storm.to_string().parse::<Storm>(), Ok(storm));
        }
    }

    #[test]
    fn sentences() {
        let storm: Storm = "close:12.5%@1500ms".parse().expect("good");
        assert_eq!(
            (storm.ending, storm.share, storm.at, storm.to_string().as_str()),
            (Ending::Close, 125_000, Nanos::from_millis(1500), "close:12.5%@1.5s")
        );
        for (text, why) in [
            ("cut", "no `:`"),
            ("cut:50%", "no `@`"),
            ("kill:50%@3s", "cut or closed"),
            ("cut:0%@3s", "above 0%"),
            ("cut:101%@3s", "at most 100%"),
            ("cut:nan%@3s", "above 0%"),
            ("cut:50@3s", "above 0%"),
            ("cut:50%@3", "no unit"),
        ] {
            let error = text.parse::<Storm>().expect_err(text);
            assert!(error.contains(why) && error.contains("cut:50%@30s"), "{text}: {error}");
        }
    }
}
