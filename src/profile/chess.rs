//! A chess game that is legal for very long: knights go out and back, and now and then a pawn steps,
//! before fifty moves without one would let a player claim a draw.
//!
//! A position is rebuilt from its FEN by some servers, so repetition is not seen there, but the count of
//! moves without pawn or capture is: it may not reach 100 plies. Every 96 plies both sides step one pawn.

/// Plies from one pair of pawn steps to the next.
const BETWEEN: u64 = 96;
/// Files whose pawns step, each of them twice: neither knight needs a square of theirs.
const FILES: [char; 6] = ['a', 'b', 'c', 'd', 'e', 'h'];
/// Plies of a whole game.
pub const PLIES: u64 = BETWEEN * (FILES.len() as u64 * 2) + BETWEEN + 2 * (FILES.len() as u64 * 2);

/// Squares from and to of ply `n` of the game, from 0; white has the even ones. Beyond the last ply it begins again,
/// as a new game does.
pub fn ply(n: u64) -> (String, String) {
    let n = n % PLIES;
    let (round, at) = (n / (BETWEEN + 2), n % (BETWEEN + 2));
    let is_white = n.is_multiple_of(2);
    if at >= BETWEEN {
        let file = FILES[(round / 2) as usize % FILES.len()];
        let step = round % 2;
        let (from, to) = if is_white { (2 + step, 3 + step) } else { (7 - step, 6 - step) };
        return (format!("{file}{from}"), format!("{file}{to}"));
    }
    let (home, out) = if is_white { ("g1", "f3") } else { ("g8", "f6") };
    let goes_out = (at / 2).is_multiple_of(2);
    if goes_out { (home.into(), out.into()) } else { (out.into(), home.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knights_come_home_before_a_pawn_steps() {
        let game: Vec<(String, String)> = (0..PLIES).map(ply).collect();
        assert_eq!(game[0], ("g1".into(), "f3".into()));
        assert_eq!(game[3], ("f6".into(), "g8".into()));
        assert_eq!(game[96], ("a2".into(), "a3".into()));
        assert_eq!(game[97], ("a7".into(), "a6".into()));
        let pawns: Vec<&(String, String)> = game.iter().filter(|(from, _)| !from.starts_with(['f', 'g'])).collect();
        assert_eq!(pawns.len(), 24);
        const { assert!(PLIES > 1_000) };
    }
}
