//! What was missed is asked for: where a client stood when its connection was lost, and what comes again.
//!
//! Positions grow, with gaps that mean nothing. After a reconnect the first message heard tells where the
//! present begins; everything between the last one processed and that one, both excluded, is asked for. From
//! then on what lies inside the gap was replayed, and what lies behind it is live, however they come mixed.

/// Where a client stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// Nothing was lost.
    #[default]
    Live,
    /// Connected again; the first message is awaited.
    Back,
    /// The gap was asked for.
    Asked { after: u64, before: u64, asked_at: u64, any: bool },
}

/// What a message is to a client that may have missed some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It comes at its time.
    Live,
    /// It comes at its time and ends a gap, to be asked for now.
    Gap,
    /// It lay in the gap.
    Replayed {
        /// Instant of the asking.
        asked_at: u64,
        /// Whether it is the first.
        first: bool,
    },
    /// It was asked for by nobody: before the gap.
    Outside,
}

/// One client's position.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Position {
    last: Option<u64>,
    standing: Standing,
}

impl Position {
    /// The client is connected, again if it has heard anything before.
    pub(super) fn connected(&mut self) {
        self.standing = if self.last.is_some() { Standing::Back } else { Standing::Live };
    }

    /// A message at `position` was heard.
    pub(super) fn heard(&mut self, position: u64) -> Heard {
        let heard = match (&mut self.standing, self.last) {
            (Standing::Back, Some(after)) if position > after + 1 => {
                self.standing = Standing::Asked { after, before: position, asked_at: 0, any: false };
                Heard::Gap
            }
            (Standing::Back, _) => {
                self.standing = Standing::Live;
                Heard::Live
            }
            (Standing::Asked { after, before, asked_at, any }, _) if position < *before => {
                let inside = position > *after;
                let first = inside && !std::mem::replace(any, *any || inside);
                if inside { Heard::Replayed { asked_at: *asked_at, first } } else { Heard::Outside }
            }
            _ => Heard::Live,
        };
        self.last = Some(self.last.map_or(position, |last| last.max(position)));
        heard
    }

    /// The gap was asked for at `at`.
    pub(super) fn asked(&mut self, at: u64) {
        if let Standing::Asked { asked_at, .. } = &mut self.standing {
            *asked_at = at;
        }
    }

    /// Bounds of the gap, both exclusive.
    pub(super) fn gap(&self) -> (u64, u64) {
        match self.standing {
            Standing::Asked { after, before, .. } => (after, before),
            _ => (0, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replay_and_live_are_told_apart_though_mixed() {
        let mut position = Position::default();
        position.connected();
        assert_eq!([5, 9, 12].map(|p| position.heard(p)), [Heard::Live; 3]);
        position.connected();
        assert_eq!(position.heard(40), Heard::Gap);
        assert_eq!(position.gap(), (12, 40));
        position.asked(1_000);
        let replayed = |first| Heard::Replayed { asked_at: 1_000, first };
        let heard = [13, 41, 20, 39, 12, 45].map(|p| position.heard(p));
        assert_eq!(heard, [replayed(true), Heard::Live, replayed(false), replayed(false), Heard::Outside, Heard::Live]);
    }

    #[test]
    fn without_a_gap_nothing_is_asked() {
        let mut position = Position::default();
        position.connected();
        position.heard(7);
        position.connected();
        assert_eq!(position.heard(8), Heard::Live);
        assert_eq!(position.gap(), (0, 0));
        let mut fresh = Position::default();
        fresh.connected();
        fresh.connected();
        assert_eq!(fresh.heard(3), Heard::Live);
    }
}
